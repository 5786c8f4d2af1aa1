// Movements: POST and GET /sessions/{id}/movements.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, client, env, good, isTime, isUuid, keys, movement, newId, newSession, psql, refused} from './lib/http.mjs';

const api = client(env('URL'));
const entered = async id => good(await api.get(`/sessions/${id}`)).statistics.total_people_entered;

test('one movement, with everything', async () => {
    const id = await newSession(api);
    const sent = {person_id: 17, movement_direction: 'in', movement_time: '2026-03-04T05:06:07.125+07:00', centroid_x: 320.5, centroid_y: 240,
        bounding_box_x1: 300, bounding_box_y1: 200, bounding_box_x2: 340, bounding_box_y2: 280, confidence_score: 0.95, frame_number: 100};
    const answer = good(await api.post(`/sessions/${id}/movements`, sent));
    keys(answer, 'movement_id', 'status');
    assert.equal(answer.status, 'recorded');
    isUuid(answer.movement_id);

    const list = good(await api.get(`/sessions/${id}/movements`));
    keys(list, 'movements', 'total', 'limit', 'offset');
    assert.equal(list.total, 1);
    assert.equal(list.limit, 100);
    assert.equal(list.offset, 0);
    const [stored] = list.movements;
    keys(stored, 'id', 'person_id', 'movement_direction', 'movement_time', 'centroid', 'bounding_box', 'confidence_score', 'frame_number');
    assert.equal(stored.id, answer.movement_id);
    assert.equal(stored.person_id, 17);
    assert.equal(stored.movement_direction, 'in');
    isTime(stored.movement_time);
    assert.equal(Date.parse(stored.movement_time), Date.parse(sent.movement_time));
    assert.deepEqual(stored.centroid, {x: 320.5, y: 240});
    assert.deepEqual(stored.bounding_box, {x1: 300, y1: 200, x2: 340, y2: 280});
    assert.equal(stored.confidence_score, 0.95);
    assert.equal(stored.frame_number, 100);
});

test('one movement, with no more than it must have, is of now', async () => {
    const id = await newSession(api);
    const before = Date.now();
    good(await api.post(`/sessions/${id}/movements`, {person_id: 1, movement_direction: 'out'}));
    const [stored] = good(await api.get(`/sessions/${id}/movements`)).movements;
    const at = Date.parse(stored.movement_time);
    assert.ok(at >= before - 2000 && at <= Date.now() + 2000, stored.movement_time);
    assert.deepEqual(stored.centroid, {x: null, y: null});
    assert.deepEqual(stored.bounding_box, {x1: null, y1: null, x2: null, y2: null});
    assert.equal(stored.confidence_score, null);
});

test('a zero is 0 and not null', async () => {
    const id = await newSession(api);
    good(await api.post(`/sessions/${id}/movements`, movement({person_id: 0, centroid_x: 0, centroid_y: 0, confidence_score: 0, frame_number: 0})));
    const [stored] = good(await api.get(`/sessions/${id}/movements`)).movements;
    assert.deepEqual([stored.person_id, stored.centroid.x, stored.centroid.y, stored.confidence_score, stored.frame_number], [0, 0, 0, 0, 0]);
});

test('a time without an offset is in the zone of the session', async () => {
    const id = await newSession(api, {time_zone: 'Asia/Ho_Chi_Minh'});
    good(await api.post(`/sessions/${id}/movements`, movement({movement_time: '2026-03-04T05:06:07'})));
    const [stored] = good(await api.get(`/sessions/${id}/movements`)).movements;
    assert.equal(Date.parse(stored.movement_time), Date.parse('2026-03-04T05:06:07+07:00'));
});

test('fields that nobody knows are ignored', async () => {
    const id = await newSession(api);
    assert.equal(good(await api.post(`/sessions/${id}/movements`, movement({colour: 'red'}))).status, 'recorded');
});

test('with an id of its own a movement may be sent again', async () => {
    const id = await newSession(api);
    const sent = movement({id: newId(), movement_time: ago(30)});
    assert.deepEqual(good(await api.post(`/sessions/${id}/movements`, sent)), {movement_id: sent.id, status: 'recorded'});
    assert.deepEqual(good(await api.post(`/sessions/${id}/movements`, sent)), {movement_id: sent.id, status: 'duplicate'});
    assert.equal(await entered(id), 1);
    refused(await api.post(`/sessions/${id}/movements`, movement({id: newId()})), 400, /movement_time is missing/);
});

test('an id of UUID version 7 has the time in it', async () => {
    const id = await newSession(api);
    const at = Date.parse('2026-04-05T06:07:08.123Z');
    const hex = at.toString(16).padStart(12, '0');
    const own = `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8def-0123456789ab`;
    for (const status of ['recorded', 'duplicate']) {
        assert.deepEqual(good(await api.post(`/sessions/${id}/movements`, movement({id: own}))), {movement_id: own, status});
    }
    assert.equal(Date.parse(good(await api.get(`/sessions/${id}/movements`)).movements[0].movement_time), at);
});

test('an array: a count, and one result a row in its order', async () => {
    const id = await newSession(api);
    const own = newId();
    const time = ago(60);
    const answer = good(await api.post(`/sessions/${id}/movements`, [
        movement({movement_time: time}),
        movement({id: own, movement_time: time}),
        movement({movement_direction: 'sideways'}),
        {person_id: 3},
        movement({id: own, movement_time: time}),
        'in', null, 7, [],
        movement({confidence_score: 1.2, movement_direction: 'out'}),
        movement({movement_direction: 'out', movement_time: time, centroid_x: 5}),
    ]));
    keys(answer, 'count', 'recorded', 'duplicates', 'rejected', 'results');
    assert.deepEqual([answer.count, answer.recorded, answer.duplicates, answer.rejected], [11, 3, 1, 7]);
    assert.deepEqual(answer.results.map(r => r.status), ['recorded', 'recorded', 'rejected', 'rejected', 'duplicate', 'rejected',
        'rejected', 'rejected', 'rejected', 'rejected', 'recorded']);
    for (const result of answer.results) {
        if (result.status == 'rejected') {
            keys(result, 'status', 'detail');
        } else {
            keys(result, 'status', 'movement_id');
            isUuid(result.movement_id);
        }
    }
    assert.equal(answer.results[1].movement_id, own);
    assert.match(answer.results[2].detail, /movement_direction "sideways"/);
    assert.match(answer.results[3].detail, /movement_direction is missing/);
    assert.match(answer.results[9].detail, /confidence_score "1.2"/);
    assert.equal(good(await api.get(`/sessions/${id}/movements`)).total, 3);
});

test('an array sent again is all duplicates', async () => {
    const id = await newSession(api);
    const batch = Array.from({length: 500}, (_, i) => movement({person_id: i, id: newId(), movement_time: ago(i)}));
    const first = good(await api.post(`/sessions/${id}/movements`, batch));
    assert.deepEqual([first.count, first.recorded, first.duplicates, first.rejected], [500, 500, 0, 0]);
    const second = good(await api.post(`/sessions/${id}/movements`, batch));
    assert.deepEqual([second.count, second.recorded, second.duplicates, second.rejected], [500, 0, 500, 0]);
    assert.deepEqual(second.results.map(r => r.movement_id), batch.map(m => m.id));
    assert.equal(await entered(id), 500);
});

test('an array of nothing, and one of only bad rows', async () => {
    const id = await newSession(api);
    assert.deepEqual(good(await api.post(`/sessions/${id}/movements`, [])), {count: 0, recorded: 0, duplicates: 0, rejected: 0, results: []});
    const bad = good(await api.post(`/sessions/${id}/movements`, [{}, {}]));
    assert.deepEqual([bad.count, bad.recorded, bad.duplicates, bad.rejected], [2, 0, 0, 2]);
});

test('a row that only the table refuses does not fail its neighbours', async () => {
    const id = await newSession(api);
    await psql('PSQL', `CREATE FUNCTION no_666() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.person_id = 666 THEN RAISE check_violation USING MESSAGE = 'person 666 is not let in'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER no_666 BEFORE INSERT ON people_movements FOR EACH ROW EXECUTE FUNCTION no_666()`);
    try {
        const answer = good(await api.post(`/sessions/${id}/movements`, [movement(), movement({person_id: 666}), movement({person_id: 2})]));
        assert.deepEqual(answer.results.map(r => r.status), ['recorded', 'rejected', 'recorded']);
        assert.match(answer.results[1].detail, /person 666 is not let in/);
    } finally {
        await psql('PSQL', 'DROP FUNCTION no_666() CASCADE');
    }
});

for (const [field, value] of Object.entries({person_id: 'one', movement_direction: 'IN', movement_time: '2026-13-01T00:00:00Z',
    centroid_x: 'left', bounding_box_y2: {}, confidence_score: -0.1, frame_number: 2 ** 31, id: '123'})) {
    test(`400 names ${field} and its value`, async () => {
        const id = await newSession(api);
        const detail = refused(await api.post(`/sessions/${id}/movements`, movement({[field]: value})), 400, new RegExp(field));
        if (typeof value != 'object') assert.ok(detail.includes(String(value)), detail);
        assert.equal(await entered(id), 0);
    });
}

for (const missing of ['person_id', 'movement_direction']) {
    test(`400: ${missing} is missing`, async () => {
        const {[missing]: _, ...rest} = movement();
        refused(await api.post(`/sessions/${await newSession(api)}/movements`, rest), 400, new RegExp(`^${missing} is missing`));
    });
}

test('a body that is neither an object nor an array is 400', async () => {
    const id = await newSession(api);
    for (const body of ['7', '"in"', 'true', 'null', '']) {
        refused(await api.post(`/sessions/${id}/movements`, body), 400);
        refused(await api.post(`/sessions/${id}/metrics`, body), 400);
    }
});

test('the list: newest first, by direction, in pages', async () => {
    const id = await newSession(api);
    const batch = Array.from({length: 25}, (_, i) => movement({person_id: i, movement_direction: i % 5 ? 'in' : 'out', movement_time: ago(1000 + (i * 7 % 25))}));
    good(await api.post(`/sessions/${id}/movements`, batch));
    const all = good(await api.get(`/sessions/${id}/movements`));
    assert.equal(all.total, 25);
    const times = all.movements.map(m => Date.parse(m.movement_time));
    assert.deepEqual(times, [...times].sort((a, b) => b - a));
    const pages = [];
    for (let offset = 0; offset < 25; offset += 10) {
        const page = good(await api.get(`/sessions/${id}/movements?limit=10&offset=${offset}`));
        assert.deepEqual([page.total, page.limit, page.offset], [25, 10, offset]);
        pages.push(...page.movements);
    }
    assert.deepEqual(pages, all.movements);
    for (const [direction, count] of [['in', 20], ['out', 5]]) {
        const some = good(await api.get(`/sessions/${id}/movements?direction=${direction}`));
        assert.equal(some.total, count);
        assert.deepEqual(some.movements, all.movements.filter(m => m.movement_direction == direction));
    }
});

for (const [query, name] of [['limit=0', 'limit'], ['limit=1001', 'limit'], ['limit=-5', 'limit'], ['offset=-1', 'offset'],
    ['direction=up', 'direction'], ['offset=1e3', 'offset']]) {
    test(`400: GET movements?${query}`, async () => {
        const id = await newSession(api);
        const detail = refused(await api.get(`/sessions/${id}/movements?${query}`), 400, new RegExp(`^${name} `));
        assert.ok(detail.includes(query.split('=')[1]), detail);
    });
}

test('a thousand in one page, and no more', async () => {
    const id = await newSession(api);
    good(await api.post(`/sessions/${id}/movements`, Array.from({length: 1200}, (_, i) => movement({person_id: i, movement_time: ago(i)}))));
    const page = good(await api.get(`/sessions/${id}/movements?limit=1000`));
    assert.equal(page.movements.length, 1000);
    assert.equal(page.total, 1200);
    assert.equal(good(await api.get(`/sessions/${id}/movements`)).movements.length, 100);
});
