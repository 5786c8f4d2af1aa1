import { retryDelay } from './backoff.js';
import { PeopleCounterError } from './errors.js';
import { prepareMovement } from './movement.js';
import { Rows } from './rows.js';

const DEFAULTS = { batchSize: 500, maxAge: 1_000, maxPending: 1_000_000, minDelay: 500, maxDelay: 30_000 };
const STATUSES = new Set(['recorded', 'duplicate', 'rejected']);

const systemClock = {
    now: () => Date.now(),
    // Waiting is not measured by the clock on the wall, which may be set.
    elapsed: () => performance.now(),
    setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer),
    random: () => Math.random(),
};

// An answer counts only if it accounts for every row that was sent: what a proxy makes up must not empty the buffer.
function requireResults(results, rows) {
    const fits = (result, i) =>
        STATUSES.has(result?.status) &&
        (result.movement_id === undefined || String(result.movement_id).toLowerCase() === rows[i].id.toLowerCase());
    if (Array.isArray(results) && results.length === rows.length && results.every(fits)) return results;
    throw new PeopleCounterError(`the answer does not match the ${rows.length} movements that were sent`, {
        status: 200,
        code: 'protocol',
    });
}

// Movements on their way to the server, in the order of recording, one request at a time. A movement leaves the buffer
// when the server has answered for it, and not before. Since its id and time were fixed when it was recorded, one whose
// answer was lost is sent again and counts once.
export class MovementBuffer {
    #send;
    #sessionId;
    #options;
    #clock;
    #rows;
    #loaded;
    #counts = { recorded: 0, duplicates: 0, rejected: 0 };
    #timer;
    #timerDue = Infinity;
    #running = false;
    #closing;
    #deadline = Infinity;
    #givenUp = false;
    #abort = new AbortController();
    #waiters = new Set();
    #attempt = 0;
    #notBefore = 0;
    #batchLimit;

    // Made by client.buffer().
    constructor(send, sessionId, { storage, onRejected, onError, onFlush, clock = systemClock, ...limits } = {}) {
        this.#send = send;
        this.#sessionId = sessionId;
        this.#options = { ...DEFAULTS, ...limits, onRejected, onError, onFlush };
        this.#clock = clock;
        this.#batchLimit = this.#options.batchSize;
        this.#rows = new Rows(storage, (error) => this.#report('onError', error, { attempt: 0, retryIn: undefined }));
        this.#loaded = this.#rows.load(this.#clock.elapsed()).then(() => {
            this.#loaded = undefined;
            this.#arm();
        });
    }

    get sessionId() {
        return this.#sessionId;
    }

    get pending() {
        return this.#rows.length;
    }

    get stats() {
        return { ...this.#counts, pending: this.pending };
    }

    // Returns the id. The movement is in memory then, and in the storage if there is one that writes at once.
    record(movement) {
        if (this.#closing) throw new Error('the buffer is closed');
        if (this.pending >= this.#options.maxPending) throw new RangeError(`${this.pending} movements wait already`);
        const row = prepareMovement(movement, this.#clock.now());
        this.#rows.add(this.#sessionId, row, this.#clock.now(), this.#clock.elapsed());
        this.#arm();
        return row.id;
    }

    // Sends now what has been recorded so far. Rejects at the first attempt that fails; the movements stay and are tried
    // again in the background, as always.
    flush() {
        if (this.#closing) return Promise.reject(new Error('the buffer is closed'));
        this.#notBefore = 0;
        return this.#wait(true);
    }

    // Tries until everything is sent or the milliseconds are over, and says what is left.
    close(timeout = 10_000) {
        this.#closing ??= this.#finish(timeout);
        return this.#closing;
    }

    async #finish(timeout) {
        this.#attempt = 0;
        this.#notBefore = 0;
        this.#deadline = this.#clock.elapsed() + timeout;
        const end = this.#clock.setTimeout(() => this.#giveUp(), timeout);
        await this.#wait(false);
        this.#clock.clearTimeout(end);
        this.#giveUp();
        await this.#rows.close();
        return this.stats;
    }

    #wait(failing) {
        return new Promise((resolve, reject) => {
            this.#waiters.add({ last: this.#rows.last, failing, resolve, reject });
            this.#settle();
            this.#arm();
        });
    }

    #giveUp() {
        this.#givenUp = true;
        this.#stopTimer();
        this.#abort.abort(new Error('the buffer was closed'));
        if (!this.#running) this.#settle();
    }

    // ---- when to send

    #stopTimer() {
        this.#clock.clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#timerDue = Infinity;
    }

    #arm() {
        if (this.#running || this.#loaded || this.#givenUp) return;
        if (this.pending === 0) return this.#settle();
        const full = this.pending >= this.#options.batchSize || this.#waiters.size > 0;
        const due = Math.max(full ? 0 : this.#rows.first.since + this.#options.maxAge, this.#notBefore);
        if (this.#timer !== undefined && this.#timerDue <= due) return;
        this.#stopTimer();
        this.#timerDue = due;
        this.#timer = this.#clock.setTimeout(() => {
            this.#stopTimer();
            this.#pump();
        }, Math.max(0, due - this.#clock.elapsed()));
    }

    async #pump() {
        if (this.#running) return;
        this.#running = true;
        try {
            // What is there when the sending begins goes, and what comes in the meantime waits for its own time.
            const last = this.#rows.last;
            while (this.pending > 0 && this.#rows.first.number <= last && !this.#givenUp) await this.#sendBatch();
        } catch (error) {
            this.#failed(error);
        }
        this.#running = false;
        this.#settle();
        this.#arm();
    }

    #failed(error) {
        if (this.#givenUp) return;
        const { minDelay, maxDelay } = this.#options;
        // A key that is not valid or a session that is not there does not get better by itself, and is not the movements'
        // fault: they are kept, and it is tried again at leisure.
        const hopeless = error instanceof PeopleCounterError && !error.transient;
        const retryIn = hopeless
            ? maxDelay
            : retryDelay(error, this.#attempt, { minDelay, maxDelay }, () => this.#clock.random());
        this.#attempt++;
        this.#notBefore = this.#clock.elapsed() + retryIn;
        this.#report('onError', error, { attempt: this.#attempt, retryIn });
        for (const waiter of this.#waiters) {
            if (!waiter.failing) continue;
            this.#waiters.delete(waiter);
            waiter.reject(error);
        }
        if (this.#notBefore > this.#deadline) this.#giveUp();
    }

    #settle() {
        for (const waiter of this.#waiters) {
            const sent = !this.#loaded && (this.pending === 0 || this.#rows.first.number > waiter.last);
            if (!sent && !this.#givenUp) continue;
            this.#waiters.delete(waiter);
            if (sent || !waiter.failing) waiter.resolve(this.stats);
            else waiter.reject(new Error(`the buffer was closed with ${this.pending} movements in it`));
        }
    }

    // ---- sending

    async #sendBatch() {
        const rows = this.#rows.head(this.#batchLimit);
        let results;
        try {
            const json = `[${rows.map((row) => row.json).join(',')}]`;
            results = requireResults(await this.#send(rows[0].sessionId, json, this.#abort.signal), rows);
        } catch (error) {
            if (error?.status !== 413 || rows.length === 1) throw error;
            // Too large for the gateway: in smaller parts.
            this.#batchLimit = Math.ceil(rows.length / 2);
            return;
        }
        this.#attempt = 0;
        this.#notBefore = 0;
        this.#rows.remove(rows.length);
        this.#account(rows, results);
    }

    #account(rows, results) {
        const counts = { recorded: 0, duplicates: 0, rejected: 0 };
        const rejected = [];
        results.forEach((result, i) => {
            if (result.status === 'recorded') counts.recorded++;
            else if (result.status === 'duplicate') counts.duplicates++;
            else {
                counts.rejected++;
                rejected.push([JSON.parse(rows[i].json), String(result.detail), rows[i].sessionId]);
            }
        });
        for (const name of Object.keys(counts)) this.#counts[name] += counts[name];
        for (const one of rejected) this.#report('onRejected', ...one);
        this.#report('onFlush', { ...counts, pending: this.pending });
    }

    #report(name, ...details) {
        const listener = this.#options[name];
        if (!listener) {
            // Nothing is dropped without a word, nor left unprotected. What is tried again is no news.
            if (name === 'onRejected') console.warn('people-counter-client: movement rejected: %s', details[1], details[0]);
            if (name === 'onError' && details[1].attempt === 0) console.warn('people-counter-client: storage:', details[0]);
            return;
        }
        try {
            listener(...details);
        } catch (error) {
            // A fault of the listener is the program's and must not stop the sending.
            queueMicrotask(() => {
                throw error;
            });
        }
    }
}
