// Sends the movements of a real door to the API, and asks it whether they all arrived.
//
//   node examples/feed-calit2.mjs [--url http://localhost:8000] [--key API_KEY] [--file calit2_main_door.csv] [--batch 1000]
//
// The file has sums of half hours: see test/data/README.md. The movements are those of scripts/demo.d/camera.awk: the n people
// of a half hour pass at even distances, and those who enter are spread evenly among those who leave, an entrance first.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { PeopleCounterClient } from 'people-counter-client';

const HALF_HOUR = 1_800_000;
const DOOR = new URL('../../../test/data/calit2_main_door.csv', import.meta.url);

// "2005-07-24 00:30" and milliseconds behind it, on the clock of the door: without an offset, so that the server reads it in
// the zone of the session.
function timeOf(slot, offset) {
    const minutes = Number(slot.slice(14)) + Math.floor(offset / 60_000);
    const seconds = ((offset % 60_000) / 1000).toFixed(3).padStart(6, '0');
    return `${slot.slice(0, 10)}T${slot.slice(11, 13)}:${String(minutes).padStart(2, '0')}:${seconds}`;
}

function* movementsOf(csv) {
    let person_id = 0;
    for (const line of csv.trim().split('\n').slice(1)) {
        const [slot, inText, outText] = line.trim().split(',');
        const entered = Number(inText);
        const people = entered + Number(outText);
        const enteredBefore = (k) => Math.floor((k * entered + people - 1) / people);
        for (let k = 0; k < people; k++) {
            const offset = Math.floor(((2 * k + 1) * HALF_HOUR) / (2 * people));
            yield {
                person_id: ++person_id,
                movement_direction: enteredBefore(k + 1) > enteredBefore(k) ? 'in' : 'out',
                movement_time: timeOf(slot, offset),
            };
        }
    }
}

const { values } = parseArgs({
    options: { url: { type: 'string' }, key: { type: 'string' }, file: { type: 'string' }, batch: { type: 'string' } },
});
const batchSize = Number(values.batch ?? 1000);
const client = new PeopleCounterClient({ baseUrl: values.url, apiKey: values.key });
const csv = readFileSync(values.file ?? DOOR, 'utf8');

const session = await client.startSession({
    session_name: 'CalIt2, main door',
    input_source: 'calit2_main_door.csv',
    start_time: `${csv.split('\n')[1].slice(0, 16).replace(' ', 'T')}:00`,
    time_zone: 'America/Los_Angeles',
    day_start: '04:00',
    reset_time: '04:00',
});
console.log(`session ${session} at ${client.baseUrl}`);

const buffer = client.buffer(session, {
    batchSize,
    onError: (error, { retryIn }) => console.error(`${error.message}; again in ${Math.round(retryIn)} ms`),
    onRejected: (movement, detail) => console.error(`rejected: ${detail}`, movement),
});
const sent = { in: 0, out: 0 };
const begin = performance.now();
for (const movement of movementsOf(csv)) {
    buffer.record(movement);
    sent[movement.movement_direction]++;
    // A file is read faster than it is sent; a camera need not wait.
    while (buffer.pending >= 4 * batchSize) await buffer.flush().catch(() => new Promise((go) => setTimeout(go, 500)));
}
const { recorded, rejected, pending } = await buffer.close(120_000);
const seconds = (performance.now() - begin) / 1000;
await client.endSession(session);

const { statistics } = await client.getSession(session);
const number = (value) => value.toLocaleString('en').padStart(9);
console.log(`${number(recorded)} movements in ${seconds.toFixed(1)} s: ${Math.round(recorded / seconds).toLocaleString('en')} a second`);
console.log(`\n                    in      out`);
console.log(`  the file   ${number(sent.in)}${number(sent.out)}`);
console.log(`  the server ${number(statistics.total_people_entered)}${number(statistics.total_people_exited)}`);
console.log(`\n  inside at most ${statistics.peak_people_count}, in the end ${statistics.current_people_inside}`);

const equal = statistics.total_people_entered === sent.in && statistics.total_people_exited === sent.out;
if (!equal || rejected > 0 || pending > 0) {
    console.error(`DIFFERENT: ${rejected} rejected, ${pending} not sent`);
    process.exitCode = 1;
}
