// What the server or the network answered in the place of a result.
//
//   status      HTTP status, 0 if there was no answer
//   code        'http', 'network', 'timeout' or 'protocol' (an answer that is none of this API)
//   detail      what is wrong, in the server's words if it said any
//   retryAfter  seconds that the server asks to wait, or undefined
//   timestamp   when, by the server's clock, or undefined
//   attempts    how often the request was sent
export class PeopleCounterError extends Error {
    constructor(detail, { status = 0, code = 'http', retryAfter, timestamp, cause } = {}) {
        super(status ? `HTTP ${status}: ${detail}` : detail, cause === undefined ? undefined : { cause });
        this.name = 'PeopleCounterError';
        this.status = status;
        this.code = code;
        this.detail = detail;
        this.retryAfter = retryAfter;
        this.timestamp = timestamp;
        this.attempts = 1;
    }

    // The same request may succeed later as it is.
    get transient() {
        return this.code !== 'http' || this.status === 408 || this.status === 429 || this.status >= 500;
    }
}
