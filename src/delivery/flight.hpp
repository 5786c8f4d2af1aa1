// A delivery on its way: from the rows that say what to send, through the attempt, to the row that says what came of
// it.
//
// Everything in it is palloc'd in its own context or belongs to curl, so an ERROR may jump over whoever holds one.
#pragma once

#include "pg/prelude.hpp"

#include <curl/curl.h>

namespace people_counter::delivery {

constexpr int kFlights = 16;  // channels at once

enum class FlightState : uint8 {
    kFree,
    kReady,    // what to send is there
    kSending,  // curl has it
    kDone,     // the outcome is yet to be recorded
};

struct Outcome {
    bool delivered;
    int status;        // of HTTP or SMTP; 0: there was no answer
    int64 asked_wait;  // microseconds, from Retry-After
    TimestampTz ended_at;
    char error[512];  // in ASCII; empty: none
};

struct Flight {
    FlightState state;
    MemoryContext context;
    pg_uuid_t delivery;
    pg_uuid_t channel;
    int attempts;  // that failed before this one
    TimestampTz queued_at;
    const char *channel_name;

    bool is_mail;
    const char *url;
    const char *username;
    const char *password;
    const char *bearer_token;
    const char *signing_key;
    const char *secret_pair;  // user:password as HTTP Basic sends it
    bool wants_tls;
    const char *sender;
    char **recipients;
    int recipient_count;
    curl_slist *headers;    // of a webhook
    curl_slist *addresses;  // of a mail
    const char *body;       // of a webhook, or the whole mail
    size_t body_size;
    size_t body_sent;

    CURL *easy;
    char curl_error[CURL_ERROR_SIZE];
    size_t answer_read;
    char answer[204];   // its beginning
    char refusal[204];  // the last line of a mail server that said no
    Outcome outcome;
    TimestampTz record_at;  // not before, for it could not be recorded
};

}  // namespace people_counter::delivery
