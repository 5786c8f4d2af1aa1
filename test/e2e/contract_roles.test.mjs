// Who may do what: API keys and tokens of the closed stack.
import assert from 'node:assert/strict';
import {generateKeyPairSync} from 'node:crypto';
import {test} from 'node:test';
import {admin, ago, claims, client, env, good, hs256, isTime, isUuid, keyOf, keys, movement, newId, newSession, now, psql, refused, rs256, unsigned,
    until} from './lib/http.mjs';

const base = env('CLOSED_URL');
const anybody = client(base);
const session = await newSession(admin());

// Every call that there is, as [method, path, body], and who may make it of a session that is none of theirs.
const READ = ['reader', 'operator', 'admin'];
const WORK = ['operator', 'admin'];
const CALLS = [
    ['GET', '/health', undefined, ['nobody', 'reader', 'device', 'operator', 'admin']],
    ['GET', '/health/detailed', undefined, READ],
    ['GET', '/metrics', undefined, READ],
    ['GET', '/sessions', undefined, ['device', ...READ]],
    ['GET', `/sessions/${session}`, undefined, READ],
    ['GET', `/sessions/${session}/movements`, undefined, READ],
    ['GET', `/sessions/${session}/metrics/recent`, undefined, READ],
    ['GET', '/analytics/hourly', undefined, ['device', ...READ]],
    ['GET', '/analytics/daily', undefined, ['device', ...READ]],
    ['GET', '/dashboard/summary', undefined, ['device', ...READ]],
    ['POST', '/sessions', {}, ['device', ...WORK]],
    ['PUT', `/sessions/${session}`, {fps: 3}, WORK],
    ['POST', `/sessions/${session}/movements`, movement(), WORK],
    ['POST', `/sessions/${session}/metrics`, {}, WORK],
    ['GET', '/rest/alert_channels', undefined, ['admin']],
    ['GET', '/rest/api_keys', undefined, ['admin']],
    ['GET', '/rest/alert_logs', undefined, READ],
    ['POST', '/rest/rpc/create_api_key', {key_name: 'x', key_role: 'reader'}, ['admin']],
];
// A device does not see what is not its own, which is not there for it.
const unseen = (role, path) => role == 'device' && path.includes(session);

// The status, and the shape if it is an error. /rest/ has PostgREST's keys, too.
function checked(answer, path, status, what) {
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    if (status < 400) return;
    if (path.startsWith('/rest')) {
        keys(answer.json, 'detail', 'timestamp', 'code', 'message', 'details', 'hint');
    } else {
        refused(answer, status);
    }
    if (status == 401) assert.match(answer.headers['www-authenticate'], /^Bearer/);
}

async function matrix(who, role) {
    for (const [method, path, body, allowed] of CALLS) {
        const status = allowed.includes(role) ? 200 : role == 'nobody' ? 401 : unseen(role, path) ? 404 : 403;
        checked(await who.send(method, path, {body}), path, status, `${role} ${method} ${path}`);
    }
}

test('nobody sees more than health', () => matrix(anybody, 'nobody'));
for (const role of ['reader', 'device', 'operator', 'admin']) {
    test(`key of ${role}`, async () => matrix(await keyOf(role), role));
    test(`HS256 token of ${role}`, () => matrix(client(base, {token: hs256(claims(role, {sub: `camera-${newId()}`}))}), role));
    test(`RS256 token of ${role}`, () => matrix(client(env('RS256_URL'), {token: rs256(claims(role, {sub: `camera-${newId()}`}))}), role));
}

test('a key is shown once, and works until it is revoked', async () => {
    const boss = admin();
    const made = good(await boss.post('/rest/rpc/create_api_key', {key_name: 'door 7', key_role: 'device', device: 'door-7'}));
    keys(made, 'id', 'api_key', 'key_name', 'key_role', 'device', 'expires_at');
    assert.match(made.api_key, /^pck_[\w-]{40,}$/);
    isUuid(made.id);
    const row = async () => good(await boss.get(`/rest/api_keys?id=eq.${made.id}`))[0];
    const before = await row();
    keys(before, 'id', 'key_name', 'key_role', 'device', 'key_start', 'created_at', 'created_by', 'expires_at', 'revoked_at', 'last_used_at');
    assert.equal(before.last_used_at, null);
    assert.equal(before.created_by, 'people_counter_admin');
    assert.ok(made.api_key.startsWith(before.key_start) && before.key_start.length < 16);
    const everything = await boss.get('/rest/api_keys');
    assert.ok(!everything.text.includes(made.api_key));
    assert.equal(await psql('CLOSED_PSQL', `SELECT count(*) FROM people_counter_rest.api_keys AS k WHERE k::text LIKE '%${made.api_key.slice(12)}%'`), '0');

    const device = client(base, {key: made.api_key});
    good(await device.get('/sessions'));
    isTime((await row()).last_used_at);

    const gone = good(await boss.post('/rest/rpc/revoke_api_key', {key_id: made.id}));
    assert.equal(gone.status, 'revoked');
    for (const path of ['/sessions', '/health', '/dashboard/summary']) refused(await device.get(path), 401);
    isTime((await row()).revoked_at);
});

test('what the cache holds is no longer for a key that was revoked', async () => {
    const device = await keyOf('reader');
    good(await device.get('/dashboard/summary'));
    good(await device.get('/analytics/hourly'));
    good(await admin().post('/rest/rpc/revoke_api_key', {key_id: device.id}));
    for (const path of ['/dashboard/summary', '/analytics/hourly']) {
        // Within a second; here it is waited for, not timed.
        refused(await until('401', async () => {
            const answer = await device.get(path);
            return answer.status == 401 && answer;
        }), 401);
    }
});

test('an expired key is 401', async () => {
    const reader = await keyOf('reader', {expires_at: new Date(Date.now() + 3600e3).toISOString()});
    good(await reader.get('/sessions'));
    await psql('CLOSED_PSQL', `UPDATE people_counter_rest.api_keys SET expires_at = now() - interval '1 s' WHERE id = '${reader.id}'`);
    refused(await reader.get('/sessions'), 401);
});

test('keys that are none are 401, whatever they look like', async () => {
    for (const key of ['x', 'pck_', `pck_${'A'.repeat(43)}`, env('ADMIN_KEY').slice(0, -1), `${env('ADMIN_KEY')}x`, env('ADMIN_KEY').toLowerCase(), 'x'.repeat(5000)]) {
        refused(await client(base, {key}).get('/sessions'), 401);
        refused(await client(base, {key}).get('/health'), 401);
    }
});

for (const [what, body] of Object.entries({'no name': {key_role: 'reader', key_name: ''}, 'no such role': {key_name: 'x', key_role: 'superuser'},
    'a device without a device': {key_name: 'x', key_role: 'device'}, 'a reader with a device': {key_name: 'x', key_role: 'reader', device: 'd'},
    'an end in the past': {key_name: 'x', key_role: 'reader', expires_at: ago(60)}})) {
    test(`no key is made with ${what}`, async () => {
        const answer = await admin().post('/rest/rpc/create_api_key', body);
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.json.detail, /^(key_name|key_role|device|expires_at) /);
    });
}

test('tokens that are not good are 401', async () => {
    const good = claims('admin');
    const {exp, ...endless} = good;
    const [head, payload, signature] = hs256(good).split('.');
    const tampered = `${head}.${Buffer.from(JSON.stringify({...good, role: 'people_counter_admin', sub: 'x'})).toString('base64url')}.${signature}`;
    const bad = {
        'another secret': hs256(good, 'x'.repeat(64)), 'expired': hs256({...good, exp: now() - 3600}), 'not yet': hs256({...good, nbf: now() + 3600}),
        'alg none': unsigned(good), 'alg None': unsigned(good).replace(/^[^.]*/, Buffer.from('{"alg":"None"}').toString('base64url')),
        'RS256 where HS256 is': rs256(good), 'HS512 in name': hs256(good, undefined, {alg: 'HS512'}), 'no signature': `${head}.${payload}.`,
        'a changed payload': tampered, 'two parts': `${head}.${payload}`, 'a word': 'token', 'nothing': '...', 'no role that there is': hs256({...good, role: 'postgres'}),
        'a long one': 'x'.repeat(6000),
    };
    for (const [what, token] of Object.entries(bad)) {
        const answer = await client(base, {token}).get('/sessions');
        assert.ok(/role/.test(what) ? [401, 403].includes(answer.status) : answer.status == 401, `${what}: ${answer.status} ${answer.text}`);
        refused(answer, answer.status);
    }
    for (const role of ['api_owner', 'authenticator', 'nobody']) {
        const {status} = await client(base, {token: hs256(claims(role))}).get('/sessions');
        assert.ok([401, 403].includes(status), `${role}: ${status}`);
    }
    assert.equal((await client(base, {token: hs256(endless)}).get('/sessions')).status, 200, 'a token need not end');
    assert.equal((await client(base, {token: hs256({exp: now() + 60})}).get('/sessions')).status, 403, 'without a role it is anonymous');
});

test('RS256: another key, HS256 with the public key, alg none', async () => {
    const at = env('RS256_URL');
    const {privateKey} = generateKeyPairSync('rsa', {modulusLength: 2048, privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
        publicKeyEncoding: {type: 'spki', format: 'pem'}});
    for (const token of [rs256(claims('admin'), {}, privateKey), rs256({...claims('admin'), exp: now() - 3600}), hs256(claims('admin')), unsigned(claims('admin')),
        hs256(claims('admin'), 'AQAB', {kid: 'e2e'})]) {
        refused(await client(at, {token}).get('/sessions'), 401);
    }
    assert.equal((await client(at, {token: rs256(claims('reader'), {kid: 'other'})}).get('/sessions')).status < 402, true);
});

test('a key and a token together: the key counts', async () => {
    const reader = await keyOf('reader');
    const both = client(base, {key: reader.key, token: hs256(claims('admin'))});
    refused(await both.post('/sessions', {}), 403);
    refused(await client(base, {key: 'pck_no', token: hs256(claims('admin'))}).get('/sessions'), 401);
});

test('a device token without a device makes no session', async () => {
    refused(await client(base, {token: hs256(claims('device'))}).post('/sessions', {}), 403);
});
