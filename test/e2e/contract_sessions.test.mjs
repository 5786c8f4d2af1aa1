// Sessions: POST, GET and PUT /sessions.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, client, env, good, isCount, isTime, isUuid, keys, movement, newId, newSession, psql, refused} from './lib/http.mjs';

const api = client(env('URL'));

const COLUMNS = ['id', 'session_name', 'input_source', 'output_path', 'start_time', 'end_time', 'duration_seconds', 'status', 'fps',
    'total_frames', 'resolution_width', 'resolution_height', 'confidence_threshold', 'skip_frames', 'max_disappeared', 'max_distance',
    'created_at', 'updated_at', 'time_zone', 'day_start', 'reset_time', 'capacity', 'false_positives', 'false_negatives'];

test('a session of nothing has the defaults of the contract', async () => {
    const id = await newSession(api);
    const session = good(await api.get(`/sessions/${id}`));
    keys(session, ...COLUMNS, 'statistics');
    assert.equal(session.id, id);
    assert.match(session.session_name, /^Session_\d{8}_\d{6}$/);
    assert.equal(session.status, 'active');
    assert.equal(session.confidence_threshold, 0.3);
    assert.equal(session.skip_frames, 3);
    assert.equal(session.max_disappeared, 15);
    assert.equal(session.max_distance, 80);
    for (const name of ['input_source', 'output_path', 'end_time', 'duration_seconds', 'fps', 'total_frames', 'resolution_width']) {
        assert.equal(session[name], null, name);
    }
    for (const name of ['start_time', 'created_at', 'updated_at']) isTime(session[name]);
});

test('its statistics are numbers, and zero is 0', async () => {
    const {statistics} = good(await api.get(`/sessions/${await newSession(api)}`));
    for (const name of ['total_people_entered', 'total_people_exited', 'current_people_inside', 'peak_people_count']) {
        assert.equal(statistics[name], 0, name);
    }
    assert.ok('accuracy_percentage' in statistics);
});

test('statistics follow the movements', async () => {
    const id = await newSession(api);
    const batch = [5, 4, 3, 2].map((minutes, i) => movement({movement_direction: i == 3 ? 'out' : 'in', movement_time: ago(60 * minutes)}));
    good(await api.post(`/sessions/${id}/movements`, batch));
    const {statistics} = good(await api.get(`/sessions/${id}`));
    assert.equal(statistics.total_people_entered, 3);
    assert.equal(statistics.total_people_exited, 1);
    assert.equal(statistics.current_people_inside, 2);
    assert.equal(statistics.peak_people_count, 3);
});

test('a session has what the client says', async () => {
    const given = {session_name: 'Cửa chính “A”', input_source: 'rtsp://camera/1', output_path: '/var/out', confidence_threshold: 0.55,
        skip_frames: 0, max_disappeared: 7, max_distance: 120, resolution_width: 640, resolution_height: 480, fps: 25.5,
        total_frames: 10, capacity: 80, time_zone: 'Asia/Ho_Chi_Minh', start_time: '2026-01-02T03:04:05.25+07:00'};
    const id = await newSession(api, given);
    const session = good(await api.get(`/sessions/${id}`));
    const {start_time, ...same} = given;
    for (const [name, value] of Object.entries(same)) assert.equal(session[name], value, name);
    assert.equal(Date.parse(session.start_time), Date.parse(start_time));
});

test('fields that are null are as if they were not there', async () => {
    const session = good(await api.get(`/sessions/${await newSession(api, {skip_frames: null, session_name: null, fps: null})}`));
    assert.equal(session.skip_frames, 3);
    assert.match(session.session_name, /^Session_/);
});

test('a session may bring its id, and the same again is 409', async () => {
    const id = newId();
    assert.equal(await newSession(api, {id}), id);
    refused(await api.post('/sessions', {id}), 409);
});

for (const [field, value] of Object.entries({
    confidence_threshold: 1.5, skip_frames: -1, max_disappeared: 'many', max_distance: 1e10, session_name: 'x'.repeat(256),
    input_source: 7, status: 'sleeping', fps: 0, total_frames: 1.5, resolution_width: -640, start_time: 'yesterday',
    time_zone: 'Mars/Olympus', reset_time: '25:99', id: 'me', capacity: {}, end_time: [1]})) {
    test(`400 names ${field} and its value`, async () => {
        const detail = refused(await api.post('/sessions', {[field]: value}), 400, new RegExp(field));
        if (typeof value != 'object') assert.ok(detail.includes(String(value).slice(0, 60)), detail);
    });
}

test('the list is newest first, with all keys, total, limit and offset', async () => {
    const tag = newId();
    const ids = [];
    for (const day of [1, 3, 2]) {
        ids.push(await newSession(api, {session_name: `${tag} ${day}`, start_time: `2031-01-0${day}T00:00:00Z`, ...(day == 3
            ? {resolution_width: 640, resolution_height: 480, fps: 30, total_frames: 9} : {})}));
    }
    const list = good(await api.get('/sessions'));
    keys(list, 'sessions', 'total', 'limit', 'offset');
    assert.equal(list.limit, 50);
    assert.equal(list.offset, 0);
    isCount(list.total);
    const mine = list.sessions.filter(s => s.session_name.startsWith(tag));
    assert.deepEqual(mine.map(s => s.id), [ids[1], ids[2], ids[0]]);
    keys(mine[0], 'id', 'session_name', 'status', 'start_time', 'end_time', 'duration_seconds', 'fps', 'total_frames', 'resolution');
    assert.equal(mine[0].resolution, '640x480');
    assert.equal(mine[1].resolution, null);
    assert.equal(mine[0].fps, 30);
    isUuid(mine[0].id);
    isTime(mine[0].start_time);
    const times = list.sessions.map(s => Date.parse(s.start_time));
    assert.deepEqual(times, [...times].sort((a, b) => b - a));
});

test('pages do not overlap, and total counts all that match', async () => {
    for (let i = 0; i < 3; ++i) await newSession(api, {status: 'cancelled'});
    const all = good(await api.get('/sessions?limit=100&status=cancelled'));
    assert.ok(all.sessions.every(s => s.status == 'cancelled'));
    assert.equal(all.total, Number(await psql('PSQL', `SELECT count(*) FROM sessions WHERE status = 'cancelled'`)));
    const pages = [];
    for (let offset = 0; offset < all.total; offset += 2) {
        const page = good(await api.get(`/sessions?status=cancelled&limit=2&offset=${offset}`));
        assert.equal(page.total, all.total);
        assert.equal(page.limit, 2);
        assert.equal(page.offset, offset);
        pages.push(...page.sessions.map(s => s.id));
    }
    assert.deepEqual(pages, all.sessions.map(s => s.id));
    assert.deepEqual(good(await api.get('/sessions?offset=999999')).sessions, []);
});

for (const [query, name] of [['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=ten', 'limit'], ['limit=1.5', 'limit'],
    ['offset=-1', 'offset'], ['offset=x', 'offset'], ['status=asleep', 'status'], ['limit=99999999999999', 'limit']]) {
    test(`400: GET /sessions?${query}`, async () => {
        const detail = refused(await api.get(`/sessions?${query}`), 400, new RegExp(`^${name} `));
        assert.ok(detail.includes(query.split('=')[1]), detail);
    });
}

test('limits at their ends, and parameters that are empty', async () => {
    assert.equal(good(await api.get('/sessions?limit=1')).limit, 1);
    assert.equal(good(await api.get('/sessions?limit=100')).limit, 100);
    assert.equal(good(await api.get('/sessions?limit=&offset=&status=')).limit, 50);
});

test('PUT changes what it names, and nothing else', async () => {
    const id = await newSession(api, {session_name: 'before', skip_frames: 9});
    const changes = {session_name: 'after', output_path: '/o', fps: 29.97, total_frames: 1000, resolution_width: 1920,
        resolution_height: 1080};
    assert.deepEqual(good(await api.put(`/sessions/${id}`, changes)), {status: 'updated', session_id: id});
    const session = good(await api.get(`/sessions/${id}`));
    for (const [name, value] of Object.entries(changes)) assert.equal(session[name], value, name);
    assert.equal(session.skip_frames, 9);
    assert.equal(session.status, 'active');
});

test('PUT ends a session as clients of the field do', async () => {
    const id = await newSession(api, {start_time: ago(600)});
    good(await api.put(`/sessions/${id}`, {end_time: ago(0), duration_seconds: 600, fps: 30, total_frames: 1000, status: 'completed'}));
    const session = good(await api.get(`/sessions/${id}`));
    assert.equal(session.status, 'completed');
    assert.equal(session.duration_seconds, 600);
    isTime(session.end_time);
});

test('completed alone brings end and duration', async () => {
    const id = await newSession(api, {start_time: ago(600)});
    good(await api.put(`/sessions/${id}`, {status: 'completed'}));
    const session = good(await api.get(`/sessions/${id}`));
    isTime(session.end_time);
    assert.ok(session.duration_seconds >= 600, session.duration_seconds);
});

test('PATCH is PUT', async () => {
    const id = await newSession(api);
    good(await api.patch(`/sessions/${id}`, {fps: 12}));
    assert.equal(good(await api.get(`/sessions/${id}`)).fps, 12);
});

test('PUT of keys that there are not names them, and changes nothing', async () => {
    const id = await newSession(api, {session_name: 'same'});
    const detail = refused(await api.put(`/sessions/${id}`, {session_name: 'other', colour: 'red', 'frames"': 1}), 400, /colour/);
    assert.match(detail, /frames/);
    assert.equal(good(await api.get(`/sessions/${id}`)).session_name, 'same');
});

test('PUT of a bad value, of an id, of an array, of nothing', async () => {
    const id = await newSession(api);
    refused(await api.put(`/sessions/${id}`, {total_frames: -1}), 400, /total_frames "-1"/);
    refused(await api.put(`/sessions/${id}`, {id: newId()}), 400, /^id /);
    refused(await api.put(`/sessions/${id}`, [{fps: 1}]), 400);
    refused(await api.put(`/sessions/${id}`, 'null'), 400);
    assert.deepEqual(good(await api.put(`/sessions/${id}`, {})), {status: 'updated', session_id: id});
});

test('a session that there is not is 404 everywhere', async () => {
    const id = newId();
    for (const path of ['', '/movements', '/metrics/recent']) refused(await api.get(`/sessions/${id}${path}`), 404, new RegExp(id));
    refused(await api.put(`/sessions/${id}`, {fps: 1}), 404, new RegExp(id));
    refused(await api.post(`/sessions/${id}/movements`, movement()), 404, new RegExp(id));
    refused(await api.post(`/sessions/${id}/movements`, [movement()]), 404, new RegExp(id));
    refused(await api.post(`/sessions/${id}/metrics`, {}), 404, new RegExp(id));
    for (const kind of ['hourly', 'daily']) refused(await api.get(`/analytics/${kind}?session_id=${id}`), 404, new RegExp(id));
});

test('an id that is none is 400 and named', async () => {
    refused(await api.get('/sessions/abc'), 400, /session_id "abc"/);
    refused(await api.put('/sessions/abc', {fps: 1}), 400, /session_id "abc"/);
    refused(await api.post('/sessions/abc/movements', movement()), 400, /session_id "abc"/);
    refused(await api.get('/sessions/abc/metrics/recent'), 400, /session_id "abc"/);
    refused(await api.get('/analytics/hourly?session_id=abc'), 400, /session_id "abc"/);
});
