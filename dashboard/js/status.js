// How full a session is, and whether that can be believed. The same for the dashboard and for the screen at the door.
import {t, clock, clockSeconds, dayAndClock, ago} from './i18n.js';

const LEVELS = ['red', 'amber', 'grey', 'green', 'blue'];
export const severityOf = level => LEVELS.indexOf(level);

// The time of the last movement or sample. NULL: the session has just been made, or never said anything.
export function lastActivity(session) {
    const told = [session.last_movement_time, session.last_activity].filter(Boolean).map(Date.parse);
    return told.length ? Math.max(...told) : null;
}

// {level: red, amber, green, blue (no limit) or grey, text, detail, reason}. What is not known to be so now is never green:
// without a word from the counter for silent_minutes, or from the server. connection: as updates.state() tells it.
export function statusOf(session, {now, connection, settings}) {
    if (!connection.fresh) {
        const key = connection.state !== 'lost' ? 'status_old' : connection.last ? 'status_unknown_since' : 'status_unreachable';
        return {level: 'grey', reason: 'unreachable', text: t('status_unknown'), detail: t(key, {time: clock(connection.last)})};
    }
    if (session.status !== 'active') {
        return {level: 'grey', reason: 'ended', text: t('status_ended'), detail: t('status_not_counting')};
    }
    const last = lastActivity(session);
    const silence = now - (last ?? Date.parse(session.start_time));
    if (silence > settings.silent_minutes * 60_000) {
        const time = last && (silence > 20 * 3_600_000 ? dayAndClock : clock)(last, session.time_zone);
        return {level: 'grey', reason: 'silent', text: t('status_silent'),
            detail: last ? t('status_silent_since', {time, ago: ago(silence)}) : t('status_never')};
    }
    const inside = session.current_people_inside;
    const capacity = session.capacity;
    if (capacity === null || capacity === undefined) {
        return {level: 'blue', reason: 'unlimited', text: t('status_counting'), detail: t('status_no_capacity')};
    }
    if (inside > capacity) {
        return {level: 'red', reason: 'over', text: t('status_over'), detail: t('status_over_by', {count: inside - capacity})};
    }
    if (inside >= capacity) return {level: 'red', reason: 'full', text: t('status_full'), detail: t('status_no_places')};
    const free = t('free_places_count', {count: capacity - inside});
    if (inside * 100 >= capacity * settings.nearly_full_percent) {
        return {level: 'amber', reason: 'nearly', text: t('status_nearly'), detail: free};
    }
    return {level: 'green', reason: 'room', text: t('status_room'), detail: free};
}

// As the server answers: PostgREST embeds a row of session_statistics.
export const OVERVIEW = 'id,session_name,status,start_time,time_zone,total_people_entered,total_people_exited,' +
    'current_people_inside,capacity,exits_absorbed,peak_people_count,peak_time,last_movement_time,session_statistics(updated_at,created_at)';

// updated_at is the time at which the session was made as long as nothing was reported.
export function fromOverview(row) {
    const {session_statistics: told, daily_statistics: days, ...session} = row;
    const one = Array.isArray(told) ? told[0] : told;
    return {...session, days, last_activity: one && one.updated_at !== one.created_at ? one.updated_at : null};
}

// The connection in words; a dot of another shape goes with each.
export function connectionText({state, last, every}) {
    switch (state) {
    case 'live': return t('state_live', {time: clockSeconds(last)});
    case 'polling': return t('state_polling', {seconds: every, time: clockSeconds(last)});
    case 'lost': return t('state_lost');
    case 'paused': return t('state_paused');
    default: return t('state_connecting');
    }
}
