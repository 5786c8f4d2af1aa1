// Where changes come from: the live stream of the gateway, and questions every few seconds where there is none.
//
//   subscribe(callback) -> unsubscribe
//
// callback({type: 'refresh', first}) is called when something may have changed, at once for the first time. It returns a
// promise; while that is not settled, it is not called again. If it is rejected with an error that is `lost`, the server is
// away, and it is asked on until it is back. callback({type: 'message', message}) is called with each message of the stream,
// between those; as long as there are some, questions are a quarter of a minute apart and only find what messages do not tell.
// That the stream is open says nothing: nobody may publish.
//
// onState(callback) -> unsubscribe: told {state, since, last, streaming} whenever that changes. state: connecting, live, lost
// (cannot be reached), paused (the page is not visible, and nothing is asked). since: from when on; last: the last good
// answer or message.

import {streamUrl} from './api.js';

const BESIDE_STREAM = 15_000;
const HEARD_LATELY = 30_000;
const STREAM_AGAIN = 5_000;   // after it was refused; a connection that is lost, the browser makes again by itself
const subscribers = new Set();
const watchers = new Set();
let interval = 5000;
let timer = null;
let running = false;
let again = false;
let wanted = null;
let stream = null;
let streamTimer = null;
let heardAt = -Infinity;
let current = {state: 'connecting', since: Date.now(), last: null, streaming: false};

export const state = () => current;

export function setInterval(seconds) {
    interval = Math.min(Math.max(seconds, 1), 3600) * 1000;
}

function become(next, last = current.last) {
    const since = next === current.state ? current.since : Date.now();
    current = {state: next, since, last, streaming: stream?.readyState === EventSource.OPEN};
    for (const watcher of watchers) watcher(current);
}

function later(delay) {
    clearTimeout(timer);
    timer = subscribers.size && !document.hidden ? setTimeout(tick, delay) : null;
}

async function tick() {
    clearTimeout(timer);
    timer = null;
    if (running) {
        again = true;
        return;
    }
    running = true;
    again = false;
    const begun = Date.now();
    try {
        for (const subscriber of [...subscribers]) {
            await subscriber.callback({type: 'refresh', first: subscriber.first});
            subscriber.first = false;
        }
        become(document.hidden ? 'paused' : 'live', Date.now());
    } catch (error) {
        if (!error?.lost) console.error(error);   // a fault of the page; what is refused is the subscriber's business
        become(document.hidden ? 'paused' : 'lost');
    } finally {
        running = false;
    }
    // A server that is slow to answer is asked less often.
    const pause = current.state === 'lost' ? Math.min(interval, 5000) : current.streaming && Date.now() - heardAt < HEARD_LATELY
        ? Math.max(interval, BESIDE_STREAM) : interval;
    later(again ? 0 : Math.max(pause, 4 * (Date.now() - begun)));
    if (current.state === 'live') listen();
}

// Which stream: '' of all sessions, or of one; null, as long as nothing is said: none.
export function setStream(session) {
    if (wanted !== session) stop();
    wanted = session;
}

// ---- the stream ---------------------------------------------------------------------------------------------------------

function listen() {
    if (wanted === null || stream || streamTimer || !subscribers.size || document.hidden) return;
    stream = new EventSource(streamUrl(wanted));
    stream.onopen = () => {
        become(current.state);
        tick();   // what was missed meanwhile
    };
    stream.onmessage = event => {
        let message;
        try {
            message = JSON.parse(event.data);
        } catch {
            return;
        }
        heardAt = Date.now();
        if (running) again = true;   // the answer that is on its way may be older
        for (const subscriber of subscribers) subscriber.callback({type: 'message', message});
        if (current.state === 'live') become('live', Date.now());
    };
    stream.onerror = () => {
        const refused = stream.readyState === EventSource.CLOSED;
        if (refused) {
            stop();
            streamTimer = setTimeout(() => {
                streamTimer = null;
                listen();
            }, STREAM_AGAIN);
        }
        become(current.state);
        tick();   // which finds out whether it is the server
    };
}

function stop() {
    stream?.close();
    stream = null;
}

export function subscribe(callback) {
    const subscriber = {callback, first: true};
    subscribers.add(subscriber);
    later(0);
    return () => {
        subscribers.delete(subscriber);
        if (subscribers.size) return;
        later(0);
        clearTimeout(streamTimer);
        streamTimer = null;
        stop();
    };
}

export function onState(callback) {
    watchers.add(callback);
    callback(current);
    return () => watchers.delete(callback);
}

// Something was changed from here: do not wait for the next round.
export const refreshNow = () => subscribers.size && tick();

document.addEventListener('visibilitychange', () => {
    if (!subscribers.size) return;
    if (document.hidden) {
        later(0);
        stop();
        become('paused');
    } else {
        // What is on the screen may be old: it is shown as such until there is an answer.
        become(current.last && Date.now() - current.last < 2 * interval ? 'live' : 'connecting');
        tick();
    }
});
addEventListener('online', () => refreshNow());
