// The live stream: what is published arrives, over both transports, in order and once, whatever happens meanwhile.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {env, newId, sh, until} from './lib/http.mjs';
import * as stream from './lib/stream.mjs';

const {TRANSPORTS, identity, publisher, receives} = stream;

const base = env('URL');
const database = await identity('PSQL');
const source = publisher(env('PUBLISH_SOCKET'), database);

const text = (n, more = {}) => JSON.stringify({type: 'movement', n, ...more});
// The extension publishes there, too, also of the sessions that are made here.
const minds = message => message.startsWith('{"type":"movement","n":');
const subscribe = (base, transport, options) => stream.subscribe(base, transport, {minds, ...options});
const subscribed = (base, transport, options) => stream.subscribed(base, transport, {minds, ...options});
const several = (from, count, more) => Array.from({length: count}, (_, i) => text(from + i, more));
const publish = async (messages, session) => {
    for (const message of messages) await source.publish(message, session);
};

// A session that is there, for the gateway asks.
const newSession = async () => {
    const answer = await fetch(`${base}/sessions`, {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}});
    return (await answer.json()).session_id;
};

for (const transport of TRANSPORTS) {
    test(`${transport}: in order, of all sessions or of one`, async () => {
        const [one, other] = [await newSession(), await newSession()];
        const all = await subscribed(base, transport);
        const mine = await subscribed(base, transport, {query: {session_id: one}});
        const upper = await subscribed(base, transport, {query: {session_id: one.toUpperCase()}});
        const plain = await subscribed(base, transport, {query: {session_id: one}, withIds: false});
        const wanted = [];
        for (let n = 0; n < 60; n++) {
            const session = [one, other, undefined][n % 3];
            wanted.push([session, text(n, {session, name: 'Tür "2"\\ ừ 🚪', line: 'one\ntwo'})]);
            await publish([wanted[n][1]], session);
        }
        await receives(all, wanted.map(([, message]) => message), 'all');
        const ofOne = wanted.filter(([session]) => session == one).map(([, message]) => message);
        for (const subscriber of [mine, upper, plain]) await receives(subscriber, ofOne, 'one session');
        for (const subscriber of [all, mine, upper, plain]) subscriber.close();
    });

    test(`${transport}: who comes back gets what they missed, once`, async () => {
        const session = await newSession();
        const first = await subscribed(base, transport, {query: {session_id: session}});
        await publish(several(0, 10), session);
        await receives(first, several(0, 10));
        first.close();
        await publish(several(10, 700), session);
        const ways = [{headers: {'Last-Event-ID': first.last}}, {query: {last_event_id: first.last}}];
        for (const {headers, query} of ways) {
            const again = await subscribed(base, transport, {headers, query: {session_id: session, ...query}});
            await receives(again, several(10, 700), 'what was missed');
            again.close();
        }
        // Nothing was missed, and nothing comes twice.
        const back = await subscribed(base, transport, {query: {session_id: session}, headers: {'Last-Event-ID': first.last}});
        await receives(back, several(10, 700));
        const last = await subscribed(base, transport, {query: {session_id: session}, headers: {'Last-Event-ID': back.last}});
        // Who is new begins with what comes next; an id that is none of ours is none.
        const fresh = await subscribed(base, transport, {query: {session_id: session}});
        const odd = await subscribed(base, transport, {query: {session_id: session}, headers: {'Last-Event-ID': 'x:y'}});
        await publish(several(710, 1), session);
        for (const subscriber of [last, fresh, odd]) await receives(subscriber, several(710, 1));
        for (const subscriber of [back, last, fresh, odd]) subscriber.close();
    });

    test(`${transport}: cut at any place, the pieces make the whole`, async () => {
        const session = await newSession();
        const got = [];
        let last = (await subscribed(base, transport, {query: {session_id: session}}));
        const done = publish(several(0, 1000), session);
        let id;
        while (got.length < 1000) {
            await until('something', () => last.messages.length > 0);
            last.close();
            got.push(...last.messages);
            id = last.last;
            if (got.length < 1000) last = await subscribed(base, transport, {query: {session_id: session, last_event_id: id}});
        }
        await done;
        assert.deepEqual(got, several(0, 1000));
    });
}

test('200 subscribers, 2,000 messages, each complete and in order', async () => {
    const session = await newSession();
    const crowd = await Promise.all(Array.from({length: 200}, (_, i) =>
        subscribed(base, TRANSPORTS[i % 2], {query: i % 4 < 2 ? {session_id: session} : {}})));
    const wanted = several(0, 2000);
    await publish(wanted, session);
    for (const subscriber of crowd) {
        await until('2,000 messages', () => subscriber.messages.length >= 2000 || subscriber.closed, 120);
        assert.deepEqual(subscriber.messages, wanted);
        subscriber.close();
    }
});

test('who does not read holds up nobody', async () => {
    const session = await newSession();
    const stuck = [await subscribed(base, 'events', {query: {session_id: session}}),
        await subscribed(base, 'ws', {query: {session_id: session}})];
    for (const subscriber of stuck) subscriber.pause();
    const reader = await subscribed(base, 'events', {query: {session_id: session}});
    const wanted = several(0, 200, {filling: 'x'.repeat(60000)});
    await publish(wanted, session);
    await receives(reader, wanted);
    for (const subscriber of [...stuck, reader]) subscriber.close();
});

test('a message is of one megabyte at most', async () => {
    const session = await newSession();
    const reader = await subscribed(base, 'ws', {query: {session_id: session}});
    const large = text(1, {filling: 'x'.repeat(1000000)});
    assert.equal(await source.post({session}, `"${'x'.repeat(1100000)}"`), 413);
    await publish([large], session);
    await receives(reader, [large]);
    reader.close();
});

test('only the socket publishes', async () => {
    const session = await newSession();
    const reader = await subscribed(base, 'ws', {query: {session_id: session}});
    const all = await subscribed(base, 'events', {});
    const talker = await subscribed(base, 'ws', {query: {session_id: session}});
    talker.send('{"type": "movement"}');   // which ends it, or is not minded
    const call = (method, path) => fetch(base + path, {method, body: '{}', headers: {'Content-Type': 'application/json'}}).then(a => a.status);
    for (const method of ['POST', 'PUT', 'DELETE']) {
        for (const path of ['/publish', source.path({session}), '/publish/all', '/_stream/ws', '/_stream/events', '/_stream/channel']) {
            assert.equal(await call(method, path), 404, `${method} ${path}`);
        }
        for (const path of ['/ws', '/events']) assert.equal(await call(method, path), 405, `${method} ${path}`);
    }
    for (const session of ['x', `${newId()}x`, 'all', newId().toUpperCase()]) {
        for (const audience of [{session}, {readers: session}]) assert.equal(await source.post(audience, '{}'), 400, session);
    }
    for (const path of ['/publish/all', '/publish/readers']) assert.equal(await source.send('POST', path, '{}'), 404);
    for (const name of ['', 'x', '1', '1-', '-1', '1-1-1', '1-x', 'all']) assert.equal(await publisher(env('PUBLISH_SOCKET'), name).post({}, '{}'), 400, name);
    for (const method of ['POST', 'DELETE']) assert.equal(await source.send(method, `/channel?name=all.${database}`, '{}'), 405);
    assert.equal(await source.send('DELETE', source.path({session})), 405);
    assert.equal(await source.send('GET', '/publish'), 405);
    for (const name of ['x', 'all', `all.${database}.x`]) assert.equal(await source.send('GET', `/channel?name=${name}`), 400);
    await publish(several(0, 1), session);
    await receives(reader, several(0, 1));
    await receives(all, several(0, 1));
    reader.close();
    all.close();
});

// Of one channel it is always said whether it took a message. So alerts are posted to one at a time, and posted again.
test('a gateway whose memory is full takes no alert and says so', async () => {
    const full = publisher(env('FULL_PUBLISH_SOCKET'), database);
    const session = newId();
    const filling = JSON.stringify('x'.repeat(200_000));
    const statuses = [];
    for (let n = 0; n < 200 && statuses.at(-1) !== 507; n++) statuses.push(await full.post({}, filling));
    assert.equal(statuses.at(-1), 507, `${statuses}`);
    assert.ok(statuses.length > 5);
    for (let n = 0; n < 50; n++) {
        for (const audience of [{}, {readers: session}]) {
            const status = await full.post(audience, filling);
            assert.ok(status >= 500, `${status}`);
        }
    }
});

test('the gateway starts again, and the subscribers come back', async () => {
    const session = await newSession();
    const transports = Array.from({length: 60}, (_, i) => TRANSPORTS[i % 2]);
    const before = await Promise.all(transports.map(transport => subscribed(base, transport, {query: {session_id: session}})));
    await publish(several(0, 3), session);
    for (const subscriber of before) await receives(subscriber, several(0, 3));
    await sh(env('GATEWAY_STOP'));
    for (const subscriber of before) await until('it says so', () => subscriber.closed);
    await sh(env('GATEWAY_START'));
    const again = await Promise.all(before.map((subscriber, i) => until('it is taken back', async () => {
        const next = await subscribe(base, transports[i], {query: {session_id: session, last_event_id: subscriber.last}});
        return next.status == 200 && next;
    })));
    const renewed = publisher(env('PUBLISH_SOCKET'), database);
    for (const message of several(3, 3)) await renewed.publish(message, session);
    for (const subscriber of again) {
        await receives(subscriber, several(3, 3));
        subscriber.close();
    }
});
