import { isUuid, uuidv7 } from './uuid.js';

function toRow(entry, number, since) {
    const { key, session_id, movement } = entry;
    return { key, sessionId: session_id, id: movement.id, json: JSON.stringify(movement), number, since };
}

function isEntry(entry) {
    return typeof entry?.key === 'string' && isUuid(entry.session_id) && typeof entry.movement?.id === 'string';
}

// The queue of a buffer, numbered in the order of recording, and its shadow in the storage. A storage may fail or be
// slow; the queue in memory goes on all the same.
export class Rows {
    #storage;
    #onError;
    #rows = [];
    #number = 0;
    #writes = new Set();

    constructor(storage, onError) {
        this.#storage = storage;
        this.#onError = onError;
    }

    get length() {
        return this.#rows.length;
    }

    get first() {
        return this.#rows[0];
    }

    get last() {
        return this.#number;
    }

    // What an earlier run left behind goes first, and to the session that it was recorded for. All of it has number 0: who
    // waits for anything waits for that, too.
    async load(since) {
        if (!this.#storage) return;
        try {
            const entries = await this.#storage.load();
            const left = new Map(entries.filter(isEntry).map((entry) => [entry.key, entry]));
            for (const row of this.#rows) left.delete(row.key);
            this.#rows = [...Array.from(left.values(), (entry) => toRow(entry, 0, since)), ...this.#rows];
        } catch (error) {
            this.#onError(error);
        }
    }

    add(sessionId, movement, now, since) {
        // The key is not the movement's id, which may be the caller's own and so come twice.
        const entry = { key: uuidv7(now), session_id: sessionId, movement };
        this.#rows.push(toRow(entry, ++this.#number, since));
        this.#write(() => this.#storage.append(entry));
    }

    // The first rows, as many as fit into one request: those of one session.
    head(limit) {
        const { sessionId } = this.#rows[0];
        let n = 1;
        while (n < limit && n < this.#rows.length && this.#rows[n].sessionId === sessionId) n++;
        return this.#rows.slice(0, n);
    }

    remove(n) {
        const keys = this.#rows.splice(0, n).map((row) => row.key);
        const earlier = [...this.#writes];
        if (earlier.length === 0) return this.#write(() => this.#storage.remove(keys));
        this.#write(() => Promise.all(earlier).then(() => this.#storage.remove(keys)));
    }

    async close() {
        await Promise.all(this.#writes);
        this.#write(() => this.#storage.close?.());
        await Promise.all(this.#writes);
    }

    // A storage that answers at once has done it when this returns.
    #write(action) {
        if (!this.#storage) return;
        try {
            const result = action();
            if (typeof result?.then !== 'function') return;
            const write = result.then(
                () => this.#writes.delete(write),
                (error) => {
                    this.#writes.delete(write);
                    this.#onError(error);
                },
            );
            this.#writes.add(write);
        } catch (error) {
            this.#onError(error);
        }
    }
}
