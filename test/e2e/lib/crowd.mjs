// A crowd of subscribers of the live stream, while movements are committed one by one; also for bench/stream.
//
// All of one channel must get the same messages in the same order. So the first who gets a message keeps it, the others
// compare it, and what it says is looked at once, at the end (crowd_check.mjs).

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {client, env, newSession, psql, sh, until} from './http.mjs';
import {TRANSPORTS, subscribed} from './subscriber.mjs';

// Of all sessions (session is undefined) or of one.
class Channel {
    texts = [];
    #messages = [];

    constructor(session) {
        this.session = session;
    }

    get messages() {
        while (this.#messages.length < this.texts.length) this.#messages.push(JSON.parse(this.texts[this.#messages.length]));
        return this.#messages;
    }
}

const sessionOf = text => {
    const at = text.indexOf('"session_id":"');
    return at < 0 ? undefined : text.slice(at + 14, at + 50);
};

class Listener {
    times = [];        // when each message came
    fault = undefined;

    constructor(channel, transport, sessions) {
        Object.assign(this, {channel, transport, sessions});
    }

    async begin(base) {
        const query = this.channel.session ? {session_id: this.channel.session} : {};
        this.subscriber = await subscribed(base, this.transport, {query, withIds: false, minds: text => this.take(text)});
        return this;
    }

    // What is of sessions that are not the crowd's is not minded; the rest is kept in the channel.
    take(text) {
        if (!this.sessions.has(sessionOf(text))) return false;
        const {texts} = this.channel;
        const at = this.times.push(Date.now()) - 1;
        if (at == texts.length) texts.push(text);
        else if (texts[at] !== text) this.fault ??= `message ${at} is not that of the others: ${text.slice(0, 200)}`;
        return false;
    }

    get isComplete() {
        return this.times.length >= this.channel.texts.length;
    }
}

export class Crowd {
    channels = new Map();   // by session; undefined: all
    listeners = [];

    constructor(sessions) {
        this.sessions = sessions;
        this.channels.set(undefined, new Channel(undefined));
    }

    // Half of them over either transport, and half of all sessions; the others of one, each session in turn.
    async gather(base, count) {
        const ours = new Set(this.sessions);
        this.listeners = Array.from({length: count}, (_, i) => {
            const session = i % 4 < 2 ? undefined : this.sessions[Math.floor(i / 4) % this.sessions.length];
            if (!this.channels.has(session)) this.channels.set(session, new Channel(session));
            return new Listener(this.channels.get(session), TRANSPORTS[i % 2], ours);
        });
        await Promise.all(this.listeners.map(listener => listener.begin(base)));
    }

    disperse() {
        this.listeners.forEach(({subscriber}) => subscriber?.close());
    }
}

// New sessions, of which nothing is on its way any more: each of them has been told of.
export async function newDoors(base, count) {
    const told = new Set();
    const scout = await subscribed(base, 'ws', {withIds: false, minds: text => told.add(sessionOf(text))});
    try {
        const api = client(base);
        const sessions = [];
        for (let n = 0; n < count; n++) sessions.push(await newSession(api, {session_name: `Door ${n + 1}`}));
        await until('the new sessions are told of', () => sessions.every(session => told.has(session)));
        return sessions;
    } finally {
        scout.close();
    }
}

const COLUMNS = 'session_id, movement_time, person_id, movement_direction, centroid_x, centroid_y, bounding_box_x1, bounding_box_y1, ' +
    'bounding_box_x2, bounding_box_y2, confidence_score, frame_number';
const insert = (session, person, direction, frame) => `INSERT INTO people_movements (${COLUMNS}) VALUES (${session}, clock_timestamp(), ` +
    `${person}, ${direction}, 960, 540, 920, 450, 1000, 630, 0.9, ${frame});`;

// So many movements a second, each a transaction of one of so many clients, into any of the sessions. The client is the person
// and counts them in frame_number: that is the order of its commits. Answers what pgbench said.
export async function commitMovements(sessions, {rate, seconds, clients}) {
    const directory = await mkdtemp(`${tmpdir()}/crowd-`);
    try {
        await writeFile(`${directory}/movement`, ['\\set n :n + 1', `\\set session random(1, ${sessions.length})`,
            '\\set direction random(1, 2)',
            insert(`('{${sessions}}'::uuid[])[:session]`, ':client_id', "('{in,out}'::movement_direction[])[:direction]", ':n'), ''].join('\n'));
        return await sh(`${env('PGBENCH')} -n -M prepared -R ${rate} -T ${seconds} -c ${clients} -j 1 -D n=0 -f ${directory}/movement`);
    } finally {
        await rm(directory, {recursive: true});
    }
}

// What is in the table, by id. `at` is an expression: when the row was committed.
export async function committedMovements(sessions, at) {
    const rows = await psql('PSQL', `SELECT id, session_id, movement_direction, 1000 * extract(epoch FROM ${at})
                                      FROM people_movements WHERE session_id = ANY ('{${sessions}}')`);
    return new Map(rows.split('\n').filter(Boolean).map(row => row.split('|')).map(([id, session, direction, time]) =>
        [id, {session, direction, at: Number(time)}]));
}

// Until everything that was committed has been told to everybody; not for ever. After it comes nothing more: one more movement
// of each session is the last that there is.
export async function listenToTheEnd(crowd, at) {
    const told = committed => [...crowd.channels.values()].every(({session, messages}) => {
        let missing = session ? [...committed.values()].filter(one => one.session == session).length : committed.size;
        for (const message of messages) if (message.type == 'movement') missing -= message.movements.length;
        return missing <= 0 && messages.at(-1)?.type == 'statistics';
    });
    const patiently = (what, condition) => until(what, condition, 120).catch(() => undefined);   // it is found out later
    const everyone = () => crowd.listeners.every(one => one.isComplete || one.fault || one.subscriber.closed);
    const before = await committedMovements(crowd.sessions, at);
    await patiently('all is told', () => told(before) && everyone());
    await psql('PSQL', crowd.sessions.map(session => insert(`'${session}'`, -1, "'in'", 1)).join(' '));
    const committed = await committedMovements(crowd.sessions, at);
    await patiently('the last is told', () => told(committed) && everyone());
    return committed;
}
