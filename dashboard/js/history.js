// History of one session: the hours of a day, and the days of a range, each beside the same weekday of the week before.
import * as api from './api.js';
import {el, find, keyed, setAttribute, setText, show} from './dom.js';
import {t, translatePage, number, percent, clock, day, longDay, shortDay, dayAndClock, zoneName, NOTHING} from './i18n.js';
import {addDays, boundsOfDay, businessDay, daysBetween, hoursOfDay, isoIn, wallOfDate} from './time.js';
import {Period, totals, mean, shownMean} from './period.js';

const HOURLY = 'hour_timestamp,people_entered,people_exited,peak_people_count,peak_time,average_people_count,exits_absorbed,' +
    'occupancy_seconds,observed_seconds';
const DAILY = 'date_timestamp,total_people_entered,total_people_exited,peak_people_count,peak_time,average_people_count,exits_absorbed,' +
    'occupancy_seconds,observed_seconds';
const RANGES = [7, 30, 90, 365];
const RANGE_EVERY = 60_000;

const quoted = instant => `"${new Date(instant).toISOString()}"`;
const between = (column, from, to) => `and(${column}.gte.${quoted(from)},${column}.lt.${quoted(to)})`;

export class History {
    constructor(app) {
        this.app = app;
        this.id = null;
        this.date = null;       // null: today, and tomorrow the day that is today then
        this.days = 30;
        this.until = null;
        this.rangeAt = -Infinity;
        this.hours = null;
        this.range = null;
        this.asked = 0;
        const button = (name, step) => el('button', {type: 'button', class: 'quiet', 'data-t-label': name, text: step < 0 ? '‹' : '›',
            onclick: () => this.chooseDay(addDays(this.shownDate(), step))});
        this.dateInput = el('input', {type: 'date', id: 'day-date', 'data-t-label': 'day_date', required: true,
            onchange: event => event.target.value && this.chooseDay(event.target.value)});
        this.next = button('day_next', 1);
        this.dayPeriod = new Period(find('#day'), 'day', [button('day_previous', -1), this.dateInput, this.next]);
        this.daysSelect = el('select', {id: 'range-days', 'data-t-label': 'range_days', onchange: event => {
            this.days = Number(event.target.value);
            this.reload();
        }}, ...RANGES.map(days => el('option', {value: days})));
        this.untilInput = el('input', {type: 'date', id: 'range-until', 'data-t-label': 'range_until', onchange: event => {
            this.until = event.target.value || null;
            this.reload();
        }});
        this.rangePeriod = new Period(find('#range'), 'range', [this.daysSelect, this.untilInput]);
        find('#history-session').addEventListener('change', event => this.choose(event.target.value));
    }

    get session() {
        return this.id === null ? null : this.app.session(this.id) ?? null;
    }

    today() {
        const session = this.session;
        const date = businessDay(api.now(), session);
        if (session.status === 'active') return date;
        const end = businessDay(Date.parse(session.end_time ?? session.start_time), session);
        return end < date ? end : date;   // of a session that has ended, its last day
    }

    shownDate() {
        return this.date ?? this.today();
    }

    choose(id, jump = false) {
        if (id !== this.id) {
            this.id = id;
            this.date = null;
            this.until = null;
        }
        this.renderChoices();
        this.reload();
        if (jump) {
            find('#history').scrollIntoView({block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
            find('#history-heading').focus({preventScroll: true});
        }
    }

    chooseDay(date) {
        const today = this.today();
        this.date = date >= today ? null : date;
        this.reload();
    }

    reload() {
        this.rangeAt = -Infinity;
        this.hours = null;
        this.refresh().catch(error => {
            if (!error.lost) console.error(error);   // lost: the next round says so
        });
    }

    forget() {
        this.id = null;
        this.hours = this.range = null;
    }

    renderChoices() {
        const select = find('#history-session');
        const rows = this.app.all.length ? [...this.app.live, ...this.app.all.filter(one => one.status !== 'active')] : this.app.live;
        if (this.id === null || !this.session) this.id = rows[0]?.id ?? null;
        show(find('#history'), rows.length > 0);
        keyed(select, rows, row => row.id, row => el('option', {value: row.id}), (node, row) => {
            setText(node, row.status === 'active' ? row.session_name : t('choice_ended', {name: row.session_name,
                day: shortDay(Date.parse(row.end_time ?? row.start_time), row.time_zone)}));
        });
        if (this.id && select.value !== this.id) select.value = this.id;
    }

    // ---- asking -----------------------------------------------------------------------------------------------------

    async refresh() {
        const session = this.session;
        if (!session) return;
        const asked = ++this.asked;
        const date = this.shownDate();
        const live = session.status === 'active' && date === this.today();
        const wanted = [];
        if (!this.hours || live || this.hours.date !== date) wanted.push(this.loadHours(session, date));
        if (Date.now() - this.rangeAt > RANGE_EVERY) wanted.push(this.loadRange(session));
        if (!wanted.length) return;
        const apply = await Promise.all(wanted);
        if (asked !== this.asked) return;   // something else was chosen meanwhile
        for (const one of apply) one();
        this.render();
    }

    async loadHours(session, date) {
        const week = addDays(date, -7);
        const rows = await api.rest('hourly_analytics', {select: HOURLY, session_id: `eq.${session.id}`, order: 'hour_timestamp.asc',
            or: `(${between('hour_timestamp', ...boundsOfDay(date, session))},${between('hour_timestamp', ...boundsOfDay(week, session))})`});
        return () => {
            this.hours = {date, rows: rows.map(row => ({...row, at: Date.parse(row.hour_timestamp)}))};
        };
    }

    async loadRange(session) {
        const to = this.until ?? this.today();
        const from = addDays(to, 1 - this.days);
        const rows = await api.rest('daily_analytics', {select: DAILY, session_id: `eq.${session.id}`, order: 'date_timestamp.asc',
            date_timestamp: [`gte.${addDays(from, -7)}`, `lte.${to}`]});
        return () => {
            this.range = {from, to, rows};
            this.rangeAt = Date.now();
        };
    }

    // ---- showing ----------------------------------------------------------------------------------------------------

    translate() {
        translatePage(find('#history'));
        for (const option of this.daysSelect.options) setText(option, t('last_days', {count: Number(option.value)}));
        this.daysSelect.value = String(this.days);
        this.render();
    }

    redraw() {
        this.dayPeriod.redraw();
        this.rangePeriod.redraw();
    }

    render() {
        const session = this.session;
        if (!session) return;
        const now = api.now();
        setText(find('#history-zone'), t('history_zone', {zone: session.time_zone, short: zoneName(now, session.time_zone)}));
        if (this.hours) {
            this.dayPeriod.draw(this.dayView(session, this.hours, now));
            this.dateInput.value = this.hours.date;
            setAttribute(this.dateInput, 'max', this.today());
            setAttribute(this.next, 'disabled', this.hours.date >= this.today());
        }
        if (this.range) {
            this.rangePeriod.draw(this.rangeView(session, this.range, now));
            this.untilInput.value = this.range.to;
            setAttribute(this.untilInput, 'max', this.today());
        }
    }

    // Within the life of the session, in the past, and no row: nothing is known.
    isMissing(session, from, to, now) {
        const end = session.end_time ? Date.parse(session.end_time) : now;
        return to <= now && from < end && to > Date.parse(session.start_time);
    }

    dayView(session, {date, rows}, now) {
        const zone = session.time_zone;
        const {begin, end, hours} = hoursOfDay(date, session);
        const today = rows.filter(row => row.at >= begin && row.at < end);
        const before = rows.filter(row => row.at < begin);
        const byTime = new Map(today.map(row => [row.at, row]));
        // The hours of the week before, by the clock: the days need not be of one length.
        const byClock = new Map(before.map(row => [clock(row.at, zone), row]));
        const slots = hours.map((at, i) => {
            const to = hours[i + 1] ?? end;
            const row = byTime.get(at);
            const old = byClock.get(clock(at, zone));
            return {at, to, row, label: clock(at, zone), future: at > now, missing: !row && this.isMissing(session, at, to, now),
                peak: row?.peak_people_count ?? null, average: mean(row?.average_people_count), entered: row?.people_entered ?? null,
                exited: row?.people_exited ?? null, before: old ? {peak: old.peak_people_count, entered: old.people_entered} : null};
        });
        const sum = totals(today, 'people_entered', 'people_exited');
        const time = value => value ? clock(Date.parse(value), zone) : NOTHING;
        const title = t('day_title', {session: session.session_name, day: longDay(wallOfDate(date), 'UTC')});
        return {title, slots, capacity: session.capacity, file: `${session.session_name}-hours-${date}`,
            figures: this.figures(sum, sum.peakTime && t('at_time', {time: clock(sum.peakTime, zone)})),
            compare: this.compareDay(slots, before, date, now), hint: t('chart_hint'),
            tell: slot => this.tell(slot, `${clock(slot.at, zone)}–${clock(slot.to, zone)}`),
            columns: [t('hour'), t('entered'), t('exited'), t('peak'), t('peak_time'), t('average'), t('entered_before')],
            row: slot => [`${clock(slot.at, zone)}–${clock(slot.to, zone)}`, ...slot.row ? [number(slot.entered), number(slot.exited), number(slot.peak),
                time(slot.row.peak_time), shownMean(slot.average)] : Array(5).fill(slot.missing ? t('gap') : NOTHING), number(slot.before?.entered)],
            csv: () => [['hour_start', 'time_zone', 'session_id', 'session_name', 'people_entered', 'people_exited', 'peak_people_count', 'peak_time',
                'average_people_count', 'exits_absorbed', 'observed_seconds', 'people_entered_week_before'],
            ...slots.filter(slot => !slot.future).map(({at, row, before: old}) => [isoIn(at, zone), zone, session.id, session.session_name,
                row?.people_entered, row?.people_exited, row?.peak_people_count, row?.peak_time ? isoIn(Date.parse(row.peak_time), zone) : null,
                row?.average_people_count, row?.exits_absorbed, row?.observed_seconds, old?.entered])]};
    }

    // A day that is not over is compared with what the other one had until then: whole hours of both.
    compareDay(slots, before, date, now) {
        const weekday = day(wallOfDate(addDays(date, -7)), 'UTC');
        if (!before.length) return t('compare_none', {day: weekday});
        const over = slots.filter(slot => slot.to <= now);
        const whole = over.length === slots.length;
        const sum = of => over.reduce((total, slot) => total + (of(slot) ?? 0), 0);
        const [entered, old] = [sum(slot => slot.entered), sum(slot => slot.before?.entered)];
        const values = {day: weekday, old, change: old > 0 ? percent((entered - old) / old) : NOTHING, peak: Math.max(0, ...over.map(slot => slot.before?.peak ?? 0)),
            time: over.length ? clock(over.at(-1).to, this.session.time_zone) : ''};
        return over.length ? t(whole ? 'compare_day' : 'compare_until', values) : t('compare_later', {day: weekday});
    }

    rangeView(session, {from, to, rows}, now) {
        const zone = session.time_zone;
        const byDate = new Map(rows.map(row => [row.date_timestamp, row]));
        const slots = Array.from({length: daysBetween(from, to) + 1}, (_, i) => {
            const date = addDays(from, i);
            const [begin, end] = boundsOfDay(date, session);
            const row = byDate.get(date);
            const old = byDate.get(addDays(date, -7));
            return {date, row, label: shortDay(wallOfDate(date), 'UTC'), future: begin > now, missing: !row && this.isMissing(session, begin, end, now),
                peak: row?.peak_people_count ?? null, average: mean(row?.average_people_count), entered: row?.total_people_entered ?? null,
                exited: row?.total_people_exited ?? null, before: old && this.days <= 90 ? {peak: old.peak_people_count, entered: old.total_people_entered} : null};
        });
        const inside = rows.filter(row => row.date_timestamp >= from);
        const sum = totals(inside, 'total_people_entered', 'total_people_exited');
        const title = t('range_title', {session: session.session_name, from: longDay(wallOfDate(from), 'UTC'), to: longDay(wallOfDate(to), 'UTC')});
        const name = slot => day(wallOfDate(slot.date), 'UTC');
        return {title, slots, capacity: session.capacity, file: `${session.session_name}-days-${from}-${to}`,
            figures: this.figures(sum, sum.peakTime && t('at_time', {time: dayAndClock(sum.peakTime, zone)})),
            compare: t('range_coverage', {count: inside.length, all: slots.filter(slot => !slot.future).length}), hint: t('chart_hint'),
            tell: slot => this.tell(slot, name(slot)),
            columns: [t('date'), t('entered'), t('exited'), t('peak'), t('peak_time'), t('average'), t('entered_before')],
            row: slot => [name(slot), ...slot.row ? [number(slot.entered), number(slot.exited), number(slot.peak),
                slot.row.peak_time ? clock(Date.parse(slot.row.peak_time), zone) : NOTHING, shownMean(slot.average)]
                : Array(5).fill(slot.missing ? t('gap') : NOTHING), number(slot.before?.entered)],
            csv: () => [['date', 'time_zone', 'session_id', 'session_name', 'total_people_entered', 'total_people_exited', 'peak_people_count',
                'peak_time', 'average_people_count', 'exits_absorbed', 'observed_seconds'],
            ...slots.filter(slot => !slot.future).map(({date, row}) => [date, zone, session.id, session.session_name, row?.total_people_entered,
                row?.total_people_exited, row?.peak_people_count, row?.peak_time ? isoIn(Date.parse(row.peak_time), zone) : null,
                row?.average_people_count, row?.exits_absorbed, row?.observed_seconds])]};
    }

    figures(sum, peakNote) {
        return [[t('entered'), number(sum.entered)], [t('exited'), number(sum.exited)], [t('peak'), number(sum.peak), peakNote || ''],
            [t('average'), shownMean(sum.average)], ...sum.absorbed ? [[t('absorbed_short'), number(sum.absorbed), t('absorbed_note')]] : []];
    }

    tell(slot, name) {
        if (slot.missing) return `${name} · ${t('gap')}`;
        if (!slot.row) return name;
        const zone = this.session.time_zone;
        return [name, `${t('peak')} ${number(slot.peak)}${slot.row.peak_time ? ` ${t('at_time', {time: clock(Date.parse(slot.row.peak_time), zone)})}` : ''}`,
            `${t('average')} ${shownMean(slot.average)}`, `${t('entered')} ${number(slot.entered)}`, `${t('exited')} ${number(slot.exited)}`,
            slot.before ? `${t('week_before')}: ${t('entered')} ${number(slot.before.entered)}` : ''].filter(Boolean).join(' · ');
    }
}
