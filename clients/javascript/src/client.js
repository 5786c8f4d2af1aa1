import { retryDelay } from './backoff.js';
import { MovementBuffer } from './buffer.js';
import { PeopleCounterError } from './errors.js';
import { fetchJson } from './http.js';
import { prepareMetrics, prepareMovement, prepareSession } from './movement.js';
import { isUuid, uuidv7 } from './uuid.js';

const RETRY_LIMITS = { minDelay: 250, maxDelay: 5_000 };

function toBaseUrl(value) {
    // A page may name its own server by a path alone.
    const url = new URL(value, globalThis.location?.href);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`not an HTTP address: ${value}`);
    return url.href.replace(/[?#].*$/, '').replace(/\/+$/, '');
}

function idInPath(value, name) {
    if (!isUuid(value)) throw new TypeError(`${name} must be a UUID, not ${String(value)}`);
    return value;
}

function toQuery(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
    return given.length > 0 ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : '';
}

function wait(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const abort = () => {
            clearTimeout(timer);
            reject(signal.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener('abort', abort);
            resolve();
        }, milliseconds);
        signal?.addEventListener('abort', abort, { once: true });
    });
}

// The answer must have the member that the call is about. A page of a hotel's wireless network also answers 200.
function requireMember(answer, name) {
    if (answer[name] !== undefined) return answer;
    throw new PeopleCounterError(`the answer has no ${name}: ${JSON.stringify(answer).slice(0, 200)}`, {
        status: 200,
        code: 'protocol',
    });
}

export class PeopleCounterClient {
    #baseUrl;
    #apiKey;
    #token;
    #timeout;
    #retries;
    #headers;
    #fetch;

    constructor({
        baseUrl = 'http://localhost:8000',
        apiKey,
        token,
        timeout = 30_000,
        retries = 2,
        headers = {},
        fetch = (...request) => globalThis.fetch(...request),
    } = {}) {
        this.#baseUrl = toBaseUrl(baseUrl);
        this.#apiKey = apiKey;
        this.#token = token;
        this.#timeout = timeout;
        this.#retries = retries;
        this.#headers = headers;
        this.#fetch = fetch;
    }

    get baseUrl() {
        return this.#baseUrl;
    }

    // ---- sessions

    async startSession(options = {}, request) {
        const session = { id: uuidv7(), ...prepareSession(options) };
        try {
            return requireMember(await this.#call('POST', '/sessions', session, request), 'session_id').session_id;
        } catch (error) {
            // There is such a session already: it is the one whose answer was lost.
            if (error?.status === 409 && error.attempts > 1 && options.id === undefined) return session.id;
            throw error;
        }
    }

    async updateSession(sessionId, changes, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}`;
        const answer = await this.#call('PUT', path, prepareSession(changes), request);
        return requireMember(answer, 'session_id');
    }

    endSession(sessionId, changes = {}, request) {
        return this.updateSession(sessionId, { status: 'completed', ...changes }, request);
    }

    async getSession(sessionId, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'statistics');
    }

    async listSessions({ limit, offset, status } = {}, request) {
        const path = `/sessions${toQuery({ limit, offset, status })}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'sessions');
    }

    // ---- movements

    async recordMovement(sessionId, movement, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}/movements`;
        const answer = await this.#call('POST', path, prepareMovement(movement), request);
        return requireMember(answer, 'movement_id');
    }

    async recordMovements(sessionId, movements, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}/movements`;
        const rows = movements.map((movement) => prepareMovement(movement));
        return requireMember(await this.#call('POST', path, rows, request), 'results');
    }

    async listMovements(sessionId, { limit, offset, direction } = {}, request) {
        const query = toQuery({ limit, offset, direction });
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}/movements${query}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'movements');
    }

    buffer(sessionId, options) {
        // The buffer has its rows as JSON already, and its own way to repeat.
        const send = async (id, json, signal) => {
            const path = `/sessions/${idInPath(id, 'sessionId')}/movements`;
            return requireMember(await this.#send('POST', path, json, { signal, retries: 0 }), 'results').results;
        };
        idInPath(sessionId, 'sessionId');
        return new MovementBuffer(send, sessionId, options);
    }

    // ---- metrics and analytics

    async recordMetrics(sessionId, sample, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}/metrics`;
        if (Array.isArray(sample)) {
            const rows = sample.map((one) => prepareMetrics(one));
            return requireMember(await this.#call('POST', path, rows, request), 'results');
        }
        return requireMember(await this.#call('POST', path, prepareMetrics(sample), request), 'metrics_id');
    }

    async recentMetrics(sessionId, { minutes } = {}, request) {
        const path = `/sessions/${idInPath(sessionId, 'sessionId')}/metrics/recent${toQuery({ minutes })}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'metrics');
    }

    async getHourlyAnalytics({ session_id, hours } = {}, request) {
        const path = `/analytics/hourly${toQuery({ session_id, hours })}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'analytics');
    }

    async getDailyAnalytics({ session_id, days } = {}, request) {
        const path = `/analytics/daily${toQuery({ session_id, days })}`;
        return requireMember(await this.#call('GET', path, undefined, request), 'analytics');
    }

    async getDashboard(request) {
        return requireMember(await this.#call('GET', '/dashboard/summary', undefined, request), 'active_sessions');
    }

    // ---- health and alerts

    // Who asks wants to know how it is now, so these are not repeated.
    async getHealth(request) {
        return requireMember(await this.#call('GET', '/health', undefined, { retries: 0, ...request }), 'status');
    }

    async getHealthDetailed(request) {
        const answer = await this.#call('GET', '/health/detailed', undefined, { retries: 0, ...request });
        return requireMember(answer, 'status');
    }

    acknowledgeAlert(alertId, { acknowledged_by, note } = {}, request) {
        const path = `/alerts/${idInPath(alertId, 'alertId')}/acknowledge`;
        return this.#call('POST', path, { acknowledged_by, note }, request);
    }

    // ---- requests

    async #requestHeaders(hasBody) {
        const headers = new Headers(this.#headers);
        headers.set('Accept', 'application/json');
        if (hasBody) headers.set('Content-Type', 'application/json');
        if (this.#apiKey) headers.set('X-API-Key', this.#apiKey);
        const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
        if (token) headers.set('Authorization', `Bearer ${token}`);
        return headers;
    }

    #call(method, path, body, request) {
        return this.#send(method, path, body === undefined ? undefined : JSON.stringify(body), request);
    }

    // Everything that comes here with retries may be done twice: reads, changes to a stated value, and rows with an id.
    async #send(method, path, body, { signal, timeout = this.#timeout, retries = this.#retries } = {}) {
        for (let attempt = 0; ; attempt++) {
            const init = { method, headers: await this.#requestHeaders(body !== undefined), body };
            try {
                return await fetchJson(this.#fetch, this.#baseUrl + path, init, { timeout, signal });
            } catch (error) {
                if (!(error instanceof PeopleCounterError)) throw error;
                error.attempts = attempt + 1;
                const soon = !(error.retryAfter * 1000 > RETRY_LIMITS.maxDelay);
                if (attempt >= retries || !error.transient || !soon) throw error;
                await wait(retryDelay(error, attempt, RETRY_LIMITS), signal);
            }
        }
    }
}
