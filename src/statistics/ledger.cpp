#include "statistics/ledger.hpp"

#include "pg/compat.hpp"
#include "pg/numeric.hpp"
#include "statistics/columns.hpp"
#include "statistics/row_places.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

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
    sessions_ = pg::DerivedTable::open(relations, relations.session_statistics);
    hours_ = pg::DerivedTable::open(relations, relations.hourly_statistics);
    days_ = pg::DerivedTable::open(relations, relations.daily_statistics);
    scratch_ = nullptr;
    pending_days_ = nullptr;
    pending_capacity_ = 0;
    created_ = 0;
}

MemoryContext Ledger::scratch() {
    if (scratch_ == nullptr) {
        scratch_ = AllocSetContextCreate(GetMemoryChunkContext(sessions_.found), "people_counter row",
                                         ALLOCSET_SMALL_SIZES);
    }
    return scratch_;
}

void Ledger::close() {
    days_.close();
    hours_.close();
    sessions_.close();
}

// A transaction with a snapshot of its own must not build on rows that the snapshot does not show.
Snapshot Ledger::row_snapshot() const { return IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : SnapshotSelf; }

// Until the end of the transaction. Kinds 1 and 2 are those of SQL's advisory locks.
void Ledger::lock(LockKind kind, uint64 what, LOCKMODE mode) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(what >> 32), static_cast<uint32>(what),
                         static_cast<uint16>(kind));
    LockAcquire(&tag, mode, false, false);
}

uint64 Ledger::hash_of(const pg_uuid_t &session) const {
    return hash_bytes_extended(session.data, UUID_LEN, relations_.session_statistics);
}

void Ledger::lock_creation(const pg_uuid_t &session) {
    if (created_ < kCreationLocks) {
        ++created_;
        lock(LockKind::kAnyCreation, relations_.session_statistics, ShareLock);
        lock(LockKind::kCreation, hash_of(session), ExclusiveLock);
    } else if (created_ == kCreationLocks) {
        ++created_;
        lock(LockKind::kAnyCreation, relations_.session_statistics, ExclusiveLock);
    }
}

void Ledger::rebuild_alone() { lock(LockKind::kRebuild, relations_.session_statistics, ExclusiveLock); }

void Ledger::queue_for(const pg_uuid_t &session) { lock(LockKind::kQueue, hash_of(session), ExclusiveLock); }

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
    // A version of this transaction's own is locked by being there. (Locking it again could also end in a multixact
    // that names this transaction twice, which the server does not expect once an update in a savepoint is rolled
    // back.)
    if (lock && !sessions_.found_is_own()) {
        ItemPointerData tid = sessions_.found->tts_tid;
        TM_FailureData failure{};
        const bool latest = !IsolationUsesXactSnapshot();
        const Snapshot snapshot = latest ? GetLatestSnapshot() : GetTransactionSnapshot();
        const TM_Result result = table_tuple_lock(sessions_.table, &tid, snapshot, sessions_.found,
                                                  GetCurrentCommandId(true), LockTupleNoKeyExclusive, LockWaitBlock,
                                                  latest ? TUPLE_LOCK_FLAG_FIND_LAST_VERSION : 0, &failure);
        if (!latest && (result == TM_Updated || result == TM_Deleted)) {
            pg::report_serialization_failure();
        }
        if (result == TM_Deleted) {  // and its session, while this waited
            session_found_ = false;
            return false;
        }
        if (result != TM_Ok) {
            elog(ERROR, "unexpected result %d of locking a session's statistics", static_cast<int>(result));
        }
    }
    read_session_row(sessions_, figures);
    loaded_horizon_ = figures.state.version == FoldState::kVersion ? figures.state.horizon() : core::kBeginningOfTime;
    return true;
}

void Ledger::create_session(const pg_uuid_t &session, Micros created_at) {
    session_ = session;
    session_found_ = false;
    loaded_horizon_ = core::kBeginningOfTime;
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
    sessions_.begin_change(session_found_);
    write_session_row(sessions_, session_, figures);
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

bool Ledger::read_hour(Micros start, HourFigures &out) {
    if (!hours_.find({&session_, time_of(start), F_TIMESTAMPTZ_EQ}, SnapshotSelf, nullptr)) {
        return false;
    }
    out = read_hour_row(hours_);
    return true;
}

void Ledger::replace_hour(const HourFigures *before, const HourFigures &after, int32 day) {
    const MemoryContext outer = MemoryContextSwitchTo(scratch());
    hours_.begin_change(before != nullptr);
    write_hour_row(hours_, session_, after);
    if (before != nullptr) {
        hours_.update_locked();
    } else {
        hours_.insert();
    }
    MemoryContextSwitchTo(outer);
    MemoryContextReset(scratch_);
    note_change(before, &after, day);
}

void Ledger::remove_hour(const HourFigures &before, int32 day) {
    hours_.remove();
    note_change(&before, nullptr, day);
}

void Ledger::note_change(const HourFigures *before, const HourFigures *after, int32 day) {
    total_.note(before, after);
    pending_day(day).difference.note(before, after);
}

Ledger::Day &Ledger::pending_day(int32 date) {
    for (int i = pending_count_ - 1; i >= 0; --i) {
        if (pending_days_[i].date == date) {
            return pending_days_[i];
        }
    }
    if (pending_count_ == pending_capacity_) {
        const int capacity = std::max(kMaxDays, pending_capacity_ * 2);
        const Size bytes = capacity * sizeof(Day);
        pending_days_ = static_cast<Day *>(pending_days_ == nullptr ? palloc(bytes) : repalloc(pending_days_, bytes));
        pending_capacity_ = capacity;
    }
    Day &pending = pending_days_[pending_count_++];
    pending = {date, {{}, 0, 0, 0, kNoPeak, kNoPeak, false}};
    return pending;
}

// A day in several pieces, because clocks were set back over midnight, may have its row from an earlier piece while the
// session comes to last into a later one: then its duration changes and no hour of it does.
void Ledger::note_days_in_pieces(core::Calendar &calendar) {
    const Micros from = std::min(loaded_horizon_, figures.state.horizon());
    if (loaded_horizon_ == figures.state.horizon() || from == core::kBeginningOfTime) {
        return;
    }
    const int32 middle = calendar.day_of(from);
    for (int32 date = middle - 1; date <= middle + 1; ++date) {
        const core::DayExtent extent = calendar.extent_of(date);
        if (extent.count > 1 && extent.first() <= from && from < extent.last() &&
            days_.find({&session_, DateADTGetDatum(date), F_DATE_EQ}, SnapshotSelf, nullptr)) {
            pending_day(date);
        }
    }
}

// Sums up the hours of a day. False if there are none.
bool Ledger::aggregate_day(int32 date, core::Calendar &calendar, Difference &sum) {
    sum = Difference{{}, 0, 0, 0, kNoPeak, kNoPeak, false};
    const core::DayExtent extent = calendar.extent_of(date);
    const Relation key = pg::open_key(hours_.table, AccessShareLock);
    ScanKeyData keys[3];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, time_of(extent.first()));
    ScanKeyInit(&keys[2], 2, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, time_of(extent.last()));
    const IndexScanDesc scan = pg::begin_index_scan(hours_.table, key, SnapshotSelf, 3);
    index_rescan(scan, keys, 3, nullptr, 0);
    bool any = false;
    while (index_getnext_slot(scan, ForwardScanDirection, hours_.found)) {
        const HourFigures hour = read_hour_row(hours_);
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
    const Relation key = pg::open_key(days_.table, AccessShareLock);
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
    note_days_in_pieces(calendar);
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
