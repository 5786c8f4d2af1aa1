import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PeopleCounterClient, PeopleCounterError } from 'people-counter-client';

import { FakeServer, OTHER_SESSION, SESSION, json, person } from './support/fakes.js';

const ROWS = [
    ['startSession', [{ session_name: 'Door' }], 'POST', '/sessions', { session_id: SESSION }],
    ['updateSession', [SESSION, { fps: 30 }], 'PUT', `/sessions/${SESSION}`, { session_id: SESSION }],
    ['endSession', [SESSION], 'PUT', `/sessions/${SESSION}`, { session_id: SESSION }],
    ['getSession', [SESSION], 'GET', `/sessions/${SESSION}`, { statistics: {} }],
    ['listSessions', [{ limit: 5, status: 'active' }], 'GET', '/sessions?limit=5&status=active', { sessions: [] }],
    ['recordMovement', [SESSION, person(1)], 'POST', `/sessions/${SESSION}/movements`, { movement_id: 'x' }],
    ['recordMovements', [SESSION, [person(1)]], 'POST', `/sessions/${SESSION}/movements`, { results: [] }],
    ['listMovements', [SESSION, { offset: 0, direction: 'in' }], 'GET',
        `/sessions/${SESSION}/movements?offset=0&direction=in`, { movements: [] }],
    ['recordMetrics', [SESSION, { fps_current: 30 }], 'POST', `/sessions/${SESSION}/metrics`, { metrics_id: 'x' }],
    ['recordMetrics', [SESSION, [{}]], 'POST', `/sessions/${SESSION}/metrics`, { results: [] }],
    ['recentMetrics', [SESSION, { minutes: 5 }], 'GET', `/sessions/${SESSION}/metrics/recent?minutes=5`, { metrics: [] }],
    ['getHourlyAnalytics', [{ session_id: SESSION, hours: 48 }], 'GET',
        `/analytics/hourly?session_id=${SESSION}&hours=48`, { analytics: [] }],
    ['getDailyAnalytics', [], 'GET', '/analytics/daily', { analytics: [] }],
    ['getDashboard', [], 'GET', '/dashboard/summary', { active_sessions: 0 }],
    ['getHealth', [], 'GET', '/health', { status: 'healthy' }],
    ['getHealthDetailed', [], 'GET', '/health/detailed', { status: 'healthy' }],
    ['acknowledgeAlert', [OTHER_SESSION, { note: 'seen' }], 'POST', `/alerts/${OTHER_SESSION}/acknowledge`, {}],
];

for (const [name, args, method, path, answer] of ROWS) {
    test(`${name}(${args.map((arg) => (Array.isArray(arg) ? '[]' : typeof arg)).join(', ')}): ${method} ${path}`, async () => {
        const server = new FakeServer();
        server.answers.push(json(answer));
        const result = await server.client()[name](...args);
        assert.deepEqual(result, name === 'startSession' ? SESSION : answer);
        assert.equal(server.requests.length, 1);
        assert.equal(server.requests[0].method, method);
        assert.equal(server.requests[0].url, `http://counter.test${path}`);
        assert.equal(server.requests[0].headers.get('Content-Type'), method === 'GET' ? null : 'application/json');
    });
}

test('names are those of the API, and a Date is a time', async () => {
    const server = new FakeServer();
    server.answers.push(json({ session_id: SESSION }), json({ session_id: SESSION }), json({ movement_id: 'x' }));
    const client = server.client();
    const when = new Date('2025-06-16T09:10:00Z');
    await client.startSession({ session_name: 'Door', start_time: when });
    await client.endSession(SESSION, { end_time: when, status: 'error' });
    await client.recordMovement(SESSION, person(7, { movement_time: when, id: OTHER_SESSION }));
    const sent = server.requests.map((request) => request.body);
    assert.match(sent[0].id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.deepEqual(sent, [
        { id: sent[0].id, session_name: 'Door', start_time: '2025-06-16T09:10:00.000Z' },
        { status: 'error', end_time: '2025-06-16T09:10:00.000Z' },
        { person_id: 7, movement_direction: 'in', movement_time: '2025-06-16T09:10:00.000Z', id: OTHER_SESSION },
    ]);
});

test('the time of a movement is that in its id', async () => {
    const server = new FakeServer();
    await server.client().recordMovements(SESSION, [person(1, { id: '017f22e2-79b0-7cc3-98c4-dc0c0c07398f' })]);
    assert.equal(server.requests[0].body[0].movement_time, '2022-02-22T19:22:22.000Z');
});

test('keys and tokens are sent, and a token is asked for each time', async () => {
    const server = new FakeServer();
    server.answers.push(json({ status: 'healthy' }), json({ status: 'healthy' }));
    let n = 0;
    const client = server.client({ apiKey: 'pck_1', token: async () => `token-${++n}`, headers: { 'X-Site': 'museum' } });
    await client.getHealth();
    await client.getHealth();
    assert.deepEqual(
        server.requests.map(({ headers }) => ['X-API-Key', 'Authorization', 'X-Site'].map((name) => headers.get(name))),
        [['pck_1', 'Bearer token-1', 'museum'], ['pck_1', 'Bearer token-2', 'museum']],
    );
});

test('an error has what the server said', async () => {
    const server = new FakeServer();
    const timestamp = '2025-06-16T09:10:00+02:00';
    server.answers.push(json({ detail: 'limit must be 1 to 100, not 0', timestamp }, 400, { 'Retry-After': '3' }));
    await assert.rejects(server.client().listSessions({ limit: 0 }), (error) => {
        assert.ok(error instanceof PeopleCounterError);
        assert.deepEqual(
            { status: error.status, detail: error.detail, timestamp: error.timestamp, retryAfter: error.retryAfter },
            { status: 400, detail: 'limit must be 1 to 100, not 0', timestamp, retryAfter: 3 },
        );
        assert.equal(error.message, 'HTTP 400: limit must be 1 to 100, not 0');
        return true;
    });
    server.answers.push(new Response('<h1>Bad Gateway</h1>', { status: 502, statusText: 'Bad Gateway' }));
    await assert.rejects(server.client().getDashboard(), { status: 502, detail: 'Bad Gateway' });
});

test('Retry-After may be a date', async () => {
    const server = new FakeServer();
    const date = new Date(Date.now() + 90_000).toUTCString();
    server.answers.push(json({ detail: 'away' }, 503, { 'Retry-After': date }));
    const error = await server.client().getHealth().catch((reason) => reason);
    assert.ok(error.retryAfter > 80 && error.retryAfter <= 90, String(error.retryAfter));
});

test('an answer that is none of this API is an error', async () => {
    const server = new FakeServer();
    server.answers.push(new Response('<html>Welcome to our wireless network</html>'), json({ hello: 'world' }));
    await assert.rejects(server.client().startSession(), { code: 'protocol', status: 200 });
    await assert.rejects(server.client().startSession(), { code: 'protocol', detail: /no session_id/ });
});

test('a request that takes too long ends', async () => {
    const never = (url, { signal }) =>
        new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const client = new PeopleCounterClient({ fetch: never, timeout: 5, retries: 0 });
    await assert.rejects(client.getDashboard(), { code: 'timeout', status: 0, transient: true });
    const controller = new AbortController();
    const asked = client.getDashboard({ signal: controller.signal, timeout: 0 });
    controller.abort(new Error('the page is gone'));
    await assert.rejects(asked, { message: 'the page is gone' });
});

test('what may be repeated is repeated, with the same id and time', async () => {
    const server = new FakeServer();
    server.answers.push(new TypeError('fetch failed'), json({ detail: 'busy' }, 503), json({ movement_id: 'x' }));
    await server.client({ retries: 2 }).recordMovement(SESSION, person(1));
    assert.equal(server.requests.length, 3);
    assert.deepEqual(server.requests[1].body, server.requests[0].body);
    assert.deepEqual(server.requests[2].body, server.requests[0].body);
    assert.ok(server.requests[0].body.id && server.requests[0].body.movement_time);
});

test('a new session whose answer was lost is made once', async () => {
    const server = new FakeServer();
    const client = server.client({ retries: 2 });
    server.answers.push(new TypeError('fetch failed'), json({ detail: 'there is such a session' }, 409));
    const id = await client.startSession({ session_name: 'Door' });
    assert.deepEqual(server.requests.map(({ body }) => body.id), [id, id]);
    // But a conflict at once is one.
    server.answers.push(json({ detail: 'there is such a session' }, 409));
    await assert.rejects(client.startSession({ id }), { status: 409 });
    server.answers.push(new TypeError('fetch failed'), json({ detail: 'there is such a session' }, 409));
    await assert.rejects(client.startSession({ id }), { status: 409 });
});

test('a refusal and a long wait are not repeated', async () => {
    const server = new FakeServer();
    const client = server.client({ retries: 2 });
    server.answers.push(json({ detail: 'no such session' }, 404));
    await assert.rejects(client.getSession(SESSION), { status: 404 });
    server.answers.push(json({ detail: 'too many requests' }, 429, { 'Retry-After': '60' }));
    await assert.rejects(client.getDashboard(), { status: 429, retryAfter: 60 });
    assert.equal(server.requests.length, 2);
});

test('bad addresses, ids and movements are refused before anything is sent', async () => {
    const server = new FakeServer();
    const client = server.client();
    assert.throws(() => new PeopleCounterClient({ baseUrl: 'ftp://counter.test' }), TypeError);
    assert.throws(() => new PeopleCounterClient({ baseUrl: 'not an address' }), TypeError);
    await assert.rejects(client.getSession('../health'), TypeError);
    await assert.rejects(client.recordMovement(SESSION, null), TypeError);
    await assert.rejects(client.recordMovement(SESSION, person(1, { id: 7 })), TypeError);
    await assert.rejects(client.recordMovement(SESSION, person(1, { movement_time: new Date(NaN) })), RangeError);
    await assert.rejects(client.recordMovement(SESSION, person(1n)), TypeError);
    await assert.rejects(client.recordMovement(SESSION, { personId: 1 }), /movement.personId: names are as in person_id/);
    await assert.rejects(client.startSession({ sessionName: 'Door' }), TypeError);
    await assert.rejects(client.recordMovement(SESSION, person(1, { movement_direction: 'in\0' })), TypeError);
    await assert.rejects(client.recordMovement(SESSION, person(1, { movement_direction: '\ud800' })), TypeError);
    await assert.rejects(client.recordMovement(SESSION, person(1, { centroid: { x: 1 } })), TypeError);
    assert.equal(server.requests.length, 0);
});

test('the address may have a path and a slash at the end', async () => {
    const server = new FakeServer();
    server.answers.push(json({ status: 'healthy' }));
    await server.client({ baseUrl: 'https://example.test/counter/' }).getHealth();
    assert.equal(server.requests[0].url, 'https://example.test/counter/health');
});
