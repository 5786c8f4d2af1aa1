// 200 subscribers while 500 movements a second are committed: each gets every one of them, once and in order. How long it takes is
// only told; bench/stream measures it.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {env} from './lib/http.mjs';
import {Crowd, commitMovements, listenToTheEnd, newDoors} from './lib/crowd.mjs';
import {channelFaults, faultsOf, latencies} from './lib/crowd_check.mjs';

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

// Four movements of one session in two messages, as they should come; then each way in which they should not.
test('what the crowd is checked for is found', () => {
    const move = (id, frame, direction = 'in') => ({id, person_id: 1, movement_direction: direction, frame_number: frame,
        movement_time: `2025-06-16T10:00:0${frame}.000000+00:00`});
    const movement = (second, ...movements) => ({type: 'movement', session_id: 's', timestamp: `10:00:${second}`, count: movements.length, movements});
    const statistics = (second, entered, exited) => ({type: 'statistics', session_id: 's', timestamp: `10:00:${second}`, total_people_entered: entered,
        total_people_exited: exited});
    const [a, b, c, d] = [move('a', 1), move('b', 2), move('c', 3, 'out'), move('d', 4)];
    const good = [movement(10, a, b), statistics(10, 2, 0), movement(11, c, d), statistics(11, 3, 1)];
    const committed = new Map([a, b, c, d].map(({id}) => [id, {session: 's'}]));
    const faults = messages => channelFaults({session: 's', messages}, committed).join('\n');
    assert.equal(faults(good), '');
    const wrong = {
        'are missing': good.slice(0, 2),
        'comes twice': [movement(10, a, b), statistics(10, 2, 0), movement(11, b, c, d), statistics(11, 4, 1)],
        'in its message': [movement(10, b, a), ...good.slice(1)],
        'was committed before a movement that was told earlier': [movement(10, c, d), statistics(10, 1, 1), movement(11, a, b), statistics(11, 3, 1)],
        'was not committed': [movement(10, a, b, move('e', 9)), statistics(10, 3, 0), ...good.slice(2)],
        'where 2 and 0 were told': [good[0], statistics(10, 1, 0), ...good.slice(2)],
        'the totals went back': [good[0], statistics(10, 4, 0), ...good.slice(2)],
        'the last statistics': good.slice(0, 3),
        'it was made before': [good[0], good[1], movement(12, c, d), good[3]],
        'is of session t': [...good, {...good[3], session_id: 't'}],
        'count is 3': [{...good[0], count: 3}, ...good.slice(1)],
    };
    for (const [what, messages] of Object.entries(wrong)) assert.match(faults(messages), new RegExp(what));
});
