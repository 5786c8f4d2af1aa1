// Sessions now: a card each, the one that needs somebody first.
import * as api from './api.js';
import * as updates from './updates.js';
import {announce, el, find, keyed, setAttribute, setText, show} from './dom.js';
import {t, currentLanguage, number, clock, dayAndClock, ago, zoneName, byName, NOTHING} from './i18n.js';
import {statusOf, severityOf, lastActivity} from './status.js';
import {isoIn, offsetOf} from './time.js';
import {download} from './csv.js';

const FIRST = 12;
const TELL_EVERY = 3_000;
const AGO_EVERY = 10_000;

// The zone is named where it is not the one of the screen: once if all have the same, otherwise at each time.
let common = null;
const isLocal = (instant, zone) => offsetOf(instant, zone) === -new Date(instant).getTimezoneOffset() * 60_000;
export const zoneSuffix = (instant, zone) => zone === common || isLocal(instant, zone) ? '' : ` ${zoneName(instant, zone)}`;

export class Sessions {
    constructor(app) {
        this.app = app;
        this.everything = false;
        this.levels = new Map();
        this.statuses = new Map();
        this.shown = new WeakMap();
        this.toldAt = -Infinity;
        find('#filter').addEventListener('input', () => this.render());
        find('#sessions-more').addEventListener('click', () => {
            this.everything = !this.everything;
            this.render();
        });
        find('#sessions-csv').addEventListener('click', () => this.csv());
    }

    // The light of each is that of one moment, for a drawing.
    measure() {
        this.statuses.clear();
    }

    status(session) {
        let status = this.statuses.get(session.id);
        if (!status) {
            status = statusOf(session, {now: api.now(), connection: updates.state(), settings: this.app.settings});
            this.statuses.set(session.id, status);
        }
        return status;
    }

    // By what they need, then by name: a card moves only when its light changes.
    sorted() {
        const wanted = find('#filter').value.trim().toLocaleLowerCase();
        return this.app.live.filter(session => session.session_name.toLocaleLowerCase().includes(wanted))
            .map(session => ({session, status: this.status(session)}))
            .sort((a, b) => severityOf(a.status.level) - severityOf(b.status.level) ||
                byName(a.session.session_name, b.session.session_name) || (a.session.id < b.session.id ? -1 : 1));
    }

    render() {
        const zones = new Set(this.app.live.map(session => session.time_zone));
        common = zones.size === 1 ? [...zones][0] : null;
        const cards = this.sorted();
        const shown = this.everything ? cards : cards.slice(0, FIRST);
        show(find('#filter'), this.app.live.length > 6);
        const more = find('#sessions-more');
        show(more, cards.length > FIRST);
        setText(more, this.everything ? t('show_fewer') : t('show_all', {count: cards.length}));
        setText(find('#sessions-note'), this.app.live.length === 0 ? t('sessions_none')
            : cards.length === 0 ? t('filter_none') : t('sessions_note', {count: this.app.live.length}) + (common && !isLocal(api.now(), common)
                ? ` · ${t('times_in', {zone: common, short: zoneName(api.now(), common)})}` : ''));
        keyed(find('#cards'), shown, card => card.session.id, card => this.create(card.session), (node, card) => this.update(node, card));
        this.tell(cards);
    }

    // Changes of the light, for who listens. Not all of them at once, nor all the time.
    tell(cards) {
        if (performance.now() - this.toldAt < TELL_EVERY) return;
        this.toldAt = performance.now();
        const changed = cards.filter(({session, status}) => this.levels.has(session.id) && this.levels.get(session.id) !== status.reason
            && status.reason !== 'unreachable' && this.levels.get(session.id) !== 'unreachable');
        for (const {session, status} of changed.slice(0, 3)) announce(`${session.session_name}: ${status.text}. ${status.detail}`);
        for (const {session, status} of cards) this.levels.set(session.id, status.reason);
    }

    create(session) {
        const current = () => this.app.session(session.id) ?? session;
        const part = (name, more = {}) => el('span', {class: name, ...more});
        const card = el('li', {class: 'card'},
            el('div', {class: 'card-head'}, el('h3'), el('p', {class: 'light'}, part('lamp', {'aria-hidden': 'true'}), part('light-text'))),
            el('p', {class: 'big'}, part('visually-hidden inside-label'), part('inside'), part('of')),
            el('div', {class: 'bar', 'aria-hidden': 'true'}, el('div')),
            el('p', {class: 'detail'}),
            el('dl', {class: 'figures'}, ...['in', 'out', 'peak'].map(name => el('div', {}, el('dt'), el('dd', {class: name})))),
            el('p', {class: 'hint'}),
            el('p', {class: 'last'}),
            el('p', {class: 'actions'},
                el('button', {type: 'button', class: 'link history', onclick: () => this.app.showHistory(current())}),
                el('button', {type: 'button', class: 'link count', onclick: () => this.app.setCount(current())}),
                el('a', {class: 'link screen', href: `kiosk?session_id=${encodeURIComponent(session.id)}`})));
        return card;
    }

    // What a card shows. Of most sessions that is what it was.
    unchanged(node, session, status, today) {
        const shown = [currentLanguage(), common, this.app.rights?.baseline, status.level, status.text, status.detail, session.session_name,
            session.current_people_inside, session.capacity, session.time_zone, lastActivity(session), Math.floor(api.now() / AGO_EVERY),
            today?.total_people_entered, today?.total_people_exited, today?.peak_people_count, today?.peak_time, today?.exits_absorbed].join('|');
        if (this.shown.get(node) === shown) return true;
        this.shown.set(node, shown);
        return false;
    }

    update(node, {session, status}) {
        const today = this.app.today.get(session.id);
        if (this.unchanged(node, session, status, today)) return;
        const put = (selector, text) => setText(find(selector, node), text);
        setAttribute(node, 'data-level', status.level);
        put('h3', session.session_name);
        put('.light-text', status.text);
        put('.inside-label', t(status.level === 'grey' ? 'last_known' : 'people_inside'));
        put('.inside', number(session.current_people_inside));
        put('.of', session.capacity === null ? '' : ` ${t('of_capacity', {capacity: session.capacity})}`);
        const share = session.capacity ? Math.min(session.current_people_inside / session.capacity, 1) : 0;
        show(find('.bar', node), session.capacity !== null);
        find('.bar > div', node).style.inlineSize = `${share * 100}%`;
        put('.detail', status.detail);
        for (const [name, value] of [['in', number(today?.total_people_entered ?? 0)], ['out', number(today?.total_people_exited ?? 0)],
            ['peak', today ? `${number(today.peak_people_count)}${today.peak_time
                ? ` · ${clock(Date.parse(today.peak_time), session.time_zone)}` : ''}` : NOTHING]]) {
            const dd = find(`dd.${name}`, node);
            setText(dd.previousElementSibling, t(`today_${name}`));
            setText(dd, value);
        }
        const absorbed = today?.exits_absorbed ?? 0;
        show(find('.hint', node), absorbed > 0);
        setAttribute(find('.hint', node), 'data-strong', absorbed * 10 >= (today?.total_people_exited ?? 0));   // one in ten
        put('.hint', absorbed > 0 ? t('absorbed', {count: absorbed}) : '');
        const last = lastActivity(session);
        const old = last !== null && api.now() - last > 20 * 3_600_000;
        put('.last', last === null ? t('no_report_yet') : t('last_report', {
            time: (old ? dayAndClock : clock)(last, session.time_zone) + zoneSuffix(last, session.time_zone), ago: ago(Math.max(0, api.now() - last))}));
        const about = {name: session.session_name};
        for (const [selector, key, visible] of [['.history', 'history', true], ['.count', 'set_count', this.app.rights?.baseline],
            ['.screen', 'kiosk', true]]) {
            const action = find(selector, node);
            show(action, Boolean(visible));
            setText(action, t(key));
            setAttribute(action, 'aria-label', t(`${key}_of`, about));
        }
    }

    csv() {
        const rows = this.sorted().map(({session, status}) => {
            const today = this.app.today.get(session.id);
            const time = text => text ? isoIn(Date.parse(text), session.time_zone) : null;
            return [session.id, session.session_name, session.time_zone, status.reason, session.current_people_inside, session.capacity,
                session.capacity === null ? null : session.capacity - session.current_people_inside, today?.total_people_entered ?? 0,
                today?.total_people_exited ?? 0, today?.peak_people_count ?? null, time(today?.peak_time), today?.exits_absorbed ?? 0,
                time(session.last_movement_time)];
        });
        download('sessions', [['session_id', 'session_name', 'time_zone', 'state', 'current_people_inside', 'capacity', 'free_places',
            'people_entered_today', 'people_exited_today', 'peak_today', 'peak_time', 'exits_absorbed_today', 'last_movement_time'], ...rows]);
    }
}
