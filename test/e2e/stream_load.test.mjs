// 200 subscribers while 500 movements a second are committed: each gets every one of them, once and in order. How long it takes is
// only told; bench/stream measures it.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {env} from './lib/http.mjs';
import {Crowd, commitMovements, listenToTheEnd, newDoors} from './lib/crowd.mjs';
import {faultsOf, latencies} from './lib/crowd_check.mjs';

test('200 subscribers, 500 movements a second, each complete and in order', async t => {
    const crowd = new Crowd(await newDoors(env('URL'), 20));
    after(() => crowd.disperse());
    await crowd.gather(env('URL'), 200);
    await commitMovements(crowd.sessions, {rate: 500, seconds: 10, clients: 4});
    const committed = await listenToTheEnd(crowd, 'movement_time');
    assert.ok(committed.size > 1000, `${committed.size} movements`);
    assert.deepEqual(faultsOf(crowd, committed).slice(0, 10), []);
    const {p50, p99, max, look} = latencies(crowd, committed);
    t.diagnostic(`${committed.size} movements; ms from insert to subscriber: half within ${p50.toFixed(0)}, 99 of 100 within ${p99.toFixed(0)} ` +
        `(${look.p99.toFixed(0)} until they were looked at), highest ${max.toFixed(0)}`);
});
