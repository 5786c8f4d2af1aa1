#include "delivery/courier.hpp"

#include "delivery/signals.hpp"

#include "core/host_patterns.hpp"

#include <algorithm>

namespace people_counter::delivery {

namespace {

constexpr size_t kMostOfAnswer = 64 * 1024;

CURLM *multi = nullptr;

// What comes from outside is not in the encoding of the database, nor fit for a log: printable ASCII only.
void append_printable(char *into, size_t size, const char *bytes, size_t count) {
    size_t length = strlen(into);
    for (size_t i = 0; i < count && length + 1 < size; ++i) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        const bool blank = c <= ' ' || c == 0x7f;
        if (blank && (length == 0 || into[length - 1] == ' ')) {
            continue;
        }
        into[length++] = blank ? ' ' : c < 0x7f ? static_cast<char>(c) : '?';
    }
    into[length] = '\0';
}

size_t take_answer(char *bytes, size_t size, size_t count, void *data) {
    auto *flight = static_cast<Flight *>(data);
    const size_t all = size * count;
    append_printable(flight->answer, 201, bytes, all);
    flight->answer_read += all;
    return flight->answer_read > kMostOfAnswer ? 0 : all;  // 0 ends it
}

// The lines of a mail server come as headers.
size_t take_header(char *bytes, size_t size, size_t count, void *data) {
    auto *flight = static_cast<Flight *>(data);
    const size_t all = size * count;
    if (flight->is_mail && all >= 4 && (bytes[0] == '4' || bytes[0] == '5')) {
        flight->refusal[0] = '\0';
        append_printable(flight->refusal, 201, bytes, all);
    } else if (flight->is_mail && all >= 4 && (memcmp(bytes, "220", 3) == 0 || memcmp(bytes, "235", 3) == 0)) {
        flight->refusal[0] = '\0';  // what was refused before the session had begun is no recipient
    }
    return all;
}

size_t give_body(char *into, size_t size, size_t count, void *data) {
    auto *flight = static_cast<Flight *>(data);
    const size_t part = std::min(size * count, flight->body_size - flight->body_sent);
    memcpy(into, flight->body + flight->body_sent, part);
    flight->body_sent += part;
    return part;
}

void fail(Flight &flight, const char *error) {
    flight.outcome.delivered = false;
    strlcpy(flight.outcome.error, error, sizeof flight.outcome.error);
}

bool is_allowed(const Flight &flight, const Settings &settings) {
    bool allowed = false;
    CURLU *url = curl_url();
    char *host = nullptr;
    if (url != nullptr && curl_url_set(url, CURLUPART_URL, flight.url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        allowed = core::host_is_allowed(settings.allowed_hosts, host);
    }
    curl_free(host);
    curl_url_cleanup(url);
    return allowed;
}

void allow_protocols(CURL *easy, bool is_mail) {
#if LIBCURL_VERSION_NUM >= 0x075500
    const char *protocols = is_mail ? "smtp,smtps" : "http,https";
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
#else
    const long protocols = is_mail ? CURLPROTO_SMTP | CURLPROTO_SMTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, protocols);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, protocols);
#endif
}

void set_common(CURL *easy, Flight &flight, const Settings &settings) {
    curl_easy_setopt(easy, CURLOPT_URL, flight.url);
    allow_protocols(easy, flight.is_mail);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.timeout));
    // Alerts are rare: no connection stays open between two, and none is sent twice because an old one had died.
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (settings.ca_file[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name that does not resolve
#endif
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight.curl_error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &flight);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &flight);
    if (flight.username != nullptr) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, flight.username);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, flight.password != nullptr ? flight.password : "");
    }
}

void set_webhook(CURL *easy, const Flight &flight) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, flight.body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(flight.body_size));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight.headers);
}

void set_mail(CURL *easy, Flight &flight) {
    curl_easy_setopt(easy, CURLOPT_USE_SSL, static_cast<long>(flight.wants_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, flight.sender);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, flight.addresses);
    // One recipient who has left must not keep it from the others; who was refused is recorded.
#if LIBCURL_VERSION_NUM >= 0x080200
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLOWFAILS, 1L);
#else
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
#endif
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, &flight);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(flight.body_size));
}

void land(Flight &flight) {
    flight.state = FlightState::kDone;
    flight.outcome.ended_at = GetCurrentTimestamp();
    curl_slist_free_all(flight.headers);
    curl_slist_free_all(flight.addresses);
    flight.headers = flight.addresses = nullptr;
}

// Answers are what the receiver likes to send; some send back what they were sent.
bool repeats_a_secret(const Flight &flight, const char *text) {
    const char *path = strstr(flight.url, "://");
    path = path == nullptr ? nullptr : strchr(path + 3, '/');
    constexpr size_t kShortestToken = 8;
    const bool has_token = path != nullptr && strlen(path + 1) >= kShortestToken;
    for (const char *secret : {flight.password, flight.bearer_token, flight.signing_key, flight.secret_pair,
                               has_token ? path + 1 : nullptr}) {
        if (secret != nullptr && secret[0] != '\0' && strstr(text, secret) != nullptr) {
            return true;
        }
    }
    return false;
}

void judge(Flight &flight, CURLcode code) {
    Outcome &outcome = flight.outcome;
    long status = 0;
    curl_easy_getinfo(flight.easy, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    const bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && flight.answer_read > kMostOfAnswer);
    const char *text = flight.is_mail ? flight.refusal : flight.answer;
    outcome.delivered = answered && (flight.is_mail || (status >= 200 && status < 300));
    if (outcome.delivered && (!flight.is_mail || text[0] == '\0')) {
        return;
    }
    char reason[320] = "";
    if (outcome.delivered) {
        strlcpy(reason, "a recipient was refused", sizeof reason);
    } else if (answered) {
        snprintf(reason, sizeof reason, "HTTP status %ld", status);
    } else {
        const char *error = flight.curl_error[0] != '\0' ? flight.curl_error : curl_easy_strerror(code);
        append_printable(reason, sizeof reason, error, strlen(error));
    }
    if (repeats_a_secret(flight, reason)) {
        strlcpy(reason, curl_easy_strerror(code), sizeof reason);
    }
    if (repeats_a_secret(flight, text)) {
        text = "(the answer repeats a secret)";
    }
    snprintf(outcome.error, sizeof outcome.error, "%s%s%s", reason, text[0] == '\0' ? "" : ": ", text);
    curl_off_t seconds = 0;
    if ((status == 429 || status == 503) &&
        curl_easy_getinfo(flight.easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0) {
        outcome.asked_wait = std::min<curl_off_t>(seconds, SECS_PER_YEAR) * USECS_PER_SEC;
    }
}

}  // namespace

bool start_courier() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        multi = curl_multi_init();
    }
    return multi != nullptr;
}

void send(Flight &flight, const Settings &settings) {
    flight.state = FlightState::kSending;
    if (!is_allowed(flight, settings)) {
        fail(flight, "the host is not among people_counter.delivery_allowed_hosts");
    } else if ((flight.easy = curl_easy_init()) == nullptr) {
        fail(flight, "out of memory");
    } else {
        set_common(flight.easy, flight, settings);
        if (flight.is_mail) {
            set_mail(flight.easy, flight);
        } else {
            set_webhook(flight.easy, flight);
        }
        const CURLMcode code = with_signals_blocked([&] { return curl_multi_add_handle(multi, flight.easy); });
        if (code == CURLM_OK) {
            return;
        }
        fail(flight, curl_multi_strerror(code));
        curl_easy_cleanup(flight.easy);
        flight.easy = nullptr;
    }
    land(flight);
}

void carry_on(Flight *flights, int milliseconds) {
    int running = 0;
    curl_multi_poll(multi, nullptr, 0, milliseconds, nullptr);
    with_signals_blocked([&] { return curl_multi_perform(multi, &running); });
    int left = 0;
    while (const CURLMsg *message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *easy = message->easy_handle;
        const CURLcode code = message->data.result;
        Flight *flight = std::find_if(flights, flights + kFlights, [&](const Flight &f) { return f.easy == easy; });
        if (flight != flights + kFlights) {
            judge(*flight, code);
            flight->easy = nullptr;
        }
        with_signals_blocked([&] {
            curl_multi_remove_handle(multi, easy);
            curl_easy_cleanup(easy);
            return 0;
        });
        if (flight != flights + kFlights) {
            land(*flight);
        }
    }
}

}  // namespace people_counter::delivery
