#include "delivery/message.hpp"

#include "delivery/encode.hpp"

namespace people_counter::delivery {

namespace {

bool is(const char *a, const char *b) { return a != nullptr && strcmp(a, b) == 0; }

void add_header(Flight &flight, const char *name, const char *value) {
    curl_slist *longer = curl_slist_append(flight.headers, psprintf("%s: %s", name, value));
    if (longer == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    flight.headers = longer;
}

void add_address(Flight &flight, const char *address) {
    curl_slist *longer = curl_slist_append(flight.addresses, psprintf("<%s>", address));
    if (longer == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    flight.addresses = longer;
}

// RFC 5322 knows English only, so not by strftime().
const char *mail_date(TimestampTz time) {
    static constexpr const char *kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char *kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const pg_time_t seconds = timestamptz_to_time_t(time);
    const pg_tm *utc = pg_gmtime(&seconds);
    return psprintf("%s, %d %s %d %02d:%02d:%02d +0000", kDays[utc->tm_wday], utc->tm_mday, kMonths[utc->tm_mon],
                    utc->tm_year + 1900, utc->tm_hour, utc->tm_min, utc->tm_sec);
}

// "[critical] max_people_count: Front door"; while it lasts, the severity is what matters, then that it is over.
const char *subject_of(const Alert &alert) {
    const bool lasts = is(alert.event, "fired") || is(alert.event, "repeated");
    const char *state = lasts && alert.severity != nullptr ? alert.severity : alert.event;
    const char *rule = alert.threshold_name != nullptr ? alert.threshold_name : "alert";
    return alert.session_name == nullptr ? psprintf("[%s] %s", state, rule)
                                         : psprintf("[%s] %s: %s", state, rule, alert.session_name);
}

void append_line(StringInfo text, const char *name, const char *value) {
    if (value != nullptr && value[0] != '\0') {
        appendStringInfo(text, "%-10s %s\r\n", name, value);
    }
}

const char *text_of_mail(const Alert &alert, const char *delivery) {
    StringInfoData text;
    initStringInfo(&text);
    if (alert.message != nullptr && alert.message[0] != '\0') {
        appendStringInfo(&text, "%s\r\n\r\n", alert.message);
    }
    append_line(&text, "Event:", alert.event);
    append_line(&text, "Severity:", alert.severity);
    append_line(&text, "Rule:", alert.threshold_name);
    append_line(&text, "Session:", alert.session_name);
    if (alert.metric != nullptr && alert.comparison != nullptr && alert.threshold != nullptr) {
        append_line(&text, "Condition:", psprintf("%s %s %s", alert.metric, alert.comparison, alert.threshold));
    }
    append_line(&text, "Value:", alert.value);
    append_line(&text, "Worst:", alert.peak_value);
    append_line(&text, "Began:", alert.triggered_at);
    append_line(&text, "Ended:", alert.resolved_at);
    append_line(&text, "Because:", alert.reason);
    append_line(&text, "Alert:", alert.alert_id);
    append_line(&text, "Delivery:", delivery);
    return to_utf8(text.data);
}

}  // namespace

void write_webhook(Flight &flight, const char *event, const char *payload, TimestampTz now) {
    const char *delivery = text_of(flight.delivery);
    const char *timestamp = psprintf(INT64_FORMAT, static_cast<int64>(timestamptz_to_time_t(now)));
    flight.body = to_utf8(payload);
    flight.body_size = strlen(flight.body);
    add_header(flight, "Content-Type", "application/json");
    add_header(flight, "User-Agent", "people_counter/" PEOPLE_COUNTER_VERSION);
    add_header(flight, "Expect", "");  // the body is short: no asking first whether it is wanted
    add_header(flight, "Idempotency-Key", delivery);
    add_header(flight, "X-People-Counter-Event", event);
    add_header(flight, "X-People-Counter-Delivery", delivery);
    add_header(flight, "X-People-Counter-Timestamp", timestamp);
    if (flight.signing_key != nullptr) {
        add_header(flight, "X-People-Counter-Signature",
                   psprintf("sha256=%s", signature_of(flight.signing_key, timestamp, flight.body, flight.body_size)));
    }
    if (flight.bearer_token != nullptr) {
        add_header(flight, "Authorization", psprintf("Bearer %s", flight.bearer_token));
        flight.username = nullptr;
    } else if (flight.username != nullptr && flight.password != nullptr) {
        const char *pair = psprintf("%s:%s", flight.username, flight.password);
        StringInfoData encoded;
        initStringInfo(&encoded);
        append_base64(&encoded, pair, strlen(pair), 0);
        flight.secret_pair = encoded.data;
    }
}

void write_mail(Flight &flight, const Alert &alert, TimestampTz created_at) {
    const char *delivery = text_of(flight.delivery);
    const char *domain = strrchr(flight.sender, '@') + 1;
    const char *text = text_of_mail(alert, delivery);
    StringInfoData mail;
    initStringInfo(&mail);
    appendStringInfo(&mail, "Date: %s\r\nFrom: %s\r\nTo: ", mail_date(created_at), flight.sender);
    for (int i = 0; i < flight.recipient_count; ++i) {
        appendStringInfo(&mail, "%s%s", i == 0 ? "" : ",\r\n ", flight.recipients[i]);
        add_address(flight, flight.recipients[i]);
    }
    appendStringInfoString(&mail, "\r\nSubject: ");
    append_header_text(&mail, to_utf8(subject_of(alert)));
    // The same in every attempt, so that a mail that came twice is shown once; those of one alert are a thread.
    appendStringInfo(&mail, "\r\nMessage-ID: <%s@%s>\r\n", delivery, domain);
    if (alert.alert_id != nullptr) {
        appendStringInfo(&mail, "References: <alert-%s@%s>\r\n", alert.alert_id, domain);
    }
    appendStringInfo(&mail, "Auto-Submitted: auto-generated\r\nX-People-Counter-Event: %s\r\n", alert.event);
    appendStringInfoString(&mail,
                           "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\n");
    append_base64(&mail, text, strlen(text), 76);
    flight.body = mail.data;
    flight.body_size = mail.len;
    flight.sender = psprintf("<%s>", flight.sender);
}

}  // namespace people_counter::delivery
