// Metrics, analytics, dashboard and health.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, client, env, good, isCount, isTime, isUuid, keyOf, keys, movement, newId, newSession, psql, refused, until} from './lib/http.mjs';

const api = client(env('URL'));
const SAMPLE = {current_people_count: 5, people_entered_last_minute: 2, people_exited_last_minute: 1, detection_status: 'tracking',
    fps_current: 30, cpu_usage_percentage: 45.5, memory_usage_mb: 256.75, processing_latency_ms: 12.5};

test('metrics: one sample, and it comes back', async () => {
    const id = await newSession(api);
    const answer = good(await api.post(`/sessions/${id}/metrics`, SAMPLE));
    keys(answer, 'metrics_id', 'status');
    assert.equal(answer.status, 'recorded');
    isUuid(answer.metrics_id);
    const recent = good(await api.get(`/sessions/${id}/metrics/recent`));
    keys(recent, 'metrics', 'period_minutes');
    assert.equal(recent.period_minutes, 10);
    assert.equal(recent.metrics.length, 1);
    const {timestamp, ...rest} = recent.metrics[0];
    isTime(timestamp);
    assert.deepEqual(rest, SAMPLE);
});

test('metrics: an empty sample has zeros', async () => {
    const id = await newSession(api);
    good(await api.post(`/sessions/${id}/metrics`, {}));
    const [sample] = good(await api.get(`/sessions/${id}/metrics/recent`)).metrics;
    keys(sample, 'timestamp', ...Object.keys(SAMPLE));
    assert.deepEqual([sample.current_people_count, sample.people_entered_last_minute, sample.people_exited_last_minute], [0, 0, 0]);
    assert.equal(sample.detection_status, 'waiting');
});

test('metrics: newest first, of the last minutes, at most 100', async () => {
    const id = await newSession(api);
    const answer = good(await api.post(`/sessions/${id}/metrics`, Array.from({length: 130}, (_, i) => ({current_people_count: i, timestamp: ago(i * 10)}))));
    assert.deepEqual([answer.count, answer.recorded, answer.duplicates, answer.rejected], [130, 130, 0, 0]);
    const counts = async query => good(await api.get(`/sessions/${id}/metrics/recent${query}`)).metrics.map(m => m.current_people_count);
    assert.deepEqual(await counts('?minutes=60'), Array.from({length: 100}, (_, i) => i));
    const minute = await counts('?minutes=1');
    assert.ok(minute.length >= 1 && minute.length <= 7, minute.length);
    assert.deepEqual(minute, [...minute].sort((a, b) => a - b));
});

test('metrics: an array with a bad row, and the same id again', async () => {
    const id = await newSession(api);
    const own = {id: newId(), timestamp: ago(5), current_people_count: 1};
    const answer = good(await api.post(`/sessions/${id}/metrics`, [own, {cpu_usage_percentage: 101}, own]));
    keys(answer, 'count', 'recorded', 'duplicates', 'rejected', 'results');
    assert.deepEqual(answer.results.map(r => r.status), ['recorded', 'rejected', 'duplicate']);
    assert.match(answer.results[1].detail, /cpu_usage_percentage "101"/);
});

for (const [field, value] of Object.entries({current_people_count: -1, people_entered_last_minute: 0.5, detection_status: 'asleep', fps_current: 0,
    cpu_usage_percentage: 100.5, memory_usage_mb: -1, processing_latency_ms: 'slow', timestamp: 'now'})) {
    test(`metrics: 400 names ${field} and its value`, async () => {
        const detail = refused(await api.post(`/sessions/${await newSession(api)}/metrics`, {[field]: value}), 400, new RegExp(field));
        assert.ok(detail.includes(String(value)), detail);
    });
}

for (const [path, name, most, fallback, key] of [['/sessions/ID/metrics/recent', 'minutes', 60, 10, 'period_minutes'],
    ['/analytics/hourly', 'hours', 168, 24, 'period_hours'], ['/analytics/daily', 'days', 365, 30, 'period_days']]) {
    test(`${name} is 1 to ${most}, by default ${fallback}`, async () => {
        const at = path.replace('ID', await newSession(api));
        assert.equal(good(await api.get(at))[key], fallback);
        assert.equal(good(await api.get(`${at}?${name}=1`))[key], 1);
        assert.equal(good(await api.get(`${at}?${name}=${most}`))[key], most);
        for (const bad of ['0', String(most + 1), '-1', 'x', '1.5', '%31%20']) {
            refused(await api.get(`${at}?${name}=${bad}`), 400, new RegExp(`^${name} "`));
        }
    });
}

test('analytics: hours and days of a session', async () => {
    const id = await newSession(api, {start_time: ago(7200)});
    good(await api.post(`/sessions/${id}/movements`, [
        movement({movement_time: ago(3660), confidence_score: 0.5}), movement({movement_time: ago(20), confidence_score: 1}),
        movement({movement_time: ago(10)}), movement({movement_direction: 'out', movement_time: ago(5)})]));
    const hourly = good(await api.get(`/analytics/hourly?session_id=${id}&hours=3`));
    keys(hourly, 'analytics', 'period_hours');
    const hours = hourly.analytics;
    assert.ok(hours.length >= 2);
    const entered = hours.reduce((sum, h) => sum + h.people_entered, 0);
    const exited = hours.reduce((sum, h) => sum + h.people_exited, 0);
    assert.deepEqual([entered, exited], [3, 1]);
    for (const hour of hours) {
        keys(hour, 'session_id', 'hour_timestamp', 'people_entered', 'people_exited', 'peak_people_count', 'average_people_count',
            'total_detections', 'detection_accuracy');
        assert.equal(hour.session_id, id);
        isTime(hour.hour_timestamp);
        for (const name of ['people_entered', 'people_exited', 'peak_people_count', 'total_detections']) isCount(hour[name]);
        assert.equal(typeof hour.average_people_count, 'number');
    }
    assert.deepEqual(hours.map(h => Date.parse(h.hour_timestamp)), hours.map(h => Date.parse(h.hour_timestamp)).sort((a, b) => b - a));

    const daily = good(await api.get(`/analytics/daily?session_id=${id}&days=2`));
    keys(daily, 'analytics', 'period_days');
    assert.equal(daily.analytics.reduce((sum, d) => sum + d.total_people_entered, 0), 3);
    for (const day of daily.analytics) {
        keys(day, 'session_id', 'date_timestamp', 'total_people_entered', 'total_people_exited', 'peak_people_count', 'average_people_count',
            'total_detections', 'total_session_duration', 'detection_accuracy');
        assert.equal(day.session_id, id);
        assert.ok(!Number.isNaN(Date.parse(day.date_timestamp)));
    }
    good(await api.post(`/sessions/${await newSession(api)}/movements`, movement()));
    const all = good(await api.get(`/analytics/hourly?session_id=&hours=24`)).analytics;
    assert.ok(all.some(h => h.session_id == id) && all.some(h => h.session_id != id));
});

// Of a device, for of the others' movements some are no longer recent in the meantime.
test('dashboard: six numbers of the present', async () => {
    const device = await keyOf('device');
    const summary = async () => {
        const answer = good(await device.get('/dashboard/summary'));
        keys(answer, 'active_sessions', 'sessions_today', 'people_entered_today', 'people_exited_today', 'recent_movements', 'timestamp');
        for (const [name, value] of Object.entries(answer)) {
            if (name == 'timestamp') isTime(value); else isCount(value);
        }
        const {timestamp, ...numbers} = answer;
        return [timestamp.slice(0, 10), ...Object.values(numbers)];
    };
    const [day, ...nothing] = await summary();
    assert.deepEqual(nothing, [0, 0, 0, 0, 0]);
    const id = await newSession(device);
    good(await device.post(`/sessions/${id}/movements`, [movement(), movement(), movement({movement_direction: 'out'})]));
    good(await device.post(`/sessions/${id}/movements`, movement({movement_time: ago(3 * 86400)})));
    await newSession(device, {start_time: ago(3 * 86400), status: 'completed'});
    // What is older than the next answer may be a second old.
    await until('the summary has them', async () => (await summary())[1] == 1);
    const [after, ...numbers] = await summary();
    if (after == day) assert.deepEqual(numbers, [1, 1, 2, 1, 3]);   // and not while it is midnight
});

test('health', async () => {
    const health = good(await api.get('/health'));
    keys(health, 'status', 'timestamp');
    assert.equal(health.status, 'healthy');
    isTime(health.timestamp);
});

test('health in detail', async () => {
    const health = good(await api.get('/health/detailed'));
    for (const name of ['status', 'timestamp', 'database', 'extension_version', 'alert_worker', 'delivery_backlog']) assert.ok(name in health, name);
    assert.equal(health.status, 'healthy');
    const {database} = health;
    for (const name of ['version', 'active_connections', 'database_size', 'pool_size', 'host', 'port', 'database']) assert.ok(name in database, name);
    assert.ok(database.active_connections >= 1);
    assert.ok(database.database_size > 1e6);
    assert.equal(database.pool_size, 10);
    assert.equal(database.database, 'open');
    assert.equal(health.extension_version, await psql('PSQL', "SELECT extversion FROM pg_extension WHERE extname = 'people_counter'"));
    assert.equal(typeof health.alert_worker.state, 'string');
    assert.ok('last_evaluation' in health.alert_worker);
    isCount(health.delivery_backlog);
});

test('metrics of the service are Prometheus text', async () => {
    const id = await newSession(api, {session_name: 'quote " back\\slash\nline'});
    good(await api.post(`/sessions/${id}/movements`, [movement(), movement()]));
    const answer = await api.get('/metrics');
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^text\/plain/);
    assert.ok(answer.text.endsWith('\n'));
    const types = new Map(), helped = new Set(), seen = new Set();
    for (const line of answer.text.trimEnd().split('\n')) {
        let found;
        if ((found = /^# HELP ([a-zA-Z_:][\w:]*) \S/.exec(line))) {
            assert.ok(!helped.has(found[1]), line);
            helped.add(found[1]);
        } else if ((found = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge)$/.exec(line))) {
            types.set(found[1], found[2]);
        } else {
            found = /^([a-zA-Z_:][\w:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*")*\})? (-?\d+(\.\d+)?(e[+-]?\d+)?|NaN|[+-]Inf)$/.exec(line);
            assert.ok(found, line);
            assert.ok(types.has(found[1]) && helped.has(found[1]), line);
            assert.ok(!seen.has(found[1] + found[2]), line);
            seen.add(found[1] + found[2]);
        }
    }
    for (const name of ['people_counter_movements_total', 'people_counter_people_inside', 'people_counter_alerts_open',
        'people_counter_alert_deliveries_pending', 'people_counter_alert_worker_running']) assert.ok(types.has(name), name);
    assert.ok(answer.text.includes(`people_counter_people_inside{session_id="${id}",session_name="quote \\" back\\\\slash\\nline"} 2\n`), answer.text);
});
