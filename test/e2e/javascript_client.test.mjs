// people-counter-client against a real stack of the open profile.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { PeopleCounterClient, PeopleCounterError, uuidv7 } from 'people-counter-client';
import { FileSpool } from 'people-counter-client/spool';

import { cutAnswers } from './javascript/proxy.mjs';
import { allMovements, startGateway, stopGateway, url, waitFor } from './javascript/stack.mjs';

const client = new PeopleCounterClient({ baseUrl: url });
const directory = mkdtempSync(join(tmpdir(), 'javascript-client-'));
after(() => rmSync(directory, { recursive: true }));

function person(person_id, more = {}) {
    return { person_id, movement_direction: person_id % 2 ? 'in' : 'out', ...more };
}

// Each id once, and nothing else; then the statistics say the same.
async function requireExactly(session, ids) {
    const { movements, total } = await allMovements(client, session);
    assert.equal(movements.length, ids.length);
    assert.equal(total, ids.length);
    assert.deepEqual(movements.map(({ id }) => id).sort(), [...ids].sort());
    const { statistics } = await client.getSession(session);
    assert.equal(statistics.total_people_entered + statistics.total_people_exited, ids.length);
}

test('every call of the contract', async (t) => {
    let session;
    await t.test('health', async () => {
        const health = await client.getHealth();
        assert.equal(health.status, 'healthy');
        assert.ok(Math.abs(Date.parse(health.timestamp) - Date.now()) < 600_000, health.timestamp);
        const detailed = await client.getHealthDetailed();
        assert.equal(detailed.status, 'healthy');
        assert.equal(typeof detailed.database, 'object');
    });
    await t.test('sessions', async () => {
        session = await client.startSession({
            session_name: 'Museum, "main" door',
            start_time: new Date('2025-06-16T07:00:00Z'),
            time_zone: 'Europe/Zurich',
            resolution_width: 640,
            resolution_height: 480,
        });
        const updated = await client.updateSession(session, { fps: 25.5, total_frames: 1000 });
        assert.deepEqual(updated, { status: 'updated', session_id: session });
        const found = await client.getSession(session);
        assert.equal(found.session_name, 'Museum, "main" door');
        assert.equal(found.fps, 25.5);
        assert.equal(Date.parse(found.start_time), Date.parse('2025-06-16T07:00:00Z'));
        assert.deepEqual(
            [found.statistics.total_people_entered, found.statistics.current_people_inside], [0, 0]);
        const page = await client.listSessions({ limit: 100, status: 'active' });
        assert.equal(page.limit, 100);
        assert.equal(page.sessions.find(({ id }) => id === session)?.resolution, '640x480');
    });
    await t.test('movements', async () => {
        const movement = person(1, { movement_time: '2025-06-16T09:10:00', centroid_x: 320.5, bounding_box_x1: 300 });
        const id = uuidv7();
        assert.deepEqual(await client.recordMovement(session, { ...movement, id }), { movement_id: id, status: 'recorded' });
        assert.deepEqual(await client.recordMovement(session, { ...movement, id }), { movement_id: id, status: 'duplicate' });
        const batch = await client.recordMovements(session, [
            person(2, { movement_time: '2025-06-16T09:20:00' }),
            { ...person(3), movement_direction: 'up' },
            { ...movement, id },
        ]);
        assert.deepEqual(
            [batch.count, batch.recorded, batch.duplicates, batch.rejected], [3, 1, 1, 1]);
        assert.deepEqual(batch.results.map(({ status }) => status), ['recorded', 'rejected', 'duplicate']);
        assert.match(batch.results[1].detail, /movement_direction.*up/);
        const { movements, total } = await client.listMovements(session, { direction: 'in' });
        assert.equal(total, 1);
        assert.equal(movements[0].id, id);
        assert.equal(Date.parse(movements[0].movement_time), Date.parse('2025-06-16T07:10:00Z'));
        assert.equal(movements[0].centroid.x, 320.5);
        assert.equal(movements[0].bounding_box.x1, 300);
    });
    await t.test('metrics', async () => {
        const now = Date.now();
        const sample = { current_people_count: 2, detection_status: 'tracking', timestamp: new Date(now - 2_000) };
        const recorded = await client.recordMetrics(session, sample);
        assert.equal(recorded.status, 'recorded');
        const again = await client.recordMetrics(session, { ...sample, id: recorded.metrics_id });
        assert.deepEqual(again, { metrics_id: recorded.metrics_id, status: 'duplicate' });
        const batch = await client.recordMetrics(session, [{ fps_current: 30, timestamp: new Date(now - 1_000) }, { fps_current: 0 }]);
        assert.deepEqual([batch.recorded, batch.rejected], [1, 1]);
        assert.match(batch.results[1].detail, /fps_current.*0/);
        const { metrics, period_minutes } = await client.recentMetrics(session, { minutes: 5 });
        assert.equal(period_minutes, 5);
        assert.deepEqual(metrics.map(({ current_people_count }) => current_people_count), [0, 2]);
    });
    await t.test('analytics', async () => {
        const now = await client.startSession({ session_name: 'Now' });
        await client.recordMovements(now, [person(1), person(3)]);
        const hourly = await client.getHourlyAnalytics({ session_id: now, hours: 2 });
        assert.equal(hourly.period_hours, 2);
        assert.equal(hourly.analytics.reduce((sum, { people_entered }) => sum + people_entered, 0), 2);
        const daily = await client.getDailyAnalytics({ session_id: now, days: 2 });
        assert.equal(daily.period_days, 2);
        assert.equal(daily.analytics.reduce((sum, row) => sum + row.total_people_entered, 0), 2);
        // It may be a second old.
        const dashboard = await waitFor(async () => {
            const summary = await client.getDashboard();
            return summary.active_sessions >= 2 && summary.recent_movements >= 2 && summary;
        }, 'a dashboard with the movements');
        assert.equal(typeof dashboard.people_entered_today, 'number');
        assert.equal((await client.endSession(now)).session_id, now);
        assert.equal((await client.getSession(now)).status, 'completed');
    });
    await t.test('errors', async () => {
        const nobody = uuidv7();
        await assert.rejects(client.getSession(nobody), (error) => {
            assert.ok(error instanceof PeopleCounterError);
            assert.equal(error.status, 404);
            assert.match(error.detail, new RegExp(nobody));
            assert.ok(!Number.isNaN(Date.parse(error.timestamp)), error.timestamp);
            return true;
        });
        await assert.rejects(client.listSessions({ limit: 101 }), { status: 400, detail: /limit.*101/ });
        await assert.rejects(client.updateSession(session, { colour: 'red' }), { status: 400, detail: /colour/ });
        await assert.rejects(client.recordMovement(session, { person_id: 1 }), { status: 400, detail: /movement_direction/ });
        await assert.rejects(client.acknowledgeAlert(nobody, { note: 'seen' }), { status: 404, detail: new RegExp(nobody) });
        await assert.rejects(client.startSession({ id: session }), { status: 409 });
    });
});

test('an alert is acknowledged', { timeout: 120_000 }, async () => {
    const rest = async (path, row) => {
        const init = row && { method: 'POST', body: JSON.stringify(row), headers: { 'Content-Type': 'application/json' } };
        const response = await fetch(`${url}/rest/${path}`, init);
        assert.ok(response.ok, `${path}: ${response.status}`);
        return row ? undefined : response.json();
    };
    const session = await client.startSession({ session_name: 'Full' });
    await rest('alert_thresholds', { session_id: session, threshold_name: 'max_people_count', threshold_value: 1 });
    await client.recordMovements(session, [person(1), person(3)]);
    const find = async () => (await rest(`alert_logs?session_id=eq.${session}&select=id,acknowledged_by,note`))[0];
    const alert = await waitFor(find, 'an alert');
    const answer = await client.acknowledgeAlert(alert.id, { acknowledged_by: 'guard', note: 'the school class' });
    assert.equal(answer.alert_id, alert.id);
    assert.equal(answer.status, 'acknowledged');
    assert.deepEqual(await find(), { id: alert.id, acknowledged_by: 'guard', note: 'the school class' });
    await client.endSession(session);
});

test('the example sends the movements of the demo', { timeout: 120_000 }, async () => {
    const door = new URL('../data/calit2_main_door.csv', import.meta.url);
    const path = join(directory, 'door.csv');
    writeFileSync(path, `${readFileSync(door, 'utf8').split('\n').slice(0, 150).join('\n')}\n`);
    const camera = fileURLToPath(new URL('../../scripts/demo.d/camera.awk', import.meta.url));
    const awk = spawnSync('awk', ['-f', camera, '-v', 'session=x', '-v', 'mode=live', path], { encoding: 'utf8' });
    const expected = [...awk.stdout.matchAll(/^EXECUTE movement\('(\S+) (\S+)', (\d+), '(\w+)'\)/gm)].map(
        // The clock of Los Angeles in July.
        ([, day, time, person_id, direction]) => [Date.parse(`${day}T${time}-07:00`), Number(person_id), direction],
    );
    assert.ok(expected.length > 200, `${expected.length} movements`);

    const example = fileURLToPath(new URL('../../clients/javascript/examples/feed-calit2.mjs', import.meta.url));
    const fed = spawnSync(process.execPath, [example, '--url', url, '--file', path, '--batch', '64'], { encoding: 'utf8' });
    assert.equal(fed.status, 0, fed.stderr);
    assert.match(fed.stdout, new RegExp(`${expected.length} movements in`));
    const session = fed.stdout.match(/^session (\S+)/)[1];
    const { movements } = await allMovements(client, session);
    assert.deepEqual(
        movements.reverse().map((one) => [Date.parse(one.movement_time), one.person_id, one.movement_direction]), expected);
});

test('an outage of ten seconds in mid-feed: nothing lost, nothing twice', { timeout: 300_000 }, async () => {
    const session = await client.startSession({ session_name: 'Outage' });
    const failures = [];
    const buffer = client.buffer(session, { batchSize: 50, maxAge: 100, maxDelay: 2_000, onError: (error) => failures.push(error) });
    const ids = [];
    const feed = setInterval(() => ids.push(buffer.record(person(ids.length + 1))), 5);
    try {
        await waitFor(() => buffer.stats.recorded >= 200, 'movements before the outage');
        await stopGateway();
        await new Promise((over) => setTimeout(over, 10_000));
        assert.ok(failures.length > 0, 'the gateway was not away');
        assert.ok(buffer.pending > 100, `${buffer.pending} wait`);
        await startGateway();
        await waitFor(() => buffer.stats.recorded >= 3_000, 'movements after the outage', 120_000);
    } finally {
        clearInterval(feed);
    }
    const { pending, rejected } = await buffer.close(60_000);
    assert.deepEqual({ pending, rejected }, { pending: 0, rejected: 0 });
    assert.ok(failures.every(({ transient }) => transient), String(failures.find(({ transient }) => !transient)));
    await requireExactly(session, ids);
});

test('movements whose answers were lost count once', async () => {
    const proxy = await cutAnswers(url, { path: '/movements', times: 2 });
    const session = await client.startSession({ session_name: 'Lost answers' });
    const buffer = new PeopleCounterClient({ baseUrl: proxy.url }).buffer(session, { minDelay: 20 });
    const ids = Array.from({ length: 40 }, (_, i) => buffer.record(person(i)));
    const stats = await buffer.close(60_000);
    await proxy.close();
    assert.equal(proxy.cut, 2);
    assert.deepEqual(stats, { recorded: 0, duplicates: 40, rejected: 0, pending: 0 });
    await requireExactly(session, ids);
});

test('a session and a movement whose answers were lost are made once', async () => {
    const name = `Lost ${uuidv7()}`;
    const proxy = await cutAnswers(url, { path: '/sessions', times: 1 });
    const session = await new PeopleCounterClient({ baseUrl: proxy.url }).startSession({ session_name: name });
    await proxy.close();
    assert.equal(proxy.cut, 1);
    const { sessions } = await client.listSessions({ limit: 100 });
    assert.deepEqual(sessions.filter((one) => one.session_name === name).map(({ id }) => id), [session]);

    const second = await cutAnswers(url, { path: '/movements', times: 1 });
    const result = await new PeopleCounterClient({ baseUrl: second.url }).recordMovement(session, person(1));
    await second.close();
    assert.equal(second.cut, 1);
    assert.equal(result.status, 'duplicate');
    await requireExactly(session, [result.movement_id]);
});

test('a rejected movement is reported, and its neighbours count', async () => {
    const session = await client.startSession({ session_name: 'Rejected' });
    const rejected = [];
    const buffer = client.buffer(session, { onRejected: (movement, detail) => rejected.push([movement.person_id, detail]) });
    const ids = [buffer.record(person(1)), buffer.record({ ...person(2), confidence_score: 1.5 }), buffer.record(person(3))];
    assert.deepEqual(await buffer.close(), { recorded: 2, duplicates: 0, rejected: 1, pending: 0 });
    assert.equal(rejected[0][0], 2);
    assert.match(rejected[0][1], /confidence_score.*1\.5/);
    await requireExactly(session, [ids[0], ids[2]]);
});

test('kill -9: what record() returned for is sent by the next run', { timeout: 120_000 }, async () => {
    const session = await client.startSession({ session_name: 'Killed' });
    const path = join(directory, 'killed.jsonl');
    const feeder = fileURLToPath(new URL('./javascript/feeder.mjs', import.meta.url));
    const child = spawn(process.execPath, [feeder, url, session, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    // In the middle of it all: some were sent, and some wait.
    await waitFor(() => output.split('\n').length > 300 && statSync(path).size > 0, 'movements that wait');
    child.kill('SIGKILL');
    await once(child, 'close');
    const printed = output.split('\n').filter((line) => line.length === 36);

    const spool = new FileSpool(path);
    const waiting = spool.load().map(({ movement }) => movement.id);
    // The last one may have been recorded and not printed any more.
    const ids = [...new Set([...printed, ...waiting])];
    assert.ok(ids.length - printed.length <= 1, `${ids.length} recorded, ${printed.length} printed`);
    const next = await client.startSession({ session_name: 'The next run' });
    const buffer = client.buffer(next, { storage: spool });
    const id = buffer.record(person(1));
    const stats = await buffer.close(60_000);
    assert.equal(stats.pending, 0);
    assert.equal(stats.recorded + stats.duplicates, waiting.length + 1);
    await requireExactly(session, ids);
    await requireExactly(next, [id]);
    assert.equal(statSync(path).size, 0);
    assert.equal(existsSync(`${path}.damaged`), false);
});

test('kill -9 while the server cannot be reached loses nothing', { timeout: 120_000 }, async () => {
    const session = await client.startSession({ session_name: 'Killed in an outage' });
    const path = join(directory, 'outage.jsonl');
    const feeder = fileURLToPath(new URL('./javascript/feeder.mjs', import.meta.url));
    // Nobody listens on port 1 of the loopback.
    const child = spawn(process.execPath, [feeder, 'http://127.0.0.1:1', session, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    await waitFor(() => output.split('\n').length > 100, 'movements');
    child.kill('SIGKILL');
    await once(child, 'close');
    const printed = output.split('\n').filter((line) => line.length === 36);

    const spool = new FileSpool(path);
    const waiting = spool.load().map(({ movement }) => movement.id);
    assert.ok(waiting.length - printed.length === 0 || waiting.length - printed.length === 1);
    assert.deepEqual(waiting.slice(0, printed.length), printed);
    const buffer = client.buffer(session, { storage: spool });
    assert.deepEqual(await buffer.close(60_000), { recorded: waiting.length, duplicates: 0, rejected: 0, pending: 0 });
    await requireExactly(session, waiting);
});
