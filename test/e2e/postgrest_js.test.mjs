// PostgREST's own dialect under /rest/, by a client that was written for any PostgREST.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { PostgrestClient } from '@supabase/postgrest-js';
import { uuidv7 } from 'people-counter-client';

import { url, waitFor } from './javascript/stack.mjs';

const rest = new PostgrestClient(`${url}/rest`);
const door = uuidv7();
const BEGIN = Date.parse('2025-06-16T07:10:00Z');
const movements = Array.from({ length: 10 }, (_, i) => ({
    session_id: door,
    id: uuidv7(),
    movement_time: new Date(BEGIN + i * 600_000).toISOString(),
    person_id: i,
    movement_direction: i % 3 === 2 ? 'out' : 'in',
    confidence_score: 0.5,
}));

function succeeded({ data, error, status, ...more }) {
    assert.equal(error, null, JSON.stringify(error));
    assert.ok(status >= 200 && status < 300, String(status));
    return { data, status, ...more };
}

before(async () => {
    const session = { id: door, session_name: 'Door, for PostgREST', time_zone: 'Europe/Zurich', start_time: '2025-06-16T07:00:00Z' };
    const inserted = succeeded(await rest.from('sessions').insert(session).select('id, session_name, skip_frames').single());
    assert.equal(inserted.status, 201);
    assert.deepEqual(inserted.data, { id: door, session_name: 'Door, for PostgREST', skip_frames: 3 });
    assert.equal(succeeded(await rest.from('people_movements').insert(movements[0])).status, 201);
    succeeded(await rest.from('people_movements').insert(movements.slice(1)));
});

test('filters, order, range and an exact count', async () => {
    const { data, count } = succeeded(
        await rest
            .from('people_movements')
            .select('id, person_id, movement_direction', { count: 'exact' })
            .eq('session_id', door)
            .eq('movement_direction', 'in')
            .gte('movement_time', movements[1].movement_time)
            .order('movement_time', { ascending: false })
            .range(1, 3),
    );
    const expected = movements.slice(1).filter((row) => row.movement_direction === 'in').reverse();
    assert.equal(count, expected.length);
    assert.deepEqual(
        data,
        expected.slice(1, 4).map(({ id, person_id, movement_direction }) => ({ id, person_id, movement_direction })),
    );
});

test('one row, none, and a count without rows', async () => {
    const { data } = succeeded(await rest.from('sessions').select('session_name').eq('id', door).maybeSingle());
    assert.deepEqual(data, { session_name: 'Door, for PostgREST' });
    assert.equal(succeeded(await rest.from('sessions').select().eq('id', uuidv7()).maybeSingle()).data, null);
    const head = succeeded(await rest.from('people_movements').select('*', { count: 'exact', head: true }).eq('session_id', door));
    assert.equal(head.count, movements.length);
});

test('statistics', async () => {
    const { data: hours } = succeeded(
        await rest.from('hourly_statistics').select('people_entered, people_exited').eq('session_id', door).order('hour_timestamp'),
    );
    const total = (name) => hours.reduce((sum, row) => sum + row[name], 0);
    assert.deepEqual([total('people_entered'), total('people_exited')], [7, 3]);
    const { data: days } = succeeded(
        await rest.from('daily_statistics').select('date_timestamp, total_people_entered, peak_people_count').eq('session_id', door),
    );
    assert.deepEqual(days, [{ date_timestamp: '2025-06-16', total_people_entered: 7, peak_people_count: 4 }]);
    const { data: overview } = succeeded(
        await rest.from('current_session_overview').select('total_people_entered, current_people_inside').eq('id', door).single(),
    );
    assert.deepEqual(overview, { total_people_entered: 7, current_people_inside: 4 });
});

test('what belongs together is embedded', async () => {
    const { data } = succeeded(
        await rest
            .from('sessions')
            .select('session_name, people_movements(person_id), session_statistics(total_people_exited)')
            .eq('id', door)
            .order('movement_time', { referencedTable: 'people_movements' })
            .limit(2, { referencedTable: 'people_movements' })
            .single(),
    );
    assert.deepEqual(data.people_movements, [{ person_id: 0 }, { person_id: 1 }]);
    assert.deepEqual([data.session_statistics].flat(), [{ total_people_exited: 3 }]);
    const { data: outward } = succeeded(
        await rest.from('people_movements').select('person_id, sessions!inner(session_name)').eq('sessions.id', door).limit(1),
    );
    assert.deepEqual(outward[0].sessions, { session_name: 'Door, for PostgREST' });
});

test('alerts are embedded with their thresholds', async () => {
    const session_id = uuidv7();
    succeeded(await rest.from('sessions').insert({ id: session_id, session_name: 'Full, for PostgREST' }));
    const threshold = { session_id, threshold_name: 'max_people_count', threshold_value: 1 };
    succeeded(await rest.from('alert_thresholds').insert(threshold));
    succeeded(await rest.from('people_movements').insert([1, 2].map((person_id) => ({ session_id, person_id, movement_direction: 'in' }))));
    const alerts = await waitFor(async () => {
        const query = rest.from('alert_logs').select('current_value, alert_thresholds(threshold_name, threshold_value)');
        const { data } = succeeded(await query.eq('session_id', session_id));
        return data.length > 0 && data;
    }, 'an alert');
    assert.deepEqual(alerts, [
        { current_value: 2, alert_thresholds: { threshold_name: 'max_people_count', threshold_value: 1 } },
    ]);
    const { data: thresholds } = succeeded(
        await rest.from('alert_thresholds').select('threshold_value, alert_logs(current_value)').eq('session_id', session_id),
    );
    assert.deepEqual(thresholds, [{ threshold_value: 1, alert_logs: [{ current_value: 2 }] }]);
});

test('CSV', async () => {
    const { data } = succeeded(
        await rest.from('people_movements').select('person_id,movement_direction').eq('session_id', door).order('person_id').limit(3).csv(),
    );
    assert.equal(data.trimEnd(), 'person_id,movement_direction\n0,in\n1,in\n2,out');
});

test('a movement that is sent twice is ignored the second time', async () => {
    const late = { ...movements[0], id: uuidv7(), movement_time: '2025-06-16T09:00:00Z', movement_direction: 'out' };
    const upsert = (rows) =>
        rest.from('people_movements').upsert(rows, { onConflict: 'session_id,movement_time,id', ignoreDuplicates: true }).select('id');
    assert.deepEqual(succeeded(await upsert([movements[0], late])).data, [{ id: late.id }]);
    assert.deepEqual(succeeded(await upsert([movements[0], late])).data, []);
    const { count } = succeeded(await rest.from('people_movements').select('*', { count: 'exact', head: true }).eq('session_id', door));
    assert.equal(count, movements.length + 1);
    succeeded(await rest.from('people_movements').delete().eq('session_id', door).eq('id', late.id));
});

test('a session is changed', async () => {
    const { data } = succeeded(await rest.from('sessions').update({ capacity: 80 }).eq('id', door).select('capacity').single());
    assert.deepEqual(data, { capacity: 80 });
});

test('functions', async () => {
    const { data } = succeeded(await rest.rpc('dashboard_summary'));
    assert.deepEqual(
        ['active_sessions', 'sessions_today', 'people_entered_today', 'people_exited_today', 'recent_movements'].filter(
            (name) => typeof data[name] !== 'number',
        ),
        [],
    );
    const { data: session } = succeeded(await rest.rpc('get_session', { session_id: door }, { get: true }));
    assert.equal(session.statistics.total_people_entered, 7);
});

test('errors have the members that the client knows', async () => {
    const column = await rest.from('sessions').select('colour');
    assert.equal(column.status, 400);
    assert.equal(column.error.code, '42703');
    assert.match(column.error.message, /colour/);
    const table = await rest.from('colours').select();
    assert.equal(table.status, 404);
    assert.match(table.error.message, /colours/);
    assert.match(table.error.code, /^PGRST/);
    const value = await rest.from('people_movements').insert({ ...movements[0], id: uuidv7(), movement_direction: 'up' });
    assert.equal(value.status, 400);
    assert.equal(value.error.code, '22P02');
    const single = await rest.from('sessions').select().eq('id', uuidv7()).single();
    assert.equal(single.status, 406);
    assert.equal(single.error.code, 'PGRST116');
    const derived = await rest.from('hourly_statistics').insert({ session_id: door, hour_timestamp: '2025-06-16T07:00:00Z' });
    assert.ok(derived.status >= 400 && derived.status < 500, String(derived.status));
    assert.equal(typeof derived.error.message, 'string');
});
