// What session_statistics.fold_state holds: everything an append needs to know without looking at another row.
// Stored as it is; a different kVersion makes the session be derived from its base rows again.
#pragma once

#include "pg/prelude.hpp"

#include "core/occupancy.hpp"

#include <type_traits>

namespace people_counter::statistics {

struct FoldState {
    static constexpr uint32 kVersion = 1;
    static constexpr int32 kNotReported = -1;

    uint32 version;
    int32 false_positives;
    int32 false_negatives;
    uint32 calendar;  // SessionConfig::calendar_id that the hours and days were cut by
    core::Micros start_time;
    core::Micros end_time;       // kBeginningOfTime: running
    core::Micros last_activity;  // movement or sample; kBeginningOfTime: none yet
    core::Micros last_movement;  // likewise
    core::Micros last_baseline;  // the last row of occupancy_baselines; likewise
    core::Level last_baseline_value;
    core::Level level_at_last_movement;
    int64 hour_occupancy;  // person-microseconds, of the open hour
    __int128 occupancy;    // of all hours
    core::Micros observed;
    core::Micros hour_observed;
    int64 day_occupancy;  // of the open hour's day
    core::Micros day_observed;
    core::Micros day_duration;
    int64 unused;
    core::OpenFold open;  // open.anchor.start == kEndOfTime: no hour yet

    // False, and `version` 0, for a state of another version, or one that this code did not write.
    bool take(Datum stored);

    bool has_hour() const { return open.anchor.start != core::kEndOfTime; }
    core::Micros horizon() const { return last_activity > end_time ? last_activity : end_time; }
    core::Level current() const { return last_baseline > last_movement ? last_baseline_value : level_at_last_movement; }
};

// Stored byte for byte, so equal states must be equal bytes.
static_assert(std::has_unique_object_representations_v<FoldState>);

inline bool FoldState::take(Datum stored) {
    const bytea *state = DatumGetByteaPP(stored);
    if (VARSIZE_ANY_EXHDR(state) == sizeof *this) {
        memcpy(this, VARDATA_ANY(state), sizeof *this);
        if (version == kVersion && open.count <= core::OpenFold::kRecent) {
            return true;
        }
    }
    version = 0;
    return false;
}

}  // namespace people_counter::statistics
