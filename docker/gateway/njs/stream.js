// Who may subscribe to the live stream, and to what. PostgREST says it, by people_counter_api.stream_channel(): the channel
// comes from there and from nowhere else, and the request goes on to nchan at an internal location. njs 0.7.9 and later.

import gateway from 'gateway.js';

// As nchan makes them: the second, and the number of the message in it.
const MESSAGE_ID = /^\d{1,12}:\d{1,6}$/;

// For so many seconds what was published is surely kept: nchan_message_timeout, less some.
const KEPT = 60;

// What goes into a header must not end it.
const HEADER_VALUE = /^[\x21-\x7e]{1,8000}$/;

// Pages of the same host, whatever is in front of us and speaks TLS for us, and those of API_CORS_ORIGINS. A browser
// always says where a page is from that opens a WebSocket; programs do not.
function originIsKnown(r) {
    const origin = r.headersIn['Origin'];
    if (!origin || r.variables.api_cors_origin) {
        return true;
    }
    return origin.replace(/^https?:\/\//, '').toLowerCase() === (r.headersIn['Host'] || '').toLowerCase();
}

// What is wrong with the request itself, if anything.
function fault(r, kind) {
    if (!originIsKnown(r)) {
        return [403, 'pages of this origin may not subscribe'];
    }
    if (kind == 'ws' && (r.headersIn['Upgrade'] || '').toLowerCase() != 'websocket') {
        return [400, 'this is for WebSocket: /events has the same as server-sent events'];
    }
    if (kind == 'events' && (r.headersIn['Accept'] || '').indexOf('text/event-stream') < 0) {
        return [400, 'these are server-sent events: ask with the header Accept: text/event-stream'];
    }
    // nchan would take them for the place to go on at, before the one that startOf() has found.
    if (r.headersIn['If-Modified-Since'] || r.headersIn['If-None-Match']) {
        return [400, 'a stream is not asked for under a condition: leave out If-Modified-Since and If-None-Match'];
    }
    const twice = ['session_id', 'api_key', 'token', 'last_event_id'].find(name => Array.isArray(r.args[name]));
    if (twice) {
        return [400, `${twice} is given more than once`];
    }
}

// A browser cannot set headers here, so what is in the URL stands for them where they are missing.
function credentials(r) {
    const key = r.headersIn['X-API-Key'] || '';
    const bearer = r.headersIn['Authorization'] || '';
    if (key || bearer) {
        return {key: key, bearer: bearer};
    }
    return {key: r.args.api_key || '', bearer: r.args.token ? `Bearer ${r.args.token}` : ''};
}

// Whether a message came before another.
function isBefore(one, other) {
    const a = one.split(':').map(Number);
    const b = other.split(':').map(Number);
    return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1];
}

// After which message somebody goes on whose last one is given; nothing: from the first there is. nchan 1.3.6 aborts its
// process, and ends all subscriptions in it, if two ask for what came after a message that it does not know in a channel that
// is empty. So they begin behind the newest message if what they missed is not kept any more, and at the
// beginning of a channel that began after they had left, as all do when the gateway starts.
async function startOf(r, channel, last) {
    const reply = await r.subrequest('/_stream/newest', {args: `name=${channel}`});
    const found = reply.status == 200 && /last message id: (\d+:\d+)/.exec(reply.responseText);
    if (!found || isBefore(found[1], last)) {
        return '';
    }
    return Date.now() / 1000 - Number(found[1].split(':')[0]) < KEPT ? last : found[1];
}

// js_content of /ws and /events
async function subscribe(r) {
    const kind = r.uri.indexOf('/ws') == 0 ? 'ws' : 'events';
    const wrong = fault(r, kind);
    if (wrong) {
        return gateway.refuse(r, wrong[0], {message: wrong[1]});
    }
    const shown = credentials(r);
    if (shown.key && !HEADER_VALUE.test(shown.key) || shown.bearer && !HEADER_VALUE.test(shown.bearer.replace(/ /g, '_'))) {
        return gateway.refuse(r, 401, {message: 'the API key or token is not valid'});
    }
    r.variables.api_stream_key = shown.key;
    r.variables.api_stream_bearer = shown.bearer;
    const reply = await r.subrequest('/_stream/channel', {args: `session_id=${encodeURIComponent(r.args.session_id || '')}`});
    if (reply.status != 200) {
        return gateway.refuseAs(r, reply, shown.key || shown.bearer);
    }
    const channel = reply.responseText;
    if (!/^(all|(session|device)_[0-9a-f-]{36})\.[0-9]+-[0-9]+$/.test(channel)) {
        return gateway.refuse(r, 503);
    }
    r.variables.api_stream_channel = channel;
    const last = r.headersIn['Last-Event-ID'] || r.args.last_event_id || '';
    if (!MESSAGE_ID.test(last)) {
        return r.internalRedirect(`/_stream/${kind}`);
    }
    const start = await startOf(r, channel, last);
    r.variables.api_stream_last = start;
    r.internalRedirect(start ? `/_stream/${kind}` : `/_stream/${kind}/anew`);
}

export default {subscribe};
