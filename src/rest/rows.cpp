#include "rest/rows.hpp"

#include "core/uuid.hpp"
#include "pg/zone.hpp"

namespace people_counter::rest {

namespace {

constexpr int64 kUnixEpoch = (static_cast<int64>(UNIX_EPOCH_JDATE) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

}  // namespace

core::Calendar calendar_of(text *zone) { return {pg::zone_named(text_to_cstring(zone)), 0, core::Calendar::kNoReset}; }

void require_rows(Jsonb *body, bool array, const char *hint) {
    const char *kind = nullptr;
    if (JB_ROOT_IS_SCALAR(body)) {
        kind = "a single value";
    } else if (JB_ROOT_IS_ARRAY(body) && !array) {
        kind = "an array";
    }
    if (kind != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the body is %s", kind), errhint("%s", hint)));
    }
}

Problem read_row(std::span<const Field> fields, JsonbContainer *object, core::Calendar &calendar, Given *given) {
    const Problem problem = read_object(fields, object, calendar, given);
    Given &time = given[1];
    if (problem.found() || given[0].is_null || !time.is_null) {
        return problem;
    }
    core::Uuid id;
    memcpy(id.bytes, DatumGetUUIDP(given[0].value)->data, UUID_LEN);
    if (core::is_uuid_v7(id)) {
        time = {TimestampTzGetDatum(core::unix_milliseconds_of(id) * 1000 + kUnixEpoch), false};
        return problem;
    }
    return {psprintf("%s is missing", fields[1].name), psprintf("With an id of the client's a row needs its %s, or an "
                                                                "id of UUID version 7, which has a time in it: "
                                                                "otherwise sending it again would count it twice.",
                                                                fields[1].name)};
}

}  // namespace people_counter::rest
