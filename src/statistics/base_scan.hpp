// Reads the base tables of one session in order of time, through their primary keys.
#pragma once

#include "pg/relations.hpp"
#include "statistics/event.hpp"
#include "statistics/fold_state.hpp"

namespace people_counter::statistics {

struct SessionConfig {
    core::Micros start_time;
    core::Micros end_time;  // kBeginningOfTime: running
    core::Micros created_at;
    int32 false_positives;  // FoldState::kNotReported if nobody said
    int32 false_negatives;
    core::Calendar calendar;
    uint32 calendar_id;
    bool active;
};

// Tells calendars apart.
uint32 calendar_id_of(Datum time_zone, TimeADT day_start, TimeADT reset_time);

// False if the session is gone.
bool read_config(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot, SessionConfig &out);

// The stored fold of the session; false if it has no row or the row is of another version.
bool read_fold_state(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot, FoldState &out);

// The ids of all sessions, in order, palloc'd.
pg_uuid_t *read_session_ids(const pg::Relations &relations, Snapshot snapshot, Size &count);

// The row of occupancy_baselines that holds at `time`; its time is kBeginningOfTime if there is none.
core::Baseline last_baseline_at_or_before(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot,
                                          core::Micros time);

// That row and all later ones, palloc'd: as few as can be, since a session counted by hand every day has thousands.
std::span<const core::Baseline> read_baselines(const pg::Relations &relations, const pg_uuid_t &session,
                                               Snapshot snapshot, core::Micros time);

// The events of a base table from an instant on, each as Event with sign +1.
class BaseCursor {
  public:
    enum class Source { kMovements, kMetrics };

    static BaseCursor open(const pg::Relations &relations, Source source, const pg_uuid_t &session, Snapshot snapshot);
    void close();

    // Makes peek() the first event at or after `time`; free if it is already.
    void seek(core::Micros time);
    const Event *peek() { return at_end_ ? nullptr : &event_; }
    void next();

    // The time of the last event at all; kBeginningOfTime if there is none.
    core::Micros last_time();

    // Of the row that peek() is about: when it arrived, as far as that is known, and its other columns.
    core::Micros created_at();
    TupleTableSlot *row() { return slot_; }
    // Makes row() the last row at all; false if there is none.
    bool seek_last();

  private:
    void rescan(core::Micros time);
    void read_event();

    Source source_;
    pg_uuid_t session_;
    Relation table_;
    Relation key_;
    IndexScanDesc scan_;
    TupleTableSlot *slot_;
    Oid direction_in_;
    Oid detecting_;
    Oid tracking_;
    core::Micros position_;  // everything before peek() and at or after this was passed
    Event event_;
    bool started_;
    bool at_end_;
};

// One row's event. `row` must be of the movements or metrics table.
Event movement_in(TupleTableSlot *row, Oid direction_in);
Event sample_in(TupleTableSlot *row, Oid detecting, Oid tracking);

}  // namespace people_counter::statistics
