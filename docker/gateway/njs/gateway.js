// What the gateway makes of the errors of PostgREST, and how it tells callers apart. njs 0.7.9 and later.

import crypto from 'crypto';

// The statuses that PostgREST's own choice is replaced by, found by the code of the error: what is not the fault of the
// client and goes away by itself is 503, what is too deep or too complex is the fault of the client.
const CORRECTIONS = [
    [/^54/, 400],
    [/^(57|53|40|08)|^55P03$|^25006$|^PGRST00[0-3]$/, 503],
];

// PostgREST names the code in a header, so that the status can be chosen before the body is there.
function codeOf(r) {
    const found = /error=([A-Za-z0-9]+)/.exec(r.variables.upstream_http_proxy_status || '');
    return found ? found[1] : '';
}

function isOwnDialect(r) {
    return r.uri.startsWith('/rest/');
}

function statusOf(r, code) {
    for (let i = 0; i < CORRECTIONS.length; i++) {
        if (CORRECTIONS[i][0].test(code)) {
            return CORRECTIONS[i][1];
        }
    }
    if (r.status == 502 || r.status == 504) {
        return 503;
    }
    // What our functions ask for and do not find is not asked for by the client, as it may be in PostgREST's dialect.
    if (!isOwnDialect(r) && /^42/.test(code) && code != '42501') {
        return 500;
    }
    // PostgREST takes a key for no credentials: the right is missing, not the name.
    if (r.status == 401 && code == '42501' && (r.headersIn['X-API-Key'] || r.headersIn['Authorization'])) {
        return 403;
    }
    return r.status;
}

function errorHeaders(r) {
    if (r.status < 400) {
        return;
    }
    r.status = statusOf(r, codeOf(r));
    delete r.headersOut['Content-Length'];
    r.headersOut['Content-Type'] = 'application/json';   // nginx adds the charset there was
    if (r.status != 401) {
        delete r.headersOut['WWW-Authenticate'];
    } else if (!r.headersOut['WWW-Authenticate']) {
        r.headersOut['WWW-Authenticate'] = 'Bearer';
    }
}

// What the body says, or what stands in for it where it is not PostgREST's or tells what is inside.
function shape(r, text) {
    let error = {};
    try {
        error = JSON.parse(text) || {};
    } catch (e) {
        // not PostgREST's: the status is all there is
    }
    const code = codeOf(r) || error.code || '';
    const message = typeof error.message == 'string' ? error.message : '';
    const hint = typeof error.hint == 'string' ? error.hint : null;
    let detail = message;
    let details = error.details === undefined ? null : error.details;
    let advice = hint;

    if (r.status == 500) {
        detail = 'internal error';
        details = advice = null;
    } else if (/^54/.test(code)) {
        detail = 'the request is too deep, too large or too complex: ' + message;
        details = advice = null;
    } else if (/^(PGRST00|08|57|53)/.test(code)) {
        details = advice = null;
    }
    if (!detail) {
        detail = 'error ' + r.status;
    }

    const answer = {
        detail: advice ? detail + ' (' + advice + ')' : detail,
        timestamp: r.variables.time_iso8601,
    };
    if (isOwnDialect(r)) {
        answer.code = code || null;
        answer.message = detail;
        answer.details = details;
        answer.hint = advice;
    }
    return JSON.stringify(answer);
}

// The pieces are kept in a variable of the request, as hexadecimal digits: one may end within a character.
function errorBody(r, data, flags) {
    if (r.status < 400) {
        r.sendBuffer(data, flags);
        r.done();
        return;
    }
    r.variables.api_error_body = (r.variables.api_error_body || '') + data.toString('hex');
    if (flags.last) {
        r.sendBuffer(shape(r, Buffer.from(r.variables.api_error_body, 'hex').toString()), flags);
    }
}

// The credentials as one name that does not tell them.
function caller(r) {
    const shown = JSON.stringify([r.headersIn['X-API-Key'] || '', r.headersIn['Authorization'] || '']);
    return crypto.createHash('sha256').update(shown).digest('base64url');
}

export default {errorHeaders, errorBody, caller};
