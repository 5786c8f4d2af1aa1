// What is sent: the headers and the signature of a webhook, and the mail that tells of an alert.
#pragma once

#include "delivery/flight.hpp"

namespace people_counter::delivery {

// What a mail says, in the encoding of the database. nullptr: not known.
struct Alert {
    const char *event;
    const char *alert_id;
    const char *threshold_name;
    const char *session_name;
    const char *metric;
    const char *comparison;
    const char *value;
    const char *threshold;
    const char *peak_value;
    const char *severity;
    const char *message;
    const char *triggered_at;
    const char *resolved_at;
    const char *reason;
};

// In a transaction, with the flight's context as the current one.
void write_webhook(Flight &flight, const char *event, const char *payload, TimestampTz now);
void write_mail(Flight &flight, const Alert &alert, TimestampTz created_at);

}  // namespace people_counter::delivery
