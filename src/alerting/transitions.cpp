#include "alerting/transitions.hpp"

namespace people_counter::alerting {

namespace {

Query raise("SELECT $S.raise_alert($1, $2, $3, $4, $5)");
Query end("SELECT $S.end_alert($1, $2, $3, $4)");
Query repeat("SELECT $S.repeat_alert($1, $2)");
Query store(
    "INSERT INTO $S.alert_states AS s (threshold_id, session_id, phase, since, by_edit, peak_value)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (threshold_id, session_id) DO UPDATE"
    "    SET phase = excluded.phase, since = excluded.since, by_edit = excluded.by_edit,"
    "        peak_value = excluded.peak_value");
Query remove("DELETE FROM $S.alert_states WHERE threshold_id = $1 AND session_id = $2");

int last_sqlstate = 0;

Argument text_argument(const char *text) { return {TEXTOID, CStringGetTextDatum(text)}; }

}  // namespace

bool raise_alert(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session, const core::AlertTransition &fired,
                 pg_uuid_t &alert) {
    raise.run(schema,
              {uuid_argument(rule), uuid_argument(session), time_argument(fired.at), number_argument(fired.value),
               number_argument(fired.peak)},
              false);
    bool is_null = true;
    const Datum id = column(0, 1, &is_null);
    if (!is_null) {
        memcpy(&alert, DatumGetUUIDP(id), UUID_LEN);
    }
    SPI_freetuptable(SPI_tuptable);
    return !is_null;
}

void end_alert(Oid schema, const pg_uuid_t &alert, Micros at, const double *peak, const char *reason) {
    const Argument worst{FLOAT8OID, peak == nullptr ? 0 : Float8GetDatum(*peak), peak == nullptr};
    end.run(schema, {uuid_argument(alert), time_argument(at), worst, text_argument(reason)}, false);
    SPI_freetuptable(SPI_tuptable);
}

bool repeat_alert(Oid schema, const pg_uuid_t &alert, double peak) {
    repeat.run(schema, {uuid_argument(alert), number_argument(peak)}, false);
    const bool repeated = DatumGetBool(required_column(0, 1));
    SPI_freetuptable(SPI_tuptable);
    return repeated;
}

void store_state(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session, const core::AlertState &state) {
    store.run(schema,
              {uuid_argument(rule), uuid_argument(session),
               text_argument(state.phase == core::AlertPhase::kPending ? "pending" : "recovering"),
               time_argument(state.since), Argument{BOOLOID, BoolGetDatum(state.by_edit)}, number_argument(state.peak)},
              false);
}

void remove_state(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session) {
    remove.run(schema, {uuid_argument(rule), uuid_argument(session)}, false);
}

bool may_be_passing() {
    return last_sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || last_sqlstate == ERRCODE_FOREIGN_KEY_VIOLATION;
}

void copy_error(const ErrorData *error, char *to, Size size) {
    last_sqlstate = error->sqlerrcode;
    snprintf(to, size, "%s", error->message == nullptr ? "unknown error" : error->message);
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE) {
        return;
    }
    const Size length = strlen(to);
    if (error->detail != nullptr && length + 4 < size) {
        snprintf(to + length, size - length, " (%s)", error->detail);
    }
}

}  // namespace people_counter::alerting
