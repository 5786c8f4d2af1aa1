// The dashboard: what is asked when, and what is shown of it.
import * as api from './api.js';
import * as updates from './updates.js';
import {announce, find, keyed, el, paced, setAttribute, setText, show} from './dom.js';
import {t, translatePage, chooseLanguage, currentLanguage, onLanguage, number, clockSeconds} from './i18n.js';
import {addDays, dateOf} from './time.js';
import {OVERVIEW, connectionText, fromOverview} from './status.js';
import {Live} from './live.js';
import {Sessions} from './sessions.js';
import {Movements} from './movements.js';
import {Alerts} from './alerts.js';
import {History} from './history.js';
import {signIn, openBaseline} from './dialogs.js';

// All that the parts of the page need of each other.
const live = new Live();
const app = {
    rights: null, settings: {...api.DEFAULTS}, all: [], byId: new Map(), alerts: [], summary: null,
    get live() { return live.sessions; },
    get today() { return live.today; },
    get movements() { return live.movements; },
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

const DAY = 'date_timestamp,total_people_entered,total_people_exited,peak_people_count,peak_time,exits_absorbed';

async function load() {
    const date = dateOf(api.now());
    const around = [`gte.${addDays(date, -2)}`, `lte.${addDays(date, 1)}`];
    live.asking();
    const [, overview, days, moved, open, past, sums] = await Promise.all([
        loadOthers(),
        api.rest('current_session_overview', {select: `${OVERVIEW},daily_statistics(${DAY})`, status: 'eq.active',
            'daily_statistics.date_timestamp': around, order: 'session_name.asc,id.asc', limit: 1000}),
        api.rest('daily_statistics', {select: `session_id,${DAY},sessions!inner(status)`, 'sessions.status': 'neq.active', date_timestamp: around}),
        api.rest('recent_movements', {select: 'id,session_id,session_name,movement_direction,movement_time,confidence_score',
            order: 'movement_time.desc,id.desc', limit: 40}),
        alertLogs(false, 500),
        alertLogs(true, 30),
        api.summary(),
    ]);
    const sessions = overview.map(fromOverview);
    if (sessions.some(session => !app.all.some(other => other.id === session.id))) {
        othersAt = -Infinity;   // a new one
        await loadOthers();
    }
    app.byId = new Map(app.all.map(session => [session.id, session]));
    for (const session of sessions) {
        Object.assign(session, {...app.byId.get(session.id), ...session});
        app.byId.set(session.id, session);
    }
    const missed = live.answer({sessions, days, movements: moved, other: id => app.byId.get(id)}, api.now());
    if (missed.length) updates.expect(() => live.wasTold(missed));
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
        refused = '';
        updates.answered();
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

const SUMMARY_EVERY = 2_000;
const LOOK_EVERY = 10_000;
const changed = new Set();

const drawChanged = paced(() => {
    if (!app.rights?.read) return;
    sessions.measure();
    renderTiles();
    if (changed.has('sessions')) sessions.render();
    if (changed.has('movements')) movements.render();
    changed.clear();
});

function draw(...parts) {
    for (const part of parts) changed.add(part);
    drawChanged();
}

// A message of the stream. What it does not tell is asked for.
function hear(message) {
    if (!started || !app.rights?.read) return;
    const {ask, ...parts} = live.hear(message, api.now());
    if (ask) updates.refreshSoon();
    if (parts.movements) askSummary();
    const names = Object.keys(parts).filter(name => parts[name]);
    if (names.length) draw(...names);
}

// How many passed in the last hour, by the server: for movements leave that hour, too. One answer serves all screens.
let summaryTimer = null;
function askSummary() {
    summaryTimer ??= setTimeout(async () => {
        summaryTimer = null;
        const mine = visit;
        try {
            const sums = await api.summary();
            if (mine === visit) app.summary = sums;
            draw();
        } catch {
            // the next round says why
        }
    }, SUMMARY_EVERY);
}

// What is silent by now, and the day that is over, though nothing is told.
setInterval(() => {
    if (!started || document.hidden) return;
    if (live.dayIsOver(api.now())) updates.refreshSoon();
    draw('sessions');
}, LOOK_EVERY);

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
    live.clear();
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
    const heard = app.live.filter(session => sessions.status(session).level !== 'grey');
    const sum = (rows, of) => rows.reduce((total, row) => total + of(row), 0);
    const today = [...app.today.values()];
    const open = app.alerts.filter(alert => !alert.is_resolved);
    return [
        {key: 'inside', label: t('tile_inside'), value: heard.length ? number(sum(heard, s => s.current_people_inside)) : '–',
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
    sessions.measure();
    renderTiles();
    sessions.render();
    movements.render();
    if (app.rights.alerts) alerts.render();
    history.renderChoices();
}

let before = updates.state();
updates.onState(connection => {
    const {state, since, fresh, last} = connection;
    const was = before.state;
    setAttribute(find('#connection'), 'data-state', state);
    setText(find('#connection-text'), connectionText(connection));
    setAttribute(document.documentElement, 'data-stale', state === 'lost');
    // The figures stay, and say that they are not of now.
    if (fresh !== before.fresh && app.live.length) render();
    if (state === 'lost') {
        setText(find('#banner'), last ? t('banner_lost', {since: clockSeconds(since), last: clockSeconds(last)}) : t('banner_never'));
        show(find('#banner'), true);
        if (was !== 'lost') announce(t('state_lost'));
    } else if (fresh) {
        setText(find('#banner'), refused);
        show(find('#banner'), Boolean(refused));
        if (was === 'lost') announce(t('state_back'));
        if (was === 'live' && state === 'polling') announce(t('stream_lost', {seconds: connection.every}));
        if (was === 'polling' && state === 'live') announce(t('stream_back'));
    }
    if (state !== 'paused') before = connection;
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
    setText(find('#connection-text'), connectionText(updates.state()));
    render();
    history.translate();
    updates.refreshNow();
});
translatePage();
renderTexts();
history.translate();
listen();
