import assert from 'node:assert/strict';
import { test } from 'node:test';

import { uuidv7 } from 'people-counter-client';

import { timeOfUuidv7 } from '../src/uuid.js';

// Each test is later than the one before: the ids of a process never go back.
const NOW = Date.now() + 1_000_000;

test('an id has the version, the variant and the time', () => {
    const id = uuidv7(NOW);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(timeOfUuidv7(id), NOW);
    // The example of RFC 9562.
    assert.equal(timeOfUuidv7('017F22E2-79B0-7CC3-98C4-DC0C0C07398F'), Date.parse('2022-02-22T14:22:22-05:00'));
});

test('only a UUIDv7 has a time', () => {
    assert.equal(timeOfUuidv7('0190163d-8694-439b-aea5-966c26f8ad91'), undefined);
    assert.equal(timeOfUuidv7('0190163d-8694-739b-aea5'), undefined);
    assert.equal(timeOfUuidv7(undefined), undefined);
});

test('ids of one millisecond are in order, however many', () => {
    const ids = Array.from({ length: 20_000 }, () => uuidv7(NOW + 10));
    assert.deepEqual([...ids].sort(), ids);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(timeOfUuidv7(ids[2_000]), NOW + 10);
});

test('ids are in order when the clock is set back', () => {
    const before = uuidv7(NOW + 1_000);
    const after = uuidv7(NOW - 100_000);
    assert.ok(after > before);
    assert.ok(uuidv7(NOW + 2_000) > after);
});

test('ids of one instant differ in their random part', () => {
    const tails = new Set(Array.from({ length: 1_000 }, () => uuidv7(NOW + 5_000).slice(20)));
    assert.equal(tails.size, 1_000);
});
