// The examples of docs/streaming.md, as they are there: the page in a browser, from another origin, and the proxy before two gateways.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import {tmpdir} from 'node:os';
import {after, test} from 'node:test';
import {client, env, good, movement, newSession, psql, until} from './lib/http.mjs';
import {gateway, open, shows, textOf} from './lib/browser.mjs';
import {TRANSPORTS, identity, publisher, receives, subscribed} from './lib/stream.mjs';

const guide = readFileSync(new URL('../../docs/streaming.md', import.meta.url), 'utf8');
function example(language) {
    const found = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
    assert.equal(found.length, 1, language);
    return found[0][1];
}
function replaced(text, ...pairs) {
    for (const [old, value] of pairs) {
        assert.ok(text.includes(old), old);
        text = text.replaceAll(old, value);
    }
    return text;
}

const api = client(env('URL'));
const aside = client(env('CROWDED_URL'));
const made = [];
after(() => psql('PSQL', `DELETE FROM sessions WHERE id IN (${made.map(id => `'${id}'`).join(',')}); DELETE FROM people_counter_api.api_keys WHERE key_name = 'guide'`));
async function session(name, fields = {}) {
    made.push(await newSession(api, {session_name: name, ...fields}));
    return made.at(-1);
}
const enter = (id, people, by = api) => by.post(`/sessions/${id}/movements`, Array.from({length: people}, () => movement())).then(good);

// A web server with the page, and nothing else.
async function serve(origin) {
    const page = replaced(example('html'), ['https://counter.example', env('URL')]);
    const server = http.createServer((call, answer) => {
        answer.setHeader('Content-Type', 'text/html; charset=utf-8');
        answer.end(call.url === '/favicon.ico' ? '' : page);
    });
    await new Promise((resolve, reject) => server.once('error', reject).listen(origin ? Number(new URL(origin).port) : 0, '127.0.0.1', resolve));
    after(() => server.close());
    return origin ?? `http://127.0.0.1:${server.address().port}`;
}
const origin = await serve(env('PAGE_ORIGIN'));
const stranger = await serve();

// What the page did wrong; that it asks another host is what it is for.
const faults = page => page.problems.filter(text => !text.startsWith(`request to ${env('URL')}/`) && !/^console: Failed to load resource: net::ERR_/.test(text));

test('the page: what there is, what happens, and what happened while it was cut off', async () => {
    const key = await psql('PSQL', "SELECT people_counter_api.create_api_key('guide', 'reader')->>'api_key'");
    const id = await session('Guide <b>room</b>', {capacity: 10});
    await enter(id, 2);
    const page = await open(`/inside.html#key=${key}`, {base: origin});
    await shows(page, '#state', /^Live$/);
    await shows(page, '#rooms li', /^Guide <b>room<\/b>: 2 of 10$/);
    await enter(id, 1);
    await shows(page, '#rooms li', /^Guide <b>room<\/b>: 3 of 10$/);
    const other = await session('Guide hall');
    await enter(other, 1);
    await shows(page, '#rooms li', /^Guide hall: 1$/);
    good(await api.put(`/sessions/${other}`, {status: 'completed'}));
    await until('the session that ended is gone', async () => await page.locator('#rooms li', {hasText: 'Guide hall'}).count() === 0);
    assert.deepEqual(faults(page), []);
    await gateway('STOP');
    try {
        await shows(page, '#state', /^No connection/);
        await enter(id, 4, aside);
    } finally {
        await gateway('START');
    }
    await shows(page, '#state', /^Live$/);
    await shows(page, '#rooms li', /^Guide <b>room<\/b>: 7 of 10$/);
    await enter(id, 1);
    await shows(page, '#rooms li', /^Guide <b>room<\/b>: 8 of 10$/);
    assert.deepEqual(faults(page), []);
    assert.ok(page.requested.every(url => !url.includes('#')));
    await page.closeAll();
});

test('the page: with a key that is none, or from an origin that is not allowed, it shows nothing', async () => {
    for (const [base, key] of [[origin, 'pck_nobodys'], [stranger, '']]) {
        const page = await open(`/inside.html#key=${key}`, {base});
        await shows(page, '#state', /^No connection/);
        assert.equal(await textOf(page, '#rooms'), '');
        await page.closeAll();
    }
});

const freePort = () => new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
        const {port} = server.address();
        server.close(() => resolve(port));
    });
});

// nginx with the proxy of the guide, before these two.
async function proxy(first, second) {
    const port = await freePort();
    const directory = mkdtempSync(`${tmpdir()}/proxy-`);
    const config = replaced(example('nginx'), ['10.0.0.11:8000', first], ['10.0.0.12:8000', second], ['listen 443 ssl;', `listen 127.0.0.1:${port};`])
        .replace(/^.*ssl_certificate.*\n/gm, '');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${directory}/${name};`).join('\n');
    writeFileSync(`${directory}/nginx.conf`, `daemon off;\npid ${directory}/pid;\nerror_log ${directory}/error.log;\nevents { }\n` +
        `http {\naccess_log off;\n${temporary}\n${config}\n}\n`);
    const nginx = spawn('nginx', ['-e', `${directory}/error.log`, '-p', directory, '-c', `${directory}/nginx.conf`], {stdio: 'ignore'});
    after(async () => {
        nginx.kill('SIGTERM');
        await new Promise(resolve => nginx.exitCode === null ? nginx.once('exit', resolve) : resolve());
        rmSync(directory, {recursive: true});
    });
    const url = `http://127.0.0.1:${port}`;
    await until('the proxy answers', async () => (await fetch(`${url}/health`)).status === 200);
    return url;
}

test('the proxy: any gateway will do, also to come back at, and one that is away is not missed', async () => {
    const [a, b] = ['REDIS_A_URL', 'REDIS_B_URL'].map(name => new URL(env(name)).host);
    const source = publisher(env('REDIS_A_PUBLISH_SOCKET'), await identity('PSQL'));
    const several = (from, count) => Array.from({length: count}, (_, i) => JSON.stringify({type: 'statistics', n: from + i}));
    for (const [first, second] of [[a, b], [`127.0.0.1:${await freePort()}`, b]]) {
        const url = await proxy(first, second);
        for (const transport of TRANSPORTS) {
            const id = await session('Proxied door');
            const crowd = await Promise.all([1, 2, 3, 4].map(() => subscribed(url, transport, {query: {session_id: id}})));
            for (const message of several(0, 20)) await source.publish(message, id);
            for (const subscriber of crowd) {
                await receives(subscriber, several(0, 20));
                subscriber.close();
            }
            for (const message of several(20, 20)) await source.publish(message, id);
            for (const {last} of crowd) {
                const again = await subscribed(url, transport, {query: {session_id: id, last_event_id: last}});
                await receives(again, several(20, 20));
                again.close();
            }
        }
    }
});
