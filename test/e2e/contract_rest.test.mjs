// PostgREST's own dialect, under /rest/.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, client, env, good, keyOf, keys, movement, newId, newSession, refused} from './lib/http.mjs';

const api = client(env('URL'));
const session = await newSession(api, {session_name: 'of /rest/', total_frames: 7});
good(await api.post(`/sessions/${session}/movements`, [movement({movement_time: ago(30), person_id: 1}), movement({movement_time: ago(20), person_id: 2}),
    movement({movement_time: ago(10), person_id: 3, movement_direction: 'out'})]));

// Both shapes in one.
function both(answer, status, code) {
    assert.equal(answer.status, status, answer.text);
    keys(answer.json, 'detail', 'timestamp', 'code', 'message', 'details', 'hint');
    assert.ok(answer.json.detail.startsWith(answer.json.message));
    assert.ok(!Number.isNaN(Date.parse(answer.json.timestamp)));
    if (code) assert.equal(answer.json.code, code);
    return answer.json;
}

test('OpenAPI lists what there is, with our comments', async () => {
    const answer = await api.get('/rest/');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /openapi\+json/);
    const {paths, definitions, info, host, basePath} = answer.json;
    assert.match(info.title + info.description, /[Pp]eople counter/);
    assert.equal(`http://${host}${basePath.replace(/\/$/, '')}`, `${env('URL')}/rest`);
    for (const name of ['sessions', 'people_movements', 'realtime_metrics', 'session_statistics', 'hourly_statistics', 'daily_statistics', 'alert_thresholds',
        'alert_logs', 'occupancy_baselines']) {
        const {get} = paths[`/${name}`];
        assert.ok((get.summary ?? get.description ?? '').length > 10, name);
        assert.ok(Object.values(definitions[name].properties).every(p => (p.description ?? '').length > 3), name);
    }
    for (const name of ['create_session', 'record_movements', 'list_sessions', 'get_session', 'dashboard_summary', 'get_hourly_analytics', 'health']) {
        const call = paths[`/rpc/${name}`];
        const text = Object.values(call).map(c => `${c.summary ?? ''} ${c.description ?? ''}`).join(' ');
        assert.match(text, /(GET|POST|PUT) \//, name);
    }
    for (const name of ['api_keys', 'alert_channels', 'rpc/create_api_key', 'rpc/find_api_key', 'rpc/pre_request']) assert.equal(paths[`/${name}`], undefined, name);
});

test('OpenAPI of a device has less than that of an administrator', async () => {
    const device = (await (await keyOf('device')).get('/rest/')).json.paths;
    const boss = (await (await keyOf('admin')).get('/rest/')).json.paths;
    assert.ok(boss['/rpc/create_api_key'] && boss['/api_keys'] && boss['/sessions'].delete);
    assert.ok(!device['/rpc/create_api_key'] && !device['/api_keys'] && !device['/alert_logs']);
});

test('filters, order, columns, pages', async () => {
    const all = (await api.get(`/rest/people_movements?session_id=eq.${session}&order=movement_time.asc&select=person_id,movement_direction`)).json;
    assert.deepEqual(all, [{person_id: 1, movement_direction: 'in'}, {person_id: 2, movement_direction: 'in'}, {person_id: 3, movement_direction: 'out'}]);
    const some = (await api.get(`/rest/people_movements?session_id=eq.${session}&person_id=in.(2,3)&movement_direction=eq.in&select=person_id`)).json;
    assert.deepEqual(some, [{person_id: 2}]);
    const page = await api.get(`/rest/people_movements?session_id=eq.${session}&order=person_id&select=person_id`, {headers: {Range: '1-1', Prefer: 'count=exact'}});
    assert.equal(page.status, 206);
    assert.equal(page.headers['content-range'], '1-1/3');
    assert.deepEqual(page.json, [{person_id: 2}]);
    assert.equal((await api.get(`/rest/people_movements?session_id=eq.${session}&limit=2&offset=2`)).json.length, 1);
});

test('embedding follows the foreign keys', async () => {
    const [row] = (await api.get(`/rest/sessions?id=eq.${session}&select=session_name,people_movements(person_id),session_statistics(total_people_entered)`)).json;
    assert.equal(row.session_name, 'of /rest/');
    assert.deepEqual(row.people_movements.map(m => m.person_id).sort(), [1, 2, 3]);
    const statistics = Array.isArray(row.session_statistics) ? row.session_statistics[0] : row.session_statistics;
    assert.equal(statistics.total_people_entered, 2);
    const [up] = (await api.get(`/rest/people_movements?session_id=eq.${session}&limit=1&select=sessions(id)`)).json;
    assert.equal(up.sessions.id, session);
});

test('CSV, one object, and only the head', async () => {
    const csv = await api.get(`/rest/people_movements?session_id=eq.${session}&order=person_id&select=person_id,movement_direction`, {headers: {Accept: 'text/csv'}});
    assert.match(csv.headers['content-type'], /^text\/csv/);
    assert.equal(csv.text.trim(), 'person_id,movement_direction\n1,in\n2,in\n3,out');
    const one = await api.get(`/rest/sessions?id=eq.${session}`, {headers: {Accept: 'application/vnd.pgrst.object+json'}});
    assert.equal(one.json.id, session);
    both(await api.get('/rest/sessions', {headers: {Accept: 'application/vnd.pgrst.object+json'}}), 406, 'PGRST116');
    const head = await api.head(`/rest/people_movements?session_id=eq.${session}`, {headers: {Prefer: 'count=exact'}});
    assert.equal(head.headers['content-range'], '0-2/3');
    assert.equal(head.text, '');
});

test('inserts with Prefer, updates, and what they return', async () => {
    const made = await api.post('/rest/sessions', {session_name: 'made'}, {headers: {Prefer: 'return=representation'}});
    assert.equal(made.status, 201, made.text);
    const [{id}] = made.json;
    const rows = [{session_id: id, id: newId(), movement_time: ago(60), ...movement()}, {session_id: id, id: newId(), movement_time: ago(50), ...movement()}];
    const inserted = await api.post('/rest/people_movements', rows, {headers: {Prefer: 'return=minimal'}});
    assert.equal(inserted.status, 201, inserted.text);
    assert.equal(inserted.text, '');
    const csv = await api.post('/rest/people_movements', `session_id,person_id,movement_direction\n${id},9,out\n`, {type: 'text/csv'});
    assert.equal(csv.status, 201, csv.text);
    const changed = await api.patch(`/rest/sessions?id=eq.${id}`, {fps: 15}, {headers: {Prefer: 'return=representation'}});
    assert.equal(changed.json[0].fps, 15);
    const {statistics} = good(await api.get(`/sessions/${id}`));
    assert.deepEqual([statistics.total_people_entered, statistics.total_people_exited], [2, 1]);
    both(await api.post('/rest/people_movements', rows), 409, '23505');
});

test('errors have both shapes', async () => {
    both(await api.get('/rest/nothing'), 404, 'PGRST205');
    both(await api.get('/rest/sessions?nothing=eq.1'), 400, '42703');
    both(await api.get('/rest/sessions?id=eq.abc'), 400, '22P02');
    both(await api.get('/rest/sessions?id=abc'), 400, 'PGRST100');
    both(await api.get("/rest/sessions?select=id,';drop%20table%20sessions"), 400);
    both(await api.post('/rest/rpc/nothing', {}), 404, 'PGRST202');
    both(await api.post('/rest/sessions', '{"a'), 400, 'PGRST102');
    both(await api.post('/rest/sessions', {session_name: 'x', fps: -1}), 400);
    both(await api.post('/rest/people_movements', {session_id: newId(), ...movement()}), 409, '23503');
    both(await api.get('/rest/sessions', {headers: {'Accept-Profile': 'public'}}), 406, 'PGRST106');
    both(await api.post('/rest/rpc/get_session', {session_id: newId()}), 404, 'PT404');
    both(await api.delete('/rest/sessions'), 401);
    both(await client(env('CLOSED_URL')).get('/rest/sessions'), 401);
    both(await (await keyOf('reader')).post('/rest/sessions', {}), 403);
    both(await client(env('CLOSED_URL'), {key: 'x'}).get('/rest/sessions'), 401);
    both(await client(env('CLOSED_URL'), {token: 'x'}).get('/rest/sessions'), 401);
    both(await api.get('/rest/sessions', {headers: {Accept: 'image/png'}}), 406);
});

test('a body that is 10,000 deep', async () => {
    for (const path of ['/rest/rpc/record_movements', '/rest/rpc/create_session', '/rest/sessions']) {
        const answer = await api.post(path, `${'{"a":'.repeat(10000)}1${'}'.repeat(10000)}`);
        both(answer, 400);
    }
});

test('another schema, and another database\'s tables, are not there', async () => {
    for (const name of ['pg_authid', 'pg_user', 'api_keys_secret', 'pg_stat_activity']) both(await api.get(`/rest/${name}`), 404);
    for (const name of ['pg_sleep', 'pre_request', 'find_api_key', 'set_config', 'lo_import', 'verify_statistics']) both(await api.post(`/rest/rpc/${name}`, {}), 404);
});

test('the functions of the contract by their own names', async () => {
    const {session_id: id} = good(await api.post('/rest/rpc/create_session', {}));
    assert.equal(good(await api.post('/rest/rpc/record_movements', movement(), {headers: {'X-Session-Id': id}})).status, 'recorded');
    both(await api.post('/rest/rpc/record_movements', movement()), 400);
    assert.equal(good(await api.get(`/rest/rpc/list_movements?session_id=${id}`)).total, 1);
    assert.equal(good(await api.get('/rest/rpc/health')).status, 'healthy');
});

test('refused on the path-style URLs has our shape alone', async () => {
    refused(await api.get(`/sessions/${newId()}`), 404);
});
