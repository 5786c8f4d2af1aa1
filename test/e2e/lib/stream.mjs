// The live stream in tests: subscribers, and a publisher that does what the extension does.

import assert from 'node:assert/strict';
import http from 'node:http';
import {after} from 'node:test';
import {psql, until} from './http.mjs';
import * as subscriber from './subscriber.mjs';

export {TRANSPORTS} from './subscriber.mjs';

// What is open keeps the program alive, also of a test that failed.
const opened = new Set();
after(() => opened.forEach(one => one.close()));

const kept = subscribe => async (...wanted) => {
    const one = await subscribe(...wanted);
    opened.add(one);
    return one;
};
export const subscribe = kept(subscriber.subscribe);
export const subscribed = kept(subscriber.subscribed);

// What the extension publishes as: the database in PEOPLE_COUNTER_name.
export const identity = name => psql(name, 'SELECT people_counter_rest.database_identity()');

// Publishes for a database over one connection, one after the other.
export function publisher(socketPath, database) {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const send = (method, path, body) => new Promise((resolve, reject) => {
        const call = http.request({socketPath, path, method, agent,
            headers: body === undefined ? {} : {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body)}});
        call.on('response', answer => {
            answer.resume();
            answer.on('end', () => resolve(answer.statusCode));
        });
        call.on('error', reject);
        call.end(body);
    });
    const path = (audience = {}) => `/publish?${new URLSearchParams({database, ...audience})}`;
    const source = {
        send,
        path,   // of {session}, {readers} or nothing, for all
        post: (audience, body) => send('POST', path(audience), body),
        publish: async (message, session) => {
            const status = await send('POST', path(session && {session}), typeof message == 'string' ? message : JSON.stringify(message));
            assert.ok(status >= 200 && status < 300, `${status}`);
        },
        close: () => agent.destroy(),
    };
    opened.add(source);
    return source;
}

// Waits until a subscriber has what it should, and says what else it has.
export async function receives(subscriber, wanted, what = 'the messages') {
    await until(`${what}: ${wanted.length} messages`, () => subscriber.messages.length >= wanted.length || subscriber.closed);
    assert.deepEqual(subscriber.messages, wanted, what);
}
