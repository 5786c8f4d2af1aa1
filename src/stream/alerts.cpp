#include "stream/alerts.hpp"

#include "alerting/query.hpp"
#include "stream/json.hpp"

#include <algorithm>

namespace people_counter::stream {

namespace {

struct State {
    pg_uuid_t alert;  // the hash key
    bool resolved;
    bool acknowledged;
    int32 repeats;
};

struct Event {
    pg_uuid_t alert;
    const char *name;
};

// Open ones, those that ended of late, and those that were open at the last look, whenever they ended; in order of what
// happened to them last.
alerting::Query states(
    "SELECT id, is_resolved, acknowledged_at IS NOT NULL, repeat_count"
    "  FROM (SELECT * FROM $S.alert_logs WHERE NOT is_resolved"
    "        UNION ALL"
    "        SELECT * FROM $S.alert_logs WHERE is_resolved AND resolved_at >= now() - interval '1 hour'"
    "        UNION ALL"
    "        SELECT * FROM $S.alert_logs"
    "         WHERE is_resolved AND (resolved_at < now() - interval '1 hour') IS NOT FALSE AND id = ANY ($1)) AS a"
    " ORDER BY greatest(resolved_at, acknowledged_at, announced_at, triggered_at), id");

alerting::Query payload(
    "SELECT (p - 'type' || jsonb_build_object("
    "            'message', coalesce(p ->> 'message', p ->> 'threshold_name', ''),"
    "            'acknowledged_at', to_char(a.acknowledged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    "            'acknowledged_by', a.acknowledged_by))::text,"
    "       a.session_id"
    "  FROM $S.alert_logs AS a CROSS JOIN LATERAL $S.alert_payload(a, $2) AS p WHERE a.id = $1");

Datum open_ids(HTAB *known) {
    const long count = known == nullptr ? 0 : hash_get_num_entries(known);
    auto *ids = static_cast<Datum *>(palloc((count + 1) * sizeof(Datum)));
    int open = 0;
    HASH_SEQ_STATUS all;
    if (known != nullptr) {
        hash_seq_init(&all, known);
        while (auto *state = static_cast<State *>(hash_seq_search(&all))) {
            if (!state->resolved) {
                ids[open++] = UUIDPGetDatum(&state->alert);
            }
        }
    }
    return PointerGetDatum(construct_array(ids, open, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

}  // namespace

void Alerts::forget() {
    for (HTAB **table : {&known_, &next_}) {
        if (*table != nullptr) {
            hash_destroy(*table);
            *table = nullptr;
        }
    }
}

HTAB *Alerts::begin() {
    if (next_ != nullptr) {  // of a look that failed
        hash_destroy(next_);
        next_ = nullptr;
    }
    HASHCTL control{};
    control.keysize = UUID_LEN;
    control.entrysize = sizeof(State);
    control.hcxt = TopMemoryContext;
    next_ = hash_create("people_counter streamed alerts", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    return next_;
}

void Alerts::look(Oid schema, Outbox &outbox) {
    HTAB *next = begin();
    const uint64 rows = states.run(schema, {{UUIDARRAYOID, open_ids(known_)}}, true);
    auto *events = static_cast<Event *>(palloc_extended((3 * rows + 1) * sizeof(Event), MCXT_ALLOC_HUGE));
    Size count = 0;
    for (uint64 row = 0; row < rows; ++row) {
        const pg_uuid_t id = *DatumGetUUIDP(alerting::required_column(row, 1));
        auto *state = static_cast<State *>(hash_search(next, &id, HASH_ENTER, nullptr));
        state->resolved = DatumGetBool(alerting::required_column(row, 2));
        state->acknowledged = DatumGetBool(alerting::required_column(row, 3));
        state->repeats = DatumGetInt32(alerting::required_column(row, 4));
        const auto *before = known_ == nullptr ? state
                                               : static_cast<State *>(hash_search(known_, &id, HASH_FIND, nullptr));
        if (before == nullptr) {
            events[count++] = {id, "fired"};
        } else if (!state->resolved && state->repeats > before->repeats) {
            events[count++] = {id, "repeated"};
        }
        if (state->acknowledged && (before == nullptr || !before->acknowledged)) {
            events[count++] = {id, "acknowledged"};
        }
        if (state->resolved && (before == nullptr || !before->resolved)) {
            events[count++] = {id, "resolved"};
        }
    }
    SPI_freetuptable(SPI_tuptable);
    std::for_each(events, events + count, [&](const Event &event) { tell(schema, event.alert, event.name, outbox); });
    pfree(events);
}

void Alerts::tell(Oid schema, const pg_uuid_t &alert, const char *event, Outbox &outbox) {
    const uint64 rows = payload.run(schema, {alerting::uuid_argument(alert), {TEXTOID, CStringGetTextDatum(event)}},
                                    true);
    if (rows > 0) {
        const char *members = TextDatumGetCString(alerting::required_column(0, 1));
        bool no_session = false;
        const Datum session = alerting::column(0, 2, &no_session);
        StringInfoData body;
        initStringInfo(&body);
        appendStringInfoString(&body, "{\"type\":\"alert\",\"timestamp\":");
        append_time(&body, GetCurrentTimestamp());
        appendStringInfo(&body, ",%s", members + 1);
        outbox.put(MessageKind::kAlert, Audience::kAll, {}, body);
        if (!no_session) {
            outbox.put(MessageKind::kAlert, Audience::kReaders, *DatumGetUUIDP(session), body);
        }
    }
    SPI_freetuptable(SPI_tuptable);
}

void Alerts::settle() {
    if (next_ == nullptr) {
        return;
    }
    if (known_ != nullptr) {
        hash_destroy(known_);
    }
    known_ = next_;
    next_ = nullptr;
}

}  // namespace people_counter::stream
