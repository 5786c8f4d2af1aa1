// The dashboard: what is asked when, and what is shown of it.
import * as api from './api.js';
import * as updates from './updates.js';
import {announce, find, keyed, el, setAttribute, setText, show} from './dom.js';
import {t, translatePage, chooseLanguage, currentLanguage, onLanguage, number, clockSeconds} from './i18n.js';
import {businessDay, addDays, dateOf} from './time.js';
import {OVERVIEW, fromOverview} from './status.js';
import {Sessions} from './sessions.js';
import {Movements} from './movements.js';
import {Alerts} from './alerts.js';
import {History} from './history.js';
import {signIn, openBaseline} from './dialogs.js';

// All that the parts of the page need of each other.
const app = {
    rights: null, settings: {...api.DEFAULTS}, live: [], all: [], byId: new Map(), today: new Map(), alerts: [], movements: [],
    summary: null, reachable: true,
    session: id => app.byId.get(id),
    setCount: session => openBaseline(app, session),
    showHistory: session => history.choose(session.id, true),
};
const sessions = new Sessions(app);
const movements = new Movements(app);
const alerts = new Alerts(app);
const history = new History(app);

// ---- asking -------------------------------------------------------------------------------------------------------------

const OTHERS_EVERY = 60_000;   // the list of all sessions changes seldom
let othersAt = -Infinity;

async function loadOthers() {
    if (Date.now() - othersAt < OTHERS_EVERY) return;
    app.all = await api.rest('sessions', {select: 'id,session_name,status,time_zone,day_start,start_time,end_time,capacity',
        order: 'status.asc,start_time.desc,id.desc', limit: 1000});
    othersAt = Date.now();
}

const ALERT = 'id,session_id,alert_type,alert_message,current_value,threshold_value,peak_value,metric,severity,triggered_at,resolved_at,' +
    'is_resolved,resolved_reason,acknowledged_at,acknowledged_by,note';
const alertLogs = (resolved, limit) => app.rights.alerts ? api.rest('alert_logs', {select: ALERT, is_resolved: `is.${resolved}`,
    order: 'triggered_at.desc,id.desc', limit}) : [];

async function load() {
    const date = dateOf(api.now());
    const [, overview, days, moved, open, past, sums] = await Promise.all([
        loadOthers(),
        api.rest('current_session_overview', {select: OVERVIEW, status: 'eq.active', order: 'session_name.asc,id.asc', limit: 1000}),
        api.rest('daily_analytics', {select: 'session_id,date_timestamp,total_people_entered,total_people_exited,' +
            'peak_people_count,peak_time,average_people_count,exits_absorbed',
        date_timestamp: [`gte.${addDays(date, -2)}`, `lte.${addDays(date, 1)}`]}),
        api.rest('recent_movements', {select: 'id,session_id,session_name,movement_direction,movement_time,confidence_score',
            order: 'movement_time.desc,id.desc', limit: 40}),
        alertLogs(false, 500),
        alertLogs(true, 30),
        api.summary(),
    ]);
    app.live = overview.map(fromOverview);
    if (app.live.some(session => !app.all.some(other => other.id === session.id))) {
        othersAt = -Infinity;   // a new one
        await loadOthers();
    }
    app.byId = new Map(app.all.map(session => [session.id, session]));
    for (const session of app.live) {
        Object.assign(session, {...app.byId.get(session.id), ...session});
        app.byId.set(session.id, session);
    }
    const now = api.now();
    app.today = new Map();
    for (const row of days) {
        const session = app.byId.get(row.session_id);
        if (session && row.date_timestamp === businessDay(now, session)) app.today.set(row.session_id, row);
    }
    app.movements = moved;
    app.alerts = [...open, ...past];
    app.summary = sums;
}

let started = false;
let visit = 0;       // of one credential; what an earlier one asked for is not shown
let refused = '';    // why the last round was

// One round. What is refused ends it, and says why; what is lost is asked again.
async function refresh() {
    const mine = visit;
    try {
        if (!started) await start(mine);
        if (mine !== visit || !app.rights.read) return;
        await load();
        if (mine !== visit) return;
        app.reachable = true;
        refused = '';
        render();
        show(find('#content'), true);
        await history.refresh();
    } catch (error) {
        if (mine !== visit) return;
        if (error.status === 401) {
            signOut(t(api.credential() ? 'error_401_credential' : 'error_401'), error.message);
        } else if (error.status === 403) {
            signOut(t('error_403'), error.message);
        } else if (error.status >= 400 && error.status < 500 && error.status !== 429) {
            refused = t('error_other', {detail: error.message});
        } else {
            throw error;
        }
    }
}

// The rights first: where nobody may read, nothing else is asked.
async function start(mine) {
    const rights = await api.loadRights();
    if (mine !== visit) return;
    app.rights = rights;
    if (!app.rights.read) {
        askToSignIn(api.credential() ? t('error_403') : '');
        started = true;
        return;
    }
    app.settings = await api.loadSettings(rights);
    if (mine !== visit) return;
    updates.setInterval(app.settings.refresh_seconds);
    updates.setStream(app.rights.alerts ? '' : null);   // a device sees its own, one by one
    show(find('#signin'), false);
    show(find('#alerts'), app.rights.alerts);
    started = true;
    renderAccount();
}

// ---- hearing ------------------------------------------------------------------------------------------------------------

const MOVEMENTS = 40;
let drawn = null;

// A message of the stream. What it does not tell is asked for.
function hear(message) {
    if (!started || !app.rights?.read) return;
    const session = app.live.find(one => one.id === message.session_id);
    if (message.type === 'alert' || !session || (message.type === 'statistics' && message.status !== session.status)) {
        updates.refreshNow();
        return;
    }
    if (message.type === 'statistics') {
        for (const name of ['current_people_inside', 'total_people_entered', 'total_people_exited', 'peak_people_count', 'exits_absorbed',
            'capacity', 'last_movement_time']) {
            if (message[name] !== undefined) session[name] = message[name];
        }
    } else if (message.type === 'metrics') {
        session.last_activity = message.timestamp;
    } else if (message.type === 'movement') {
        const known = new Set(app.movements.map(row => row.id));
        const fresh = message.movements.filter(row => !known.has(row.id));
        app.movements = [...fresh.map(row => ({...row, session_id: session.id, session_name: session.session_name})), ...app.movements]
            .sort((a, b) => Date.parse(b.movement_time) - Date.parse(a.movement_time)).slice(0, MOVEMENTS);
        if (app.summary) app.summary.recent_movements += fresh.length;
        const day = app.today.get(session.id);
        for (const row of fresh) {
            if (day && businessDay(Date.parse(row.movement_time), session) === day.date_timestamp) {
                if (row.movement_direction === 'in') day.total_people_entered += 1;
                else day.total_people_exited += 1;
            }
        }
        if (!day) updates.refreshNow();
    }
    drawn ??= requestAnimationFrame(() => {
        drawn = null;
        render();
    });
}

// ---- signing in -----------------------------------------------------------------------------------------------------------

let unsubscribe = () => {};

function listen() {
    ++visit;
    started = false;
    othersAt = -Infinity;
    show(find('#connection'), true);
    unsubscribe();
    unsubscribe = updates.subscribe(event => event.type === 'message' ? hear(event.message) : refresh());
}

function askToSignIn(message) {
    ++visit;
    unsubscribe();
    show(find('#content'), false);
    show(find('#signin'), true);
    show(find('#connection'), false);
    setText(find('#signin-error'), message);
    renderAccount();
    find('#credential').focus();
}

function signOut(message = '', detail = '') {
    api.setCredential(null);
    app.rights = null;
    history.forget();
    askToSignIn(message && detail ? `${message} (${detail})` : message);
}

signIn(value => {
    api.setCredential(value);
    listen();
});
find('#account').addEventListener('click', () => {
    if (api.credential()) signOut();
    else if (find('#signin').hidden) {
        show(find('#signin'), true);
        find('#credential').focus();
    }
});

function renderAccount() {
    const button = find('#account');
    const signedIn = Boolean(api.credential());
    show(button, signedIn || Boolean(app.rights?.read));
    const role = !app.rights ? '' : app.rights.admin ? 'admin' : app.rights.acknowledge ? 'operator' : app.rights.alerts ? 'reader' : 'device';
    setText(button, signedIn ? t('signout') : t('signin'));
    setAttribute(button, 'title', signedIn && role ? t('signed_in_as', {role: t(`role_${role}`)}) : null);
}

// ---- showing --------------------------------------------------------------------------------------------------------------

function tiles() {
    const states = app.live.map(session => sessions.status(session));
    const heard = app.live.filter((session, i) => states[i].level !== 'grey');
    const sum = (rows, of) => rows.reduce((total, row) => total + of(row), 0);
    const today = [...app.today.values()];
    const open = app.alerts.filter(alert => !alert.is_resolved);
    return [
        {key: 'inside', label: t('tile_inside'), value: app.reachable && heard.length ? number(sum(heard, s => s.current_people_inside)) : '–',
            note: t('tile_inside_note', {count: heard.length, all: app.live.length})},
        {key: 'in', label: t('tile_in'), value: number(sum(today, row => row.total_people_entered)), note: t('tile_day_note')},
        {key: 'out', label: t('tile_out'), value: number(sum(today, row => row.total_people_exited)), note: t('tile_day_note')},
        {key: 'hour', label: t('tile_hour'), value: number(app.summary?.recent_movements ?? 0), note: t('tile_hour_note')},
        app.rights?.alerts && {key: 'alerts', label: t('tile_alerts'), value: number(open.length), href: '#alerts',
            note: t('tile_alerts_note', {count: open.filter(alert => !alert.acknowledged_at).length}),
            level: open.some(alert => !alert.acknowledged_at) ? 'red' : null},
    ].filter(Boolean);
}

function renderTiles() {
    keyed(find('#tiles'), tiles(), tile => tile.key, tile => el('div', {class: 'tile'}, el('dt'),
        el('dd', {class: 'value'}, tile.href ? el('a', {href: tile.href}) : el('span')), el('dd', {class: 'note'})), (node, tile) => {
        setText(node.children[0], tile.label);
        setText(node.children[1].firstElementChild, tile.value);
        setText(node.children[2], tile.note);
        setAttribute(node, 'data-level', tile.level);
    });
}

function render() {
    if (!app.rights?.read) return;
    renderTiles();
    sessions.render();
    movements.render();
    if (app.rights.alerts) alerts.render();
    history.renderChoices();
}

let before = 'connecting';
updates.onState(({state, since, last}) => {
    const box = find('#connection');
    setAttribute(box, 'data-state', state);
    const text = state === 'live' ? t('state_live', {time: clockSeconds(last)})
        : state === 'lost' ? t('state_lost') : state === 'paused' ? t('state_paused') : t('state_connecting');
    setText(find('#connection-text'), text);
    // The figures stay, and say that they are not of now.
    const fresh = state === 'live' || state === 'paused';
    if (app.reachable !== fresh && app.live.length) {
        app.reachable = fresh;
        render();
    }
    app.reachable = fresh || (state === 'connecting' && !last);
    setAttribute(document.documentElement, 'data-stale', state === 'lost');
    if (state === 'lost') {
        setText(find('#banner'), last ? t('banner_lost', {since: clockSeconds(since), last: clockSeconds(last)}) : t('banner_never'));
        show(find('#banner'), true);
        if (before !== 'lost') announce(t('state_lost'));
    } else if (state === 'live') {
        setText(find('#banner'), refused);
        show(find('#banner'), Boolean(refused));
        if (before === 'lost') announce(t('state_back'));
    }
    if (state !== 'paused') before = state;
});

// ---- the head of the page -----------------------------------------------------------------------------------------------------

function renderTheme() {
    setText(find('#theme'), t(window.peopleCounterTheme.current() === 'dark' ? 'theme_light' : 'theme_dark'));
}

find('#theme').addEventListener('click', () =>
    window.peopleCounterTheme.choose(window.peopleCounterTheme.current() === 'dark' ? 'light' : 'dark'));
document.addEventListener('people-counter-theme', () => {
    renderTheme();
    history.redraw();
});
find('#language').addEventListener('change', event => chooseLanguage(event.target.value));

function renderTexts() {
    document.title = t('title');
    find('#language').value = currentLanguage();
    renderTheme();
    renderAccount();
}

onLanguage(() => {
    renderTexts();
    render();
    history.translate();
    updates.refreshNow();
});
translatePage();
renderTexts();
history.translate();
listen();
