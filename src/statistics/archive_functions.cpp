// What apply_retention_batch() asks: which hours are to go, and what has to stay of them.
#include "pg/guard.hpp"
#include "pg/numeric.hpp"
#include "statistics/apply.hpp"
#include "statistics/archive_scan.hpp"
#include "statistics/columns.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

using Source = BaseCursor::Source;

Source source_named(Datum name) {
    const char *table = TextDatumGetCString(name);
    if (strcmp(table, "people_movements") == 0) {
        return Source::kMovements;
    }
    if (strcmp(table, "realtime_metrics") == 0) {
        return Source::kMetrics;
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source \"%s\" is not a table of raw rows", table),
                    errhint("It is people_movements or realtime_metrics.")));
    pg_unreachable();
}

SessionConfig config_of(const pg::Relations &relations, const pg_uuid_t &session) {
    SessionConfig config{};
    if (!read_config(relations, session, GetActiveSnapshot(), config)) {
        char *text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&session)));
        ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("session \"%s\" does not exist", text),
                        errhint("Sessions are the rows of table sessions.")));
    }
    return config;
}

// The first whole hours that end at or before `before` and have rows: as many as have `most` rows, at least one.
Datum hours_to_prune(FunctionCallInfo fcinfo) {
    const pg::Relations relations = pg::relations_of_function(fcinfo);
    const pg_uuid_t session = *PG_GETARG_UUID_P(0);
    const Source source = source_named(PG_GETARG_DATUM(1));
    const Micros before = PG_GETARG_TIMESTAMPTZ(2);
    const int64 most = PG_GETARG_INT32(3);
    TupleDesc columns;
    if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "return type must be a row type");
    }
    SessionConfig config = config_of(relations, session);
    BaseCursor cursor = BaseCursor::open(relations, source, session, GetActiveSnapshot());
    int64 rows = 0;
    core::Hour hour{};
    Micros from = 0;
    cursor.seek(core::kBeginningOfTime);
    for (const Event *event = cursor.peek(); event != nullptr; cursor.next(), event = cursor.peek()) {
        if (rows == 0 || event->time >= hour.end) {
            const core::Hour next = config.calendar.hour_of(event->time);
            if (next.end > before || rows >= most) {
                break;
            }
            from = rows == 0 ? next.start : from;
            hour = next;
        }
        ++rows;
    }
    cursor.close();
    Datum values[] = {TimestampTzGetDatum(from), TimestampTzGetDatum(hour.end), Int64GetDatum(rows)};
    bool nulls[] = {rows == 0, rows == 0, false};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}

// Puts together the rows of archived_hours.
class Sums {
  public:
    Sums(FunctionCallInfo call, const pg::Relations &relations, const pg_uuid_t &session)
        : result_{reinterpret_cast<ReturnSetInfo *>(call->resultinfo)},
          relations_{relations},
          session_{session},
          snapshot_{GetActiveSnapshot()},
          config_{config_of(relations, session)} {}

    void of_movements(Micros from, Micros to);
    void of_samples(Micros from, Micros to);

  private:
    core::Hour read_hour(BaseCursor &cursor);
    core::Level opening_of(const core::Hour &hour);
    void put(const ArchivedRow &row);

    ReturnSetInfo *result_;
    const pg::Relations &relations_;
    const pg_uuid_t &session_;
    Snapshot snapshot_;
    SessionConfig config_;
    core::CountedInstant *instants_ = nullptr;
    Size count_ = 0;
    Size capacity_ = 0;
};

// The movements of the hour of the cursor's event.
core::Hour Sums::read_hour(BaseCursor &cursor) {
    const core::Hour hour = config_.calendar.hour_of(cursor.peek()->time);
    count_ = 0;
    for (const Event *event = cursor.peek(); event != nullptr && event->time < hour.end;
         cursor.next(), event = cursor.peek()) {
        if (count_ > 0 && instants_[count_ - 1].time == event->time) {
            instants_[count_ - 1].counts += event->counts();
            continue;
        }
        if (count_ == capacity_) {
            capacity_ = capacity_ == 0 ? 256 : capacity_ * 2;
            const Size bytes = capacity_ * sizeof(core::CountedInstant);
            instants_ = static_cast<core::CountedInstant *>(instants_ == nullptr ? palloc(bytes)
                                                                                 : repalloc_huge(instants_, bytes));
        }
        instants_[count_++] = {event->time, event->counts()};
    }
    return hour;
}

core::Level Sums::opening_of(const core::Hour &hour) {
    pg::DerivedTable hours = pg::DerivedTable::open(relations_, relations_.hourly_statistics);
    if (!hours.find({&session_, TimestampTzGetDatum(hour.start), F_TIMESTAMPTZ_EQ}, snapshot_, nullptr)) {
        char *text = DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(hour.start)));
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the hour \"%s\" has movements but no statistics", text),
                        errhint("rebuild_statistics() makes them.")));
    }
    const core::Level opening = DatumGetInt32(hours.value(hourly_statistics::opening_count));
    hours.close();
    return opening;
}

void Sums::put(const ArchivedRow &row) {
    namespace c = archived_hours;
    Datum values[c::created_at] = {};
    bool nulls[c::created_at] = {};
    const auto set = [&](int column, Datum value) { values[column - 1] = value; };
    const auto set_optional = [&](int column, bool present, Datum value) {
        set(column, value);
        nulls[column - 1] = !present;
    };
    const core::Block &block = row.block;
    set(c::session_id, UUIDPGetDatum(&session_));
    set(c::hour_timestamp, TimestampTzGetDatum(block.from));
    set(c::people_entered, Int32GetDatum(static_cast<int32>(block.counts.entered)));
    set(c::people_exited, Int32GetDatum(static_cast<int32>(block.counts.exited)));
    set(c::level_fall, Int32GetDatum(static_cast<int32>(block.fall)));
    set(c::level_rise, Int32GetDatum(static_cast<int32>(block.rise)));
    set(c::peak_time, TimestampTzGetDatum(block.peak_time));
    set(c::occupancy_correction, pg::seconds_from_micros(block.area));
    set(c::confidence_sum, Int64GetDatum(block.counts.confidence_sum));
    set(c::confidence_count, Int32GetDatum(static_cast<int32>(block.counts.confidence_count)));
    set_optional(c::last_movement_time, block.last_movement != core::kBeginningOfTime,
                 TimestampTzGetDatum(block.last_movement));
    set(c::detecting_frames, Int32GetDatum(static_cast<int32>(row.samples[0])));
    set(c::tracking_frames, Int32GetDatum(static_cast<int32>(row.samples[1])));
    set(c::waiting_frames, Int32GetDatum(static_cast<int32>(row.samples[2])));
    const bool reported = row.reported.value != core::kNothingReported;
    set_optional(c::reported_peak, reported, Int32GetDatum(static_cast<int32>(row.reported.value)));
    set_optional(c::reported_peak_time, reported, TimestampTzGetDatum(row.reported.time));
    set_optional(c::last_sample_time, row.last_sample != core::kBeginningOfTime, TimestampTzGetDatum(row.last_sample));
    set(c::source, CStringGetTextDatum("retention"));
    set(c::created_at, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
    tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls);
}

void Sums::of_movements(Micros from, Micros to) {
    BaseCursor cursor = BaseCursor::open(relations_, Source::kMovements, session_, snapshot_);
    ArchiveCursor archive = ArchiveCursor::open(relations_, session_, snapshot_);
    const core::Baselines baselines(read_baselines(relations_, session_, snapshot_, from - 1), &config_.calendar);
    FoldState state{};
    if (!read_fold_state(relations_, session_, snapshot_, state)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("a session has no statistics of this version of people_counter"),
                        errhint("rebuild_statistics() makes them.")));
    }
    cursor.seek(from);
    while (cursor.peek() != nullptr && cursor.peek()->time < to) {
        const core::Hour hour = read_hour(cursor);
        const ArchivedContent archived = archive.read(hour);
        const std::span<const core::Baseline> inside = baselines_within(baselines, hour.start, hour.end);
        auto *blocks = static_cast<core::Block *>(
            palloc(core::most_blocks(archived.blocks.size(), inside.size()) * sizeof(core::Block)));
        const core::HourFrame frame{hour, opening_of(hour), config_.start_time, state.horizon()};
        const Size count = core::archive_hour(frame, archived.blocks, {instants_, count_}, inside, blocks);
        for (Size i = 0; i < count; ++i) {
            put({blocks[i], core::kBeginningOfTime, {core::kNothingReported, 0}, {0, 0, 0}});
        }
        pfree(blocks);
    }
    archive.close();
    cursor.close();
}

void Sums::of_samples(Micros from, Micros to) {
    BaseCursor cursor = BaseCursor::open(relations_, Source::kMetrics, session_, snapshot_);
    cursor.seek(from);
    while (cursor.peek() != nullptr && cursor.peek()->time < to) {
        const core::Hour hour = config_.calendar.hour_of(cursor.peek()->time);
        ArchivedRow row{{hour.start, {}, 0, 0, hour.start, 0, core::kBeginningOfTime},
                        core::kBeginningOfTime,
                        {core::kNothingReported, 0},
                        {0, 0, 0}};
        for (const Event *event = cursor.peek(); event != nullptr && event->time < hour.end;
             cursor.next(), event = cursor.peek()) {
            const core::Peak sample{event->value, event->time};
            row.reported = row.reported.value == core::kNothingReported ? sample : core::higher(row.reported, sample);
            row.last_sample = event->time;
            ++row.samples[event->status()];
        }
        put(row);
    }
    cursor.close();
}

Datum sums_of_hours(FunctionCallInfo fcinfo) {
    const pg::Relations relations = pg::relations_of_function(fcinfo);
    const pg_uuid_t session = *PG_GETARG_UUID_P(0);
    const Source source = source_named(PG_GETARG_DATUM(1));
    const Micros from = PG_GETARG_TIMESTAMPTZ(2);
    const Micros to = PG_GETARG_TIMESTAMPTZ(3);
    InitMaterializedSRF(fcinfo, 0);
    if (reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)->setDesc->natts < archived_hours::created_at) {
        elog(ERROR, "table archived_hours has too few columns");
    }
    Sums sums(fcinfo, relations, session);
    if (source == Source::kMovements) {
        sums.of_movements(from, to);
    } else {
        sums.of_samples(from, to);
    }
    return static_cast<Datum>(0);
}

}  // namespace

}  // namespace people_counter::statistics

PEOPLE_COUNTER_FUNCTION(hours_to_prune) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::hours_to_prune(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(sums_of_hours) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::sums_of_hours(fcinfo); });
}
