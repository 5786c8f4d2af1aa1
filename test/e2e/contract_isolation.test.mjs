// A device sees and changes its own sessions, by whatever way it asks, and the cache keeps callers apart.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {admin, claims, client, env, good, hs256, keyOf, keys, movement, newId, newSession, psql, refused, until} from './lib/http.mjs';

const base = env('CLOSED_URL');
const operator = await keyOf('operator');
const [mine, theirs] = [await keyOf('device'), await keyOf('device')];
const own = await newSession(mine, {session_name: 'mine'});
const other = await newSession(theirs, {session_name: 'theirs'});
good(await mine.post(`/sessions/${own}/movements`, [movement(), movement(), movement({movement_direction: 'out'})]));
good(await theirs.post(`/sessions/${other}/movements`, Array.from({length: 7}, () => movement())));
good(await theirs.post(`/sessions/${other}/metrics`, {current_people_count: 7}));

test('the session of another device is not there', async () => {
    const nothing = newId();
    for (const [method, path, body] of [['GET', '/sessions/ID'], ['PUT', '/sessions/ID', {fps: 1}], ['POST', '/sessions/ID/movements', movement()],
        ['POST', '/sessions/ID/movements', [movement()]], ['GET', '/sessions/ID/movements'], ['POST', '/sessions/ID/metrics', {}],
        ['GET', '/sessions/ID/metrics/recent'], ['GET', '/analytics/hourly?session_id=ID'], ['GET', '/analytics/daily?session_id=ID']]) {
        const detail = async id => refused(await mine.send(method, path.replace('ID', id), {body}), 404).replaceAll(id, 'ID');
        assert.equal(await detail(other), await detail(nothing), `${method} ${path} tells whether it is there`);
    }
    assert.equal(good(await operator.get(`/sessions/${other}`)).statistics.total_people_entered, 7);
});

test('lists and figures are of its own sessions', async () => {
    const list = good(await mine.get('/sessions'));
    assert.deepEqual([list.total, list.sessions.map(s => s.id)], [1, [own]]);
    for (const kind of ['hourly', 'daily']) {
        const {analytics} = good(await mine.get(`/analytics/${kind}`));
        assert.ok(analytics.length > 0 && analytics.every(a => a.session_id == own), kind);
    }
    const summary = good(await mine.get('/dashboard/summary'));
    assert.equal(summary.active_sessions, 1);
    assert.equal(summary.recent_movements, 3);
});

test('the header with the session that the gateway sets cannot be overwritten', async () => {
    for (const name of ['X-Session-Id', 'x-session-id', 'X-SESSION-ID']) {
        good(await mine.post(`/sessions/${own}/metrics`, {}, {headers: {[name]: other}}));
        refused(await mine.post(`/sessions/${other}/metrics`, {}, {headers: {[name]: own}}), 404);
    }
    assert.equal(good(await operator.get(`/sessions/${other}/metrics/recent`)).metrics.length, 1);
});

test('PostgREST\'s dialect keeps devices apart, too', async () => {
    const ids = async path => {
        const answer = await mine.get(path);
        assert.equal(answer.status, 200, `${path}: ${answer.text}`);
        return new Set(answer.json.map(row => row.session_id ?? row.id));
    };
    for (const [path, some] of [['/rest/sessions', true], ['/rest/people_movements', true], ['/rest/session_statistics', true], ['/rest/hourly_statistics', true],
        ['/rest/daily_statistics', true], ['/rest/realtime_metrics', true], ['/rest/current_session_overview', true], ['/rest/recent_movements', true],
        ['/rest/hourly_analytics', true], ['/rest/daily_analytics', true], ['/rest/occupancy_baselines', false],
        [`/rest/sessions?or=(id.eq.${other},session_name.eq.theirs)`, false], [`/rest/people_movements?session_id=eq.${other}`, false]]) {
        const seen = await ids(path);
        assert.deepEqual([...seen], some ? [own] : [], path);
    }
    const embedded = (await mine.get('/rest/sessions?select=id,people_movements(session_id,person_id)')).json;
    assert.equal(embedded.length, 1);
    assert.equal(embedded[0].people_movements.length, 3);

    const insert = await mine.post('/rest/people_movements', {session_id: other, ...movement()});
    assert.ok([401, 403, 404, 400].includes(insert.status), insert.text);
    for (const [method, path] of [['PATCH', `/rest/sessions?id=eq.${other}`], ['DELETE', `/rest/people_movements?session_id=eq.${other}`]]) {
        assert.equal((await mine.send(method, path, {body: method == 'PATCH' ? {fps: 1} : undefined})).status, 403, `${method} ${path}`);
    }
    assert.equal((await mine.get('/rest/session_devices')).status, 403);
    assert.equal((await mine.get('/rest/api_keys')).status, 403);
    assert.equal((await mine.post('/rest/rpc/get_session', {session_id: other})).status, 404);
    assert.equal((await mine.post('/rest/rpc/record_movements', movement(), {headers: {'X-Session-Id': other}})).status, 404);
    good(await mine.post('/rest/rpc/record_metrics', {}, {headers: {'X-Session-Id': own}}));
    assert.equal(good(await operator.get(`/sessions/${other}`)).statistics.total_people_entered, 7);
});

test('all keys and tokens of a device are the same device', async () => {
    const second = await keyOf('device', {device: mine.device});
    good(await second.get(`/sessions/${own}`));
    const byToken = client(base, {token: hs256(claims('device', {sub: mine.device}))});
    good(await byToken.get(`/sessions/${own}`));
    refused(await byToken.get(`/sessions/${other}`), 404);
    refused(await client(base, {token: hs256(claims('device', {sub: ''}))}).get(`/sessions/${own}`), 404);
});

test('an operator gives a session to a device', async () => {
    const id = await newSession(operator);
    refused(await mine.post(`/sessions/${id}/movements`, movement()), 404);
    const given = await operator.post('/rest/session_devices', {session_id: id, device: mine.device});
    assert.equal(given.status, 201, given.text);
    good(await mine.post(`/sessions/${id}/movements`, movement()));
    const taken = await operator.delete(`/rest/session_devices?session_id=eq.${id}`);
    assert.equal(taken.status, 204, taken.text);
    refused(await mine.get(`/sessions/${id}`), 404);
});

test('devices that ask in the same second have an answer each', async () => {
    const devices = [];
    for (let n = 1; n <= 4; ++n) {
        const device = await keyOf('device');
        good(await device.post(`/sessions/${await newSession(device)}/movements`, Array.from({length: n}, () => movement())));
        devices.push(device);
    }
    const reader = await keyOf('reader');
    const total = Number(await psql('CLOSED_PSQL', `SELECT count(*) FROM people_movements WHERE movement_time > now() - interval '1 hour'`));
    const anybody = client(base);
    for (let round = 0; round < 5; ++round) {
        const answers = await Promise.all([...devices, reader, anybody, ...devices].map(who => who.get('/dashboard/summary')));
        const movements = answers.map(a => a.json.recent_movements);
        assert.deepEqual(movements, [1, 2, 3, 4, total, undefined, 1, 2, 3, 4]);
        refused(answers[5], 401);
        const hourly = await Promise.all(devices.map(who => who.get('/analytics/hourly')));
        assert.deepEqual(hourly.map(a => good(a).analytics.reduce((sum, h) => sum + h.people_entered, 0)), [1, 2, 3, 4]);
    }
});

test('a parameter is part of what the cache tells apart', async () => {
    const reader = await keyOf('reader');
    const periods = await Promise.all([1, 2, 3].map(hours => reader.get(`/analytics/hourly?hours=${hours}`)));
    assert.deepEqual(periods.map(p => good(p).period_hours), [1, 2, 3]);
    const sessions = await Promise.all([own, other].map(id => reader.get(`/analytics/hourly?session_id=${id}`)));
    assert.deepEqual(sessions.map(s => [...new Set(good(s).analytics.map(a => a.session_id))]), [[own], [other]]);
});

test('errors are not cached', async () => {
    const id = newId();
    const reader = await keyOf('reader');
    refused(await reader.get(`/analytics/hourly?session_id=${id}`), 404);
    await newSession(operator, {id});
    good(await reader.get(`/analytics/hourly?session_id=${id}`));
});

test('what the cache holds is soon replaced', async () => {
    const device = await keyOf('device');
    const id = await newSession(device);
    assert.equal(good(await device.get('/dashboard/summary')).recent_movements, 0);
    good(await device.post(`/sessions/${id}/movements`, movement()));
    await until('the movement is in the summary', async () => good(await device.get('/dashboard/summary')).recent_movements == 1);
});

test('alerts: who sees them may not acknowledge them', async () => {
    const alert = await psql('CLOSED_PSQL', `INSERT INTO alert_logs (session_id, alert_type, severity, alert_message)
        VALUES ('${other}', 'test', 'warning', 'seven') RETURNING id`).catch(error => error.message);
    assert.match(alert, /^[0-9a-f-]{36}$/);
    const reader = await keyOf('reader');
    assert.equal((await reader.get(`/rest/alert_logs?id=eq.${alert}`)).json.length, 1);
    for (const action of ['acknowledge', 'resolve']) {
        refused(await reader.post(`/alerts/${alert}/${action}`, {}), 403);
        refused(await mine.post(`/alerts/${alert}/${action}`, {}), 403);
        refused(await client(base).post(`/alerts/${alert}/${action}`, {}), 401);
        refused(await operator.post(`/alerts/${newId()}/${action}`, {}), 404);
        refused(await operator.post(`/alerts/abc/${action}`, {}), 400, /alert_id "abc"/);
        const done = good(await operator.post(`/alerts/${alert}/${action}`, {[`${action}d_by`]: 'guard', note: 'seen'}));
        keys(done, 'alert_id', 'status', `${action}d_at`);
        assert.equal(done.status, `${action}d`);
    }
    assert.equal((await admin().get(`/rest/alert_logs?id=eq.${alert}`)).json[0].is_resolved, true);
});
