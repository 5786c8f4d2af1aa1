// The subscribers of bench/stream/run, in one process, by what the end-to-end tests have for it.
//
//   crowd.mjs load SUBSCRIBERS SECONDS   while 500 movements a second are committed: prints what each subscriber got, and when
//   crowd.mjs listen SUBSCRIBERS         of the sessions that there are, to standard input's end; prints "listening" when it has begun

import {Crowd, commitMovements, listenToTheEnd, newDoors} from '../../test/e2e/lib/crowd.mjs';
import {faultsOf, latencies} from '../../test/e2e/lib/crowd_check.mjs';
import {env, psql} from '../../test/e2e/lib/http.mjs';
import {TRANSPORTS, subscribed} from '../../test/e2e/lib/subscriber.mjs';

const [what, subscribers, seconds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const base = env('URL');

async function load() {
    const crowd = new Crowd(await newDoors(base, 20));
    await crowd.gather(base, subscribers);
    const said = await commitMovements(crowd.sessions, {rate: 500, seconds, clients: 8});
    const committed = await listenToTheEnd(crowd, 'pg_xact_commit_timestamp(xmin)');
    const faults = faultsOf(crowd, committed);
    faults.slice(0, 20).forEach(fault => console.error(fault));
    const row = (name, which, part = whole => whole) => {
        const {p50, p95, p99, max} = part(latencies(crowd, committed, which));
        return `| ${[name, ...[p50, p95, p99, max].map(ms => `${ms.toFixed(0)} ms`)].join(' | ')} |`;
    };
    const of = session => crowd.listeners.filter(({channel}) => !channel.session == !session).length;
    console.log(['| from commit to subscriber | half | 95 of 100 | 99 of 100 | highest |', '| --- | --- | --- | --- | --- |',
        row(`${subscribers} subscribers`),
        row(`– ${of()} of all sessions`, ({channel}) => !channel.session),
        row(`– ${of(true)} of one session`, ({channel}) => channel.session),
        row('– WebSocket', ({transport}) => transport == 'ws'),
        row('– server-sent events', ({transport}) => transport == 'events'),
        row('– of this, to the look that found it', undefined, ({look}) => look)].join('\n'));
    const rate = Number(/tps = ([\d.]+)/.exec(said)[1]);
    const {texts} = crowd.channels.get(undefined);
    console.log(`\n${subscribers} subscribers, half of them over each transport, ${faults.length ? `**${faults.length} faults**` : 'each complete and in order'}: ` +
        `${committed.size} movements of 20 sessions in ${seconds} s (${rate.toFixed(0)}/s, by 8 clients, a transaction each), in ${texts.length} ` +
        `messages of ${(texts.reduce((sum, text) => sum + text.length, 0) / texts.length).toFixed(0)} bytes. 99 of 100 within 250 ms: ` +
        `${latencies(crowd, committed).p99 < 250 ? 'met' : '**missed**'}.`);
    crowd.disperse();
    process.exitCode = faults.length ? 1 : 0;
}

async function listen() {
    const sessions = (await psql('PSQL', 'SELECT id FROM sessions ORDER BY id')).split('\n');
    const crowd = await Promise.all(Array.from({length: subscribers}, (_, i) => subscribed(base, TRANSPORTS[i % 2],
        {query: i % 4 < 2 ? {} : {session_id: sessions[i % sessions.length]}, withIds: false, minds: () => false})));
    console.log('listening');
    process.stdin.on('end', () => crowd.forEach(one => one.close())).resume();
}

await {load, listen}[what]();
