// PostgREST or PostgreSQL away, slow or at odds with itself: 503 in the shape of the contract, and then it goes on.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {spawn} from 'node:child_process';
import {test} from 'node:test';
import {client, env, good, movement, newId, newSession, psql, refused, sh, until} from './lib/http.mjs';

const api = client(env('URL'));
const session = await newSession(api);
const CALLS = [['GET', '/health'], ['GET', '/health/detailed'], ['GET', '/metrics'], ['GET', '/sessions'], ['GET', `/sessions/${session}`],
    ['GET', `/sessions/${session}/movements`], ['GET', `/sessions/${session}/metrics/recent`], ['GET', '/analytics/hourly?hours=7'],
    ['GET', '/analytics/daily?days=7'], ['GET', '/dashboard/summary'], ['POST', '/sessions', {}], ['PUT', `/sessions/${session}`, {fps: 2}],
    ['POST', `/sessions/${session}/movements`, movement()], ['POST', `/sessions/${session}/movements`, [movement()]],
    ['POST', `/sessions/${session}/metrics`, {}]];

function unavailable(answer, detail) {
    refused(answer, 503, detail);
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
}

async function allUnavailable() {
    for (const [method, path, body] of CALLS) unavailable(await api.send(method, path, {body}));
    const rest = await api.get('/rest/sessions');
    assert.equal(rest.status, 503);
    assert.ok(rest.json.detail && rest.json.timestamp && rest.json.message, rest.text);
}

// All of the stacks, for they share a server.
const healthy = () => until('health', async () => {
    for (const name of ['URL', 'CLOSED_URL', 'RS256_URL', 'HASTY_URL', 'IMPATIENT_URL']) {
        if ((await client(env(name)).get('/health')).status != 200) return false;
    }
    return true;
});

test('PostgREST is stopped, and comes back', async () => {
    await sh(env('POSTGREST_STOP'));
    try {
        await allUnavailable();
        refused(await api.get('/nothing'), 404);
        refused(await api.delete('/sessions'), 405);
    } finally {
        await sh(env('POSTGREST_START'));
    }
    await healthy();
    good(await api.get(`/sessions/${session}`));
});

test('PostgreSQL is stopped, and comes back, and nobody has to start anything else', async () => {
    await sh(env('POSTGRES_STOP'));
    try {
        await allUnavailable();
    } finally {
        await sh(env('POSTGRES_START'));
    }
    await healthy();
    await until('all calls', async () => {
        for (const [method, path, body] of CALLS) if ((await api.send(method, path, {body})).status != 200) return false;
        return true;
    });
});

test('connections that the server has ended are made anew', async () => {
    for (let i = 0; i < 3; ++i) {
        await psql('PSQL', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'people_counter_authenticator'`);
        await until('it answers', async () => {
            const answer = await api.get(`/sessions/${session}`);
            if (answer.status != 200) unavailable(answer);
            return answer.status == 200;
        });
    }
});

test('the gateway is stopped in the middle, and what was sent with an id is sent again', async () => {
    const id = await newSession(api);
    const batch = Array.from({length: 50}, (_, i) => movement({person_id: i, id: newId(), movement_time: new Date().toISOString()}));
    good(await api.post(`/sessions/${id}/movements`, batch.slice(0, 30)));
    await sh(env('GATEWAY_STOP'));
    try {
        await assert.rejects(api.post(`/sessions/${id}/movements`, batch), /ECONN/);
    } finally {
        await sh(env('GATEWAY_START'));
    }
    await healthy();
    const answer = good(await api.post(`/sessions/${id}/movements`, batch));
    assert.deepEqual([answer.recorded, answer.duplicates], [20, 30]);
    assert.equal(good(await api.get(`/sessions/${id}`)).statistics.total_people_entered, 50);
});

// Holds a lock on a table until it is told to let go.
async function lock(table) {
    const held = spawn('sh', ['-c', env('PSQL')], {stdio: ['pipe', 'pipe', 'inherit']});
    held.stdin.write(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n`);
    await new Promise(resolve => held.stdout.once('data', resolve));
    return () => new Promise(resolve => {
        held.once('close', resolve);
        held.stdin.end('ROLLBACK;\n');
    });
}

test('a statement that takes too long is 503', async () => {
    const hasty = client(env('HASTY_URL'));
    good(await hasty.get(`/sessions/${session}`));
    const release = await lock('sessions');
    try {
        unavailable(await hasty.get(`/sessions/${session}`), /too long/);
        unavailable(await hasty.post(`/sessions/${session}/movements`, movement()), /too long/);
        good(await hasty.get('/health'));
    } finally {
        await release();
    }
    good(await hasty.get(`/sessions/${session}`));
});

test('an answer that takes too long is 503', async () => {
    const impatient = client(env('IMPATIENT_URL'));
    good(await impatient.get(`/sessions/${session}`));
    const release = await lock('sessions');
    try {
        unavailable(await impatient.get(`/sessions/${session}`));
    } finally {
        await release();
    }
    good(await impatient.get(`/sessions/${session}`));
});

test('a fault of ours is 500 and tells nothing', async () => {
    await psql('PSQL', `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM secret_table; RETURN NEW; END $$;
        CREATE TRIGGER broken BEFORE INSERT ON realtime_metrics FOR EACH ROW EXECUTE FUNCTION broken();
        CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE internal_error USING MESSAGE = 'secret_table is odd'; END $$;
        CREATE TRIGGER odd BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION odd()`);
    try {
        for (const answer of [await api.post(`/sessions/${session}/metrics`, {}), await api.put(`/sessions/${session}`, {fps: 5})]) {
            assert.doesNotMatch(refused(answer, 500), /secret|broken|odd/);
        }
    } finally {
        await psql('PSQL', 'DROP FUNCTION broken() CASCADE; DROP FUNCTION odd() CASCADE');
    }
    good(await api.post(`/sessions/${session}/metrics`, {}));
});

test('logs have no credentials in them', async () => {
    const secret = `pck_${newId()}`;
    await api.get(`/sessions?api_key=${secret}`, {key: secret});
    await api.get(`/rest/sessions?token=${secret}`, {token: secret});
    const log = name => readFileSync(`${env('LOGS')}/${name}`, 'utf8');
    // It is written in blocks.
    await until('the access log has them', () => /"GET \/sessions" 401 /.test(log('access.log')) && /"GET \/rest\/sessions" 401 /.test(log('access.log')));
    for (const name of ['access.log', 'gateway.log', 'postgrest.log']) assert.ok(!log(name).includes(secret), name);
});
