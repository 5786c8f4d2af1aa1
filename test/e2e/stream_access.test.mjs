// The live stream: who may subscribe to what, how they say who they are, and what is not told to anybody.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {admin, claims, client, env, good, hs256, keyOf, newId, newSession, now, refused, request, sh, until} from './lib/http.mjs';
import {TRANSPORTS, identity, publisher, receives, subscribe, subscribed} from './lib/stream.mjs';

const closed = env('CLOSED_URL');
const open = env('URL');
const source = publisher(env('CLOSED_PUBLISH_SOCKET'), await identity('CLOSED_PSQL'));
const foreign = await newSession(admin());

async function denied(base, transport, options, status, detail) {
    const answer = await subscribe(base, transport, options);
    answer.close();
    refused(answer, status, detail);
    if (status == 401) assert.match(answer.headers['www-authenticate'], /^Bearer/);
    if (status == 405) assert.match(answer.headers.allow, /GET/);
}

// What is published to a session and to none arrives at who sees it.
async function sees(options, session, wanted) {
    for (const transport of TRANSPORTS) {
        const subscriber = await subscribed(closed, transport, options);
        const [own, other] = [newId(), newId()];
        await source.publish(other, foreign);
        if (session) await source.publish(own, session);
        await receives(subscriber, wanted == 'all' ? [other, ...(session ? [own] : [])] : [own]);
        subscriber.close();
    }
}

for (const transport of TRANSPORTS) {
    test(`${transport}: nobody, and bad credentials`, async () => {
        const wrong = `pck_${'x'.repeat(43)}`;
        for (const session_id of [undefined, foreign]) {
            const query = session_id ? {session_id} : {};
            await denied(closed, transport, {query}, 401, /credentials/);
            await denied(closed, transport, {query, headers: {'X-API-Key': wrong}}, 401, /key/);
            await denied(closed, transport, {query: {...query, api_key: wrong}}, 401, /key/);
            await denied(closed, transport, {query: {...query, token: 'a.b.c'}}, 401, /token/);
            await denied(closed, transport, {query: {...query, token: hs256(claims('reader', {exp: now() - 3600}))}}, 401, /token/);
            await denied(closed, transport, {query: {...query, token: hs256(claims('reader'), 'another secret of thirty-two characters')}}, 401);
            await denied(closed, transport, {query: {...query, api_key: 'x\r\nX-API-Key: y'}}, 401, /not valid/);
        }
    });

    test(`${transport}: a role that is none, a session that is none`, async () => {
        const {key} = await keyOf('reader');
        const headers = {'X-API-Key': key};
        await denied(closed, transport, {headers, query: {session_id: newId()}}, 404, /does not exist/);
        for (const session_id of ['x', 'all', `session_${foreign}`, `${foreign}&session_id=${foreign}`, '*', '%']) {
            await denied(closed, transport, {headers, query: {session_id}}, 400, /session_id/);
        }
        await denied(closed, transport, {headers, query: [['session_id', foreign], ['session_id', foreign]]}, 400, /more than once/);
        await denied(closed, transport, {query: {token: hs256(claims('authenticator'))}}, 403);
    });
}

for (const role of ['reader', 'operator', 'admin']) {
    test(`${role} sees all, or one session`, async () => {
        const {key} = await keyOf(role);
        const mine = await newSession(admin());
        for (const options of [{headers: {'X-API-Key': key}}, {query: {api_key: key}}, {headers: {Authorization: `Bearer ${hs256(claims(role))}`}},
            {query: {token: hs256(claims(role))}}]) {
            await sees(options, mine, 'all');
            await sees({...options, query: {...options.query, session_id: mine}}, mine, 'own');
        }
    });
}

test('a device sees its own sessions, one at a time', async () => {
    const device = await keyOf('device');
    const mine = await newSession(device);
    const credentials = [{headers: {'X-API-Key': device.key}}, {query: {api_key: device.key}},
        {query: {token: hs256(claims('device', {sub: device.device}))}}];
    for (const options of credentials) {
        await sees({...options, query: {...options.query, session_id: mine}}, mine, 'own');
        for (const transport of TRANSPORTS) {
            await denied(closed, transport, options, 403, /session_id/);
            await denied(closed, transport, {...options, query: {...options.query, session_id: foreign}}, 404, /does not exist/);
        }
    }
});

// Which it may not read by any other way either.
test('a device is told of no alerts of its session, and readers are', async () => {
    const [device, reader] = [await keyOf('device'), await keyOf('reader')];
    const session = await newSession(device);
    for (const transport of TRANSPORTS) {
        const own = await subscribed(closed, transport, {query: {session_id: session, api_key: device.key}});
        const mine = await subscribed(closed, transport, {query: {session_id: session, api_key: reader.key}});
        const all = await subscribed(closed, transport, {query: {api_key: reader.key}});
        const [alert, movement] = ['{"type":"alert"}', '{"type":"movement"}'];
        assert.ok(await source.post({}, alert) < 300);
        assert.ok(await source.post({readers: session}, alert) < 300);
        await source.publish(movement, session);
        await receives(own, [movement]);
        await receives(mine, [alert, movement]);
        await receives(all, [alert, movement]);
        for (const subscriber of [own, mine, all]) subscriber.close();
    }
});

test('the header is what counts where both are given', async () => {
    const {key} = await keyOf('reader');
    await denied(closed, 'ws', {headers: {'X-API-Key': 'pck_nothing'}, query: {api_key: key}}, 401);
    (await subscribed(closed, 'ws', {headers: {'X-API-Key': key}, query: {api_key: 'pck_nothing'}})).close();
});

test('a key that is revoked does not come back', async () => {
    const reader = await keyOf('reader');
    const subscriber = await subscribed(closed, 'events', {query: {api_key: reader.key, session_id: foreign}});
    good(await admin().post('/rest/rpc/revoke_api_key', {key_id: reader.id}));
    await denied(closed, 'events', {query: {api_key: reader.key, session_id: foreign}}, 401, /revoked/);
    subscriber.close();
});

test('the open stack asks nobody', async () => {
    for (const transport of TRANSPORTS) (await subscribed(open, transport)).close();
});

test('pages of this host and of API_CORS_ORIGINS, and no others', async () => {
    for (const transport of TRANSPORTS) {
        for (const Origin of [open, open.replace('http:', 'https:'), 'https://dashboard.example', 'http://other.example:8443']) {
            const answer = await subscribed(open, transport, {headers: {Origin}});
            assert.equal(answer.headers['access-control-allow-origin'], transport == 'ws' ? answer.headers['access-control-allow-origin'] : Origin);
            answer.close();
        }
        for (const Origin of ['https://evil.example', 'https://dashboard.example.evil', 'http://dashboard.example', 'null', `${open}0`]) {
            await denied(open, transport, {headers: {Origin}}, 403, /origin/);
        }
        const any = await subscribed(env('HTTPS_URL'), transport, {headers: {Origin: 'https://evil.example'}});
        any.close();
    }
    const asked = await client(open).options('/events', {headers: {Origin: 'https://dashboard.example', 'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'x-api-key'}});
    assert.equal(asked.status, 204);
    assert.equal(asked.headers['access-control-allow-origin'], 'https://dashboard.example');
    assert.match(asked.headers['access-control-allow-headers'], /X-API-Key/);
});

test('what is no subscription', async () => {
    const api = client(open);
    refused(await api.get('/ws'), 400, /WebSocket/);
    refused(await api.get('/events'), 400, /text\/event-stream/);
    for (const headers of [{'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT'}, {'If-None-Match': '0'}]) {
        for (const transport of TRANSPORTS) await denied(open, transport, {headers}, 400, /condition/);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        for (const path of ['/ws', '/events/']) {
            const answer = await api.send(method, path, {body: {}});
            refused(answer, 405);
            assert.match(answer.headers.allow, /GET, OPTIONS/);
        }
    }
    for (const path of ['/_stream/ws', '/_stream/events', '/_stream/channel', '/ws/x', '/events/x', '/publish']) {
        refused(await api.get(path, {headers: {Accept: 'text/event-stream'}}), 404);
    }
});

test('of one client only so many', async () => {
    const base = env('CROWDED_URL');
    const three = await Promise.all([0, 1, 2].map(i => subscribed(base, TRANSPORTS[i % 2])));
    for (let i = 0; i < 3; i++) {
        const answer = await request(base, 'GET', '/events', {headers: {Accept: 'text/event-stream'}});
        refused(answer, 429);
        assert.ok(answer.headers['retry-after']);
    }
    three[0].close();
    await until('there is room', async () => {
        const next = await subscribe(base, 'ws');
        three[0] = next;
        return next.status == 200;
    });
    for (const subscriber of three) subscriber.close();
});

test('keys and tokens are in no log', async () => {
    const secret = `pck_${newId().replaceAll('-', '')}${newId().replaceAll('-', '')}`.slice(0, 47);
    const token = hs256({role: 'people_counter_reader', exp: now() + 3600, jti: newId()}, newId() + newId());
    const path = 'live-stream-log-test';
    const ask = async status => {
        for (const query of [{api_key: secret}, {token}, {token: `${token} `}, {api_key: secret, token, session_id: newId()}]) {
            for (const transport of TRANSPORTS) await denied(open, transport, {query}, status);
        }
        for (const headers of [{Accept: '*/*'}, {'X-Odd': 'x'.repeat(9000)}]) {
            await request(open, 'GET', `/events?api_key=${secret}&token=${token}`, {headers});
        }
        await request(open, 'POST', `/ws?api_key=${secret}`, {body: 'x'});
        await request(open, 'POST', `/events?token=${token}`, {body: 'x'.repeat(9 << 20)}).catch(() => {});
    };
    await ask(401);
    await sh(env('POSTGREST_STOP'));
    try {
        await ask(503);
    } finally {
        await sh(env('POSTGREST_START'));
    }
    await request(open, 'GET', `/${path}`);
    const log = name => readFileSync(join(env('LOGS'), name), 'utf8');
    await until('the log is written', () => log('access.log').includes(path));
    assert.match(log('access.log'), /"GET \/events" 401 /);
    assert.match(log('access.log'), /"GET \/ws" 503 /);
    for (const name of ['access.log', 'gateway.log', 'postgrest.log']) {
        for (const text of [secret, token, token.split('.')[2]]) assert.ok(!log(name).includes(text), name);
    }
});
