#include "delivery/outbox.hpp"

#include "core/backoff.hpp"
#include "delivery/encode.hpp"
#include "delivery/message.hpp"
#include "delivery/pauses.hpp"
#include "pg/worker.hpp"

#include <algorithm>
#include <iterator>

namespace people_counter::delivery {

namespace {

// Columns of kDue, from 1 on.
enum Column {
    kId = 1,
    kChannel,
    kAttempts,
    kQueuedAt,
    kNextAttemptAt,
    kCreatedAt,
    kEvent,
    kPayload,
    kName,
    kKind,
    kUrl,
    kSender,
    kRecipients,
    kUsername,
    kTls,
    kSigningKey,
    kPassword,
    kBearerToken,
    kFirstOfAlert,
};

// $1: channels that are busy, $2: how many. %1$s: schema. An index has the first of each channel; as only one about
// each alert is tried, few are passed over.
constexpr const char *kDue =
    "SELECT d.id, d.channel_id, d.attempts, d.queued_at, d.next_attempt_at, d.created_at, d.event, d.payload::text,"
    " c.channel_name, c.kind, c.url, c.sender, c.recipients, c.username, c.tls,"
    " s.signing_key, s.password, s.bearer_token,"
    " d.payload->>'alert_id', d.payload->>'threshold_name', d.payload->>'session_name', d.payload->>'metric',"
    " d.payload->>'comparison', d.payload->>'value', d.payload->>'threshold', d.payload->>'peak_value',"
    " d.payload->>'severity', d.payload->>'message', d.payload->>'triggered_at', d.payload->>'resolved_at',"
    " d.payload->>'reason'"
    "  FROM %1$s.alert_channels c"
    " CROSS JOIN LATERAL (SELECT * FROM %1$s.alert_deliveries w"
    "        WHERE w.channel_id = c.id AND w.delivered_at IS NULL AND w.abandoned_at IS NULL"
    "          AND NOT EXISTS (SELECT FROM %1$s.alert_deliveries e"
    "                WHERE e.alert_id = w.alert_id AND e.channel_id = w.channel_id AND e.delivered_at IS NULL"
    "                  AND e.abandoned_at IS NULL AND (e.created_at, e.id) < (w.created_at, w.id))"
    "        ORDER BY w.next_attempt_at, w.id LIMIT 1) d"
    "  LEFT JOIN %1$s.alert_channel_secrets s ON s.channel_id = c.id"
    " WHERE c.is_active AND c.id <> ALL ($1)"
    "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = $3)"
    " ORDER BY d.next_attempt_at LIMIT $2";

constexpr const char *kRecord =
    "UPDATE %1$s.alert_deliveries"
    "   SET attempts = attempts + 1, last_attempt_at = $2, last_status = $3, last_error = $4, delivered_at = $5,"
    "       abandoned_at = $6, next_attempt_at = coalesce($7, next_attempt_at)"
    " WHERE id = $1 AND delivered_at IS NULL";

// Later events of the same alert wait for this one, and no longer than it. They could not go before it anyway; but so
// they are not the first in the index either, where each look would have to pass over them.
constexpr const char *kHold =
    "UPDATE %1$s.alert_deliveries AS w SET next_attempt_at = $2"
    "  FROM %1$s.alert_deliveries AS d"
    " WHERE d.id = $1 AND w.alert_id = d.alert_id AND w.channel_id = d.channel_id AND w.id <> d.id"
    "   AND w.attempts = 0 AND w.delivered_at IS NULL AND w.abandoned_at IS NULL AND w.next_attempt_at <> $2";

const char *statement(const char *text, const pg::Extension &extension) {
    return psprintf(text, quote_identifier(get_namespace_name(extension.schema)));
}

Datum value_of(uint64 row, int column) {
    bool is_null = false;
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);
}

bool is_null(uint64 row, int column) {
    bool null = false;
    SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
    return null;
}

// Texts of the current context; nullptr for NULL.
char *text_at(uint64 row, int column) {
    return is_null(row, column) ? nullptr : SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

char *utf8_at(uint64 row, int column) {
    const char *text = text_at(row, column);
    return text == nullptr ? nullptr : to_utf8(text);
}

TimestampTz time_at(uint64 row, int column) { return DatumGetTimestampTz(value_of(row, column)); }

void read_recipients(Flight &flight, uint64 row) {
    if (is_null(row, kRecipients)) {
        return;
    }
    Datum *elements = nullptr;
    bool *nulls = nullptr;
    deconstruct_array(DatumGetArrayTypePCopy(value_of(row, kRecipients)), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &flight.recipient_count);
    flight.recipients = static_cast<char **>(palloc(flight.recipient_count * sizeof(char *)));
    for (int i = 0; i < flight.recipient_count; ++i) {
        flight.recipients[i] = TextDatumGetCString(elements[i]);
    }
}

Alert read_alert(uint64 row) {
    const auto at = [&](int offset) -> const char * { return text_at(row, kFirstOfAlert + offset); };
    return Alert{text_at(row, kEvent),
                 at(0),
                 at(1),
                 at(2),
                 at(3),
                 at(4),
                 at(5),
                 at(6),
                 at(7),
                 at(8),
                 at(9),
                 at(10),
                 at(11),
                 at(12)};
}

// The state is set last: a flight that an ERROR leaves behind is not ready, and cleared.
void prepare(Flight &flight, uint64 row, TimestampTz now) {
    const MemoryContext before = MemoryContextSwitchTo(flight.context);
    flight.delivery = *DatumGetUUIDP(value_of(row, kId));
    flight.channel = *DatumGetUUIDP(value_of(row, kChannel));
    flight.attempts = DatumGetInt32(value_of(row, kAttempts));
    flight.queued_at = time_at(row, kQueuedAt);
    flight.channel_name = text_at(row, kName);
    flight.is_mail = strcmp(text_at(row, kKind), "email") == 0;
    flight.url = text_at(row, kUrl);
    flight.username = utf8_at(row, kUsername);
    flight.password = utf8_at(row, kPassword);
    flight.bearer_token = utf8_at(row, kBearerToken);
    flight.signing_key = utf8_at(row, kSigningKey);
    flight.wants_tls = strcmp(text_at(row, kTls), "none") != 0;
    if (flight.is_mail) {
        flight.sender = text_at(row, kSender);
        read_recipients(flight, row);
        write_mail(flight, read_alert(row), time_at(row, kCreatedAt));
    } else {
        write_webhook(flight, text_at(row, kEvent), text_at(row, kPayload), now);
    }
    flight.state = FlightState::kReady;
    MemoryContextSwitchTo(before);
}

constexpr int kMostPaused = 64;

// Those that have a flight, and those that do not answer.
Datum busy_channels(const Flight *flights, int &free_flights, TimestampTz &next_at) {
    auto *busy = static_cast<Datum *>(palloc((kFlights + kMostPaused) * sizeof(Datum)));
    int count = 0;
    for (int i = 0; i < kFlights; ++i) {
        if (flights[i].state != FlightState::kFree) {
            busy[count++] = UUIDPGetDatum(&flights[i].channel);
        }
    }
    free_flights = kFlights - count;
    count += paused_channels(busy + count, kMostPaused, next_at);
    return PointerGetDatum(construct_array(busy, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

Flight *free_flight(Flight *flights) {
    return std::find_if(flights, flights + kFlights, [](const Flight &f) { return f.state == FlightState::kFree; });
}

void look_up(const pg::Extension &extension, Flight *flights, const Settings &settings, Look &look) {
    int room = 0;
    Oid types[] = {UUIDARRAYOID, INT4OID, OIDOID};
    Datum values[] = {busy_channels(flights, room, look.next_at), 0,
                      ObjectIdGetDatum(get_relname_relid("alert_deliveries", extension.schema))};
    values[1] = Int32GetDatum(room + 1);  // one more, to know when to look again
    if (SPI_execute_with_args(statement(kDue, extension), 3, types, values, nullptr, true, 0) != SPI_OK_SELECT) {
        elog(ERROR, "could not read the deliveries that are due");
    }
    look.is_empty = SPI_processed == 0;
    const TimestampTz now = GetCurrentTimestamp();
    for (uint64 row = 0; row < SPI_processed && room > 0; ++row) {
        const TimestampTz due_at = time_at(row, kNextAttemptAt);
        // Nobody waits longer than that: otherwise the clock was set back since.
        if (due_at > now && due_at - now <= settings.max_backoff * USECS_PER_SEC) {
            look.next_at = std::min(look.next_at, due_at);
            continue;
        }
        prepare(*free_flight(flights), row, now);
        --room;
    }
}

// False: the row is gone, or was delivered by other means.
bool write_down(const pg::Extension &extension, const Flight &flight, const Settings &settings, bool gives_up) {
    const Outcome &outcome = flight.outcome;
    const bool ends = outcome.delivered || gives_up;
    const Datum now = TimestampTzGetDatum(outcome.ended_at);
    const core::Micros wait = core::backoff(flight.attempts + 1, pg_prng_double(&pg_global_prng_state),
                                            outcome.asked_wait, settings.max_backoff * USECS_PER_SEC);
    const Datum next = ends ? now : TimestampTzGetDatum(outcome.ended_at + wait);
    const Datum id = UUIDPGetDatum(&flight.delivery);

    Oid types[] = {UUIDOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
    Datum values[] = {id, now, Int32GetDatum(outcome.status), CStringGetTextDatum(outcome.error), now, now, next};
    const bool known[] = {true,     true, outcome.status != 0, outcome.error[0] != '\0', outcome.delivered,
                          gives_up, !ends};
    char nulls[lengthof(known)];
    std::transform(std::cbegin(known), std::cend(known), nulls, [](bool is_known) { return is_known ? ' ' : 'n'; });
    if (SPI_execute_with_args(statement(kRecord, extension), lengthof(values), types, values, nulls, false, 0) !=
        SPI_OK_UPDATE) {
        elog(ERROR, "could not record the delivery of an alert");
    }
    if (SPI_processed == 0) {
        return false;
    }
    Datum held[] = {id, next};
    if (SPI_execute_with_args(statement(kHold, extension), 2, types, held, nullptr, false, 0) != SPI_OK_UPDATE) {
        elog(ERROR, "could not hold back the deliveries behind one");
    }
    return true;
}

}  // namespace

Look take_due(Flight *flights, const Settings &settings) {
    Look look{true, true, DT_NOEND};
    pg::OwnerTransaction transaction;
    pg::Extension extension{};
    transaction.begin("looking for alerts to deliver");
    look.has_extension = transaction.become_owner(extension);
    if (look.has_extension) {
        look_up(extension, flights, settings, look);
    }
    transaction.commit();
    return look;
}

bool record_outcome(const Flight &flight, const Settings &settings) {
    const Outcome &outcome = flight.outcome;
    const TimestampTz now = outcome.ended_at;
    const bool gives_up = !outcome.delivered && now - flight.queued_at >= settings.give_up_after * USECS_PER_SEC;
    const MemoryContext before = CurrentMemoryContext;
    pg::OwnerTransaction transaction;
    pg::Extension extension{};
    transaction.begin("recording the delivery of an alert");
    const bool has_extension = transaction.become_owner(extension);
    const bool recorded = has_extension && write_down(extension, flight, settings, gives_up);
    transaction.commit();
    MemoryContextSwitchTo(before);
    if (recorded && gives_up) {
        ereport(WARNING, (errmsg("a delivery to alert channel \"%s\" was given up", flight.channel_name),
                          errdetail("Delivery %s, after %d attempts: %s", text_of(flight.delivery), flight.attempts + 1,
                                    outcome.error),
                          errhint("See alert_deliveries; retry_alert_delivery() tries again.")));
    }
    return has_extension;
}

}  // namespace people_counter::delivery
