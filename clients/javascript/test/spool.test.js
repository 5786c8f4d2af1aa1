import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { LocalStorageSpool, uuidv7 } from 'people-counter-client';
import { FileSpool } from 'people-counter-client/spool';

import { SESSION, person } from './support/fakes.js';

let directory;
let path;

beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'spool-'));
    path = join(directory, 'door', 'movements.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true }));

function entry(person_id) {
    const id = uuidv7();
    return { key: id, session_id: SESSION, movement: person(person_id, { id, movement_time: '2025-06-16T09:10:00Z' }) };
}

function people(spool) {
    return spool.load().map(({ movement }) => movement.person_id);
}

// Does to the file what it has when a process ends without closing.
function reopen(spool) {
    spool.close();
    return new FileSpool(path);
}

test('entries are in the file when append returns, and are found by the next run in order', () => {
    let spool = new FileSpool(path);
    const entries = [1, 2, 3].map(entry);
    for (const one of entries) spool.append(one);
    assert.equal(readFileSync(path, 'utf8'), entries.map((one) => `${JSON.stringify(one)}\n`).join(''));
    spool = reopen(spool);
    assert.deepEqual(spool.load(), entries);
    spool.remove([entries[1].key]);
    spool = reopen(spool);
    assert.deepEqual(people(spool), [1, 3]);
    spool.close();
});

test('a spool with nothing in it is an empty file', () => {
    const spool = new FileSpool(path, { fsync: true });
    const entries = [1, 2].map(entry);
    for (const one of entries) spool.append(one);
    spool.remove([entries[0].key]);
    spool.remove([entries[1].key]);
    assert.equal(statSync(path).size, 0);
    spool.append(entry(3));
    assert.deepEqual(people(spool), [3]);
    spool.close();
});

test('a line whose writing was cut off is dropped, and the next one is whole', () => {
    let spool = new FileSpool(path);
    spool.append(entry(1));
    appendFileSync(path, JSON.stringify(entry(2)).slice(0, 40));
    spool = reopen(spool);
    assert.deepEqual(people(spool), [1]);
    spool.append(entry(3));
    spool = reopen(spool);
    assert.deepEqual(people(spool), [1, 3]);
    assert.equal(existsSync(`${path}.damaged`), false);
    spool.close();
});

test('a damaged file is kept aside, and the rest of it used', () => {
    let spool = new FileSpool(path);
    spool.append(entry(1));
    appendFileSync(path, '\0\0\0\0\n');
    spool.append(entry(2));
    const damaged = readFileSync(path);
    spool = reopen(spool);
    assert.deepEqual(people(spool), [1, 2]);
    assert.deepEqual(readFileSync(`${path}.damaged`), damaged);
    spool.close();
});

test('a file that has long lists of the done is written anew', () => {
    let spool = new FileSpool(path);
    const kept = entry(0);
    spool.append(kept);
    for (let i = 0; i < 25; i++) {
        const batch = Array.from({ length: 500 }, (_, j) => entry(j));
        for (const one of batch) spool.append(one);
        spool.remove(batch.map(({ key }) => key));
    }
    assert.ok(statSync(path).size < 2_000_000, `${statSync(path).size} bytes`);
    spool = reopen(spool);
    assert.deepEqual(people(spool), [0]);
    assert.equal(readFileSync(path, 'utf8'), `${JSON.stringify(kept)}\n`);
    spool.close();
});

test('two buffers of a process cannot share a file', () => {
    const spool = new FileSpool(path);
    assert.throws(() => new FileSpool(path), /in use/);
    spool.close();
    new FileSpool(path).close();
});

test('a directory that cannot be read is an error', () => {
    writeFileSync(join(directory, 'file'), '');
    assert.throws(() => new FileSpool(join(directory, 'file', 'spool')));
});

test('localStorage: one item each, in order, and nothing of others', () => {
    const items = new Map([['theme', 'dark'], ['people-counter:zzz', '{broken']]);
    const storage = {
        get length() {
            return items.size;
        },
        key: (i) => [...items.keys()][i],
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => void items.set(key, value),
        removeItem: (key) => void items.delete(key),
    };
    const spool = new LocalStorageSpool('people-counter', storage);
    const [first, second, third] = [1, 2, 3].map(entry);
    for (const one of [second, first, third]) spool.append(one);
    spool.remove([second.key]);
    assert.deepEqual(new LocalStorageSpool('people-counter', storage).load(), [first, third]);
    assert.deepEqual(new LocalStorageSpool('another', storage).load(), []);
    assert.equal(items.get('theme'), 'dark');
});
