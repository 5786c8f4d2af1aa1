#include "statistics/check.hpp"

#include "statistics/columns.hpp"

#include <cmath>
#include <limits>

namespace people_counter::statistics {

namespace {

const char *column_name(TupleTableSlot *row, int column) {
    return NameStr(TupleDescAttr(row->tts_tupleDescriptor, column - 1)->attname);
}

void check_time(TupleTableSlot *row, int column) {
    if (row->tts_isnull[column - 1]) {
        return;  // where somebody dropped NOT NULL, whoever needs the value refuses
    }
    check_instant(DatumGetTimestampTz(row->tts_values[column - 1]), column_name(row, column),
                  "Send the time at which it happened, or leave the column out for the present.");
}

void check_float(TupleTableSlot *row, int column, float low, float high, const char *range) {
    if (row->tts_isnull[column - 1]) {
        return;
    }
    const float value = DatumGetFloat4(row->tts_values[column - 1]);
    if (!(value >= low && value <= high)) {  // NaN is in no range
        char *text = DatumGetCString(DirectFunctionCall1(float4out, row->tts_values[column - 1]));
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("%s \"%s\" is out of range", column_name(row, column), text),
                        errhint("%s must be %s, or NULL if it is not known.", column_name(row, column), range)));
    }
}

void check_count(TupleTableSlot *row, int column, int32 most) {
    const int32 value = DatumGetInt32(row->tts_values[column - 1]);
    if (value < 0 || value > most) {
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("%s \"%d\" is out of range", column_name(row, column), value),
                        most == PG_INT32_MAX ? errhint("%s must be 0 or more.", column_name(row, column))
                                             : errhint("%s must be 0 to %d.", column_name(row, column), most)));
    }
}

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallestPositive = std::numeric_limits<float>::denorm_min();

}  // namespace

void check_instant(TimestampTz time, const char *column, const char *hint) {
    if (TIMESTAMP_NOT_FINITE(time) || time < kFirstInstant || time > kLastInstant) {
        const char *text = DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time)));
        ereport(ERROR,
                (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                 errmsg("%s \"%s\" is not an instant of the years 1 to 9999", column, text), errhint("%s", hint)));
    }
}

void check_movement(TupleTableSlot *row) {
    slot_getallattrs(row);
    check_time(row, movements::movement_time);
    check_time(row, movements::created_at);
    for (int column = movements::centroid_x; column <= movements::bounding_box_y2; ++column) {
        check_float(row, column, -kLargest, kLargest, "a finite number");
    }
    check_float(row, movements::confidence_score, 0, 1, "between 0 and 1");
}

void check_sample(TupleTableSlot *row) {
    slot_getallattrs(row);
    check_time(row, metrics::timestamp);
    check_time(row, metrics::created_at);
    check_count(row, metrics::current_people_count, PG_INT32_MAX);
    check_count(row, metrics::people_entered_last_minute, PG_INT32_MAX);
    check_count(row, metrics::people_exited_last_minute, PG_INT32_MAX);
    check_float(row, metrics::fps_current, kSmallestPositive, kLargest, "above 0 and finite");
    check_float(row, metrics::cpu_usage_percentage, 0, 100, "between 0 and 100");
    check_float(row, metrics::memory_usage_mb, 0, kLargest, "0 or more and finite");
    check_float(row, metrics::processing_latency_ms, -kLargest, kLargest, "a finite number");
}

void check_baseline(TupleTableSlot *row) {
    slot_getallattrs(row);
    check_time(row, baselines::baseline_time);
    check_time(row, baselines::created_at);
    check_count(row, baselines::people_count, kLargestBaseline);
}

}  // namespace people_counter::statistics
