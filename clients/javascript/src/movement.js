import { isUuid, timeOfUuidv7, uuidv7 } from './uuid.js';

// PostgreSQL's JSON holds neither NUL nor half a surrogate pair, and answers with an error for the whole request.
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const LONGEST_TEXT = 1000;

function toTime(value, name) {
    if (!(value instanceof Date)) return value;
    if (Number.isNaN(value.getTime())) throw new RangeError(`${name} is an invalid Date`);
    return value.toISOString();
}

// A copy with the names of the API and its times. The server ignores names it does not know, so personId would be lost
// without a word.
function toRow(object, what) {
    if (object === null || typeof object !== 'object' || Array.isArray(object)) {
        throw new TypeError(`a ${what} must be an object`);
    }
    const row = {};
    for (const [name, value] of Object.entries(object)) {
        if (/[A-Z]/.test(name)) throw new TypeError(`${what}.${name}: names are as in person_id`);
        row[name] = toTime(value, name);
    }
    return row;
}

// What would make the server refuse the request as a whole, neighbours included, is refused here.
function requireStorable(row, what) {
    for (const [name, value] of Object.entries(row)) {
        const type = typeof value;
        if ((type === 'object' && value !== null) || type === 'bigint' || type === 'function' || type === 'symbol') {
            throw new TypeError(`${what}.${name} must be a number, a string or a boolean`);
        }
        const text = type === 'string' ? name + value : name;
        if (text.length > LONGEST_TEXT || UNSTORABLE.test(text)) {
            throw new TypeError(`${what}.${name} is too long or has characters that cannot be stored`);
        }
    }
    return row;
}

// The row as it is sent, however often. Id and time are what the server recognises a repeated report by, so both are
// fixed here and now. An id of the caller's that carries a time gives it, as on the server: it is the same in every run.
function identified(object, what, timeName, now) {
    const row = toRow(object, what);
    row[timeName] ??= new Date(timeOfUuidv7(row.id) ?? now).toISOString();
    row.id ??= uuidv7(now);
    if (!isUuid(row.id)) throw new TypeError(`${what}.id must be a UUID, not ${String(row.id)}`);
    return requireStorable(row, what);
}

export function prepareMovement(movement, now = Date.now()) {
    return identified(movement, 'movement', 'movement_time', now);
}

export function prepareMetrics(sample, now = Date.now()) {
    return identified(sample, 'metrics sample', 'timestamp', now);
}

export function prepareSession(session) {
    return toRow(session, 'session');
}
