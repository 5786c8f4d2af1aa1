// Where changes come from: the live stream of the gateway, and questions every few seconds, which find what it does not tell and
// are all there is where there is no stream.
//
//   subscribe(callback) -> unsubscribe
//
// callback({type: 'refresh', first}) is called when something may have changed, at once for the first time. It returns a
// promise; while that is not settled, it is not called again. If it is rejected with an error that is `lost`, the server is
// away, and it is asked on until it is back. callback({type: 'message', message}) is called with each message of the stream,
// also while a refresh is under way.
//
// onState(callback) -> unsubscribe: told {state, since, fresh, last, every} whenever that changes. state:
//   connecting   the first answer has not come, or the stream is being opened
//   live         the stream is open, and nothing says that it does not work
//   polling      there is no stream, and the server answers: it is asked `every` so many seconds
//   lost         the server does not answer
//   paused       the page is not visible, and nothing is asked
// What is over within GRACE changes nothing. fresh: what is known is of now; since: from when on; last: the last good answer
// or message.

import {Stream} from './stream.js';

const GRACE = 4_000;             // a browser comes back after three
const CLOSELY = 1_000;          // between two refreshes that the stream asks for, and after a failure
const BESIDE_STREAM = 15_000;   // as long as it tells something
const HEARD_LATELY = 30_000;
const LONGEST = 60_000;         // a connection may be dead without a word
const subscribers = new Set();
const watchers = new Set();
let interval = 5000;
let timer = null;
let dueAt = Infinity;
let running = false;
let again = null;               // so long after the one that is under way
let begunAt = -Infinity;        // the last refresh, and the one before
let begunBefore = -Infinity;
let endedAt = -Infinity;
let last = null;
let known = false;              // there was an answer since the page is visible
let failedAt = null;            // the first of the failures since the last answer
let awayAt = null;              // since when the stream is not open, though it is wanted
let heardAt = -Infinity;
let silent = false;             // the stream is open, and does not tell what happens
let restartedAt = -Infinity;
let graceTimer = null;
let current = {state: 'connecting', since: Date.now(), fresh: false, last: null, every: 5};

const stream = new Stream({
    onOpen() {
        awayAt = null;
        look();
        ask(0);   // what was missed
    },
    onMessage(message) {
        heardAt = Date.now();
        silent = false;
        if (known && failedAt === null) last = heardAt;
        for (const subscriber of subscribers) subscriber.callback({type: 'message', message});
        look();
    },
    onAway({refused, wasOpen}) {
        awayAt ??= Date.now();
        if (refused && current.state === 'connecting') awayAt = -Infinity;
        look();
        if (wasOpen) refreshSoon();   // finds out whether it is the server
    },
});

export const state = () => current;

export function setInterval(seconds) {
    interval = Math.min(Math.max(seconds * 1000, 1000), LONGEST);
}

// Which stream: '' of all sessions, or of one; null, as long as nothing is said: none.
export const setStream = session => stream.want(session);

// ---- the state ----------------------------------------------------------------------------------------------------------

function stateNow() {
    if (document.hidden) return 'paused';
    if (failedAt !== null && (last === null || Date.now() - failedAt >= GRACE)) return 'lost';
    if (!known) return 'connecting';
    if (failedAt !== null && ['live', 'polling'].includes(current.state)) return current.state;
    if (stream.open && !silent) return 'live';
    if (awayAt === null || Date.now() - awayAt >= GRACE) return 'polling';
    return ['live', 'polling'].includes(current.state) ? current.state : 'connecting';
}

function look() {
    const before = current;
    const next = stateNow();
    const since = next === before.state ? before.since : next === 'lost' ? failedAt : Date.now();
    const fresh = next === 'paused' ? before.fresh : known && next !== 'lost';
    current = {state: next, since, fresh, last, every: interval / 1000};
    clearTimeout(graceTimer);
    const ends = [failedAt, awayAt].filter(at => at !== null).map(at => at + GRACE - Date.now()).filter(wait => wait > 0);
    if (ends.length && next !== 'paused') graceTimer = setTimeout(look, Math.min(...ends) + 10);
    const second = at => at === null ? null : Math.floor(at / 1000);
    if (['state', 'fresh', 'every'].some(name => current[name] !== before[name]) || second(last) !== second(before.last)) {
        for (const watcher of watchers) watcher(current);
    }
}

export function onState(callback) {
    watchers.add(callback);
    callback(current);
    return () => watchers.delete(callback);
}

// ---- asking -------------------------------------------------------------------------------------------------------------

function later(delay) {
    clearTimeout(timer);
    timer = null;
    dueAt = Infinity;
    if (!subscribers.size || document.hidden) return;
    dueAt = Date.now() + delay;
    timer = setTimeout(tick, delay);
}

function ask(delay) {
    if (running) again = Math.min(again ?? Infinity, delay);
    else if (Date.now() + delay < dueAt) later(delay);
}

// Something was changed from here: do not wait for the next round.
export const refreshNow = () => ask(0);

// Something was told that says only that there is more: at once, and then not all the time.
export const refreshSoon = () => ask(running ? CLOSELY : Math.max(0, endedAt + CLOSELY - Date.now()));

async function tick() {
    clearTimeout(timer);
    timer = null;
    dueAt = Infinity;
    if (running) return;
    running = true;
    again = null;
    [begunBefore, begunAt] = [begunAt, Date.now()];
    try {
        for (const subscriber of [...subscribers]) {
            await subscriber.callback({type: 'refresh', first: subscriber.first});
            subscriber.first = false;
        }
        answered();
    } catch (error) {
        if (!error?.lost) console.error(error);   // a fault of the page; what is refused is the subscriber's business
        failedAt ??= Date.now();
    } finally {
        running = false;
        endedAt = Date.now();
    }
    look();
    later(again ?? pause());
}

// The server has answered. For a subscriber that shows what it has and then asks for more.
export function answered() {
    const back = current.state === 'lost';
    failedAt = null;
    known = true;
    last = Date.now();
    if (subscribers.size && !document.hidden) follow(back);
    look();
}

// The browser makes a connection again after some seconds, and we after some more: not before time if the server is there.
function follow(back) {
    if (stream.wanted === null || stream.open) return;
    if (!stream.source && !stream.timer) {
        awayAt ??= Date.now();
        stream.start();
    } else if (back || stream.dropped) {
        if (back) awayAt = Date.now();
        stream.restart();
    }
}

function pause() {
    if (failedAt !== null) return current.state === 'lost' ? Math.min(interval, 5000) : CLOSELY;
    const told = stream.open && !silent && Date.now() - heardAt < HEARD_LATELY;
    // A server that is slow to answer is asked less often.
    return Math.max(told ? Math.max(interval, BESIDE_STREAM) : interval, 4 * (endedAt - begunAt));
}

// A refresh has found what the stream should have told. If it still has not in a moment, it is of no use: nobody publishes, or
// the connection is dead. wasTold() says whether it has.
export function expect(wasTold) {
    const openedAt = stream.openedAt;
    if (!stream.open || openedAt >= begunBefore) return;   // it may have been before
    setTimeout(() => {
        if (stream.openedAt !== openedAt || wasTold()) return;
        silent = true;
        if (Date.now() - restartedAt > LONGEST) {
            restartedAt = Date.now();
            awayAt = Date.now();
            stream.restart();
        }
        look();
    }, GRACE);
}

export function subscribe(callback) {
    const subscriber = {callback, first: true};
    subscribers.add(subscriber);
    ask(0);
    return () => {
        subscribers.delete(subscriber);
        if (subscribers.size) return;
        later(0);
        known = false;
        awayAt = failedAt = null;
        silent = false;
        stream.forget();
        look();
    };
}

document.addEventListener('visibilitychange', () => {
    if (!subscribers.size) return;
    if (document.hidden) {
        later(0);
        stream.stop();
        awayAt = null;
    } else {
        // What is on the screen may be old: it is shown as such until there is an answer.
        known = last !== null && Date.now() - last < GRACE;
        failedAt = null;
        awayAt = stream.wanted === null ? null : Date.now();
        ask(0);
    }
    look();
});
addEventListener('online', refreshNow);
