// The bounds are those of the tables' own triggers, which see every row: here they are known before anything is stored.
#include "rest/fields.hpp"

#include <limits>

namespace people_counter::rest {

namespace {

constexpr double kLargest = std::numeric_limits<float>::max();
constexpr double kAnyWhole = PG_INT32_MAX;
constexpr const char *kFinite = "a finite number";
constexpr const char *kCount = "a whole number, 0 or more";
constexpr const char *kInteger = "a whole number of 32 bits";
constexpr const char *kTime = "a time in ISO 8601, such as 2026-11-26T08:30:00+07:00, of the years 1 to 9999";
constexpr const char *kClockTime = "a time of day, such as 04:00";
constexpr const char *kId = "a UUID";

constexpr Field id(const char *name) { return {name, Kind::kUuid, false, 0, 0, kId, nullptr}; }
constexpr Field time(const char *name) { return {name, Kind::kInstant, false, 0, 0, kTime, nullptr}; }
constexpr Field clock(const char *name) { return {name, Kind::kClock, false, 0, 0, kClockTime, nullptr}; }
constexpr Field count(const char *name) { return {name, Kind::kWhole, false, 0, kAnyWhole, kCount, nullptr}; }
constexpr Field whole(const char *name, bool required = false) {
    return {name, Kind::kWhole, required, PG_INT32_MIN, kAnyWhole, kInteger, nullptr};
}
constexpr Field pixel(const char *name) { return {name, Kind::kReal, false, -kLargest, kLargest, kFinite, nullptr}; }
constexpr Field real(const char *name, double low, double high, const char *allowed) {
    return {name, Kind::kReal, false, low, high, allowed, nullptr};
}
constexpr Field number(const char *name, double low, double high, const char *allowed) {
    return {name, Kind::kReal8, false, low, high, allowed, nullptr};
}
constexpr Field word(const char *name, const char *words, const char *allowed, bool required = false) {
    return {name, Kind::kWord, required, 0, 0, allowed, words};
}
constexpr Field text(const char *name, int most, const char *allowed) {
    return {name, Kind::kText, false, 0, static_cast<double>(most), allowed, nullptr};
}

constexpr Field movement_fields[] = {
    id("id"),
    time("movement_time"),
    whole("person_id", true),
    word("movement_direction", "in out ", "in or out", true),
    pixel("centroid_x"),
    pixel("centroid_y"),
    pixel("bounding_box_x1"),
    pixel("bounding_box_y1"),
    pixel("bounding_box_x2"),
    pixel("bounding_box_y2"),
    real("confidence_score", 0, 1, "a number between 0 and 1"),
    whole("frame_number"),
};

constexpr Field sample_fields[] = {
    id("id"),
    time("timestamp"),
    count("current_people_count"),
    count("people_entered_last_minute"),
    count("people_exited_last_minute"),
    word("detection_status", "detecting tracking waiting ", "detecting, tracking or waiting"),
    real("fps_current", std::numeric_limits<float>::denorm_min(), kLargest, "a number above 0"),
    real("cpu_usage_percentage", 0, 100, "a number between 0 and 100"),
    real("memory_usage_mb", 0, kLargest, "a number, 0 or more"),
    pixel("processing_latency_ms"),
};

// In the order of the table's columns. What else a session must be, its trigger says.
constexpr Field session_fields[] = {
    id("id"),
    text("session_name", 255, "a text of at most 255 characters"),
    text("input_source", 500, "a text of at most 500 characters"),
    text("output_path", 500, "a text of at most 500 characters"),
    time("start_time"),
    time("end_time"),
    number("duration_seconds", 0, 999999999999.0, "a number of seconds, 0 or more"),
    word("status", "active completed error cancelled ", "active, completed, error or cancelled"),
    number("fps", 1e-2, 999999.0, "a number above 0, below 1000000"),
    count("total_frames"),
    count("resolution_width"),
    count("resolution_height"),
    number("confidence_threshold", 0, 1, "a number between 0 and 1"),
    count("skip_frames"),
    count("max_disappeared"),
    count("max_distance"),
    text("time_zone", 255, "the name of a time zone, such as Asia/Ho_Chi_Minh"),
    clock("day_start"),
    clock("reset_time"),
    count("capacity"),
    count("false_positives"),
    count("false_negatives"),
};

}  // namespace

const std::span<const Field> kMovementFields{movement_fields};
const std::span<const Field> kSampleFields{sample_fields};
const std::span<const Field> kSessionFields{session_fields};

}  // namespace people_counter::rest
