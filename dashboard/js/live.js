// What is known of the sessions now: what was asked for, and what the stream has told since. An answer and a message may cross on
// their way, so nothing is added up that could be in both: the figures of a session are taken as they are told; those of today are
// the answer's and what the totals have grown by since, of which the answer has those of the same moment; movements have ids. Where
// the totals grow by more than the movements that were told, some are of another time, and today's figures wait for an answer.
import {boundsOfDay, businessDay} from './time.js';

const MOVEMENTS = 40;
const HOUR = 3_600_000;
const CROSSING = 2_000;    // so long after an answer there may be messages that are older
const HELD_AGAIN = 5_000;
const FIGURES = ['current_people_inside', 'total_people_entered', 'total_people_exited', 'peak_people_count', 'exits_absorbed', 'capacity',
    'last_movement_time'];
const GROWING = ['total_people_entered', 'total_people_exited', 'exits_absorbed'];

const moved = figures => figures.total_people_entered + figures.total_people_exited;

export class Live {
    constructor() {
        this.clear();
    }

    clear() {
        this.sessions = [];
        this.byId = new Map();
        this.today = new Map();     // of each session with movements today, {total_people_entered, …}
        this.days = new Map();      // of each of `sessions`: its day, and its totals when that was asked for
        this.movements = [];
        this.told = new Map();      // movements of a session, by the stream
        this.heard = null;          // since an answer was asked for
        this.other = () => undefined;
        this.unknown = new Set();   // sessions that were asked for because the stream named them
        this.asked = new Set();     // those of them that the answer to come should have
        this.strangers = new Set(); // those that are not to be seen: of another database, for one gateway may serve several
        this.answeredAt = -Infinity;
        this.heldAt = -Infinity;
    }

    // ---- answers ------------------------------------------------------------------------------------------------------

    asking() {
        this.heard = [];
        this.asked = new Set(this.unknown);
    }

    // sessions: as fromOverview() makes them, with the days around today; days: those of other sessions, and other(id) is one of
    // these; movements: the newest. Answers with what the stream should have told before, and has not.
    answer({sessions, days = [], other = () => undefined, movements = []}, now) {
        const missed = sessions.filter(one => this.byId.has(one.id) && moved(one) > moved(this.byId.get(one.id)))
            .map(one => [one.id, moved(one)]);
        this.sessions = sessions;
        this.byId = new Map(sessions.map(session => [session.id, session]));
        this.today = new Map();
        this.days = new Map();
        this.other = other;
        for (const row of days) {
            const session = other(row.session_id);
            if (session && row.date_timestamp === businessDay(now, session)) this.today.set(row.session_id, row);
        }
        for (const session of sessions) this.setDay(session, now);
        this.movements = movements.map(row => ({...row, at: Date.parse(row.movement_time)}));
        this.answeredAt = now;
        for (const id of this.asked) {
            this.unknown.delete(id);
            if (!this.byId.has(id)) this.strangers.add(id);
        }
        const heard = this.heard ?? [];
        this.heard = null;
        for (const message of heard) this.hear(message, now);
        return missed;
    }

    setDay(session, now) {
        if (!session.days) return;
        const date = businessDay(now, session);
        const [begin, end] = boundsOfDay(date, session);
        const row = session.days.find(one => one.date_timestamp === date);
        const base = Object.fromEntries(GROWING.map(name => [name, {day: row?.[name] ?? 0, total: session[name]}]));
        this.days.set(session.id, {begin, end, base, in: 0, out: 0, held: false});
        if (row) this.today.set(session.id, {...row});
    }

    // Whether the stream has told by now what it should have.
    wasTold(missed) {
        return missed.every(([id, count]) => !this.byId.has(id) || (this.told.get(id) ?? 0) >= count);
    }

    // Whether a day has begun somewhere since it was asked.
    dayIsOver(now) {
        for (const day of this.days.values()) if (now >= day.end) return true;
        return false;
    }

    // ---- messages -----------------------------------------------------------------------------------------------------

    // Answers with what has changed: sessions, movements, and whether it has to be asked.
    hear(message, now) {
        this.heard?.push(message);
        const session = this.byId.get(message.session_id);
        switch (message.type) {
        case 'statistics': return this.hearStatistics(session, message, now);
        case 'movement': return Array.isArray(message.movements) ? this.hearMovements(session, message, now) : {};
        case 'metrics':
            if (session && !(Date.parse(session.last_activity) > Date.parse(message.timestamp))) session.last_activity = message.timestamp;
            return {sessions: Boolean(session)};
        case 'alert': return {ask: true};
        default: return {};
        }
    }

    hearStatistics(session, message, now) {
        this.told.set(message.session_id, Math.max(this.told.get(message.session_id) ?? 0, moved(message)));
        if (!session) return {ask: message.status === 'active' && this.isNew(message.session_id)};
        if (message.status !== session.status) return {ask: true};
        if (moved(message) < moved(session)) return {ask: now - this.answeredAt > CROSSING};   // older, or movements were deleted
        const day = this.days.get(session.id);
        let ask = false;
        if (day) {
            if (message.total_people_entered - session.total_people_entered > day.in ||
                message.total_people_exited - session.total_people_exited > day.out) ask = this.hold(day, now);
            day.in = day.out = 0;
        }
        for (const name of FIGURES) if (message[name] !== undefined) session[name] = message[name];
        if (day && !day.held && now < day.end) this.grow(session, day);
        return {sessions: true, ask: ask || now >= day?.end};
    }

    // The figures of today stay as they are until the next answer. Answers with whether to ask for it.
    hold(day, now) {
        day.held = true;
        if (now - this.heldAt < HELD_AGAIN) return false;
        this.heldAt = now;
        return true;
    }

    isNew(id) {
        if (this.strangers.has(id)) return false;
        this.unknown.add(id);
        return true;
    }

    // Peaks within a batch are not told; the next answer has them.
    grow(session, day) {
        const row = this.today.get(session.id) ?? {total_people_entered: 0, total_people_exited: 0, exits_absorbed: 0, peak_people_count: null};
        for (const name of GROWING) row[name] = Math.max(row[name], day.base[name].day + session[name] - day.base[name].total);
        if (moved(row) === 0) return;
        if (row.peak_people_count === null || session.current_people_inside > row.peak_people_count) {
            row.peak_people_count = session.current_people_inside;
            row.peak_time = session.last_movement_time;
        }
        this.today.set(session.id, row);
    }

    hearMovements(session, message, now) {
        if (!session && !this.other(message.session_id)) return {};   // if it is a new one, its statistics follow
        const day = this.days.get(message.session_id);
        const known = new Set(this.movements.map(row => row.id));
        const fresh = [];
        let ask = false;
        for (const row of message.movements) {
            const at = Date.parse(row.movement_time);
            if (at >= now - HOUR && !known.has(row.id)) {
                fresh.push({...row, at, session_id: message.session_id, session_name: message.session_name});
            }
            if (!day) continue;
            if (at < day.begin || at >= day.end) ask = this.hold(day, now) || ask;
            else if (row.movement_direction === 'in') ++day.in;
            else ++day.out;
        }
        if (fresh.length) {
            this.movements = [...fresh, ...this.movements].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, MOVEMENTS);
        }
        return {movements: fresh.length > 0, ask};
    }
}
