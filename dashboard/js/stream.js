// The live stream of the gateway: one EventSource for the page. Where it was cut, the browser makes the connection again by
// itself; where it was refused, it gives up, and another one is made here, less and less often. That one, too, says which message was
// the last: who was away for less than a minute misses none.
import {streamUrl} from './api.js';

const KEPT = 60_000;
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = 60_000;
const STEADY = 2_000;

export class Stream {
    // onOpen(), onMessage(message), onAway({refused, wasOpen})
    constructor(told) {
        this.told = told;
        this.wanted = null;
        this.source = null;
        this.timer = null;
        this.forget();
    }

    get open() {
        return this.source?.readyState === EventSource.OPEN;
    }

    // '' of all sessions, or of one; null: none.
    want(session) {
        if (session === this.wanted) return;
        this.forget();
        this.wanted = session;
    }

    start() {
        if (this.wanted === null || this.source || this.timer) return;
        const source = new EventSource(streamUrl(this.wanted, Date.now() - this.leftAt < KEPT ? this.lastId : ''));
        this.source = source;
        source.onopen = () => {
            this.openedAt = Date.now();
            this.pause = FIRST_PAUSE;
            this.dropped = false;
            this.told.onOpen();
        };
        source.onmessage = event => {
            this.lastId = event.lastEventId || this.lastId;
            let message;
            try {
                message = JSON.parse(event.data);
            } catch {
                return;
            }
            if (message && typeof message === 'object') this.told.onMessage(message);
        };
        source.onerror = () => {
            const refused = source.readyState === EventSource.CLOSED;
            const wasOpen = this.openedAt !== null;
            this.dropped ||= wasOpen && Date.now() - this.openedAt > STEADY;
            this.left();
            if (refused) this.later();
            this.told.onAway({refused, wasOpen});
        };
    }

    left() {
        if (this.openedAt !== null) this.leftAt = Date.now();
        this.openedAt = null;
    }

    later() {
        this.source = null;
        this.timer = setTimeout(() => {
            this.timer = null;
            this.start();
        }, this.pause);
        this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    }

    stop() {
        clearTimeout(this.timer);
        this.timer = null;
        this.left();
        this.source?.close();
        this.source = null;
    }

    restart() {
        this.dropped = false;
        this.stop();
        this.start();
    }

    // What comes is somebody else's, or another session's.
    forget() {
        this.openedAt = null;
        this.dropped = false;   // it was open for a while, and cut: worth another connection as soon as the server answers
        this.stop();
        this.lastId = '';
        this.leftAt = -Infinity;
        this.pause = FIRST_PAUSE;
    }
}
