// What is the same for all URLs: methods, CORS, compression, headers, sizes, limits, https.
import assert from 'node:assert/strict';
import net from 'node:net';
import {test} from 'node:test';
import {gunzipSync} from 'node:zlib';
import {client, env, good, keys, movement, newId, newSession, refused, request} from './lib/http.mjs';

const api = client(env('URL'));
const ID = newId();
const ORIGINS = ['https://dashboard.example', 'http://other.example:8443'];

// Bytes as they are, to the gateway at url; the answer as text.
const raw = (text, url = env('URL')) => new Promise((resolve, reject) => {
    const {hostname, port} = new URL(url);
    let answer = '';
    const socket = net.connect(Number(port), hostname, () => socket.write(text));
    socket.setTimeout(60000, () => socket.destroy(new Error('no answer')));
    socket.on('data', piece => { answer += piece; });
    socket.on('error', error => (answer ? resolve(answer) : reject(error)));
    socket.on('close', () => resolve(answer));
});

// The same checks for such an answer.
function refusedRaw(text, status, detail) {
    const [head, body] = text.split('\r\n\r\n');
    const headers = Object.fromEntries(head.split('\r\n').slice(1).map(line => line.split(/: (.*)/s).slice(0, 2)).map(([n, v]) => [n.toLowerCase(), v]));
    let json;
    try {
        json = JSON.parse(body.replace(/^[0-9a-f]+\r\n/, '').replace(/\r\n[^]*$/, ''));
    } catch {
        // undefined
    }
    refused({status: Number(head.split(' ')[1]), headers, text, json}, status, detail);
}

const READS = ['/health', '/health/detailed', '/metrics', '/sessions', '/analytics/hourly', '/analytics/daily', '/dashboard/summary'];

test('HEAD is GET without the body', async () => {
    for (const path of READS) {
        const head = await api.head(path);
        assert.equal(head.status, 200, path);
        assert.equal(head.text, '');
        assert.equal(head.headers['content-type'], (await api.get(path)).headers['content-type'], path);
    }
    const missing = await api.head(`/sessions/${ID}`);
    assert.equal(missing.status, 404);
    assert.equal(missing.text, '');
});

test('405 names the methods that there are', async () => {
    for (const [path, allowed, bad] of [
        ['/health', 'GET, HEAD, OPTIONS', ['POST', 'PUT', 'PATCH', 'DELETE']],
        ['/metrics', 'GET, HEAD, OPTIONS', ['POST', 'DELETE']],
        ['/dashboard/summary', 'GET, HEAD, OPTIONS', ['POST', 'PUT', 'DELETE']],
        ['/analytics/daily', 'GET, HEAD, OPTIONS', ['POST']],
        ['/sessions', 'GET, HEAD, POST, OPTIONS', ['PUT', 'PATCH', 'DELETE']],
        [`/sessions/${ID}`, 'GET, HEAD, PUT, PATCH, OPTIONS', ['POST', 'DELETE']],
        [`/sessions/${ID}/movements`, 'GET, HEAD, POST, OPTIONS', ['PUT', 'DELETE', 'PROPFIND']],
        [`/sessions/${ID}/metrics`, 'POST, OPTIONS', ['GET', 'HEAD', 'PUT']],
        [`/sessions/${ID}/metrics/recent`, 'GET, HEAD, OPTIONS', ['POST']],
        [`/alerts/${ID}/acknowledge`, 'POST, OPTIONS', ['GET', 'DELETE']],
        [`/alerts/${ID}/resolve`, 'POST, OPTIONS', ['GET', 'DELETE']]]) {
        for (const method of bad) {
            const answer = await api.send(method, path, {body: method == 'GET' || method == 'HEAD' ? undefined : {}});
            if (method != 'HEAD') refused(answer, 405);
            assert.equal(answer.status, 405);
            assert.equal(answer.headers.allow, allowed, `${method} ${path}`);
        }
        const options = await api.options(path);
        assert.equal(options.status, 204);
        assert.equal(options.headers.allow, allowed);
        assert.equal(options.text, '');
    }
});

test('404: nothing there, or a name of what is inside', async () => {
    for (const path of ['/kiosk/', '/nothing', '/rpc/health', '/rpc/create_session', '/sessions/a/b', '/people_movements', '/index.php', '/_answer/404',
        `/sessions/${ID}/movements/1`, '/HEALTH', '/healthy', '/alerts', `/alerts/${ID}`, '/sessions/%27%20or%201=1', '/sessions/a%2Fb']) {
        refused(await api.get(path), 404);
    }
    refused(await api.post('/nothing', {}), 404);
});

test('CORS: the origins that are set, and no others', async () => {
    for (const origin of ORIGINS) {
        const answer = await api.get('/health', {headers: {Origin: origin}});
        assert.equal(answer.headers['access-control-allow-origin'], origin);
        assert.equal(answer.headers['access-control-allow-credentials'], 'true');
        assert.match(answer.headers['access-control-expose-headers'], /Retry-After/);
        assert.match(answer.headers.vary, /Origin/);
        const error = await api.get('/nothing', {headers: {Origin: origin}});
        assert.equal(error.headers['access-control-allow-origin'], origin);
        const preflight = await api.options('/sessions', {headers: {Origin: origin, 'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers': 'x-api-key, content-type'}});
        assert.equal(preflight.status, 204);
        assert.equal(preflight.headers['access-control-allow-origin'], origin);
        assert.match(preflight.headers['access-control-allow-methods'], /\bPOST\b/);
        for (const name of ['X-API-Key', 'Authorization', 'Content-Type']) assert.ok(preflight.headers['access-control-allow-headers'].includes(name));
        assert.ok(Number(preflight.headers['access-control-max-age']) > 0);
    }
    for (const origin of ['https://evil.example', 'https://dashboard.example.evil.example', 'https://dashboardxexample', 'https://dashboard.example:444',
        'http://dashboard.example', 'null', '*', 'https://dashboard.example, http://other.example:8443', 'https://DASHBOARD.example']) {
        for (const answer of [await api.get('/health', {headers: {Origin: origin}}), await api.options('/health', {headers: {Origin: origin}})]) {
            for (const name of ['origin', 'credentials', 'methods', 'headers']) assert.equal(answer.headers[`access-control-allow-${name}`], undefined, origin);
        }
    }
});

test('CORS for all is without credentials, and none is none', async () => {
    const all = await request(env('HTTPS_URL'), 'GET', '/health', {headers: {Origin: 'https://any.example'}});
    assert.equal(all.headers['access-control-allow-origin'], '*');
    assert.equal(all.headers['access-control-allow-credentials'], undefined);
    const none = await request(env('CLOSED_URL'), 'GET', '/health', {headers: {Origin: 'https://any.example'}});
    assert.equal(none.headers['access-control-allow-origin'], undefined);
});

test('CORS on /rest/ is the gateway\'s, once', async () => {
    const answer = await api.get('/rest/sessions?limit=1', {headers: {Origin: ORIGINS[0]}});
    assert.equal(answer.headers['access-control-allow-origin'], ORIGINS[0]);
    const other = await api.get('/rest/sessions?limit=1', {headers: {Origin: 'https://evil.example'}});
    assert.equal(other.headers['access-control-allow-origin'], undefined);
    assert.equal((await api.options('/rest/sessions', {headers: {Origin: 'https://evil.example'}})).headers['access-control-allow-origin'], undefined);
});

test('gzip for what is long, on request', async () => {
    for (let i = 0; i < 20; ++i) await newSession(api, {session_name: `for gzip ${i}`});
    const packed = await api.get('/sessions', {headers: {'Accept-Encoding': 'gzip'}});
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.match(packed.headers.vary, /Accept-Encoding/i);
    assert.ok(JSON.parse(gunzipSync(packed.raw)).sessions.length >= 20);
    assert.equal((await api.get('/sessions')).headers['content-encoding'], undefined);
    assert.equal((await api.get('/health', {headers: {'Accept-Encoding': 'gzip'}})).headers['content-encoding'], undefined);
});

test('security headers and no-store are on everything', async () => {
    for (const answer of [await api.get('/health'), await api.get('/dashboard/summary'), await api.get('/dashboard/summary'), await api.get('/nothing'),
        await api.post('/sessions', {}), await api.post('/sessions', {fps: 'x'}), await api.delete('/sessions'), await api.get('/rest/sessions?limit=1'),
        await api.get('/rest/nothing'), await api.options('/sessions'), await api.get('/metrics')]) {
        assert.equal(answer.headers['x-content-type-options'], 'nosniff');
        assert.equal(answer.headers['x-frame-options'], 'DENY');
        assert.match(answer.headers['content-security-policy'], /default-src 'none'/);
        assert.equal(answer.headers['referrer-policy'], 'no-referrer');
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers.etag, undefined);
        assert.doesNotMatch(answer.headers.server ?? '', /\d/);
        assert.equal(answer.headers['x-powered-by'], undefined);
    }
});

test('https: the same, and it stays https', async () => {
    const answer = await request(env('HTTPS_URL'), 'GET', '/health');
    assert.equal(good(answer).status, 'healthy');
    assert.match(answer.headers['strict-transport-security'], /max-age=\d+/);
    assert.equal((await api.get('/health')).headers['strict-transport-security'], undefined);
    const plain = await request(env('HTTPS_URL').replace('https:', 'http:'), 'GET', '/health');
    refused(plain, 400);
});

test('content types: JSON, or nothing said', async () => {
    const id = await newSession(api);
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON', null]) {
        assert.equal((await api.post(`/sessions/${id}/movements`, movement(), {type})).status, 200, type);
    }
    for (const type of ['text/plain', 'text/csv', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
        'application/octet-stream', 'application/jsonp', 'application/json-patch+json', 'application/geo+json']) {
        for (const path of ['/sessions', `/sessions/${id}/movements`, `/sessions/${id}/metrics`]) {
            refused(await api.post(path, movement(), {type}), 415, /application\/json/);
        }
        refused(await api.put(`/sessions/${id}`, {}, {type}), 415);
    }
});

test('what PostgREST would take from headers changes nothing here', async () => {
    const id = await newSession(api);
    const tricks = {Prefer: 'return=minimal,tx=rollback', Accept: 'text/csv', Range: '0-0', 'Range-Unit': 'items', 'Accept-Profile': 'public',
        'Content-Profile': 'public', 'X-Session-Id': newId()};
    const list = await api.get('/sessions?limit=2', {headers: tricks});
    assert.equal(good(list).sessions.length, 2);
    assert.equal(good(await api.post(`/sessions/${id}/movements`, movement(), {headers: tricks})).status, 'recorded');
    assert.equal(good(await api.get(`/sessions/${id}`)).statistics.total_people_entered, 1);
});

test('413: a body above the limit, said and not said', async () => {
    const id = await newSession(api);
    const limited = client(env('LIMITED_URL'), {key: 'pck_' + newId()});
    refused(await limited.post('/sessions', {session_name: 'x'.repeat(2000)}), 413);
    const host = new URL(env('LIMITED_URL')).host;
    refusedRaw(await raw(`POST /sessions HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${newId()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        `1000\r\n${'['.repeat(0x1000)}\r\n0\r\n\r\n`, env('LIMITED_URL')), 413);
    refused(await api.post(`/sessions/${id}/movements`, Buffer.alloc(9 << 20, 0x20)), 413);
});

test('414 and 431: a URL and headers above all limits', async () => {
    refused(await api.get(`/sessions?status=${'x'.repeat(40000)}`), 414);
    refused(await api.get('/health', {headers: {'X-Long': 'x'.repeat(15000) + 'y'.repeat(5000)}}), 431);
    refused(await api.get('/health', {headers: Object.fromEntries(Array.from({length: 10}, (_, i) => [`X-${i}`, 'x'.repeat(10000)]))}), 431);
});

test('400: what is no HTTP', async () => {
    const host = new URL(env('URL')).host;
    for (const text of ['NONSENSE\r\n\r\n', `GET /health HTTP/1.1\r\n\r\n`, `GET /health HTTP/1.1\r\nHost: ${host}\r\nHost: other\r\n\r\n`,
        `GET /%00 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, `GET /../../etc/passwd HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        `POST /sessions HTTP/1.1\r\nHost: ${host}\r\nContent-Length: -1\r\nConnection: close\r\n\r\n`]) {
        refusedRaw(await raw(text), 400);
    }
});

test('429 with Retry-After over the limit, for one client and not for others', async () => {
    const base = env('LIMITED_URL');
    const me = client(base);
    const answers = [];
    for (let i = 0; i < 6; ++i) answers.push(await me.get('/health'));
    assert.equal(answers[0].status, 200);
    const last = answers.at(-1);
    refused(last, 429);
    assert.match(last.headers['retry-after'], /^[1-9]\d*$/);
    assert.equal(answers.filter(a => a.status == 429).length, 2);
    assert.equal((await client(base, {token: newId()}).get('/health')).status, 401);
    const onRest = await me.get('/rest/sessions');
    assert.equal(onRest.status, 429);
    keys(onRest.json, 'detail', 'timestamp', 'code', 'message', 'details', 'hint');
});
