// Bodies and parameters that somebody makes up to do harm, or by mistake.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {client, env, good, keyOf, movement, newId, newSession, psql, refused} from './lib/http.mjs';

const api = client(env('URL'));
const session = await newSession(api);
const WRITES = [['POST', '/sessions'], ['PUT', `/sessions/${session}`], ['POST', `/sessions/${session}/movements`], ['POST', `/sessions/${session}/metrics`]];
const rows = () => psql('PSQL', 'SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM people_movements), (SELECT count(*) FROM realtime_metrics)');

const NO_JSON = {
    'nothing at all': '',
    'blanks': '  \n',
    'a word': 'hello',
    'a truncated object': '{"person_id": 1, "movement_direction": "in"',
    'a truncated string': '{"person_id": "',
    'a trailing comma': '{"person_id": 1,}',
    'a second value': '{} {}',
    'single quotes': "{'person_id': 1}",
    'NaN': '{"person_id": NaN}',
    'a number that ends early': '{"person_id": 1.}',
    'a comment': '{/* */}',
    'a form': 'person_id=1&movement_direction=in',
    'bytes that are no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    'a NUL byte': Buffer.from('{"a": "\0"}'),
    'a NUL that is escaped': '{"session_name": "a\\u0000b", "person_id": 1, "movement_direction": "in"}',
    'half a surrogate': '{"session_name": "\\ud800", "person_id": 1, "movement_direction": "in"}',
    'gzip': Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
};
for (const [name, body] of Object.entries(NO_JSON)) {
    test(`400: ${name}`, async () => {
        const before = await rows();
        for (const [method, path] of WRITES) refused(await api.send(method, path, {body}), 400);
        assert.equal(await rows(), before);
    });
}

test('400: JSON that is 10,000 deep, valid or not', async () => {
    const before = await rows();
    for (const depth of [10000, 200000]) {
        for (const body of [`${'['.repeat(depth)}${']'.repeat(depth)}`, '['.repeat(depth), `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`, '{"a":'.repeat(depth),
            `[{"person_id": ${'['.repeat(depth)}${']'.repeat(depth)}}]`]) {
            for (const [method, path] of WRITES) {
                const answer = await api.send(method, path, {body});
                // An array in which one element is an array, however deep, is a batch with a bad row.
                if (answer.status == 200) {
                    assert.ok(Array.isArray(JSON.parse(body)) && path != '/sessions', `${method} ${path}: ${answer.text}`);
                    assert.deepEqual([answer.json.recorded, answer.json.rejected], [0, 1]);
                } else {
                    refused(answer, 400);
                }
            }
        }
    }
    assert.equal(await rows(), before);
    assert.equal(good(await api.get('/health')).status, 'healthy');
});

test('numbers of any length', async () => {
    const huge = '9'.repeat(100000);
    for (const value of [huge, `1e${'9'.repeat(20)}`, `-${huge}`, '1e400', '-1e400', '1.5']) {
        const answer = await api.post(`/sessions/${session}/movements`, `{"person_id": ${value}, "movement_direction": "in"}`);
        const detail = refused(answer, 400);
        assert.ok(detail.length < 400, `${detail.length}`);
    }
    const detail = refused(await api.post('/sessions', `{"fps": ${huge}}`), 400, /fps/);
    assert.ok(detail.length < 400);
});

test('a key that is there twice, and many keys', async () => {
    const id = newId();
    const twice = `{"person_id": "x", "person_id": 1, "movement_direction": "in", "id": "${id}", "movement_time": "2026-01-01T00:00:00Z"}`;
    assert.equal(good(await api.post(`/sessions/${session}/movements`, twice)).movement_id, id);
    const many = Object.fromEntries(Array.from({length: 20000}, (_, i) => [`k${i}`, i]));
    assert.equal(good(await api.post(`/sessions/${session}/movements`, {...many, ...movement()})).status, 'recorded');
    const detail = refused(await api.put(`/sessions/${session}`, many), 400, /k\d/);
    assert.ok(detail.length < 4000, `${detail.length} characters`);
});

test('sessions take an object and nothing else', async () => {
    for (const body of ['[]', '[{}]', '7', '"name"', 'true', 'null']) {
        refused(await api.post('/sessions', body), 400);
        refused(await api.put(`/sessions/${session}`, body), 400);
    }
});

const EVIL = ["' OR '1'='1", "'; DROP TABLE sessions; --", '1; SELECT pg_sleep(10)', "1' UNION SELECT key_hash FROM secrets --",
    '$$; DROP TABLE sessions; $$', '") OR 1=1 --', "\\'; DELETE FROM people_movements; --", '*/*', '{}', '(select 1)', 'eq.1', 'not.is.null',
    '0 OR 1=1', '%', '../../etc/passwd', '\u202e', '${jndi:ldap://x}', '{{7*7}}', '<script>alert(1)</script>'];

test('SQL in parameters is refused by name, or has no effect', async () => {
    const before = await rows();
    for (const text of EVIL) {
        const value = encodeURIComponent(text);
        for (const [path, name] of [['/sessions', 'status'], ['/sessions', 'limit'], ['/sessions', 'offset'], [`/sessions/${session}/movements`, 'direction'],
            [`/sessions/${session}/movements`, 'limit'], [`/sessions/${session}/metrics/recent`, 'minutes'], ['/analytics/hourly', 'session_id'],
            ['/analytics/hourly', 'hours'], ['/analytics/daily', 'days'], ['/analytics/daily', 'session_id']]) {
            // What looks like one of PostgREST's filters never gets to the function.
            const filter = /^(eq|not\.is)\./.test(text);
            refused(await api.get(`${path}?${name}=${value}`), 400, filter ? /^a parameter has a value/ : new RegExp(`^${name} "`));
        }
        const all = good(await api.get('/sessions?limit=1'));
        const unknown = good(await api.get(`/sessions?limit=1&id=${value}&select=${value}&order=${value}&or=(${value})&session_status=${value}`));
        assert.deepEqual(unknown, all);
        const inPath = await api.get(`/sessions/${value}`);
        assert.ok([400, 404].includes(inPath.status), `${text}: ${inPath.status}`);
        refused(inPath, inPath.status);
    }
    assert.equal(await rows(), before);
});

test('a parameter cannot bring another one along', async () => {
    const list = good(await api.get('/sessions?limit=1%26page_offset=5'.replace('1%26', '1&')));
    assert.equal(list.offset, 0);
    refused(await api.get('/sessions?limit=1%26page_offset%3D5'), 400, /^limit /);
    refused(await api.get('/sessions?status=active%26session_status%3Derror'), 400, /^status /);
    assert.equal(good(await api.get('/sessions?limit=2&limit=x')).limit, 2);
});

test('SQL in bodies is text', async () => {
    for (const text of EVIL) {
        const id = await newSession(api, {session_name: text, input_source: text});
        const stored = good(await api.get(`/sessions/${id}`));
        assert.equal(stored.session_name, text);
        assert.equal(stored.input_source, text);
        refused(await api.put(`/sessions/${id}`, {[text]: 1}), 400);
        refused(await api.post(`/sessions/${id}/movements`, movement({movement_direction: text})), 400, /movement_direction/);
        refused(await api.post(`/sessions/${id}/movements`, movement({id: text})), 400, /^id /);
        refused(await api.post(`/sessions/${id}/metrics`, {detection_status: text}), 400, /detection_status/);
        good(await api.post(`/sessions/${id}/movements`, movement({[text]: text})));
    }
    assert.equal(good(await api.get('/health')).status, 'healthy');
});

test('SQL in headers is refused, or has no effect', async () => {
    const closed = client(env('CLOSED_URL'));
    const device = await keyOf('device');
    const own = await newSession(device);
    for (const text of EVIL.filter(t => /^[\x20-\x7e]*$/.test(t))) {
        refused(await closed.get('/sessions', {headers: {'X-API-Key': text}}), 401);
        refused(await closed.get('/sessions', {headers: {Authorization: `Bearer ${text}`}}), 401);
        const headers = {'X-Session-Id': text, 'X-Alert-Id': text, 'X-Forwarded-For': text, Role: text, Cookie: text, Origin: text, 'User-Agent': text,
            Prefer: text, 'Accept-Profile': text, Range: text, 'If-None-Match': text, 'X-HTTP-Method-Override': 'DELETE', Accept: text};
        const seen = good(await device.get('/sessions', {headers}));
        assert.deepEqual(seen.sessions.map(s => s.id), [own]);
        good(await device.post(`/sessions/${own}/metrics`, {}, {headers}));
    }
});

test('what is shown of a value is short', async () => {
    const long = 'x'.repeat(5000);
    for (const answer of [await api.post('/sessions', {session_name: long}), await api.post('/sessions', {time_zone: long}), await api.post('/sessions', {status: long}),
        await api.get(`/sessions?status=${long}`), await api.post(`/sessions/${session}/movements`, movement({movement_direction: long})),
        await api.put(`/sessions/${session}`, {[long]: 1})]) {
        assert.ok(refused(answer, 400).length < 1000, `${answer.text.length} characters`);
    }
});
