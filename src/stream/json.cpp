#include "stream/json.hpp"

#include "statistics/columns.hpp"

#include <cmath>

namespace people_counter::stream {

namespace {

namespace movements = statistics::movements;
namespace metrics = statistics::metrics;

// Writes behind a text in which there is room for all of it: a busy server has tens of thousands of movements a second.
class Writer {
  public:
    Writer(StringInfo out, int most) : out_{out} {
        enlargeStringInfo(out, most);
        at_ = out->data + out->len;
    }
    ~Writer() {
        *at_ = '\0';
        out_->len = static_cast<int>(at_ - out_->data);
    }

    void text(std::string_view text) {
        memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }

    void uuid(const pg_uuid_t &id) {
        static constexpr char kDigits[] = "0123456789abcdef";
        *at_++ = '"';
        for (int i = 0; i < UUID_LEN; ++i) {
            if (i == 4 || i == 6 || i == 8 || i == 10) {
                *at_++ = '-';
            }
            *at_++ = kDigits[id.data[i] >> 4];
            *at_++ = kDigits[id.data[i] & 15];
        }
        *at_++ = '"';
    }

    void time(TimestampTz time) {
        if (TIMESTAMP_NOT_FINITE(time)) {
            text("null");
            return;
        }
        int64 day = time / USECS_PER_DAY;
        int64 rest = time % USECS_PER_DAY;
        if (rest < 0) {
            rest += USECS_PER_DAY;
            --day;
        }
        int year = 0;
        int month = 0;
        int date = 0;
        j2date(static_cast<int>(day) + POSTGRES_EPOCH_JDATE, &year, &month, &date);
        const auto seconds = static_cast<uint32>(rest / USECS_PER_SEC);
        text("\"");
        digits(year, 4);
        text("-");
        digits(month, 2);
        text("-");
        digits(date, 2);
        text("T");
        digits(seconds / 3600, 2);
        text(":");
        digits(seconds / 60 % 60, 2);
        text(":");
        digits(seconds % 60, 2);
        text(".");
        digits(static_cast<uint32>(rest % USECS_PER_SEC), 6);
        text("+00:00\"");
    }

    // Columns of a row whose attributes are all there, with what comes before their values.
    void integer(std::string_view before, TupleTableSlot *row, int column) {
        text(before);
        if (row->tts_isnull[column - 1]) {
            text("null");
        } else {
            at_ += pg_ltoa(DatumGetInt32(row->tts_values[column - 1]), at_);
        }
    }

    void number(std::string_view before, TupleTableSlot *row, int column) {
        text(before);
        const float4 value = row->tts_isnull[column - 1] ? NAN : DatumGetFloat4(row->tts_values[column - 1]);
        if (std::isfinite(value)) {
            at_ += float_to_shortest_decimal_bufn(value, at_);
        } else {
            text("null");
        }
    }

  private:
    void digits(uint32 value, int32 width) { at_ = pg_ultostr_zeropad(at_, value, width); }

    StringInfo out_;
    char *at_;
};

constexpr int kTime = 64;
constexpr int kRow = 1024;  // what is fixed of a movement or a sample, and the longest values

const pg_uuid_t &uuid_of(TupleTableSlot *row, int column) { return *DatumGetUUIDP(row->tts_values[column - 1]); }

}  // namespace

void append(StringInfo out, std::string_view text) {
    appendBinaryStringInfo(out, text.data(), static_cast<int>(text.size()));
}

void append_time(StringInfo out, TimestampTz time) { Writer(out, kTime).time(time); }

void append_text(StringInfo out, const char *text) { escape_json(out, text); }

void begin_message(StringInfo out, const char *type, const pg_uuid_t &session, const char *session_name,
                   TimestampTz time) {
    append(out, "{\"type\":\"");
    append(out, type);
    append(out, "\",\"session_id\":");
    Writer(out, kTime).uuid(session);
    append(out, ",\"session_name\":");
    append_text(out, session_name);
    append(out, ",\"timestamp\":");
    append_time(out, time);
}

void append_movement(StringInfo out, TupleTableSlot *row, bool is_in) {
    slot_getallattrs(row);
    Writer to(out, kRow);
    to.text("{\"id\":");
    to.uuid(uuid_of(row, movements::id));
    to.integer(",\"person_id\":", row, movements::person_id);
    to.text(is_in ? ",\"movement_direction\":\"in\"" : ",\"movement_direction\":\"out\"");
    to.text(",\"movement_time\":");
    to.time(DatumGetTimestampTz(row->tts_values[movements::movement_time - 1]));
    to.number(",\"centroid\":{\"x\":", row, movements::centroid_x);
    to.number(",\"y\":", row, movements::centroid_y);
    to.number("},\"bounding_box\":{\"x1\":", row, movements::bounding_box_x1);
    to.number(",\"y1\":", row, movements::bounding_box_y1);
    to.number(",\"x2\":", row, movements::bounding_box_x2);
    to.number(",\"y2\":", row, movements::bounding_box_y2);
    to.number("},\"confidence_score\":", row, movements::confidence_score);
    to.integer(",\"frame_number\":", row, movements::frame_number);
    to.text("}");
}

void append_sample(StringInfo out, TupleTableSlot *row, std::string_view status) {
    slot_getallattrs(row);
    Writer to(out, kRow);
    to.text(",\"id\":");
    to.uuid(uuid_of(row, metrics::id));
    to.integer(",\"current_people_count\":", row, metrics::current_people_count);
    to.integer(",\"people_entered_last_minute\":", row, metrics::people_entered_last_minute);
    to.integer(",\"people_exited_last_minute\":", row, metrics::people_exited_last_minute);
    to.text(",\"detection_status\":\"");
    to.text(status);
    to.number("\",\"fps_current\":", row, metrics::fps_current);
    to.number(",\"cpu_usage_percentage\":", row, metrics::cpu_usage_percentage);
    to.number(",\"memory_usage_mb\":", row, metrics::memory_usage_mb);
    to.number(",\"processing_latency_ms\":", row, metrics::processing_latency_ms);
}

}  // namespace people_counter::stream
