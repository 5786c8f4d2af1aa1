// The one call that comes with every movement. What it does is what record_movements of any other language would: the
// statements are kept, and the object is read where it lies.
#include "core/uuid.hpp"
#include "pg/guard.hpp"
#include "pg/uuid.hpp"
#include "rest/request.hpp"
#include "rest/rows.hpp"
#include "rest/statement.hpp"

namespace people_counter::rest {

namespace {

Statement find_zone("SELECT s.time_zone FROM people_counter_rest.sessions AS s WHERE s.id OPERATOR(pg_catalog.=) $1");
Statement find_own_zone(
    "SELECT s.time_zone FROM people_counter_rest.sessions AS s"
    "  JOIN people_counter_rest.session_devices AS d ON d.session_id OPERATOR(pg_catalog.=) s.id"
    " WHERE s.id OPERATOR(pg_catalog.=) $1 AND d.device OPERATOR(pg_catalog.=) $2");
Statement explain_session("SELECT people_counter_rest.find_session($1)");
Statement record_batch("SELECT people_counter_rest.record_batch($1, $2, $3)");
Statement insert_movement(
    "INSERT INTO people_counter_rest.people_movements"
    " (session_id, id, movement_time, person_id, movement_direction, centroid_x, centroid_y, bounding_box_x1,"
    "  bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)"
    " VALUES ($1, $2, $3, $4, CAST($5 AS people_counter_rest.movement_direction), $6, $7, $8, $9, $10, $11, $12, $13)"
    " ON CONFLICT DO NOTHING");

// The zone of the session that the request names, where it may use it. Otherwise the ERROR of find_session().
text *zone_of_session(text *given, pg_uuid_t &session) {
    static_assert(sizeof(core::Uuid) == sizeof(pg_uuid_t));
    core::Uuid id;
    const Oid types[] = {UUIDOID, TEXTOID};
    uint64 found = 0;
    if (given != nullptr && core::parse_uuid({VARDATA_ANY(given), static_cast<size_t>(VARSIZE_ANY_EXHDR(given))}, id)) {
        memcpy(session.data, id.bytes, UUID_LEN);
        const bool all = sees_all();
        text *device = all ? nullptr : request_device();
        const Datum values[] = {UUIDPGetDatum(&session), PointerGetDatum(device)};
        if (device != nullptr) {
            found = find_own_zone.run(2, types, values, nullptr, false);
        } else if (all) {
            found = find_zone.run(1, types, values, nullptr, false);
        }
    }
    if (found == 0) {
        const Oid type[] = {TEXTOID};
        const Datum value[] = {PointerGetDatum(given)};
        explain_session.run(1, type, value, given == nullptr ? "n" : " ", false);
        ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("the session was just removed")));
    }
    return DatumGetTextPP(column(0, 1));
}

const char *result_of(const pg_uuid_t &id, bool is_new) {
    const char *text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id)));
    return psprintf("{\"movement_id\": \"%s\", \"status\": \"%s\"}", text, is_new ? "recorded" : "duplicate");
}

const char *record_one(const pg_uuid_t &session, text *zone, Jsonb *body) {
    constexpr int kCount = 13;
    static const Oid types[kCount] = {UUIDOID,   UUIDOID,   TIMESTAMPTZOID, INT4OID,   TEXTOID,   FLOAT4OID, FLOAT4OID,
                                      FLOAT4OID, FLOAT4OID, FLOAT4OID,      FLOAT4OID, FLOAT4OID, INT4OID};
    require_rows(body, false, "Send one object, or an array of objects.");
    core::Calendar calendar = calendar_of(zone);
    Given given[kMostFields];
    core::Uuid new_id;
    const Problem problem = read_row(kMovementFields, &body->root, calendar, given);
    if (problem.found()) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", problem.message), errhint("%s", problem.hint)));
    }
    if (given[0].is_null) {
        new_id = pg::next_uuid();
        given[0] = {PointerGetDatum(&new_id), false};
    }
    if (given[1].is_null) {
        given[1] = {TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), false};
    }
    Datum values[kCount];
    char nulls[kCount];
    values[0] = UUIDPGetDatum(&session);
    nulls[0] = ' ';
    for (int i = 1; i < kCount; ++i) {
        values[i] = given[i - 1].value;
        nulls[i] = given[i - 1].is_null ? 'n' : ' ';
    }
    const bool is_new = insert_movement.run(kCount, types, values, nulls, false) > 0;
    return result_of(*DatumGetUUIDP(given[0].value), is_new);
}

const char *record(Jsonb *body) {
    pg_uuid_t session;
    text *zone = zone_of_session(request_header("x-session-id"), session);
    if (!JB_ROOT_IS_ARRAY(body)) {
        return record_one(session, zone, body);
    }
    const Oid types[] = {UUIDOID, TEXTOID, JSONBOID};
    const Datum values[] = {UUIDPGetDatum(&session), PointerGetDatum(zone), JsonbPGetDatum(body)};
    record_batch.run(3, types, values, nullptr, false);
    return TextDatumGetCString(column(0, 1));
}

}  // namespace

}  // namespace people_counter::rest

PEOPLE_COUNTER_FUNCTION(rest_record_movements) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        if (PG_ARGISNULL(0)) {
            fcinfo->isnull = true;
            return 0;
        }
        Jsonb *body = PG_GETARG_JSONB_P(0);
        MemoryContext const outer = CurrentMemoryContext;
        SPI_connect();
        const char *answer = rest::record(body);
        text *result = nullptr;
        {
            MemoryContext const inner = MemoryContextSwitchTo(outer);
            result = cstring_to_text(answer);
            MemoryContextSwitchTo(inner);
        }
        SPI_finish();
        return PointerGetDatum(result);
    });
}
