import { PeopleCounterClient } from 'people-counter-client';

export const SESSION = '01977700-0000-7000-8000-000000000001';
export const OTHER_SESSION = '01977700-0000-7000-8000-000000000002';

// Lets everything run that waits for promises alone: all of them come before the next turn of the event loop.
export async function settle() {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

// Time that stands still until it is told to go on.
export class FakeClock {
    time = 1_750_000_000_000;
    #timers = new Map();
    #next = 1;

    now = () => this.time;
    elapsed = () => this.time;
    random = () => 0.5;
    clearTimeout = (timer) => void this.#timers.delete(timer);

    setTimeout = (run, milliseconds) => {
        this.#timers.set(this.#next, { at: this.time + milliseconds, run });
        return this.#next++;
    };

    get timers() {
        return this.#timers.size;
    }

    async advance(milliseconds) {
        const end = this.time + milliseconds;
        await settle();
        for (;;) {
            const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
            if (!due) break;
            this.#timers.delete(due[0]);
            this.time = Math.max(this.time, due[1].at);
            due[1].run();
            await settle();
        }
        this.time = end;
    }
}

export function json(body, status = 200, headers = {}) {
    return new Response(JSON.stringify(body), { status, headers });
}

// A server that keeps each movement once, as the real one does. answers are given before: a function gets the rows and
// the server, an Error is thrown as fetch does.
export class FakeServer {
    requests = [];
    movements = new Map();
    answers = [];

    store(rows) {
        const results = rows.map((row) => {
            const key = `${row.id} ${row.movement_time}`;
            if (row.person_id === undefined) return { status: 'rejected', detail: 'person_id is missing' };
            const status = this.movements.has(key) ? 'duplicate' : 'recorded';
            this.movements.set(key, row);
            return { movement_id: row.id, status };
        });
        return json({ count: rows.length, results });
    }

    fetch = async (url, init) => {
        const body = init.body === undefined ? undefined : JSON.parse(init.body);
        this.requests.push({ url, method: init.method, headers: init.headers, body });
        const answer = this.answers.shift();
        if (answer instanceof Error) throw answer;
        if (typeof answer === 'function') return answer(body, this, init);
        return answer ?? this.store(body);
    };

    client(options = {}) {
        return new PeopleCounterClient({ baseUrl: 'http://counter.test', fetch: this.fetch, retries: 0, ...options });
    }
}

export function person(person_id, more = {}) {
    return { person_id, movement_direction: 'in', ...more };
}
