// Before a session is stored: what it says is checked, and its end completed.
#include "pg/guard.hpp"
#include "pg/relations.hpp"
#include "pg/zone.hpp"
#include "statistics/check.hpp"
#include "statistics/columns.hpp"

#include <initializer_list>

namespace people_counter::statistics {

namespace {

struct Row {
    Relation table;
    HeapTuple tuple;
    Datum *values;
    bool *nulls;
    bool *replaced;

    bool is_null(int column) const { return nulls[column - 1]; }
    Datum value(int column) const { return values[column - 1]; }
    const char *name(int column) const { return NameStr(TupleDescAttr(RelationGetDescr(table), column - 1)->attname); }
    void set(int column, Datum value) {
        values[column - 1] = value;
        nulls[column - 1] = false;
        replaced[column - 1] = true;
    }
    void set_null(int column) {
        nulls[column - 1] = true;
        replaced[column - 1] = true;
    }
};

void check_length(const Row &row, int column, int most) {
    if (row.is_null(column)) {
        return;
    }
    // Looks at the bytes first, so that a text of megabytes is not measured in characters.
    const text *value = DatumGetTextPP(row.value(column));
    const int bytes = VARSIZE_ANY_EXHDR(value);
    const int characters = bytes <= most ? bytes : pg_mbstrlen_with_len(VARDATA_ANY(value), bytes);
    if (characters > most) {
        const int shown = pg_mbcliplen(VARDATA_ANY(value), bytes, 40);
        ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                        errmsg("%s \"%.*s...\" is too long", row.name(column), shown, VARDATA_ANY(value)),
                        errdetail("It has %d characters, %d are allowed.", characters, most),
                        errhint("Shorten %s.", row.name(column))));
    }
}

void check_time(const Row &row, int column) {
    if (!row.is_null(column)) {
        check_instant(DatumGetTimestampTz(row.value(column)), row.name(column),
                      "Leave the column out where the time is not known.");
    }
}

void check_least(const Row &row, int column, int least) {
    if (!row.is_null(column) && DatumGetInt32(row.value(column)) < least) {
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("%s \"%d\" is out of range", row.name(column), DatumGetInt32(row.value(column))),
                        errhint("%s must be %d or more.", row.name(column), least)));
    }
}

// `least` and `most` in hundredths: the columns have two decimals. Exclusive where `above` is set.
void check_numeric(const Row &row, int column, int64 least, bool above, int64 most, const char *range) {
    if (row.is_null(column)) {
        return;
    }
    const Numeric value = DatumGetNumeric(row.value(column));
    const auto compare = [&](int64 bound) {
        return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(value),
                                                 NumericGetDatum(int64_div_fast_to_numeric(bound, 2))));
    };
    const int to_least = compare(least);
    const bool too_small = above ? to_least <= 0 : to_least < 0;
    if (numeric_is_nan(value) || numeric_is_inf(value) || too_small || (most >= 0 && compare(most) > 0)) {
        char *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value)));
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("%s \"%s\" is out of range", row.name(column), text),
                        errhint("%s must be %s.", row.name(column), range)));
    }
}

void check_calendar(const Row &row) {
    // AT TIME ZONE takes abbreviations like CET for a fixed offset, the zone of that name changes its clocks. A name
    // with two meanings is refused.
    char *name = TextDatumGetCString(row.value(sessions::time_zone));
    const core::Zone zone = pg::zone_named(name);
    constexpr TimestampTz kJanuary = 631152000 * USECS_PER_SEC;  // 2020-01-01
    for (const TimestampTz time : {kJanuary, kJanuary + 182 * USECS_PER_DAY}) {
        const Timestamp local = DatumGetTimestamp(
            DirectFunctionCall2(timestamptz_zone, row.value(sessions::time_zone), TimestampTzGetDatum(time)));
        if (local != time + zone.span_at(zone.rules, time).offset) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time_zone \"%s\" is ambiguous", name),
                            errdetail("It is an abbreviation with a fixed offset and a zone that changes its clocks."),
                            errhint("Use the name of a place, such as Europe/Berlin.")));
        }
    }
    const TimeADT day_start = DatumGetTimeADT(row.value(sessions::day_start));
    if (day_start % USECS_PER_HOUR != 0 || day_start >= USECS_PER_DAY) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("day_start \"%s\" is not a whole hour",
                               DatumGetCString(DirectFunctionCall1(time_out, TimeADTGetDatum(day_start)))),
                        errhint("Use 00:00 to 23:00 in steps of an hour.")));
    }
    if (!row.is_null(sessions::reset_time) && DatumGetTimeADT(row.value(sessions::reset_time)) >= USECS_PER_DAY) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("reset_time \"24:00\" is not a time of day"),
                        errhint("Use 00:00 for midnight, or NULL for no daily reset.")));
    }
}

bool status_is_active(const Row &row) {
    const Oid value = DatumGetObjectId(row.value(sessions::status));
    const HeapTuple entry = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
    if (!HeapTupleIsValid(entry)) {
        elog(ERROR, "cache lookup failed for enum value %u", value);
    }
    const bool active = strcmp(NameStr(reinterpret_cast<Form_pg_enum>(GETSTRUCT(entry))->enumlabel), "active") == 0;
    ReleaseSysCache(entry);
    return active;
}

// A session that is over has an end, and one that has an end has a duration. One that becomes active again has neither.
// What the client says wins.
void complete_end(Row &row, HeapTuple before) {
    const TupleDesc columns = RelationGetDescr(row.table);
    const auto unchanged = [&](int column) {
        bool was_null = false;
        const Datum old = heap_getattr(before, column, columns, &was_null);
        const FormData_pg_attribute *a = TupleDescAttr(columns, column - 1);
        return was_null == row.is_null(column) &&
               (was_null || datumIsEqual(old, row.value(column), a->attbyval, a->attlen));
    };
    const bool active = status_is_active(row);
    if (before != nullptr && active && !unchanged(sessions::status) && unchanged(sessions::end_time)) {
        row.set_null(sessions::end_time);
    }
    if (before != nullptr && active && row.is_null(sessions::end_time) && !unchanged(sessions::end_time) &&
        unchanged(sessions::duration_seconds)) {
        row.set_null(sessions::duration_seconds);
    }
    if (row.is_null(sessions::end_time) && !active) {
        const TimestampTz now = GetCurrentTransactionStartTimestamp();
        const TimestampTz start = DatumGetTimestampTz(row.value(sessions::start_time));
        row.set(sessions::end_time, TimestampTzGetDatum(now > start ? now : start));
    }
    if (row.is_null(sessions::end_time)) {
        return;
    }
    const TimestampTz start = DatumGetTimestampTz(row.value(sessions::start_time));
    const TimestampTz end = DatumGetTimestampTz(row.value(sessions::end_time));
    if (end < start) {
        ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
                        errmsg("end_time \"%s\" is before start_time \"%s\"",
                               DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(end))),
                               DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(start)))),
                        errhint("Set start_time as well if the session began earlier.")));
    }
    bool stale = row.is_null(sessions::duration_seconds);
    if (before != nullptr && !stale) {
        stale = unchanged(sessions::duration_seconds) &&
                !(unchanged(sessions::start_time) && unchanged(sessions::end_time));
    }
    if (stale) {
        const int64 hundredths = (end - start + USECS_PER_SEC / 200) / (USECS_PER_SEC / 100);
        row.set(sessions::duration_seconds, NumericGetDatum(int64_div_fast_to_numeric(hundredths, 2)));
    }
}

Datum session_check(FunctionCallInfo fcinfo) {
    auto *trigger = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    if (trigger == nullptr || !TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
        TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("session_check() must be a BEFORE INSERT OR UPDATE trigger FOR EACH ROW")));
    }
    pg::relations_of_trigger(fcinfo, {&pg::Relations::sessions});
    const bool is_update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    Row row{};
    row.table = trigger->tg_relation;
    row.tuple = is_update ? trigger->tg_newtuple : trigger->tg_trigtuple;
    const TupleDesc columns = RelationGetDescr(row.table);
    row.values = static_cast<Datum *>(palloc(columns->natts * sizeof(Datum)));
    row.nulls = static_cast<bool *>(palloc(columns->natts * sizeof(bool)));
    row.replaced = static_cast<bool *>(palloc0(columns->natts * sizeof(bool)));
    heap_deform_tuple(row.tuple, columns, row.values, row.nulls);

    if (is_update) {
        bool was_null = false;
        const Datum old_id = heap_getattr(trigger->tg_trigtuple, sessions::id, columns, &was_null);
        if (row.is_null(sessions::id) ||
            memcmp(DatumGetUUIDP(old_id), DatumGetUUIDP(row.value(sessions::id)), UUID_LEN) != 0) {
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("id \"%s\" of a session cannot be changed",
                                   DatumGetCString(DirectFunctionCall1(uuid_out, old_id))),
                            errhint("Make another session and move the movements there: UPDATE their session_id.")));
        }
    }

    // Required columns are left to their NOT NULL constraints, which come after this.
    for (const int column : {sessions::start_time, sessions::status, sessions::time_zone, sessions::day_start}) {
        if (row.is_null(column)) {
            ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("%s must not be null", row.name(column)),
                            errhint("Leave %s out for its default.", row.name(column))));
        }
    }
    check_length(row, sessions::session_name, 255);
    check_length(row, sessions::input_source, 500);
    check_length(row, sessions::output_path, 500);
    for (const int column : {sessions::start_time, sessions::end_time, sessions::created_at, sessions::updated_at}) {
        check_time(row, column);
    }
    check_numeric(row, sessions::duration_seconds, 0, false, -1, "0 or more");
    check_numeric(row, sessions::fps, 0, true, -1, "above 0");
    check_numeric(row, sessions::confidence_threshold, 0, false, 100, "between 0 and 1");
    for (const int column :
         {sessions::total_frames, sessions::skip_frames, sessions::max_disappeared, sessions::max_distance,
          sessions::capacity, sessions::false_positives, sessions::false_negatives}) {
        check_least(row, column, 0);
    }
    check_least(row, sessions::resolution_width, 1);
    check_least(row, sessions::resolution_height, 1);
    check_calendar(row);
    complete_end(row, is_update ? trigger->tg_trigtuple : nullptr);
    if (is_update) {
        row.set(sessions::updated_at, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
    }
    return PointerGetDatum(heap_modify_tuple(row.tuple, columns, row.values, row.nulls, row.replaced));
}

}  // namespace

}  // namespace people_counter::statistics

PEOPLE_COUNTER_FUNCTION(session_check) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::session_check(fcinfo); });
}
