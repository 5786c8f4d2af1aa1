// Days and hours on the clock of a zone, by Intl alone. Instants are milliseconds; a date is '2026-11-26'.

const MINUTE = 60_000;
const formats = new Map();

function formatOf(zone) {
    let format = formats.get(zone);
    if (!format) {
        try {
            format = new Intl.DateTimeFormat('en-US', {timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric',
                day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric'});
        } catch {
            format = formatOf('UTC');   // a zone that the server knows and the browser does not
        }
        formats.set(zone, format);
    }
    return format;
}

// Whether the browser knows the zone; otherwise times are shown in UTC.
const zones = new Map();
export function knownZone(zone) {
    if (!zones.has(zone)) {
        try {
            new Intl.DateTimeFormat('en-US', {timeZone: zone});
            zones.set(zone, zone);
        } catch {
            zones.set(zone, 'UTC');
        }
    }
    return zones.get(zone);
}

// What the clock of the zone shows, as if that were UTC.
export function wallClock(instant, zone) {
    const parts = {};
    for (const {type, value} of formatOf(zone).formatToParts(instant)) parts[type] = Number(value);
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

export const offsetOf = (instant, zone) => wallClock(instant, zone) - Math.floor(instant / 1000) * 1000;

// The instant at which the clock of the zone shows `wall`: the later one where it does so twice, and where it never does,
// what comes after the gap: as the server does it.
export function instantOf(wall, zone) {
    const offsets = [offsetOf(wall - 86_400_000, zone), offsetOf(wall + 86_400_000, zone)];
    const found = offsets.map(offset => wall - offset).filter(instant => wallClock(instant, zone) === wall);
    return found.length ? Math.max(...found) : wall - offsets[0];
}

export const dateOf = wall => new Date(wall).toISOString().slice(0, 10);
export const wallOfDate = date => Date.parse(`${date}T00:00:00Z`);
export const addDays = (date, days) => dateOf(wallOfDate(date) + days * 86_400_000);
export const daysBetween = (from, to) => Math.round((wallOfDate(to) - wallOfDate(from)) / 86_400_000);

// '04:00:00' in milliseconds.
export const timeOfDay = text => {
    const [hours, minutes, seconds] = String(text ?? '0').split(':').map(Number);
    return ((hours || 0) * 60 + (minutes || 0)) * MINUTE + (seconds || 0) * 1000;
};

// A session has a time_zone and a day_start: the business day that an instant is of, and the first and last instant of one.
export const businessDay = (instant, session) =>
    dateOf(wallClock(instant, session.time_zone) - timeOfDay(session.day_start));

export function boundsOfDay(date, session) {
    const begin = timeOfDay(session.day_start);
    return [instantOf(wallOfDate(date) + begin, session.time_zone),
        instantOf(wallOfDate(addDays(date, 1)) + begin, session.time_zone)];
}

// The first instants of the hours of a day, as the server has them: one is a local hour with one offset. One that is repeated is
// there twice, and where the clock is put by half an hour, there is one of half the length.
export function hoursOfDay(date, session) {
    const [begin, end] = boundsOfDay(date, session);
    const hours = [];
    for (let at = begin; at < end;) {
        hours.push(at);
        const offset = offsetOf(at, session.time_zone);
        let next = at + 30 * MINUTE;
        while (next < at + 60 * MINUTE && offsetOf(next, session.time_zone) === offset &&
            wallClock(next, session.time_zone) % (60 * MINUTE) !== 0) next += 30 * MINUTE;
        at = next;
    }
    return {begin, end, hours};
}

// ISO 8601 on the clock of the zone, with its offset.
export function isoIn(instant, zone) {
    const offset = Math.round(offsetOf(instant, zone) / MINUTE);
    const two = number => String(number).padStart(2, '0');
    const wall = new Date(wallClock(instant, zone)).toISOString().slice(0, 19);
    return `${wall}${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}
