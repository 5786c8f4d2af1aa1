// Requests as a client makes them, one connection each, and what they are checked with. No dependencies.

import assert from 'node:assert/strict';
import {exec} from 'node:child_process';
import {createHmac, createSign, randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import {promisify} from 'node:util';

export const env = name => {
    const value = process.env[`PEOPLE_COUNTER_${name}`];
    assert.ok(value, `PEOPLE_COUNTER_${name} is not set: test/e2e/run starts the tests`);
    return value;
};

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

// Answers {status, headers, text, json}. A body that is no text or buffer is sent as JSON.
export function request(base, method, path, {key, token, body, headers = {}, type = 'application/json'} = {}) {
    const url = new URL(base);
    const data = body === undefined || typeof body == 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const sent = {...headers};
    if (key) sent['X-API-Key'] = key;
    if (token) sent.Authorization = `Bearer ${token}`;
    if (data !== undefined) {
        if (type) sent['Content-Type'] = type;
        sent['Content-Length'] = Buffer.byteLength(data);
    }
    return new Promise((resolve, reject) => {
        const client = url.protocol == 'https:' ? https : http;
        const call = client.request({host: url.hostname, port: url.port, method, path, headers: sent, agent: false,
            rejectUnauthorized: false, timeout: 60000});
        call.on('response', answer => {
            const pieces = [];
            answer.on('data', piece => pieces.push(piece));
            answer.on('error', reject);
            answer.on('end', () => {
                const raw = Buffer.concat(pieces);
                const text = raw.toString();
                let json;
                try {
                    json = JSON.parse(text);
                } catch {
                    // undefined
                }
                resolve({status: answer.statusCode, headers: answer.headers, raw, text, json});
            });
        });
        call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
        call.on('error', reject);
        // A server that refuses a body may do so while it is being sent.
        call.end(data);
    });
}

// A client with its own address and credentials: get(path), post(path, body), ...
export function client(base, credentials = {}) {
    const send = method => (path, body, more = {}) => request(base, method, path, {...credentials, body, ...more});
    const read = method => (path, more = {}) => request(base, method, path, {...credentials, ...more});
    return {base, get: read('GET'), head: read('HEAD'), options: read('OPTIONS'), delete: read('DELETE'),
        post: send('POST'), put: send('PUT'), patch: send('PATCH'),
        send: (method, path, more = {}) => request(base, method, path, {...credentials, ...more})};
}

export function good(answer) {
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json(; charset=utf-8)?$/);
    assert.notEqual(answer.json, undefined, answer.text);
    return answer.json;
}

// Names that are no business of a client's, whatever went wrong.
const INTERNAL = /people_counter_rest|people_counter_api|pg_catalog|plpgsql|pgrst|postgrest|nginx|upstream|schema cache|\bjsonb?\b_|SQLSTATE|CONTEXT|stack|\.(cpp|js|conf|sock)\b|::/i;

// An error in the shape of the contract and nothing else. The detail matches.
export function refused(answer, status, detail = /./) {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json(; charset=utf-8)?$/);
    assert.deepEqual(Object.keys(answer.json ?? {}).sort(), ['detail', 'timestamp'], answer.text);
    assert.equal(typeof answer.json.detail, 'string');
    assert.match(answer.json.detail, detail);
    assert.doesNotMatch(answer.json.detail, INTERNAL);
    assert.match(answer.json.timestamp, ISO);
    assert.equal(answer.headers['cache-control'], 'no-store');
    return answer.json.detail;
}

export const keys = (object, ...names) => assert.deepEqual(Object.keys(object).sort(), [...names].sort());
export const isTime = value => {
    assert.match(value, ISO);
    assert.ok(!Number.isNaN(Date.parse(value)), value);
};
export const isUuid = value => assert.match(value, UUID);
export const isCount = value => assert.ok(Number.isInteger(value) && value >= 0, `${value} is no count`);

export const newId = randomUUID;
export const ago = seconds => new Date(Date.now() - seconds * 1000).toISOString();

export async function newSession(api, fields = {}) {
    const answer = good(await api.post('/sessions', fields));
    keys(answer, 'session_id', 'status');
    assert.equal(answer.status, 'created');
    isUuid(answer.session_id);
    return answer.session_id;
}

export const movement = (more = {}) => ({person_id: 1, movement_direction: 'in', ...more});

// Waits until it is true, or fails.
export async function until(what, condition, seconds = 60) {
    const end = Date.now() + seconds * 1000;
    let last;
    while (Date.now() < end) {
        try {
            last = await condition();
            if (last) return last;
        } catch (error) {
            last = error;
        }
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    assert.fail(`${what}: not within ${seconds} s (${last})`);
}

export const sh = async command => (await promisify(exec)(command, {maxBuffer: 1 << 26})).stdout.trim();

// psql(name, sql) in the database of PEOPLE_COUNTER_name. Values go into the text: tests make them up themselves.
export const psql = (name, sql) => sh(`${env(name)} -c '${sql.replaceAll("'", `'\\''`)}'`);

// ---- tokens -----------------------------------------------------------------------------------------------------------

const encode = value => Buffer.from(typeof value == 'string' ? value : JSON.stringify(value)).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);
export const claims = (role, more = {}) => ({role: `people_counter_${role}`, exp: now() + 3600, ...more});

export function hs256(payload, secret = env('JWT_SECRET'), header = {}) {
    const text = `${encode({alg: 'HS256', typ: 'JWT', ...header})}.${encode(payload)}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function rs256(payload, header = {}, key = readFileSync(env('RS256_KEY'))) {
    const text = `${encode({alg: 'RS256', typ: 'JWT', kid: 'e2e', ...header})}.${encode(payload)}`;
    return `${text}.${createSign('sha256').update(text).sign(key).toString('base64url')}`;
}

export const unsigned = payload => `${encode({alg: 'none', typ: 'JWT'})}.${encode(payload)}.`;

// ---- keys -------------------------------------------------------------------------------------------------------------

export const admin = () => client(env('CLOSED_URL'), {key: env('ADMIN_KEY')});

// A client with a new API key of the closed stack, made as an administrator makes it.
export async function keyOf(role, more = {}) {
    const made = good(await admin().post('/rest/rpc/create_api_key', {key_name: `test ${role}`, key_role: role,
        ...(role == 'device' ? {device: `camera-${newId()}`} : {}), ...more}));
    return {...client(env('CLOSED_URL'), {key: made.api_key}), key: made.api_key, id: made.id, device: made.device};
}
