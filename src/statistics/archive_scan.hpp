// Reads archived_hours of one session, through the primary key.
#pragma once

#include "core/archive.hpp"
#include "pg/relations.hpp"
#include "statistics/event.hpp"

namespace people_counter::statistics {

// A row: sums of movements, of metrics samples, or of both.
struct ArchivedRow {
    core::Block block;
    core::Micros last_sample;  // kBeginningOfTime: it has none
    core::Peak reported;       // kNothingReported: none of the samples said how many are inside
    int64 samples[3];

    core::Micros last() const { return block.last_movement > last_sample ? block.last_movement : last_sample; }
};

ArchivedRow archived_row_in(TupleTableSlot *row);

// What the archive has of an hour.
struct ArchivedContent {
    std::span<const core::Block> blocks;
    core::Peak reported;
    int64 samples[3];
    bool present;  // the hour has a row by it
};

class ArchiveCursor {
  public:
    // Costs nothing but a look where the session has nothing archived, as nearly all have most of the time.
    static ArchiveCursor open(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot);
    void close();

    bool any() const { return any_; }
    // The first instant at or after `from` whose hour is one by it; kEndOfTime if there is none.
    core::Micros next_after(core::Micros from);
    // The last movement and the last sample at all; kBeginningOfTime if there is none.
    core::Micros last_movement();
    core::Micros last_sample();
    // What it returns is overwritten by the next call.
    ArchivedContent read(const core::Hour &hour);
    // A row ends at most so long after it begins; a change of zone can make it reach into the next hour.
    static constexpr core::Micros kLongest = core::kHour;

  private:
    void rescan(StrategyNumber strategy, Oid comparison, core::Micros time);
    bool step(ScanDirection direction, ArchivedRow &row);
    template <class F>
    core::Micros last(F &&of);

    bool any_;
    pg_uuid_t session_;
    Relation table_;
    Relation key_;
    TupleTableSlot *slot_;
    IndexScanDesc scan_;
    core::Block *blocks_;
    Size capacity_;
};

}  // namespace people_counter::statistics
