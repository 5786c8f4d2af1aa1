#include "statistics/derived_rows.hpp"

#include "pg/numeric.hpp"
#include "statistics/columns.hpp"

#include <algorithm>

namespace people_counter::statistics {

const SumColumns kHourSums = {
    hourly_statistics::people_entered,    hourly_statistics::people_exited,
    hourly_statistics::peak_people_count, hourly_statistics::average_people_count,
    hourly_statistics::total_detections,  hourly_statistics::detection_accuracy,
    hourly_statistics::peak_time,         hourly_statistics::occupancy_seconds,
    hourly_statistics::observed_seconds,  hourly_statistics::exits_absorbed,
    hourly_statistics::confidence_sum,    hourly_statistics::confidence_count,
};

const SumColumns kDaySums = {
    daily_statistics::total_people_entered,
    daily_statistics::total_people_exited,
    daily_statistics::peak_people_count,
    daily_statistics::average_people_count,
    daily_statistics::total_detections,
    daily_statistics::detection_accuracy,
    daily_statistics::peak_time,
    daily_statistics::occupancy_seconds,
    daily_statistics::observed_seconds,
    daily_statistics::exits_absorbed,
    daily_statistics::confidence_sum,
    daily_statistics::confidence_count,
};

Datum int4(int64 value) {
    return Int32GetDatum(static_cast<int32>(std::clamp<int64>(value, PG_INT32_MIN, PG_INT32_MAX)));
}

Datum time_of(Micros time) { return TimestampTzGetDatum(time); }

namespace {

void set_optional(pg::DerivedTable &table, int column, bool present, Datum value) {
    if (present) {
        table.set(column, value);
    } else {
        table.set_null(column);
    }
}

}  // namespace

bool row_is_of(pg::DerivedTable &table, const pg_uuid_t &session) {
    return memcmp(DatumGetUUIDP(table.value(1)), &session, UUID_LEN) == 0;
}

void set_sums(pg::DerivedTable &table, const SumColumns &c, const Sums &sums) {
    table.set(c.entered, int4(sums.counts.entered));
    table.set(c.exited, int4(sums.counts.exited));
    table.set(c.detections, int4(sums.counts.detections()));
    table.set(c.peak, int4(sums.peak.value));
    table.set(c.peak_time, time_of(sums.peak.time));
    table.set(c.absorbed, int4(sums.absorbed));
    table.set(c.occupancy, pg::seconds_from_micros(sums.occupancy));
    table.set(c.observed, pg::seconds_from_micros(sums.observed));
    table.set(c.confidence_sum, Int64GetDatum(sums.counts.confidence_sum));
    table.set(c.confidence_count, int4(sums.counts.confidence_count));
    if (sums.observed > 0) {
        table.set(c.average, pg::average(sums.occupancy, sums.observed));
    } else {
        table.set_null(c.average);
    }
    if (sums.counts.confidence_count > 0) {
        table.set(c.accuracy, pg::percentage(sums.counts.confidence_sum,
                                             static_cast<__int128>(sums.counts.confidence_count) * 1000000000));
    } else {
        table.set_null(c.accuracy);
    }
}

Sums get_counts(pg::DerivedTable &table, const SumColumns &c) {
    Sums sums{};
    sums.counts.entered = DatumGetInt32(table.value(c.entered));
    sums.counts.exited = DatumGetInt32(table.value(c.exited));
    sums.counts.confidence_sum = DatumGetInt64(table.value(c.confidence_sum));
    sums.counts.confidence_count = DatumGetInt32(table.value(c.confidence_count));
    sums.absorbed = DatumGetInt32(table.value(c.absorbed));
    sums.peak = {DatumGetInt32(table.value(c.peak)), DatumGetTimestampTz(table.value(c.peak_time))};
    return sums;
}

void get_seconds(pg::DerivedTable &table, const SumColumns &c, Sums &sums) {
    sums.occupancy = pg::micros_from_seconds(table.value(c.occupancy));
    sums.observed = pg::micros_from_seconds(table.value(c.observed));
}

HourFigures read_hour_row(pg::DerivedTable &table) {
    namespace c = hourly_statistics;
    Sums sums = get_counts(table, kHourSums);
    get_seconds(table, kHourSums, sums);
    HourFigures hour{};
    hour.start = DatumGetTimestampTz(table.value(c::hour_timestamp));
    hour.counts = sums.counts;
    hour.absorbed = sums.absorbed;
    hour.occupancy = sums.occupancy;
    hour.observed = sums.observed;
    hour.opening = DatumGetInt32(table.value(c::opening_count));
    hour.closing = DatumGetInt32(table.value(c::closing_count));
    hour.low = DatumGetInt32(table.value(c::low_people_count));
    hour.counted = {DatumGetInt32(table.value(c::counted_peak)),
                    DatumGetTimestampTz(table.value(c::counted_peak_time))};
    bool none = false;
    const Datum reported = table.get(c::reported_peak, &none);
    hour.reported = none ? Peak{core::kNothingReported, 0}
                         : Peak{DatumGetInt32(reported), DatumGetTimestampTz(table.value(c::reported_peak_time))};
    return hour;
}

void write_hour_row(pg::DerivedTable &table, const pg_uuid_t &session, const HourFigures &hour) {
    namespace c = hourly_statistics;
    table.set(c::session_id, UUIDPGetDatum(&session));
    table.set(c::hour_timestamp, time_of(hour.start));
    set_sums(table, kHourSums, {hour.counts, hour.absorbed, hour.occupancy, hour.observed, hour.peak()});
    table.set(c::opening_count, int4(hour.opening));
    table.set(c::closing_count, int4(hour.closing));
    table.set(c::low_people_count, int4(hour.low));
    table.set(c::counted_peak, int4(hour.counted.value));
    table.set(c::counted_peak_time, time_of(hour.counted.time));
    const bool reported = hour.reported.value != core::kNothingReported;
    set_optional(table, c::reported_peak, reported, int4(hour.reported.value));
    set_optional(table, c::reported_peak_time, reported, time_of(hour.reported.time));
}

void read_session_row(pg::DerivedTable &table, SessionFigures &f) {
    namespace c = session_statistics;
    f.counts = Counts{};
    f.counts.entered = DatumGetInt32(table.value(c::total_people_entered));
    f.counts.exited = DatumGetInt32(table.value(c::total_people_exited));
    bool no_peak = false;
    const Datum peak_time = table.get(c::peak_time, &no_peak);
    f.peak = no_peak ? kNoPeak : Peak{DatumGetInt32(table.value(c::peak_people_count)), DatumGetTimestampTz(peak_time)};
    f.samples[0] = DatumGetInt32(table.value(c::detection_frames));
    f.samples[1] = DatumGetInt32(table.value(c::tracking_frames));
    f.samples[2] = DatumGetInt32(table.value(c::waiting_frames));
    f.absorbed = DatumGetInt32(table.value(c::exits_absorbed));
    f.created_at = DatumGetTimestampTz(table.value(c::created_at));
    f.updated_at = DatumGetTimestampTz(table.value(c::updated_at));
    f.state.take(table.value(c::fold_state));
}

void write_session_row(pg::DerivedTable &table, const pg_uuid_t &session, const SessionFigures &f) {
    namespace c = session_statistics;
    const FoldState &s = f.state;
    table.set(c::session_id, UUIDPGetDatum(&session));
    table.set(c::total_people_entered, int4(f.counts.entered));
    table.set(c::total_people_exited, int4(f.counts.exited));
    table.set(c::net_people_count, int4(f.counts.entered - f.counts.exited));
    table.set(c::total_detections, int4(f.counts.detections()));
    table.set(c::current_people_inside, int4(s.current()));
    const bool has_peak = f.peak.value != kNoPeak.value;
    table.set(c::peak_people_count, int4(has_peak ? f.peak.value : 0));
    set_optional(table, c::peak_time, has_peak, time_of(f.peak.time));
    if (s.observed > 0) {
        table.set(c::average_people_count, pg::average(s.occupancy, s.observed));
    } else {
        table.set_null(c::average_people_count);
    }
    table.set(c::detection_frames, int4(f.samples[0]));
    table.set(c::tracking_frames, int4(f.samples[1]));
    table.set(c::waiting_frames, int4(f.samples[2]));
    const int64 false_positives = std::max<int64>(0, s.false_positives);
    const int64 false_negatives = std::max<int64>(0, s.false_negatives);
    table.set(c::false_positives, int4(false_positives));
    table.set(c::false_negatives, int4(false_negatives));
    const int64 passed = f.counts.detections() + false_negatives;
    const bool audited = s.false_positives >= 0 || s.false_negatives >= 0;
    if (audited && passed > 0) {
        table.set(c::accuracy_percentage,
                  pg::percentage(std::max<int64>(0, f.counts.detections() - false_positives), passed));
    } else {
        table.set_null(c::accuracy_percentage);
    }
    table.set(c::created_at, time_of(f.created_at));
    table.set(c::updated_at, time_of(f.updated_at));
    table.set(c::exits_absorbed, int4(f.absorbed));
    set_optional(table, c::last_movement_time, s.last_movement != core::kBeginningOfTime, time_of(s.last_movement));
    bytea *state = static_cast<bytea *>(palloc(VARHDRSZ + sizeof s));
    SET_VARSIZE(state, VARHDRSZ + sizeof s);
    memcpy(VARDATA(state), &s, sizeof s);
    table.set(c::fold_state, PointerGetDatum(state));
}

}  // namespace people_counter::statistics
