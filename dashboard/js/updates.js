// Where changes come from. Today the page asks again every few seconds; a stream of messages can take the place of that
// without anybody else noticing:
//
//   subscribe(callback) -> unsubscribe
//
// callback({type: 'refresh', first}) is called when something may have changed, at once for the first time. It returns a
// promise; while that is not settled, it is not called again. If it is rejected with an error that is `lost`, the server is
// away, and it is asked on until it is back.
//
// onState(callback) -> unsubscribe: told {state, since, last} whenever that changes. state: connecting, live, lost (cannot be
// reached), paused (the page is not visible, and nothing is asked). since: from when on; last: the last good answer.

const subscribers = new Set();
const watchers = new Set();
let interval = 5000;
let timer = null;
let running = false;
let again = false;
let current = {state: 'connecting', since: Date.now(), last: null};

export const state = () => current;

export function setInterval(seconds) {
    interval = Math.min(Math.max(seconds, 1), 3600) * 1000;
}

function become(next, last = current.last) {
    const since = next === current.state ? current.since : Date.now();
    current = {state: next, since, last};
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
    later(again ? 0 : Math.max(current.state === 'lost' ? Math.min(interval, 5000) : interval, 4 * (Date.now() - begun)));
}

export function subscribe(callback) {
    const subscriber = {callback, first: true};
    subscribers.add(subscriber);
    later(0);
    return () => {
        subscribers.delete(subscriber);
        if (!subscribers.size) later(0);
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
        become('paused');
    } else {
        // What is on the screen may be old: it is shown as such until there is an answer.
        become(current.last && Date.now() - current.last < 2 * interval ? 'live' : 'connecting');
        tick();
    }
});
addEventListener('online', () => refreshNow());
