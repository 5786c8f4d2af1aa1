// A program that counts: node feeder.mjs URL SESSION SPOOL. Prints the id of each movement after it was recorded, until it is killed.
import { writeSync } from 'node:fs';

import { PeopleCounterClient } from 'people-counter-client';
import { FileSpool } from 'people-counter-client/spool';

const [url, session, path] = process.argv.slice(2);
const client = new PeopleCounterClient({ baseUrl: url });
const buffer = client.buffer(session, { storage: new FileSpool(path), batchSize: 20, maxAge: 50, minDelay: 50 });

let person_id = 0;
setInterval(() => {
    const id = buffer.record({ person_id: ++person_id, movement_direction: person_id % 2 ? 'in' : 'out' });
    writeSync(1, `${id}\n`);
}, 2);
