// What the page asks the gateway: the contract's URLs, and PostgREST's below rest/. The credential is a header, and is kept
// in sessionStorage only: it is gone with the tab.

const STORE = 'people-counter-credential';
const meta = document.querySelector('meta[name="people-counter-api"]')?.content;
const base = new URL(meta || '.', document.baseURI);
const TIMEOUT = 20_000;

// status 0: nobody answered. `lost` is true of what goes away by itself.
export class ApiError extends Error {
    constructor(status, detail) {
        super(detail || `status ${status}`);
        this.status = status;
        this.lost = status === 0 || status === 429 || status >= 500;
    }
}

// ---- credentials ------------------------------------------------------------------------------------------------------

let memory = null;   // where there is no storage

export function credential() {
    try {
        return sessionStorage.getItem(STORE) ?? memory;
    } catch {
        return memory;
    }
}

export function setCredential(value) {
    memory = value || null;
    try {
        if (value) sessionStorage.setItem(STORE, value);
        else sessionStorage.removeItem(STORE);
    } catch {
        // in memory only
    }
}

const clean = text => text.trim().replace(/^Bearer\s+/i, '');

function credentialHeader(text) {
    const value = clean(text);
    return value.startsWith('pck_') ? ['X-API-Key', value] : ['Authorization', `Bearer ${value}`];
}

// Whether it can be sent at all.
export const isCredential = text => /^[\x21-\x7e]{8,8000}$/.test(clean(text));

// A browser sends no header with a stream. The gateway takes the credential out of the URL, and logs neither.
// last: the id of the message to go on after.
export function streamUrl(session = '', last = '') {
    const url = new URL('events', base);
    const secret = credential();
    if (session) url.searchParams.set('session_id', session);
    if (last) url.searchParams.set('last_event_id', last);
    if (secret) url.searchParams.set(clean(secret).startsWith('pck_') ? 'api_key' : 'token', clean(secret));
    return url.href;
}

// ---- requests ---------------------------------------------------------------------------------------------------------

let clockOffset = 0;

// The present by the clock of the server, for the clock of a screen may be wrong.
export const now = () => Date.now() + clockOffset;

function setClock(header, sent, received) {
    const server = Date.parse(header ?? '');
    if (Number.isNaN(server)) return;
    const offset = server + 500 - (sent + received) / 2;
    clockOffset = Math.abs(offset) > 2000 ? offset : 0;
}

async function send(path, {method = 'GET', body, accept = 'application/json', headers = {}} = {}) {
    const sent = {Accept: accept, ...headers};
    const secret = credential();
    if (secret) {
        const [name, value] = credentialHeader(secret);
        sent[name] = value;
    }
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    const begun = Date.now();
    let answer;
    try {
        answer = await fetch(new URL(path, base), {method, headers: sent, cache: 'no-store', credentials: 'same-origin',
            body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT)});
    } catch (error) {
        throw new ApiError(0, error.message);
    }
    setClock(answer.headers.get('Date'), begun, Date.now());
    let text;
    try {
        text = await answer.text();
    } catch (error) {
        throw new ApiError(0, error.message);
    }
    let json = null;
    if (text) {
        try {
            json = JSON.parse(text);
        } catch {
            if (answer.ok) throw new ApiError(502, 'the answer is not JSON');
        }
    }
    if (!answer.ok) throw new ApiError(answer.status, json?.detail);
    return json;
}

// rest('hourly_analytics', {select: 'a,b', session_id: 'eq.…'}); an array is the same parameter several times.
export function rest(name, parameters = {}) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters)) {
        for (const one of [value].flat()) query.append(key, one);
    }
    return send(`rest/${name}?${query}`);
}

export const summary = () => send('dashboard/summary');

export const acknowledgeAlert = (id, {by, note}) => send(`alerts/${encodeURIComponent(id)}/acknowledge`,
    {method: 'POST', body: {...(by ? {acknowledged_by: by} : {}), ...(note ? {note} : {})}});

export const addBaseline = row => send('rest/occupancy_baselines',
    {method: 'POST', body: row, headers: {Prefer: 'return=minimal'}});

// ---- rights -----------------------------------------------------------------------------------------------------------

// What the role may do, as PostgREST's description of the API says it: it lists the tables that may be seen and the functions that
// may be called. Of a table it does not say who may write to it, so that is asked of functions for the same roles.
export async function loadRights() {
    const {paths = {}} = await send('rest/', {accept: 'application/openapi+json'});
    const may = (method, path) => Boolean(paths[path]?.[method]);
    return {
        read: may('get', '/current_session_overview'),
        alerts: may('get', '/alert_logs'),
        acknowledge: may('post', '/rpc/acknowledge_alert'),
        baseline: may('post', '/rpc/acknowledge_alert') && may('get', '/occupancy_baselines'),
        settings: may('get', '/rpc/dashboard_settings') || may('post', '/rpc/dashboard_settings'),
        admin: may('post', '/rpc/create_api_key'),
    };
}

// ---- settings ---------------------------------------------------------------------------------------------------------

export const DEFAULTS = {refresh_seconds: 5, silent_minutes: 15, nearly_full_percent: 80};

// Those of the database where it tells them; what is not a number above 0 is the default.
export async function loadSettings(rights) {
    const told = rights.settings ? await send('rest/rpc/dashboard_settings') : {};
    const settings = {...DEFAULTS};
    for (const key of Object.keys(DEFAULTS)) {
        if (Number(told[key]) > 0) settings[key] = Number(told[key]);
    }
    return settings;
}
