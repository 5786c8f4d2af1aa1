// The walk: from the first touched hour forward, fold what was touched from the base tables, shift what follows, stop
// where the level is as it was and nothing touched is left.
#include "statistics/apply.hpp"
#include "statistics/hour_reader.hpp"

#include "pg/compat.hpp"
#include "statistics/columns.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

class Walk {
  public:
    Walk(LockedSession &locked, const Touched &touched, std::span<const Event> events)
        : locked_{locked},
          ledger_{locked.ledger},
          state_{locked.ledger.figures.state},
          touched_{touched},
          events_{events} {}

    void run(const int64 (&sample_changes)[3]);

  private:
    void purge();
    void take_base_facts();
    void collect_regions();
    void add_region(Micros from, Micros to);
    void walk_region(core::Interval region);
    void walk_behind(Micros limit);
    void start_at(Micros time);
    void open_rows(Micros from);
    void next_row();
    void pass_to(Micros time);
    void fold(const core::Hour &hour);
    void shift_row();
    core::FoldedHour fold_content(const core::Hour &hour, const HourContent &content);
    void store(const core::Hour &hour, const core::FoldedHour &folded);

    LockedSession &locked_;
    Ledger &ledger_;
    FoldState &state_;
    const Touched &touched_;
    std::span<const Event> events_;
    HourReader reader_{};
    core::Interval *regions_ = nullptr;  // [from, to) on hour boundaries, sorted, disjoint
    int region_count_ = 0;
    // Levels just before position_: as the base tables say, and as the stored rows that follow believe.
    Micros position_ = core::kBeginningOfTime;
    Level level_ = 0;
    Level stored_level_ = 0;
    // The stored rows ahead. The current one is in ledger_.hours().found.
    Relation rows_key_ = nullptr;
    IndexScanDesc rows_ = nullptr;
    bool has_row_ = false;
    HourFigures row_{};
    int64 samples_seen_[3] = {0, 0, 0};
};

// Removes every hour and day of the session, without asking what they say.
void Walk::purge() {
    const pg::Relations &relations = ledger_.relations();
    for (const Oid table_id : {relations.hourly_statistics, relations.daily_statistics}) {
        pg::DerivedTable table = pg::DerivedTable::open(relations, table_id);
        const Relation key = pg::open_key(table.table, AccessShareLock);
        ScanKeyData keys[1];
        ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&ledger_.session()));
        const IndexScanDesc scan = pg::begin_index_scan(table.table, key, locked_.snapshot, 1);
        index_rescan(scan, keys, 1, nullptr, 0);
        while (index_getnext_slot(scan, ForwardScanDirection, table.found)) {
            table.remove();
        }
        index_endscan(scan);
        index_close(key, NoLock);
        table.close();
    }
    SessionFigures &figures = ledger_.figures;
    figures.counts = Counts{};
    figures.peak = kNoPeak;
    figures.absorbed = 0;
    state_.version = FoldState::kVersion;
    state_.occupancy = 0;
    state_.observed = 0;
    state_.open = core::OpenFold{};
    state_.open.anchor.start = core::kEndOfTime;
    state_.open.anchor.cursor = core::kEndOfTime;
    state_.level_at_last_movement = 0;
}

void Walk::take_base_facts() {
    const SessionConfig &config = locked_.config;
    state_.calendar = config.calendar_id;
    state_.start_time = config.start_time;
    state_.end_time = config.end_time;
    state_.false_positives = config.false_positives;
    state_.false_negatives = config.false_negatives;
    const core::Baseline last = last_baseline_at_or_before(ledger_.relations(), ledger_.session(), locked_.snapshot,
                                                           core::kEndOfTime);
    state_.last_baseline = last.time;
    state_.last_baseline_value = last.value;
    state_.last_movement = reader_.last_movement();
    state_.last_activity = std::max(state_.last_movement, reader_.last_sample());
    if (state_.last_movement == core::kBeginningOfTime) {
        state_.level_at_last_movement = 0;
    }
    ledger_.figures.created_at = config.created_at;
    ledger_.figures.updated_at = std::max(config.created_at, state_.last_activity);
}

void Walk::add_region(Micros from, Micros to) {
    core::Calendar &calendar = locked_.config.calendar;
    const core::Interval region{from == core::kBeginningOfTime ? from : calendar.hour_of(from).start,
                                to == core::kEndOfTime ? to : calendar.hour_of(to).end};
    regions_[region_count_++] = region;
}

void Walk::collect_regions() {
    const Micros old_activity = ledger_.figures.state.last_activity;
    const Micros old_movement = ledger_.figures.state.last_movement;
    const Micros old_horizon = ledger_.figures.state.horizon();
    take_base_facts();
    regions_ = static_cast<core::Interval *>(palloc((touched_.times.size() + 4) * sizeof(core::Interval)));
    if (touched_.everything) {
        regions_[region_count_++] = {core::kBeginningOfTime, core::kEndOfTime};
        return;
    }
    for (const core::Interval &t : touched_.times) {
        add_region(t.from, t.to);
    }
    // The hour of the last activity ends its observation there; it is another one, or ends elsewhere.
    if (old_horizon != state_.horizon() || old_activity != state_.last_activity) {
        for (const Micros time : {old_activity, state_.last_activity}) {
            if (time != core::kBeginningOfTime) {
                add_region(time, time);
            }
        }
    }
    // So that the level at the last movement is seen.
    if (old_movement != state_.last_movement && state_.last_movement != core::kBeginningOfTime) {
        add_region(state_.last_movement, state_.last_movement);
    }
    std::sort(regions_, regions_ + region_count_,
              [](const core::Interval &a, const core::Interval &b) { return a.from < b.from; });
    int kept = 0;
    for (int i = 1; i < region_count_; ++i) {
        if (regions_[i].from <= regions_[kept].to) {
            regions_[kept].to = std::max(regions_[kept].to, regions_[i].to);
        } else {
            regions_[++kept] = regions_[i];
        }
    }
    region_count_ = std::min(region_count_, kept + 1);
}

// Takes the level before `time` from the last stored hour before it.
void Walk::start_at(Micros time) {
    level_ = 0;
    position_ = core::kBeginningOfTime;
    if (time != core::kBeginningOfTime) {
        ScanKeyData keys[2];
        ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&ledger_.session()));
        ScanKeyInit(&keys[1], 2, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(time));
        pg::DerivedTable &hours = ledger_.hours();
        const IndexScanDesc scan = pg::begin_index_scan(hours.table, rows_key_, locked_.snapshot, 2);
        index_rescan(scan, keys, 2, nullptr, 0);
        if (index_getnext_slot(scan, BackwardScanDirection, hours.found)) {
            level_ = DatumGetInt32(hours.value(hourly_statistics::closing_count));
            position_ = locked_.config.calendar
                            .hour_of(DatumGetTimestampTz(hours.value(hourly_statistics::hour_timestamp)))
                            .end;
        }
        index_endscan(scan);
        level_ = locked_.baselines.carry(level_, position_, time);
    }
    position_ = time;
    stored_level_ = level_;
    open_rows(time);
}

void Walk::open_rows(Micros from) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&ledger_.session()));
    ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(from));
    index_rescan(rows_, keys, 2, nullptr, 0);
    next_row();
}

void Walk::next_row() {
    CHECK_FOR_INTERRUPTS();
    has_row_ = index_getnext_slot(rows_, ForwardScanDirection, ledger_.hours().found);
    if (has_row_) {
        const MemoryContext outer = MemoryContextSwitchTo(ledger_.scratch());
        row_ = read_hour_row(ledger_.hours());
        MemoryContextSwitchTo(outer);
        MemoryContextReset(ledger_.scratch());
    }
}

void Walk::pass_to(Micros time) {
    level_ = locked_.baselines.carry(level_, position_, time);
    stored_level_ = locked_.baselines.carry(stored_level_, position_, time);
    position_ = time;
}

void Walk::store(const core::Hour &hour, const core::FoldedHour &folded) {
    const bool had_row = has_row_ && row_.start == hour.start;
    ledger_.replace_hour(had_row ? &row_ : nullptr, folded.figures, hour.day);
    reader_.note_stored(hour);
    if (state_.last_activity >= hour.start && state_.last_activity < hour.end) {
        state_.open = folded.fold;
        state_.hour_occupancy = folded.figures.occupancy;
        state_.hour_observed = folded.figures.observed;
    }
}

core::FoldedHour Walk::fold_content(const core::Hour &hour, const HourContent &content) {
    const core::HourFrame frame{hour, level_, state_.start_time, state_.horizon()};
    const std::span<const core::Baseline> inside = baselines_within(locked_.baselines, hour.start, hour.end);
    const bool has_last_movement = state_.last_movement >= hour.start && state_.last_movement < hour.end;
    core::FoldedHour folded{};
    if (content.archived) {
        const core::ArchivedHour archived = core::fold_archived_hour(frame, content.blocks, content.instants, inside,
                                                                     state_.last_movement);
        folded.figures = archived.figures;
        folded.figures.counts += content.counts;
        const HourFigures &figures = folded.figures;
        // Nothing can be appended to it: where in the hour the archived movements were is not known.
        folded.fold.anchor = {hour.start,      hour.end,    core::kEndOfTime, 0,
                              figures.closing, figures.low, figures.counted,  hour.day};
        if (has_last_movement) {
            state_.level_at_last_movement = archived.level_at_mark;
        }
    } else {
        folded = core::fold_hour(frame, content.instants, inside);
        folded.figures.counts = content.counts;
        if (has_last_movement) {
            state_.level_at_last_movement = level_at(hour, level_, content.instants, inside);
        }
    }
    folded.figures.reported = content.reported;
    return folded;
}

// Folds an hour of the base tables into its row, or removes the row of an hour that has become empty.
void Walk::fold(const core::Hour &hour) {
    pass_to(hour.start);
    const bool had_row = has_row_ && row_.start == hour.start;
    const HourContent content = reader_.read(hour, had_row ? &row_ : nullptr);
    for (int i = 0; i < 3; ++i) {
        samples_seen_[i] += content.samples[i];
    }
    const Level stored_closing = had_row ? row_.closing : locked_.baselines.carry(stored_level_, hour.start, hour.end);
    Level closing = locked_.baselines.carry(level_, hour.start, hour.end);
    if (!content.empty()) {
        const core::FoldedHour folded = fold_content(hour, content);
        store(hour, folded);
        closing = folded.figures.closing;
    } else if (had_row) {
        ledger_.remove_hour(row_, hour.day);
        reader_.note_removed(hour);
    }
    level_ = closing;
    stored_level_ = stored_closing;
    position_ = hour.end;
    if (had_row) {
        next_row();
    }
}

void Walk::walk_region(core::Interval region) {
    while (position_ < region.to) {
        const Micros from = std::max(position_, region.from);
        Micros next = reader_.next_after(from);
        if (has_row_) {
            next = std::min(next, row_.start);
        }
        if (next >= region.to) {
            break;
        }
        fold(locked_.config.calendar.hour_of(next));
    }
}

// A row that was not touched, behind a level that changed.
void Walk::shift_row() {
    const core::Hour hour = locked_.config.calendar.hour_of(row_.start);
    pass_to(hour.start);
    const Level delta = level_ - stored_level_;
    if (delta == 0) {
        level_ = stored_level_ = row_.closing;
        position_ = hour.end;
        next_row();
        return;
    }
    HourFigures shifted = row_;
    const bool has_baseline = locked_.baselines.at_or_after(hour.start).time < hour.end;
    if (reader_.is_archived(hour) || !core::shift_hour(shifted, delta, has_baseline)) {
        fold(hour);
        return;
    }
    HourPath *path = reader_.path_of_row(hour);
    ledger_.replace_hour(&row_, shifted, hour.day);
    reader_.note_shifted(path);
    if (state_.has_hour() && state_.open.anchor.start == hour.start) {
        core::shift_open(state_.open.anchor, delta);
        state_.hour_occupancy = shifted.occupancy;
        state_.hour_observed = shifted.observed;
    }
    if (state_.last_movement >= hour.start && state_.last_movement < hour.end) {
        state_.level_at_last_movement += delta;
    }
    level_ = shifted.closing;
    stored_level_ = row_.closing;
    position_ = hour.end;
    next_row();
}

// Shifts stored rows before `limit` for as long as the level differs.
void Walk::walk_behind(Micros limit) {
    while (has_row_ && row_.start < limit && level_ != stored_level_) {
        shift_row();
    }
}

void Walk::run(const int64 (&sample_changes)[3]) {
    reader_ = HourReader::open(ledger_, locked_.snapshot, events_);
    collect_regions();
    if (region_count_ > 0) {  // and the level just before it
        const Micros first = regions_[0].from;
        locked_.read_baselines_from(first == core::kBeginningOfTime ? first : first - 1);
    }
    if (touched_.everything) {
        purge();
    }
    rows_key_ = pg::open_key(ledger_.hours().table, AccessShareLock);
    rows_ = pg::begin_index_scan(ledger_.hours().table, rows_key_, locked_.snapshot, 2);
    if (touched_.everything) {
        position_ = core::kBeginningOfTime;
        has_row_ = false;  // the snapshot still shows the rows that were purged
    }
    for (int i = 0; i < region_count_; ++i) {
        const core::Interval region = regions_[i];
        if (!touched_.everything) {
            if (i > 0) {
                walk_behind(region.from);
            }
            if (i == 0 || level_ == stored_level_) {
                start_at(region.from);
            } else {
                pass_to(region.from);
            }
        }
        walk_region(region);
    }
    if (!touched_.everything) {
        walk_behind(core::kEndOfTime);
    }
    index_endscan(rows_);
    index_close(rows_key_, NoLock);
    reader_.close();

    SessionFigures &figures = ledger_.figures;
    for (int i = 0; i < 3; ++i) {
        figures.samples[i] = touched_.everything ? samples_seen_[i] : figures.samples[i] + sample_changes[i];
    }
    if (state_.last_activity == core::kBeginningOfTime) {
        state_.open = core::OpenFold{};
        state_.open.anchor.start = core::kEndOfTime;
        state_.open.anchor.cursor = core::kEndOfTime;
        state_.hour_occupancy = state_.hour_observed = 0;
        state_.day_occupancy = state_.day_observed = state_.day_duration = 0;
    }
    ledger_.finish(locked_.config.calendar);
    if (!ledger_.store_session()) {
        elog(ERROR, "a locked session was changed by another transaction");
    }
}

}  // namespace

std::span<const core::Baseline> baselines_within(const core::Baselines &baselines, Micros from, Micros to) {
    core::Baseline *found = nullptr;
    Size count = 0;
    Size capacity = 0;
    for (core::Baseline b = baselines.at_or_after(from); b.time < to; b = baselines.at_or_after(b.time + 1)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            const Size bytes = capacity * sizeof(core::Baseline);
            found = static_cast<core::Baseline *>(found == nullptr ? palloc(bytes) : repalloc_huge(found, bytes));
        }
        found[count++] = b;
    }
    return {found, count};
}

Level level_at(const core::Hour &hour, Level level, std::span<const core::Instant> instants,
               std::span<const core::Baseline> baselines) {
    if (instants.empty()) {
        return level;
    }
    const Micros end = instants.back().time + 1;
    while (!baselines.empty() && baselines.back().time >= end) {
        baselines = baselines.first(baselines.size() - 1);
    }
    return core::fold_hour({{hour.start, end, hour.day}, level, core::kBeginningOfTime, core::kEndOfTime}, instants,
                           baselines)
        .figures.closing;
}

void rederive(LockedSession &locked, const Touched &touched, const int64 (&sample_changes)[3],
              std::span<const Event> events) {
    note_rederived(locked.snapshot, touched.everything);
    const MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "people_counter walk",
                                                        ALLOCSET_DEFAULT_SIZES);
    const MemoryContext outer = MemoryContextSwitchTo(context);
    Walk walk(locked, touched, events);
    walk.run(sample_changes);
    MemoryContextSwitchTo(outer);
    MemoryContextDelete(context);
}

}  // namespace people_counter::statistics
