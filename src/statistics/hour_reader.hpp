// Reads an hour of the base tables, or remembers it.
#pragma once

#include "statistics/archive_scan.hpp"
#include "statistics/base_scan.hpp"
#include "statistics/ledger.hpp"
#include "statistics/path_cache.hpp"

namespace people_counter::statistics {

// Everything of an hour that the base tables say.
struct HourContent {
    std::span<const core::Instant> instants;
    Counts counts;
    Peak reported;
    int64 samples[3];
    std::span<const core::Block> blocks;
    bool archived;  // some of it: then core::fold_archived_hour() folds it

    bool empty() const {
        return !archived && instants.empty() && counts.detections() == 0 && samples[0] + samples[1] + samples[2] == 0;
    }
};

class HourReader {
  public:
    // `events` are the changes of the running statement, where they are known one by one: then an hour that this
    // backend remembers need not be scanned.
    static HourReader open(Ledger &ledger, Snapshot snapshot, std::span<const Event> events);
    void close();

    core::Micros last_movement() { return std::max(movements_.last_time(), archive_.last_movement()); }
    core::Micros last_sample() { return std::max(samples_.last_time(), archive_.last_sample()); }

    // The first movement or sample at or after `from`, archived ones included; kEndOfTime if there is none.
    core::Micros next_after(core::Micros from);

    // Whether the archive has something of the hour.
    bool is_archived(const core::Hour &hour) { return archive_.any() && archive_.read(hour).present; }

    // `row` is the hour's stored row, which the ledger's hour table is positioned on, or nullptr.
    HourContent read(const core::Hour &hour, const HourFigures *row);

    // Tells the cache about rows: to be called around the ledger's replace_hour and remove_hour.
    void note_stored(const core::Hour &hour);
    HourPath *path_of_row(const core::Hour &hour);
    void note_shifted(HourPath *path);
    void note_removed(const core::Hour &hour);

  private:
    bool read_remembered(const core::Hour &hour, const HourFigures *row, HourContent &content);

    Ledger *ledger_;
    BaseCursor movements_;
    BaseCursor samples_;
    ArchiveCursor archive_;
    std::span<const Event> events_;
    core::Instant *buffer_;
    Size capacity_;
};

}  // namespace people_counter::statistics
