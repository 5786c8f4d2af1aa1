import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PeopleCounterError } from 'people-counter-client';

import { backoff, retryDelay } from '../src/backoff.js';

const LIMITS = { minDelay: 500, maxDelay: 30_000 };

test('delays double up to the longest, and half of each is random', () => {
    const delays = (random) => Array.from({ length: 9 }, (_, attempt) => backoff(attempt, LIMITS, () => random));
    assert.deepEqual(delays(1), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    assert.deepEqual(delays(0), [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    assert.equal(backoff(100_000, LIMITS, () => 1), 30_000);
});

test('the server is given the time that it asks for', () => {
    const busy = (retryAfter) => new PeopleCounterError('slow down', { status: 429, retryAfter });
    assert.equal(retryDelay(busy(7), 0, LIMITS, () => 0), 7_000);
    assert.equal(retryDelay(busy(7), 0, LIMITS, () => 1), 7_250);
    assert.equal(retryDelay(busy(0), 0, LIMITS, () => 1), 500);
    assert.equal(retryDelay(busy(undefined), 2, LIMITS, () => 1), 2_000);
});

test('but neither less than the backoff nor without end', () => {
    const error = (retryAfter) => new PeopleCounterError('away', { status: 503, retryAfter });
    assert.equal(retryDelay(error(1), 6, LIMITS, () => 1), 30_000);
    assert.equal(retryDelay(error(1e9), 0, LIMITS, () => 0), 600_000);
});

test('what may pass is told from what does not', () => {
    const transient = (status) => new PeopleCounterError('', { status }).transient;
    assert.deepEqual([408, 429, 500, 502, 503, 504].filter(transient), [408, 429, 500, 502, 503, 504]);
    assert.deepEqual([400, 401, 403, 404, 409, 413, 415, 422].filter(transient), []);
    assert.ok(new PeopleCounterError('', { code: 'network' }).transient);
    assert.ok(new PeopleCounterError('', { code: 'protocol', status: 200 }).transient);
});
