let fillRandom = (bytes) => globalThis.crypto.getRandomValues(bytes);

export function setRandomSource(fill) {
    fillRandom = fill;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(value) {
    return typeof value === 'string' && UUID.test(value);
}

// Milliseconds since 1970 in a UUIDv7, undefined for another value.
export function timeOfUuidv7(value) {
    if (!isUuid(value) || value[14] !== '7') return undefined;
    return Number.parseInt(value.slice(0, 8) + value.slice(9, 13), 16);
}

const random = new Uint8Array(10);
const bytes = new Uint8Array(16);
let lastTime = -1;
let counter = 0;

// A UUIDv7 behind all that this process made before, also within a millisecond and when the clock is set back: the twelve
// bits behind the time count (RFC 9562, section 6.2, method 1). They begin in the lower half, so at least 2,048 ids fit
// into a millisecond; beyond that the id's time runs ahead.
export function uuidv7(now = Date.now()) {
    fillRandom(random);
    if (now > lastTime) {
        lastTime = now;
        counter = ((random[8] << 8) | random[9]) & 0x7ff;
    } else if (++counter > 0xfff) {
        lastTime++;
        counter = 0;
    }
    for (let i = 0, rest = lastTime; i < 6; i++, rest = Math.floor(rest / 256)) bytes[5 - i] = rest % 256;
    bytes[6] = 0x70 | (counter >> 8);
    bytes[7] = counter & 0xff;
    bytes.set(random.subarray(0, 8), 8);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
