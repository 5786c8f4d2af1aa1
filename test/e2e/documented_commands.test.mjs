// The commands and programs that the documentation shows for the API, as they are there. test/docs/run sees to it that those which it
// cannot run name a suite; that the ones which name this suite are run is seen to here.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {after, test} from 'node:test';
import {client, env, newSession, psql} from './lib/http.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'documented.'));
const api = client(env('URL'));
const before = await psql('PSQL', 'SELECT count(*) FROM sessions');
after(async () => {
    rmSync(place, {recursive: true});
    await psql('PSQL', `DELETE FROM sessions WHERE session_name IN ('Main door', 'Museum, main door', 'Documented') AND created_at > now() - interval '1 hour'`);
    assert.equal(await psql('PSQL', 'SELECT count(*) FROM sessions'), before, 'nothing is left');
});

// Blocks of a language: where, their text, and what the line before them says.
function blocks(page, language) {
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(new RegExp(`(?:^<!-- not run: (.*?) -->\\n)?^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))]
        .map(found => ({name: `${page}:${text.slice(0, found.index).split('\n').length}`, reason: found[1] ?? '', text: found[2]}));
}

// What a program prints; it must end with status 0.
function run(command, options, variables = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(command, options, {cwd: place, env: {...process.env, ...variables}, stdio: ['ignore', 'pipe', 'pipe']});
        let said = '', wrong = '';
        child.stdout.on('data', piece => said += piece);
        child.stderr.on('data', piece => wrong += piece);
        child.on('error', reject);
        child.on('close', status => status === 0 ? resolve(said) : reject(new Error(`status ${status}:\n${said}\n${wrong}`)));
    });
}

const here = text => text.replaceAll('http://localhost:8000', env('URL'));
// psql as it is called in a page, which has no server to name.
const PSQL = 'psql() { eval "$PEOPLE_COUNTER_PSQL \\"\\$@\\""; }\n';

const commands = ['README.md', 'docs/quickstart.md', 'docs/securing.md', 'docs/streaming.md', 'docs/troubleshooting.md']
    .flatMap(page => blocks(page, 'sh')).filter(block => /\bsuite e2e\b/.test(block.reason) && /\bcurl\b/.test(block.text));
test('there are commands', () => assert.ok(commands.length >= 5, `${commands.length}`));

for (const block of commands) {
    test(`${block.name} works`, async () => {
        const closed = block.text.includes('$admin_key');
        const variables = {
            url: closed ? env('CLOSED_URL') : env('URL'), admin_key: env('ADMIN_KEY'), GATEWAY_STATE: dirname(env('PUBLISH_SOCKET')),
            session: await newSession(api, {session_name: 'Documented'}),
            key: await psql('PSQL', "SELECT people_counter_api.create_api_key('documented', 'reader')->>'api_key'"),
        };
        try {
            const said = await run('bash', ['-euo', 'pipefail', '-c', PSQL + here(block.text)], variables);
            assert.doesNotMatch(said, /"detail"/);   // curl ends well with an error, too
            assert.match(said, /\S/);
        } finally {
            await psql('PSQL', "DELETE FROM people_counter_api.api_keys WHERE key_name = 'documented'");
            if (closed) await psql('CLOSED_PSQL', "DELETE FROM people_counter_api.api_keys WHERE key_name = 'door 2'");
        }
    });
}

// The first program of a page, which is a whole one.
const ended = name => psql('PSQL', `SELECT count(*) FROM sessions WHERE session_name = '${name}' AND status = 'completed'`);
for (const page of ['docs/quickstart.md', 'clients/python/README.md']) {
    test(`the program in Python of ${page} works`, async () => {
        const text = here(blocks(page, 'python')[0].text).replaceAll('/var/lib/camera', place);
        writeFileSync(join(place, 'program.py'), text);
        await run('python3', ['program.py'], {PYTHONPATH: join(root, 'clients/python/src')});
    });
}
for (const page of ['docs/quickstart.md', 'clients/javascript/README.md']) {
    test(`the program in JavaScript of ${page} works`, async () => {
        const file = join(root, 'clients/javascript', 'documented.mjs');   // there it finds the package by its name
        writeFileSync(file, here(blocks(page, 'js')[0].text));
        try {
            assert.match(await run('node', [file]), /\S/);
        } finally {
            rmSync(file);
        }
        assert.notEqual(await ended(page.startsWith('docs') ? 'Main door' : 'Museum, main door'), '0');
    });
}
