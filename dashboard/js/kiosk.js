// The screen at the door: one session, one number. /kiosk?session_id=…, with lang= and theme= if the browser's are not wanted.
import * as api from './api.js';
import * as updates from './updates.js';
import {el, find, keyed, paced, setAttribute, setText, show} from './dom.js';
import {t, translatePage, number} from './i18n.js';
import {OVERVIEW, connectionText, fromOverview, statusOf} from './status.js';
import {Live} from './live.js';
import {signIn} from './dialogs.js';

const id = new URLSearchParams(location.search).get('session_id');
let settings = api.DEFAULTS;
let rights = null;
const live = new Live();
let session = null;
let unsubscribe = () => {};

// A screen that nobody signs in at may have its key behind #key=, which no server is sent. It does not stay in the address.
const key = new URLSearchParams(location.hash.slice(1)).get('key');
if (key) {
    api.setCredential(key);
    history.replaceState(null, '', location.pathname + location.search);
}

const only = name => {
    for (const part of ['screen', 'choose', 'signin']) show(find(`#${part}`), part === name);
    show(find('#connection'), name === 'screen');
};

function ask(message) {
    unsubscribe();
    live.clear();
    session = null;
    only('signin');
    setText(find('#signin-error'), message);
    setAttribute(document.body, 'data-level', 'grey');
    find('#credential').focus();
}

async function load() {
    rights ??= await api.loadRights();
    if (!rights.read) {
        ask(api.credential() ? t('error_403') : '');
        return;
    }
    if (settings === api.DEFAULTS) {
        settings = await api.loadSettings(rights);
        updates.setInterval(settings.refresh_seconds);
    }
    if (id) {
        live.asking();
        const rows = await api.rest('current_session_overview', {select: OVERVIEW, id: `eq.${id}`});
        const missed = live.answer({sessions: rows.map(fromOverview)}, api.now());
        if (missed.length) updates.expect(() => live.wasTold(missed));
        session = live.sessions[0] ?? null;
        updates.setStream(session ? id : null);
    }
    if (!session) choose(await api.rest('sessions', {select: 'id,session_name', status: 'eq.active', order: 'session_name.asc', limit: 500}));
}

function choose(sessions) {
    only('choose');
    show(find('#choose-heading'), true);
    setAttribute(document.body, 'data-level', 'grey');
    setText(find('#choose-note'), id ? t('kiosk_unknown', {id}) : sessions.length ? '' : t('sessions_none'));
    keyed(find('#choices'), sessions, one => one.id, () => el('li', {}, el('a')), (node, one) => {
        const to = new URLSearchParams(location.search);
        to.set('session_id', one.id);
        setAttribute(node.firstElementChild, 'href', `?${to}`);
        setText(node.firstElementChild, one.session_name);
    });
}

function render() {
    if (!session) return;
    const status = statusOf(session, {now: api.now(), connection: updates.state(), settings});
    const known = status.level !== 'grey';
    only('screen');
    document.title = `${session.session_name} · ${t('people_inside')}`;
    setAttribute(document.body, 'data-level', status.level);
    setText(find('#name'), session.session_name);
    setText(find('#light-text'), status.text);
    setText(find('#inside'), number(session.current_people_inside));
    setText(find('#capacity'), session.capacity === null ? '' : t('of_capacity', {capacity: session.capacity}));
    setText(find('#caption'), t(known ? 'people_inside' : 'last_known'));
    setText(find('#free'), status.detail);
}

const draw = paced(render);

function hear(message) {
    if (!session) return;
    const {ask: more, sessions} = live.hear(message, api.now());
    if (more && message.type !== 'alert') updates.refreshSoon();
    if (sessions) draw();
}

const listener = event => event.type === 'message' ? hear(event.message) : refresh();

async function refresh() {
    try {
        await load();
        updates.answered();
        render();
    } catch (error) {
        if (error.status === 401 || error.status === 403) {
            const told = error.status === 403 ? 'error_403' : api.credential() ? 'error_401_credential' : 'error_401';
            api.setCredential(null);
            rights = null;
            ask(t(told));
            return;
        }
        if (error.status === 400) {
            session = null;
            choose([]);
            return;
        }
        throw error;
    }
}

signIn(value => {
    api.setCredential(value);
    rights = null;
    unsubscribe();
    unsubscribe = updates.subscribe(listener);
});
let fresh = null;
updates.onState(connection => {
    setAttribute(find('#connection'), 'data-state', connection.state);
    setText(find('#connection-text'), connectionText(connection));
    if (connection.fresh !== fresh) render();
    fresh = connection.fresh;
    if (connection.state === 'lost' && !session) {
        only('choose');
        show(find('#choose-heading'), false);
        setText(find('#choose-note'), t('banner_never'));
    }
});
window.setInterval(render, 10_000);   // what is silent by now, though nothing is told
translatePage();
unsubscribe = updates.subscribe(listener);
