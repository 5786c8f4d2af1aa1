#include "statistics/ledger.hpp"

#include "pg/compat.hpp"
#include "pg/numeric.hpp"
#include "statistics/columns.hpp"
#include "statistics/row_places.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

Datum int4(int64 value) {
    return Int32GetDatum(static_cast<int32>(std::clamp<int64>(value, PG_INT32_MIN, PG_INT32_MAX)));
}

Datum time_of(Micros time) { return TimestampTzGetDatum(time); }

void set_optional(pg::DerivedTable &table, int column, bool present, Datum value) {
    if (present) {
        table.set(column, value);
    } else {
        table.set_null(column);
    }
}

bool row_is_of(pg::DerivedTable &table, const pg_uuid_t &session) {
    return memcmp(DatumGetUUIDP(table.value(1)), &session, UUID_LEN) == 0;
}

// Statistics of the same hour or day in two tables have the same columns under other numbers.
struct SumColumns {
    int entered, exited, peak, average, detections, accuracy, peak_time, occupancy, observed, absorbed, confidence_sum,
        confidence_count;
};

constexpr SumColumns kHourSums = {
    hourly_statistics::people_entered,    hourly_statistics::people_exited,
    hourly_statistics::peak_people_count, hourly_statistics::average_people_count,
    hourly_statistics::total_detections,  hourly_statistics::detection_accuracy,
    hourly_statistics::peak_time,         hourly_statistics::occupancy_seconds,
    hourly_statistics::observed_seconds,  hourly_statistics::exits_absorbed,
    hourly_statistics::confidence_sum,    hourly_statistics::confidence_count,
};

constexpr SumColumns kDaySums = {
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

struct Sums {
    Counts counts;
    int64 absorbed;
    int64 occupancy;
    Micros observed;
    Peak peak;
};

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

// All but the seconds, which are costly to read and often known.
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

bool is_above(Peak a, Peak b) { return a.value > b.value || (a.value == b.value && a.time < b.time); }

}  // namespace

void Difference::note(const HourFigures *before, const HourFigures *after) {
    if (before != nullptr) {
        counts += -before->counts;
        absorbed -= before->absorbed;
        occupancy -= before->occupancy;
        observed -= before->observed;
        const Peak old_peak = before->peak();
        if ((after == nullptr || is_above(old_peak, after->peak())) && is_above(old_peak, lost)) {
            lost = old_peak;
        }
        row_removed = row_removed || after == nullptr;
    }
    if (after != nullptr) {
        counts += after->counts;
        absorbed += after->absorbed;
        occupancy += after->occupancy;
        observed += after->observed;
        if (is_above(after->peak(), highest)) {
            highest = after->peak();
        }
    }
}

void Ledger::open(const pg::Relations &relations) {
    relations_ = relations;
    sessions_ = pg::DerivedTable::open(relations.session_statistics, relations.session_statistics_key);
    hours_ = pg::DerivedTable::open(relations.hourly_statistics, relations.hourly_statistics_key);
    days_ = pg::DerivedTable::open(relations.daily_statistics, relations.daily_statistics_key);
    pending_days_ = nullptr;
    pending_capacity_ = 0;
}

void Ledger::close() {
    days_.close();
    hours_.close();
    sessions_.close();
}

// A transaction with a snapshot of its own must not build on rows that the snapshot does not show.
Snapshot Ledger::row_snapshot() const { return IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : SnapshotSelf; }

bool Ledger::load_session(const pg_uuid_t &session, bool lock) {
    session_ = session;
    total_ = Difference{{}, 0, 0, 0, kNoPeak, kNoPeak, false};
    pending_days_ = nullptr;  // its memory is of the context that was current for the last session
    pending_count_ = pending_capacity_ = 0;
    RowPlaces &places = places_of(session);
    session_found_ = (sessions_.find_at(places.session_row, row_snapshot()) && row_is_of(sessions_, session)) ||
                     sessions_.find({&session, 0, InvalidOid}, row_snapshot(), &places.session_row);
    if (!session_found_) {
        if (IsolationUsesXactSnapshot() && sessions_.find({&session, 0, InvalidOid}, SnapshotSelf, nullptr)) {
            pg::report_serialization_failure();
        }
        return false;
    }
    if (lock) {
        ItemPointerData tid = sessions_.found->tts_tid;
        TM_FailureData failure{};
        const bool latest = !IsolationUsesXactSnapshot();
        const Snapshot snapshot = latest ? GetLatestSnapshot() : GetTransactionSnapshot();
        const TM_Result result = table_tuple_lock(sessions_.table, &tid, snapshot, sessions_.found,
                                                  GetCurrentCommandId(true), LockTupleNoKeyExclusive, LockWaitBlock,
                                                  latest ? TUPLE_LOCK_FLAG_FIND_LAST_VERSION : 0, &failure);
        if (result == TM_Updated || result == TM_Deleted) {
            if (!latest) {
                pg::report_serialization_failure();
            }
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the session was deleted concurrently"),
                            errhint("The transaction might succeed if retried.")));
        }
        if (result != TM_Ok) {
            elog(ERROR, "unexpected result %d of locking a session's statistics", static_cast<int>(result));
        }
    }
    read_session_row();
    return true;
}

void Ledger::read_session_row() {
    namespace c = session_statistics;
    SessionFigures &f = figures;
    f.counts = Counts{};
    f.counts.entered = DatumGetInt32(sessions_.value(c::total_people_entered));
    f.counts.exited = DatumGetInt32(sessions_.value(c::total_people_exited));
    bool no_peak = false;
    const Datum peak_time = sessions_.get(c::peak_time, &no_peak);
    f.peak = no_peak ? kNoPeak
                     : Peak{DatumGetInt32(sessions_.value(c::peak_people_count)), DatumGetTimestampTz(peak_time)};
    f.samples[0] = DatumGetInt32(sessions_.value(c::detection_frames));
    f.samples[1] = DatumGetInt32(sessions_.value(c::tracking_frames));
    f.samples[2] = DatumGetInt32(sessions_.value(c::waiting_frames));
    f.absorbed = DatumGetInt32(sessions_.value(c::exits_absorbed));
    f.created_at = DatumGetTimestampTz(sessions_.value(c::created_at));
    f.updated_at = DatumGetTimestampTz(sessions_.value(c::updated_at));
    const bytea *state = DatumGetByteaPP(sessions_.value(c::fold_state));
    if (VARSIZE_ANY_EXHDR(state) == sizeof f.state) {
        memcpy(&f.state, VARDATA_ANY(state), sizeof f.state);
    } else {
        f.state.version = 0;
    }
}

void Ledger::create_session(const pg_uuid_t &session, Micros created_at) {
    session_ = session;
    session_found_ = false;
    total_ = Difference{{}, 0, 0, 0, kNoPeak, kNoPeak, false};
    pending_days_ = nullptr;  // its memory is of the context that was current for the last session
    pending_count_ = pending_capacity_ = 0;
    figures = SessionFigures{};
    figures.peak = kNoPeak;
    figures.created_at = figures.updated_at = created_at;
    FoldState &state = figures.state;
    state.version = FoldState::kVersion;
    state.false_positives = state.false_negatives = FoldState::kNotReported;
    state.start_time = state.end_time = state.last_activity = state.last_movement = state.last_baseline =
        core::kBeginningOfTime;
    state.open.anchor.start = core::kEndOfTime;
    state.open.anchor.cursor = core::kEndOfTime;
}

bool Ledger::store_session() {
    namespace c = session_statistics;
    const SessionFigures &f = figures;
    const FoldState &s = f.state;
    sessions_.begin_change(session_found_);
    sessions_.set(c::session_id, UUIDPGetDatum(&session_));
    sessions_.set(c::total_people_entered, int4(f.counts.entered));
    sessions_.set(c::total_people_exited, int4(f.counts.exited));
    sessions_.set(c::net_people_count, int4(f.counts.entered - f.counts.exited));
    sessions_.set(c::total_detections, int4(f.counts.detections()));
    sessions_.set(c::current_people_inside, int4(s.current()));
    const bool has_peak = f.peak.value != kNoPeak.value;
    sessions_.set(c::peak_people_count, int4(has_peak ? f.peak.value : 0));
    set_optional(sessions_, c::peak_time, has_peak, time_of(f.peak.time));
    if (s.observed > 0) {
        sessions_.set(c::average_people_count, pg::average(s.occupancy, s.observed));
    } else {
        sessions_.set_null(c::average_people_count);
    }
    sessions_.set(c::detection_frames, int4(f.samples[0]));
    sessions_.set(c::tracking_frames, int4(f.samples[1]));
    sessions_.set(c::waiting_frames, int4(f.samples[2]));
    const int64 false_positives = std::max<int64>(0, s.false_positives);
    const int64 false_negatives = std::max<int64>(0, s.false_negatives);
    sessions_.set(c::false_positives, int4(false_positives));
    sessions_.set(c::false_negatives, int4(false_negatives));
    const int64 passed = f.counts.detections() + false_negatives;
    const bool audited = s.false_positives >= 0 || s.false_negatives >= 0;
    if (audited && passed > 0) {
        sessions_.set(c::accuracy_percentage,
                      pg::percentage(std::max<int64>(0, f.counts.detections() - false_positives), passed));
    } else {
        sessions_.set_null(c::accuracy_percentage);
    }
    sessions_.set(c::created_at, time_of(f.created_at));
    sessions_.set(c::updated_at, time_of(f.updated_at));
    sessions_.set(c::exits_absorbed, int4(f.absorbed));
    set_optional(sessions_, c::last_movement_time, s.last_movement != core::kBeginningOfTime, time_of(s.last_movement));
    bytea *state = static_cast<bytea *>(palloc(VARHDRSZ + sizeof s));
    SET_VARSIZE(state, VARHDRSZ + sizeof s);
    memcpy(VARDATA(state), &s, sizeof s);
    sessions_.set(c::fold_state, PointerGetDatum(state));
    if (session_found_) {
        const bool stored = sessions_.update() == TM_Ok;
        if (stored) {
            sessions_.follow(places_of(session_).session_row);
        }
        return stored;
    }
    sessions_.insert();
    session_found_ = true;
    return true;
}

HourFigures Ledger::hour_in(pg::DerivedTable &table) {
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

bool Ledger::read_hour(Micros start, HourFigures &out) {
    if (!hours_.find({&session_, time_of(start), F_TIMESTAMPTZ_EQ}, SnapshotSelf, nullptr)) {
        return false;
    }
    out = hour_in(hours_);
    return true;
}

void Ledger::write_hour(const HourFigures &hour) {
    namespace c = hourly_statistics;
    hours_.set(c::session_id, UUIDPGetDatum(&session_));
    hours_.set(c::hour_timestamp, time_of(hour.start));
    set_sums(hours_, kHourSums, {hour.counts, hour.absorbed, hour.occupancy, hour.observed, hour.peak()});
    hours_.set(c::opening_count, int4(hour.opening));
    hours_.set(c::closing_count, int4(hour.closing));
    hours_.set(c::low_people_count, int4(hour.low));
    hours_.set(c::counted_peak, int4(hour.counted.value));
    hours_.set(c::counted_peak_time, time_of(hour.counted.time));
    const bool reported = hour.reported.value != core::kNothingReported;
    set_optional(hours_, c::reported_peak, reported, int4(hour.reported.value));
    set_optional(hours_, c::reported_peak_time, reported, time_of(hour.reported.time));
}

void Ledger::replace_hour(const HourFigures *before, const HourFigures &after, int32 day) {
    hours_.begin_change(before != nullptr);
    write_hour(after);
    if (before != nullptr) {
        hours_.update_locked();
    } else {
        hours_.insert();
    }
    note_change(before, &after, day);
}

void Ledger::remove_hour(const HourFigures &before, int32 day) {
    hours_.remove();
    note_change(&before, nullptr, day);
}

void Ledger::note_change(const HourFigures *before, const HourFigures *after, int32 day) {
    total_.note(before, after);
    for (int i = pending_count_ - 1; i >= 0; --i) {
        if (pending_days_[i].date == day) {
            pending_days_[i].difference.note(before, after);
            return;
        }
    }
    if (pending_count_ == pending_capacity_) {
        const int capacity = std::max(kMaxDays, pending_capacity_ * 2);
        const Size bytes = capacity * sizeof(Day);
        pending_days_ = static_cast<Day *>(pending_days_ == nullptr ? palloc(bytes) : repalloc(pending_days_, bytes));
        pending_capacity_ = capacity;
    }
    Day &pending = pending_days_[pending_count_++];
    pending = {day, {{}, 0, 0, 0, kNoPeak, kNoPeak, false}};
    pending.difference.note(before, after);
}

// Sums up the hours of a day. False if there are none.
bool Ledger::aggregate_day(int32 date, core::Calendar &calendar, Difference &sum) {
    sum = Difference{{}, 0, 0, 0, kNoPeak, kNoPeak, false};
    const core::DayExtent extent = calendar.extent_of(date);
    const Relation key = index_open(relations_.hourly_statistics_key, AccessShareLock);
    ScanKeyData keys[3];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, time_of(extent.first()));
    ScanKeyInit(&keys[2], 2, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, time_of(extent.last()));
    const IndexScanDesc scan = pg::begin_index_scan(hours_.table, key, SnapshotSelf, 3);
    index_rescan(scan, keys, 3, nullptr, 0);
    bool any = false;
    while (index_getnext_slot(scan, ForwardScanDirection, hours_.found)) {
        const HourFigures hour = hour_in(hours_);
        if (calendar.day_of(hour.start) == date) {
            sum.note(nullptr, &hour);
            any = true;
        }
    }
    index_endscan(scan);
    index_close(key, NoLock);
    return any;
}

void Ledger::flush_day(const Day &day, core::Calendar &calendar) {
    namespace c = daily_statistics;
    const Difference &d = day.difference;
    const pg::RowKey key{&session_, DateADTGetDatum(day.date), F_DATE_EQ};
    const bool found = days_.find(key, SnapshotSelf, nullptr);
    Sums sums{};
    sums.peak = kNoPeak;
    if (found) {
        sums = get_counts(days_, kDaySums);
        get_seconds(days_, kDaySums, sums);
    }
    sums.counts += d.counts;
    sums.absorbed += d.absorbed;
    sums.occupancy += d.occupancy;
    sums.observed += d.observed;
    if (d.row_removed || (d.lost.value == sums.peak.value && d.lost.time == sums.peak.time)) {
        Difference all{};
        if (!aggregate_day(day.date, calendar, all)) {
            if (found) {
                days_.remove();
            }
            return;
        }
        sums = {all.counts, all.absorbed, all.occupancy, all.observed, all.highest};
    } else if (is_above(d.highest, sums.peak)) {
        sums.peak = d.highest;
    }
    const FoldState &state = figures.state;
    days_.begin_change(found);
    days_.set(c::session_id, UUIDPGetDatum(&session_));
    days_.set(c::date_timestamp, DateADTGetDatum(day.date));
    set_sums(days_, kDaySums, sums);
    days_.set(c::total_session_duration,
              pg::seconds_from_micros(calendar.extent_of(day.date).overlap(state.start_time, state.horizon())));
    if (found) {
        days_.update_locked();
    } else {
        days_.insert();
    }
}

void Ledger::read_session_peak() {
    figures.peak = kNoPeak;
    const Relation key = index_open(relations_.daily_statistics_key, AccessShareLock);
    ScanKeyData keys[1];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    const IndexScanDesc scan = pg::begin_index_scan(days_.table, key, SnapshotSelf, 1);
    index_rescan(scan, keys, 1, nullptr, 0);
    while (index_getnext_slot(scan, ForwardScanDirection, days_.found)) {
        const Peak peak = get_counts(days_, kDaySums).peak;
        if (is_above(peak, figures.peak)) {
            figures.peak = peak;
        }
    }
    index_endscan(scan);
    index_close(key, NoLock);
}

void Ledger::finish(core::Calendar &calendar) {
    for (int i = 0; i < pending_count_; ++i) {
        flush_day(pending_days_[i], calendar);
    }
    SessionFigures &f = figures;
    f.counts += total_.counts;
    f.absorbed += total_.absorbed;
    f.state.occupancy += total_.occupancy;
    f.state.observed += total_.observed;
    if (total_.lost.value != kNoPeak.value && total_.lost.value == f.peak.value && total_.lost.time == f.peak.time) {
        read_session_peak();
    } else if (is_above(total_.highest, f.peak)) {
        f.peak = total_.highest;
    }
    if (f.state.has_hour()) {
        const pg::RowKey key{&session_, DateADTGetDatum(f.state.open.anchor.day), F_DATE_EQ};
        if (!days_.find(key, SnapshotSelf, nullptr)) {
            elog(ERROR, "the day of a session's open hour has no row");
        }
        f.state.day_occupancy = pg::micros_from_seconds(days_.value(daily_statistics::occupancy_seconds));
        f.state.day_observed = pg::micros_from_seconds(days_.value(daily_statistics::observed_seconds));
        f.state.day_duration = pg::micros_from_seconds(days_.value(daily_statistics::total_session_duration));
    }
    pending_count_ = 0;
}

void Ledger::add_to_open_hour(const Counts &counts, int64 absorbed, Peak reported) {
    const FoldState &state = figures.state;
    const core::OpenHour open = state.open.now();
    RowPlaces &places = places_of(session_);
    const pg::RowKey hour_key{&session_, time_of(open.start), F_TIMESTAMPTZ_EQ};
    const bool hour_known = places.hour == open.start && hours_.find_at(places.hour_row, SnapshotSelf) &&
                            row_is_of(hours_, session_) &&
                            DatumGetTimestampTz(hours_.value(hourly_statistics::hour_timestamp)) == open.start;
    if (!hour_known && !hours_.find(hour_key, SnapshotSelf, &places.hour_row)) {
        elog(ERROR, "a session's open hour has no row");
    }
    places.hour = open.start;
    namespace c = hourly_statistics;
    Sums hour = get_counts(hours_, kHourSums);
    hour.counts += counts;
    hour.absorbed += absorbed;
    hour.occupancy = state.hour_occupancy;
    hour.observed = state.hour_observed;
    bool none = false;
    Datum stored = hours_.get(c::reported_peak, &none);
    const Peak old_reported = none ? Peak{core::kNothingReported, 0}
                                   : Peak{DatumGetInt32(stored),
                                          DatumGetTimestampTz(hours_.value(c::reported_peak_time))};
    hours_.begin_change(true);
    if (reported.value != core::kNothingReported) {
        reported = none ? reported : core::higher(old_reported, reported);
        hours_.set(c::reported_peak, int4(reported.value));
        hours_.set(c::reported_peak_time, time_of(reported.time));
    } else {
        reported = old_reported;
    }
    const Peak counted = open.peak();
    hour.peak = reported.value == core::kNothingReported ? counted : core::higher(counted, reported);
    set_sums(hours_, kHourSums, hour);
    hours_.set(c::closing_count, int4(open.level()));
    hours_.set(c::low_people_count, int4(open.low()));
    hours_.set(c::counted_peak, int4(counted.value));
    hours_.set(c::counted_peak_time, time_of(counted.time));
    hours_.update_locked();
    hours_.follow(places.hour_row);

    const pg::RowKey day_key{&session_, DateADTGetDatum(open.day), F_DATE_EQ};
    const bool day_known = places.day == open.day && days_.find_at(places.day_row, SnapshotSelf) &&
                           row_is_of(days_, session_) &&
                           DatumGetDateADT(days_.value(daily_statistics::date_timestamp)) == open.day;
    if (!day_known && !days_.find(day_key, SnapshotSelf, &places.day_row)) {
        elog(ERROR, "the day of a session's open hour has no row");
    }
    places.day = open.day;
    Sums day = get_counts(days_, kDaySums);
    day.counts += counts;
    day.absorbed += absorbed;
    day.occupancy = state.day_occupancy;
    day.observed = state.day_observed;
    if (is_above(hour.peak, day.peak)) {
        day.peak = hour.peak;
    }
    days_.begin_change(true);
    set_sums(days_, kDaySums, day);
    days_.set(daily_statistics::total_session_duration, pg::seconds_from_micros(state.day_duration));
    days_.update_locked();
    days_.follow(places.day_row);
}

}  // namespace people_counter::statistics
