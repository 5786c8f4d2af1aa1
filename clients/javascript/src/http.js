import { PeopleCounterError } from './errors.js';

// Retry-After is a number of seconds or a date.
function parseRetryAfter(value) {
    if (!value) return undefined;
    const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
    return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

function parseJson(text) {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

function toResult(response, text) {
    const body = parseJson(text);
    if (response.ok) {
        if (body !== null && typeof body === 'object') return body;
        throw new PeopleCounterError(`the answer is not JSON: ${text.slice(0, 200)}`, {
            status: response.status,
            code: 'protocol',
        });
    }
    const said = body?.detail ?? body?.message;
    throw new PeopleCounterError(typeof said === 'string' ? said : response.statusText || 'no reason given', {
        status: response.status,
        retryAfter: parseRetryAfter(response.headers.get('Retry-After')),
        timestamp: body?.timestamp,
    });
}

// One request and its JSON. The timeout covers the whole of it, the body of the answer included. A caller that aborts
// gets the reason of its own signal, as from fetch.
export async function fetchJson(fetch, url, init, { timeout, signal }) {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let late = false;
    const expire = () => {
        late = true;
        controller.abort();
    };
    const timer = timeout > 0 && Number.isFinite(timeout) ? setTimeout(expire, timeout) : undefined;
    try {
        const response = await fetch(url, { ...init, signal: controller.signal });
        return toResult(response, await response.text());
    } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof PeopleCounterError) throw error;
        const where = `${init.method} ${url}`;
        if (late) throw new PeopleCounterError(`${where}: no answer in ${timeout} ms`, { code: 'timeout', cause: error });
        // fetch hides what happened in the cause: "fetch failed" alone helps nobody.
        const reason = error?.cause?.message || error?.cause?.code || error?.message || String(error);
        throw new PeopleCounterError(`${where}: ${reason}`, { code: 'network', cause: error });
    } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
    }
}
