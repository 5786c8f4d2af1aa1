import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeClock, FakeServer, OTHER_SESSION, SESSION, json, person, settle } from './support/fakes.js';

function setUp(options = {}) {
    const server = new FakeServer();
    const clock = new FakeClock();
    const events = [];
    const buffer = server.client().buffer(SESSION, {
        clock,
        onRejected: (movement, detail) => events.push(['rejected', movement.movement_direction, detail]),
        onError: (error, { attempt, retryIn }) => events.push(['error', error.status, attempt, retryIn]),
        ...options,
    });
    const sizes = () => server.requests.map(({ body }) => body.length);
    return { server, clock, buffer, events, sizes };
}

function memoryStorage(entries = []) {
    const log = [];
    return {
        log,
        entries,
        load: () => [...entries],
        append(entry) {
            log.push('append');
            entries.push(entry);
        },
        remove(keys) {
            log.push(`remove ${keys.length}`);
            for (const key of keys) entries.splice(entries.findIndex((entry) => entry.key === key), 1);
        },
    };
}

test('movements wait for others for a while, then go in order', async () => {
    const { server, clock, buffer, sizes } = setUp();
    for (let i = 1; i <= 3; i++) buffer.record(person(i));
    await clock.advance(999);
    assert.deepEqual(sizes(), []);
    await clock.advance(1);
    assert.deepEqual(sizes(), [3]);
    assert.deepEqual(server.requests[0].body.map((row) => row.person_id), [1, 2, 3]);
    assert.deepEqual(buffer.stats, { recorded: 3, duplicates: 0, rejected: 0, pending: 0 });
    assert.equal(clock.timers, 0);
});

test('a full batch goes at once, the rest in parts of that size', async () => {
    const { clock, buffer, sizes } = setUp({ batchSize: 10 });
    for (let i = 0; i < 9; i++) buffer.record(person(i));
    await clock.advance(0);
    assert.deepEqual(sizes(), []);
    for (let i = 9; i < 25; i++) buffer.record(person(i));
    await clock.advance(0);
    assert.deepEqual(sizes(), [10, 10, 5]);
});

test('id and time are those of the recording, and what the caller changes later changes nothing', async () => {
    const { server, clock, buffer } = setUp();
    const movement = person(1);
    const recorded = new Date(clock.now()).toISOString();
    const id = buffer.record(movement);
    movement.person_id = 99;
    await clock.advance(5_000);
    assert.deepEqual(server.requests[0].body, [{ ...person(1), movement_time: recorded, id }]);
    assert.deepEqual(movement, { person_id: 99, movement_direction: 'in' });
});

test('one request at a time, also when movements come while it is on its way', async () => {
    const { server, clock, buffer, sizes } = setUp({ batchSize: 2 });
    let answer;
    server.answers.push((rows) => new Promise((resolve) => (answer = () => resolve(server.store(rows)))));
    for (let i = 0; i < 2; i++) buffer.record(person(i));
    await clock.advance(0);
    for (let i = 2; i < 6; i++) buffer.record(person(i));
    await clock.advance(10_000);
    assert.deepEqual(sizes(), [2]);
    answer();
    await clock.advance(0);
    assert.deepEqual(sizes(), [2, 2, 2]);
    assert.equal(server.movements.size, 6);
});

test('an outage: growing delays, the same rows again, nothing lost and nothing twice', async () => {
    const { server, clock, buffer, events } = setUp({ minDelay: 1_000 });
    server.answers.push(
        new TypeError('fetch failed'),
        json({ detail: 'database away' }, 503),
        json({ detail: 'request timeout' }, 408),
        // Committed, and the answer lost.
        (rows) => {
            server.store(rows);
            throw new TypeError('terminated');
        },
        json({ detail: 'too many requests' }, 429, { 'Retry-After': '20' }),
    );
    buffer.record(person(1));
    await clock.advance(1_000);
    buffer.record(person(2));
    await clock.advance(60_000);
    assert.deepEqual(events, [
        ['error', 0, 1, 750],
        ['error', 503, 2, 1_500],
        ['error', 408, 3, 3_000],
        ['error', 0, 4, 6_000],
        ['error', 429, 5, 20_250],
    ]);
    assert.deepEqual(server.requests[5].body, server.requests[3].body);
    assert.deepEqual(server.requests[0].body[0], server.requests[5].body[0]);
    assert.equal(server.movements.size, 2);
    assert.deepEqual(buffer.stats, { recorded: 0, duplicates: 2, rejected: 0, pending: 0 });
});

test('after an outage the delays begin anew', async () => {
    const { server, clock, buffer, events } = setUp();
    const away = () => json({ detail: 'away' }, 503);
    server.answers.push(away(), away(), (rows) => server.store(rows), away());
    buffer.record(person(1));
    await clock.advance(10_000);
    buffer.record(person(2));
    await clock.advance(10_000);
    assert.deepEqual(events.map((event) => event[2]), [1, 2, 1]);
    assert.equal(server.movements.size, 2);
});

test('a rejected movement is reported, not repeated, and holds up nobody', async () => {
    const { server, clock, buffer, events } = setUp();
    buffer.record(person(1));
    buffer.record({ movement_direction: 'out' });
    buffer.record(person(3));
    await clock.advance(60_000);
    assert.deepEqual(events, [['rejected', 'out', 'person_id is missing']]);
    assert.equal(server.requests.length, 1);
    assert.deepEqual(buffer.stats, { recorded: 2, duplicates: 0, rejected: 1, pending: 0 });
});

test('a key that is not valid loses no movement', async () => {
    const { server, clock, buffer, events } = setUp();
    server.answers.push(json({ detail: 'the key has expired' }, 401));
    buffer.record(person(1));
    await clock.advance(30_999);
    assert.deepEqual(events, [['error', 401, 1, 30_000]]);
    assert.equal(buffer.pending, 1);
    await clock.advance(1);
    assert.equal(buffer.pending, 0);
});

test('an answer that does not account for the movements empties nothing', async () => {
    const { server, clock, buffer, events } = setUp();
    const id = buffer.record(person(1));
    server.answers.push(
        new Response('<html>log in</html>'),
        json({ results: [] }),
        json({ results: [{ movement_id: id, status: 'perhaps' }] }),
        json({ results: [{ movement_id: OTHER_SESSION, status: 'recorded' }] }),
    );
    await clock.advance(60_000);
    assert.deepEqual(events.map((event) => event[1]), [200, 200, 200, 200]);
    assert.deepEqual(buffer.stats, { recorded: 1, duplicates: 0, rejected: 0, pending: 0 });
});

test('a batch that is too large is cut in half', async () => {
    const { server, clock, buffer, events, sizes } = setUp();
    const limited = (rows) => (rows.length > 3 ? json({ detail: 'too large' }, 413) : server.store(rows));
    for (let i = 0; i < 20; i++) server.answers.push(limited);
    for (let i = 0; i < 10; i++) buffer.record(person(i));
    await clock.advance(1_000);
    assert.deepEqual(sizes(), [10, 5, 3, 3, 3, 1]);
    assert.deepEqual(events, []);
    assert.equal(server.movements.size, 10);
});

test('flush sends now, and says so when it cannot', async () => {
    const { server, clock, buffer } = setUp();
    server.answers.push(json({ detail: 'away' }, 503));
    buffer.record(person(1));
    const failed = assert.rejects(buffer.flush(), { status: 503 });
    await clock.advance(0);
    await failed;
    assert.equal(buffer.pending, 1);
    const sent = buffer.flush();
    await clock.advance(0);
    assert.deepEqual(await sent, { recorded: 1, duplicates: 0, rejected: 0, pending: 0 });
    assert.deepEqual(await buffer.flush(), { recorded: 1, duplicates: 0, rejected: 0, pending: 0 });
});

test('close tries until its time is over', async () => {
    const { server, clock, buffer } = setUp();
    for (let i = 0; i < 3; i++) server.answers.push(json({ detail: 'away' }, 503));
    buffer.record(person(1));
    const closed = buffer.close(10_000);
    assert.throws(() => buffer.record(person(2)), /closed/);
    await clock.advance(10_000);
    assert.deepEqual(await closed, { recorded: 1, duplicates: 0, rejected: 0, pending: 0 });
    assert.equal(clock.timers, 0);
    assert.equal(await buffer.close(), await closed);
});

test('close gives up a request that hangs and says what is left', async () => {
    const { server, clock, buffer, events } = setUp();
    let aborted = false;
    const hangs = (rows, self, { signal }) =>
        new Promise((resolve, reject) =>
            signal.addEventListener('abort', () => {
                aborted = true;
                reject(signal.reason);
            }),
        );
    server.answers.push(hangs);
    buffer.record(person(1));
    const flushed = assert.rejects(buffer.flush(), /closed with 1 movements/);
    const closed = buffer.close(2_000);
    await clock.advance(1_999);
    assert.equal(aborted, false);
    await clock.advance(1);
    assert.equal((await closed).pending, 1);
    await flushed;
    assert.ok(aborted);
    assert.deepEqual(events, []);
    assert.equal(clock.timers, 0);
});

test('close does not wait for what its time does not allow', async () => {
    const { server, clock, buffer } = setUp();
    server.answers.push(json({ detail: 'no such session' }, 404));
    buffer.record(person(1));
    const closed = buffer.close(10_000);
    await clock.advance(0);
    assert.equal((await closed).pending, 1);
    assert.equal(clock.timers, 0);
});

test('record throws when too many wait', () => {
    const { buffer } = setUp({ maxPending: 2 });
    buffer.record(person(1));
    buffer.record(person(2));
    assert.throws(() => buffer.record(person(3)), RangeError);
    assert.equal(buffer.pending, 2);
});

test('a movement is in the storage when record returns, and leaves it when the server has it', async () => {
    const storage = memoryStorage();
    const { server, clock, buffer } = setUp({ storage });
    server.answers.push(json({ detail: 'away' }, 503));
    const id = buffer.record(person(1));
    assert.equal(storage.entries[0].movement.id, id);
    assert.equal(storage.entries[0].session_id, SESSION);
    await clock.advance(1_000);
    assert.equal(storage.entries.length, 1);
    await clock.advance(1_000);
    assert.deepEqual(storage.log, ['append', 'remove 1']);
    assert.deepEqual(storage.entries, []);
});

test('what an earlier run left goes first, to the session it was recorded for', async () => {
    const storage = memoryStorage();
    const first = setUp({ storage });
    first.server.answers.push(json({ detail: 'away' }, 503));
    first.buffer.record(person(1));
    first.buffer.record(person(2));
    const leaving = first.buffer.close(0);
    await first.clock.advance(0);
    assert.equal((await leaving).pending, 2);

    const server = new FakeServer();
    const clock = new FakeClock();
    const buffer = server.client().buffer(OTHER_SESSION, { storage, clock });
    buffer.record(person(3));
    await settle();
    assert.equal(buffer.pending, 3);
    const flushed = buffer.flush();
    await clock.advance(0);
    assert.equal((await flushed).recorded, 3);
    assert.deepEqual(server.requests.map(({ url, body }) => [url.split('/')[4], body.map((row) => row.person_id)]), [
        [SESSION, [1, 2]],
        [OTHER_SESSION, [3]],
    ]);
    assert.deepEqual(storage.entries, []);
});

test('a storage may answer later, or not at all', async () => {
    const log = [];
    const storage = {
        load: async () => [],
        append: () => new Promise((resolve) => setImmediate(() => resolve(log.push('appended')))),
        remove: async () => void log.push('removed'),
        close: async () => void log.push('closed'),
    };
    const slow = setUp({ storage });
    slow.buffer.record(person(1));
    await slow.clock.advance(1_000);
    await slow.buffer.close();
    assert.deepEqual(log, ['appended', 'removed', 'closed']);

    const broken = () => {
        throw new Error('disk full');
    };
    const failing = setUp({ storage: { load: () => [], append: broken, remove: broken } });
    failing.buffer.record(person(1));
    await failing.clock.advance(1_000);
    assert.equal(failing.server.movements.size, 1);
    assert.deepEqual(failing.events, [['error', undefined, 0, undefined], ['error', undefined, 0, undefined]]);
});
