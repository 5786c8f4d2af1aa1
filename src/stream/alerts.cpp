#include "stream/alerts.hpp"

#include "alerting/query.hpp"
#include "stream/json.hpp"

namespace people_counter::stream {

namespace {

struct State {
    pg_uuid_t alert;  // the hash key
    bool resolved;
    int32 repeats;
};

// Open ones, those that ended of late, and those that were open at the last look, whenever they ended.
alerting::Query states(
    "SELECT id, is_resolved, repeat_count FROM $S.alert_logs WHERE NOT is_resolved"
    " UNION SELECT id, is_resolved, repeat_count FROM $S.alert_logs"
    "        WHERE is_resolved AND resolved_at >= now() - interval '1 hour'"
    " UNION SELECT id, is_resolved, repeat_count FROM $S.alert_logs WHERE id = ANY ($1)");

alerting::Query payload(
    "SELECT (p - 'type' || jsonb_build_object('message', coalesce(p ->> 'message', p ->> 'threshold_name', '')))::text,"
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
    for (uint64 row = 0; row < rows; ++row) {
        const Datum id = alerting::required_column(row, 1);
        auto *state = static_cast<State *>(hash_search(next, DatumGetUUIDP(id), HASH_ENTER, nullptr));
        state->resolved = DatumGetBool(alerting::required_column(row, 2));
        state->repeats = DatumGetInt32(alerting::required_column(row, 3));
    }
    SPI_freetuptable(SPI_tuptable);
    if (known_ == nullptr) {
        return;
    }
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, next);
    while (auto *state = static_cast<State *>(hash_seq_search(&all))) {
        const auto *before = static_cast<State *>(hash_search(known_, &state->alert, HASH_FIND, nullptr));
        if (before == nullptr) {
            tell(schema, state->alert, "fired", outbox);
        } else if (!state->resolved && state->repeats > before->repeats) {
            tell(schema, state->alert, "repeated", outbox);
        }
        if (state->resolved && (before == nullptr || !before->resolved)) {
            tell(schema, state->alert, "resolved", outbox);
        }
    }
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
        outbox.put(MessageKind::kAlert, no_session ? nullptr : DatumGetUUIDP(session), 0, body.data);
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
