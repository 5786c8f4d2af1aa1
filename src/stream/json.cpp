#include "stream/json.hpp"

#include "statistics/columns.hpp"

#include <cmath>

namespace people_counter::stream {

namespace {

namespace movements = statistics::movements;
namespace metrics = statistics::metrics;

void append_float_value(StringInfo out, TupleTableSlot *row, int column) {
    bool is_null = false;
    const Datum value = slot_getattr(row, column, &is_null);
    const float4 number = is_null ? 0 : DatumGetFloat4(value);
    if (is_null || !std::isfinite(number)) {
        appendStringInfoString(out, "null");
        return;
    }
    char digits[FLOAT_SHORTEST_DECIMAL_LEN];
    float_to_shortest_decimal_buf(number, digits);
    appendStringInfoString(out, digits);
}

const pg_uuid_t &uuid_of(TupleTableSlot *row, int column) {
    bool is_null = false;
    return *DatumGetUUIDP(slot_getattr(row, column, &is_null));  // never: it belongs to the key
}

TimestampTz time_of(TupleTableSlot *row, int column) {
    bool is_null = false;
    return DatumGetTimestampTz(slot_getattr(row, column, &is_null));
}

void append_point(StringInfo out, TupleTableSlot *row, const char *open, int x, const char *between, int y) {
    appendStringInfoString(out, open);
    append_float_value(out, row, x);
    appendStringInfoString(out, between);
    append_float_value(out, row, y);
}

}  // namespace

void append_uuid(StringInfo out, const pg_uuid_t &id) {
    static constexpr char kDigits[] = "0123456789abcdef";
    appendStringInfoChar(out, '"');
    for (int i = 0; i < UUID_LEN; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            appendStringInfoChar(out, '-');
        }
        appendStringInfoChar(out, kDigits[id.data[i] >> 4]);
        appendStringInfoChar(out, kDigits[id.data[i] & 15]);
    }
    appendStringInfoChar(out, '"');
}

void append_time(StringInfo out, TimestampTz time) {
    pg_tm tm{};
    fsec_t fraction = 0;
    if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, nullptr, &tm, &fraction, nullptr, nullptr) != 0) {
        appendStringInfoString(out, "null");
        return;
    }
    appendStringInfo(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00\"", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec, fraction);
}

void append_text(StringInfo out, const char *text) {
    if (text == nullptr) {
        appendStringInfoString(out, "null");
    } else {
        escape_json(out, text);
    }
}

void append_int(StringInfo out, const char *name, TupleTableSlot *row, int column) {
    bool is_null = false;
    const Datum value = slot_getattr(row, column, &is_null);
    if (is_null) {
        appendStringInfo(out, ",\"%s\":null", name);
    } else {
        appendStringInfo(out, ",\"%s\":%d", name, DatumGetInt32(value));
    }
}

void append_float(StringInfo out, const char *name, TupleTableSlot *row, int column) {
    appendStringInfo(out, ",\"%s\":", name);
    append_float_value(out, row, column);
}

void begin_message(StringInfo out, const char *type, const pg_uuid_t &session, const char *session_name,
                   TimestampTz time) {
    appendStringInfo(out, "{\"type\":\"%s\",\"session_id\":", type);
    append_uuid(out, session);
    appendStringInfoString(out, ",\"session_name\":");
    append_text(out, session_name);
    appendStringInfoString(out, ",\"timestamp\":");
    append_time(out, time);
}

void append_movement(StringInfo out, TupleTableSlot *row, bool is_in) {
    appendStringInfoString(out, "{\"id\":");
    append_uuid(out, uuid_of(row, movements::id));
    append_int(out, "person_id", row, movements::person_id);
    appendStringInfo(out, ",\"movement_direction\":\"%s\",\"movement_time\":", is_in ? "in" : "out");
    append_time(out, time_of(row, movements::movement_time));
    append_point(out, row, ",\"centroid\":{\"x\":", movements::centroid_x, ",\"y\":", movements::centroid_y);
    append_point(out, row, "},\"bounding_box\":{\"x1\":", movements::bounding_box_x1,
                 ",\"y1\":", movements::bounding_box_y1);
    append_point(out, row, ",\"x2\":", movements::bounding_box_x2, ",\"y2\":", movements::bounding_box_y2);
    appendStringInfoChar(out, '}');
    append_float(out, "confidence_score", row, movements::confidence_score);
    append_int(out, "frame_number", row, movements::frame_number);
    appendStringInfoChar(out, '}');
}

void append_sample(StringInfo out, TupleTableSlot *row, const char *status) {
    appendStringInfoString(out, ",\"id\":");
    append_uuid(out, uuid_of(row, metrics::id));
    append_int(out, "current_people_count", row, metrics::current_people_count);
    append_int(out, "people_entered_last_minute", row, metrics::people_entered_last_minute);
    append_int(out, "people_exited_last_minute", row, metrics::people_exited_last_minute);
    appendStringInfo(out, ",\"detection_status\":\"%s\"", status);
    append_float(out, "fps_current", row, metrics::fps_current);
    append_float(out, "cpu_usage_percentage", row, metrics::cpu_usage_percentage);
    append_float(out, "memory_usage_mb", row, metrics::memory_usage_mb);
    append_float(out, "processing_latency_ms", row, metrics::processing_latency_ms);
}

}  // namespace people_counter::stream
