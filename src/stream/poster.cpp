#include "stream/poster.hpp"

#include "delivery/signals.hpp"
#include "pg/identity.hpp"

#include <curl/curl.h>

#include <algorithm>

namespace people_counter::stream {

namespace {

using delivery::with_signals_blocked;

constexpr long kConnectTimeout = 2'000;  // ms; what is posted to is near
constexpr long kTimeout = 10'000;

CURLM *multi = nullptr;
CURL *easy = nullptr;
curl_slist *headers = nullptr;
bool posting = false;
char curl_error[CURL_ERROR_SIZE];
char reason[256];

size_t ignore_answer(char *, size_t size, size_t count, void *) { return size * count; }

// It goes to a log and a view: printable ASCII only.
void set_reason(const char *text) {
    strlcpy(reason, text, sizeof reason);
    std::replace_if(
        reason, reason + strlen(reason), [](char c) { return c < ' ' || c > '~'; }, '?');
}

Answer judge(CURLcode code) {
    if (code != CURLE_OK) {
        set_reason(curl_error[0] != '\0' ? curl_error : curl_easy_strerror(code));
        return Answer::kFailed;
    }
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        return Answer::kTaken;
    }
    snprintf(reason, sizeof reason, "HTTP status %ld", status);
    return status == 400 || status == 413 ? Answer::kRefused : Answer::kFailed;
}

// "?database=…&session=…" and the like, behind `url`.
void write_parameters(const Message &message, const char *url, char (&into)[128]) {
    int size = snprintf(into, sizeof into, "%cdatabase=%s", strchr(url, '?') == nullptr ? '?' : '&',
                        pg::database_identity().text);
    if (message.audience == Audience::kAll) {
        return;
    }
    size += snprintf(into + size, sizeof into - size,
                     "&%s=", message.audience == Audience::kReaders ? "readers" : "session");
    for (int i = 0; i < UUID_LEN; ++i) {
        size += snprintf(into + size, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                         message.session.data[i]);
    }
}

}  // namespace

bool start_poster() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return false;
    }
    multi = curl_multi_init();
    easy = curl_easy_init();
    headers = curl_slist_append(curl_slist_append(nullptr, "Content-Type: application/json"), "Expect:");
    return multi != nullptr && easy != nullptr && headers != nullptr;
}

// What was on its way is forgotten, and the connection with it.
void configure_poster(const Settings &settings) {
    if (posting) {
        with_signals_blocked([] { return curl_multi_remove_handle(multi, easy); });
        posting = false;
    }
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeout);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, kTimeout);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_answer);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "people_counter/" PEOPLE_COUNTER_VERSION);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, settings.socket[0] == '\0' ? nullptr : settings.socket);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

bool post(const Message &message, const Settings &settings) {
    char url[2048];
    char parameters[128];
    write_parameters(message, settings.url, parameters);
    if (snprintf(url, sizeof url, "%s%s", settings.url, parameters) >= static_cast<int>(sizeof url)) {
        set_reason("people_counter.stream_url is too long");
        return false;
    }
    curl_error[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, message.body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.size));
    const CURLMcode code = with_signals_blocked([] { return curl_multi_add_handle(multi, easy); });
    posting = code == CURLM_OK;
    if (!posting) {
        set_reason(curl_multi_strerror(code));
    }
    return posting;
}

bool is_posting() { return posting; }

Answer carry_on(int milliseconds) {
    int running = 0;
    with_signals_blocked([&] { return curl_multi_perform(multi, &running); });
    if (running > 0) {
        curl_multi_poll(multi, nullptr, 0, milliseconds, nullptr);
        with_signals_blocked([&] { return curl_multi_perform(multi, &running); });
    }
    int left = 0;
    Answer answer = Answer::kNone;
    while (const CURLMsg *message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE && posting) {
            answer = judge(message->data.result);
            with_signals_blocked([] { return curl_multi_remove_handle(multi, easy); });
            posting = false;
            break;  // what message points to is gone
        }
    }
    return answer;
}

const char *last_error() { return reason; }

}  // namespace people_counter::stream
