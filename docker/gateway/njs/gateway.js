// The errors of PostgREST and of nginx in the shape of the contract, and what tells callers apart. njs 0.7.9 and later.
//
// An error whose status stays keeps its body, which errorBody() puts into shape on its way. That version of njs cannot
// change a status on its way: those that may need it (401, 405 and what is above) go to answer() by error_page, and
// the body of PostgREST is gone by then. It says nothing that the code does not.

import crypto from 'crypto';

// What nginx says itself, by status.
const OWN = {
    400: 'the request is not well-formed HTTP',
    401: 'credentials are needed: header X-API-Key, or Authorization: Bearer and a token',
    403: 'the credentials do not allow this',
    404: 'there is nothing at this URL',
    405: 'this method is not allowed here',
    413: 'the body is too large',
    414: 'the URL is too long',
    415: 'the content type of the body must be application/json',
    429: 'too many requests: wait and try again',
    431: 'the headers of the request are too large',
    500: 'internal error',
    503: 'the service is not available at the moment: try again',
};

// By the code of the error: what is too deep or too complex is the fault of the client, and what goes away by itself is
// nobody's. The first that fits.
const CORRECTIONS = [
    [/^54/, 400, 'the request is nested too deeply, too large or too complex'],
    [/^57014$/, 503, 'it took too long: ask for less, or try again'],
    [/^PGRST003$|^53/, 503, 'the service is overloaded: try again'],
    [/^40|^55P03$/, 503, 'somebody else was about the same at the same time: try again'],
    [/^(57|08|58|25006)|^PGRST00[0-2]$/, 503, 'the database is not available at the moment: try again'],
    [/^42703$/, 400, 'a parameter has a value that is not accepted'],
    [/^PT401$/, 401, 'the API key is unknown, revoked or expired'],
    [/^PGRST30[13]$/, 401, 'the token is not valid, or no longer'],
];

// PostgREST names it in a header.
function codeOf(r) {
    const found = /error=([A-Za-z0-9]+)/.exec(r.variables.upstream_http_proxy_status || '');
    return found ? found[1] : '';
}

function correctionOf(code) {
    return code ? CORRECTIONS.find(c => c[0].test(code)) : undefined;
}

// On /rest/, PostgREST's own keys go with ours, for its clients.
function shape(r, error) {
    const answer = {
        detail: error.hint ? `${error.message} (${error.hint})` : error.message,
        timestamp: r.variables.time_iso8601,
    };
    // A request line that is none has no URI.
    if ((r.variables.request_uri || '').startsWith('/rest/')) {
        answer.code = error.code || null;
        answer.message = error.message;
        answer.details = error.details === undefined ? null : error.details;
        answer.hint = error.hint || null;
    }
    return JSON.stringify(answer);
}

// js_content of /_answer/STATUS
function answer(r) {
    const code = codeOf(r);
    let status = Number(r.uri.slice('/_answer/'.length));
    let message = OWN[status];
    const correction = correctionOf(code);
    if (correction) {
        status = correction[1];
        message = correction[2];
    } else if (status == 401 && code == '42501' && (r.headersIn['X-API-Key'] || r.headersIn['Authorization'])) {
        status = 403;   // PostgREST does not know of keys: it is the right that is missing, not the name
        message = OWN[403];
    }
    if (status == 401) {
        r.headersOut['WWW-Authenticate'] = 'Bearer';
    } else {
        delete r.headersOut['WWW-Authenticate'];
    }
    r.headersOut['Content-Type'] = 'application/json; charset=utf-8';
    r.return(status, shape(r, {message: message, code: code}));
}

// js_header_filter
function errorHeaders(r) {
    if (r.status >= 400) {
        delete r.headersOut['Content-Length'];
        r.headersOut['Content-Type'] = 'application/json';   // nginx adds the charset that was there
    }
}

// js_body_filter. The pieces are kept in a variable of the request, as hexadecimal digits: one may end within a character.
function errorBody(r, data, flags) {
    if (r.status < 400) {
        r.sendBuffer(data, flags);
        r.done();
        return;
    }
    r.variables.api_error_body = (r.variables.api_error_body || '') + data.toString('hex');
    if (flags.last) {
        r.sendBuffer(shape(r, errorOf(r, Buffer.from(r.variables.api_error_body, 'hex').toString())), flags);
    }
}

// What the body says if it is PostgREST's; otherwise it is nginx's.
function errorOf(r, text) {
    const code = codeOf(r);
    let error;
    if (code) {
        try {
            error = JSON.parse(text);
        } catch (e) {
            // as if there were none
        }
    }
    if (error && typeof error.message == 'string') {
        // Where in the body it stops to be JSON, or to be a number.
        if (code == '22P02' && error.details && !error.hint) {
            error.hint = error.details;
        }
        return error;
    }
    const correction = correctionOf(code);
    return {message: correction && correction[1] == r.status ? correction[2]
                : OWN[r.status] || `the request was answered with status ${r.status}`, code: code};
}

// An error of ours, by status, from a js_content. The error may have what PostgREST's have.
function refuse(r, status, error) {
    if (status == 401) {
        r.headersOut['WWW-Authenticate'] = 'Bearer';
    }
    r.headersOut['Content-Type'] = 'application/json; charset=utf-8';
    r.return(status, shape(r, error || {message: OWN[status] || OWN[500]}));
}

// What PostgREST answered to a subrequest, with the status that it should have been.
function refuseAs(r, reply, hasCredentials) {
    let error = {};
    try {
        error = JSON.parse(reply.responseText);
    } catch (e) {
        // nginx's own
    }
    const correction = correctionOf(error.code);
    if (correction) {
        refuse(r, correction[1], {message: correction[2]});
    } else if (error.code == '42501') {
        refuse(r, hasCredentials ? 403 : 401);   // as in answer(); what it says is of schemas and functions
    } else if (reply.status < 500 && error.code && typeof error.message == 'string') {
        refuse(r, reply.status, error);
    } else {
        refuse(r, [400, 401, 403, 404, 500].indexOf(reply.status) < 0 ? 503 : reply.status);
    }
}

// js_set: the credentials as one name that does not tell them.
function caller(r) {
    const shown = JSON.stringify([r.headersIn['X-API-Key'] || '', r.headersIn['Authorization'] || '']);
    return crypto.createHash('sha256').update(shown).digest('base64url');
}

export default {answer, errorHeaders, errorBody, refuse, refuseAs, caller};
