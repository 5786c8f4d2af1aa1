// The netted instants of hours that this backend folded lately, so that a burst of late movements into one hour does
// not scan it again for each of them.
//
// An entry holds for as long as the hour's stored row is the very version this backend wrote: every change of an hour's
// movements writes its row, so any other writer, a rollback or a vacuum into another place shows as another version.
#pragma once

#include "pg/prelude.hpp"

#include "core/occupancy.hpp"

namespace people_counter::statistics {

struct RowVersion {
    Oid table;
    ItemPointerData place;
    TransactionId xmin;
    CommandId cmin;
};

struct HourPath {
    pg_uuid_t session;
    core::Micros hour;
    RowVersion version;
    core::Instant *instants;  // sorted, one an instant
    uint32 count;
    uint32 capacity;
    bool used;
};

class PathCache {
  public:
    static constexpr uint32 kEntries = 512;
    static constexpr Size kBudget = 16 << 20;        // bytes of all paths; above it they start anew
    static constexpr uint32 kLargestHour = 200'000;  // instants; 3.2 MB

    // The entry if it is still what the row says, else nullptr.
    static HourPath *find(const pg_uuid_t &session, core::Micros hour, const RowVersion &version);
    // Keeps instants for the hour; the caller sets `version` once the row is written.
    static HourPath *keep(const pg_uuid_t &session, core::Micros hour, std::span<const core::Instant> instants);
    // Adds to a path; false, and the entry forgotten, if it grew too large.
    static bool add(HourPath &path, core::Instant instant);
    static void forget(const pg_uuid_t &session, core::Micros hour);
};

}  // namespace people_counter::statistics
