// Subscribers of the live stream over both transports.

import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import WebSocket from 'ws';
import {until} from './http.mjs';

export const TRANSPORTS = ['events', 'ws'];

// A message of server-sent events or, with the subprotocol that tells ids, of a WebSocket: [id, data].
function parseEvent(block) {
    let id;
    const data = [];
    for (const line of block.split('\n')) {
        if (line.startsWith('data: ')) data.push(line.slice(6));
        else if (line.startsWith('id: ')) id = line.slice(4);
        else assert.ok(!line.startsWith('event: '), block);
    }
    return [id, data.join('\n')];
}
function parseFrame(text) {
    const end = text.indexOf('\n\n');
    return [/^id: (.+)$/m.exec(text.slice(0, end))[1], text.slice(end + 2)];
}

const pathOf = (transport, query) => {
    const text = new URLSearchParams(query).toString();
    return (transport == 'ws' ? '/ws' : '/events') + (text && `?${text}`);
};

function overEvents(base, path, headers, seen) {
    const url = new URL(base);
    const call = (url.protocol == 'https:' ? https : http).request({host: url.hostname, port: url.port, path, agent: false,
        rejectUnauthorized: false, headers: {Accept: 'text/event-stream', ...headers}});
    call.on('response', answer => {
        seen.status = answer.statusCode;
        seen.headers = answer.headers;
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', piece => {
            text += piece;
            if (answer.statusCode != 200) return;
            const blocks = text.split('\n\n');
            text = blocks.pop();
            for (const block of blocks) {
                if (block.startsWith(':')) seen.open = true;
                else seen.take(...parseEvent(block));
            }
        });
        answer.on('close', () => seen.end(text));
    });
    call.on('error', error => seen.end('', error));
    call.end();
    return {close: () => call.destroy(), pause: () => call.socket.pause(), send: undefined};
}

function overWebSocket(base, path, headers, seen, withIds) {
    const socket = new WebSocket(base.replace(/^http/, 'ws') + path, withIds ? ['ws+meta.nchan'] : [],
        {headers, rejectUnauthorized: false, perMessageDeflate: false});
    socket.on('upgrade', answer => {
        seen.status = 200;
        seen.headers = answer.headers;
    });
    socket.on('open', () => { seen.open = true; });
    socket.on('unexpected-response', (call, answer) => {
        let text = '';
        answer.on('data', piece => { text += piece; });
        answer.on('end', () => {
            seen.status = answer.statusCode;
            seen.headers = answer.headers;
            seen.end(text);
            call.destroy();
        });
    });
    socket.on('message', data => seen.take(...(withIds ? parseFrame(`${data}`) : [undefined, `${data}`])));
    socket.on('close', () => seen.end(''));
    socket.on('error', error => seen.end('', error));
    return {close: () => socket.terminate(), pause: () => socket.pause(), send: text => socket.send(text)};
}

// The answer, when the subscription has begun or was refused: {status, headers, text, messages, last, closed}. What `minds`
// says no to is left out of the messages.
export async function subscribe(base, transport, {query = {}, headers = {}, withIds = true, minds = () => true} = {}) {
    const seen = {open: false, closed: false, messages: [], last: undefined, text: '',
        take(id, data) {
            if (minds(data)) this.messages.push(data);
            this.last = id ?? this.last;
        },
        end(text, error) {
            this.closed = true;
            this.text = this.text || text;
            this.error = this.error ?? error;
        }};
    const path = pathOf(transport, query);
    Object.assign(seen, transport == 'ws' ? overWebSocket(base, path, headers, seen, withIds) : overEvents(base, path, headers, seen));
    await until(`${transport} is open or refused`, () => seen.open || seen.closed).catch(error => {
        seen.close();
        throw error;
    });
    if (seen.status && seen.status != 200) {
        try {
            seen.json = JSON.parse(seen.text);
        } catch {
            // undefined
        }
    }
    return seen;
}

export async function subscribed(...wanted) {
    const subscriber = await subscribe(...wanted);
    assert.equal(subscriber.status, 200, subscriber.text || `${subscriber.error}`);
    return subscriber;
}
