// Hours whose movements were pruned: what is left of them, and how they take part in the fold.
//
// A block stands for the movements of a stretch of time between two baselines. On the level it acts as two steps at its
// beginning, down to the lowest point and from there to the end, so that the floor at zero, the absorbed exits and the
// closing level come out as they did, and also come out right where an earlier hour changes. What lies between the two,
// the highest level and the time spent at each, is kept relative to where the block began.
#pragma once

#include "core/occupancy.hpp"

namespace people_counter::core {

struct Block {
    Micros from;
    Counts counts;
    Level fall;            // how far the level would have fallen below where it began, were there no floor
    Level rise;            // how far it rose above that
    Micros peak_time;      // when
    std::int64_t area;     // person-microseconds: of the level, less those of the closing level from `from` on
    Micros last_movement;  // kBeginningOfTime: there is none

    Level net() const noexcept { return counts.entered - counts.exited; }
};

// Movements of one instant, with what of them adds up.
struct CountedInstant {
    Micros time;
    Counts counts;

    Level net() const noexcept { return counts.entered - counts.exited; }
};

struct ArchivedHour {
    HourFigures figures;  // counts are those of the blocks; reported is left to the caller
    Level level_at_mark;  // behind everything at or before the mark
};

// Folds an hour of blocks and of movements that came after their hour was archived. At one instant a block comes before
// movements, and a baseline last. All are in order of time.
ArchivedHour fold_archived_hour(const HourFrame &frame, std::span<const Block> blocks,
                                std::span<const Instant> instants, std::span<const Baseline> baselines,
                                Micros mark) noexcept;

// Turns the movements of an hour into blocks. `blocks` are those that it has already, which what is added is merged
// into; what fold_archived_hour() makes of the hour stays the same. The new and the changed ones are written to `out`,
// which has room for most_blocks(). `frame.level_before` is the hour's opening level, which a baseline at its start is
// part of.
constexpr std::size_t most_blocks(std::size_t blocks, std::size_t baselines) noexcept {
    return 1 + blocks + 2 * baselines;
}
std::size_t archive_hour(const HourFrame &frame, std::span<const Block> blocks,
                         std::span<const CountedInstant> instants, std::span<const Baseline> baselines,
                         Block *out) noexcept;

}  // namespace people_counter::core
