// The fold of a counting unit's movements into hours.
//
// The level walks through the instants of a unit: L := max(0, L + net), where exits that find nobody are absorbed; a
// baseline sets it. All functions here are pure: the same instants give the same hours, in whatever order they came.
// docs/architecture.md states every edge case.
#pragma once

#include "core/calendar.hpp"

#include <cstdint>
#include <span>

namespace people_counter::core {

using Level = std::int64_t;

struct Instant {  // all movements of one instant, netted
    Micros time;
    std::int64_t net;
};

struct Baseline {
    Micros time;
    Level value;
};

struct Peak {
    Level value;
    Micros time;
};

inline constexpr Level kNothingReported = -1;

// The higher one; at equal height the earlier.
inline constexpr Peak higher(Peak a, Peak b) noexcept {
    return b.value > a.value || (b.value == a.value && b.time < a.time) ? b : a;
}

// What adds up over movements and hours.
struct Counts {
    std::int64_t entered = 0;
    std::int64_t exited = 0;
    std::int64_t confidence_sum = 0;  // in 1e-9
    std::int64_t confidence_count = 0;

    Counts &operator+=(const Counts &other) noexcept;
    Counts operator-() const noexcept { return {-entered, -exited, -confidence_sum, -confidence_count}; }
    std::int64_t detections() const noexcept { return entered + exited; }
};

// One row of hourly statistics.
struct HourFigures {
    Micros start;
    Counts counts;
    Level opening;
    Level closing;
    Level low;
    Peak counted;            // of the level
    Peak reported;           // by metrics samples; kNothingReported without any
    std::int64_t occupancy;  // person-microseconds observed
    Micros observed;
    std::int64_t absorbed;

    Peak peak() const noexcept { return reported.value == kNothingReported ? counted : higher(counted, reported); }
};

// Where the fold of an hour stands: enough to take another instant at or after `cursor` without looking back.
struct OpenHour {
    Micros start;
    Micros end;
    Micros cursor;       // the last instant; kEndOfTime if this hour cannot be appended to
    std::int64_t net;    // of the movements at `cursor` so far
    Level level_before;  // just before `cursor`
    Level low_before;
    Peak peak_before;
    std::int32_t day;
    std::int32_t unused = 0;  // where a hole would be: all of it is stored

    Level level() const noexcept { return level_before + net < 0 ? 0 : level_before + net; }
    Level absorbed() const noexcept { return level_before + net < 0 ? -(level_before + net) : 0; }
    Level low() const noexcept { return level() < low_before ? level() : low_before; }
    Peak peak() const noexcept { return level() > peak_before.value ? Peak{level(), cursor} : peak_before; }
};

// The hour and the part of time in which the unit was observed.
struct HourFrame {
    Hour hour;
    Level level_before;  // just before hour.start, and before a baseline there
    Micros observed_from;
    Micros observed_to;

    Micros window_from() const noexcept { return observed_from > hour.start ? observed_from : hour.start; }
    Micros window_to() const noexcept { return observed_to < hour.end ? observed_to : hour.end; }
};

// An open hour that can also take instants that arrive a little out of order, as those of several connections do: the
// fold stands at `anchor`, and the instants after it are kept. What is stored with a session is this.
struct OpenFold {
    static constexpr std::uint32_t kRecent = 16;
    static constexpr std::int64_t kLargestNet = 1 << 20;  // far above what one instant has, far below overflow

    struct Recent {
        std::uint32_t offset;  // from the start of the hour
        std::int32_t net;
    };

    OpenHour anchor;
    std::uint32_t count;
    std::uint32_t unused;
    Recent recent[kRecent];

    OpenHour now() const noexcept;  // the fold behind the last instant
    bool accepts(Instant instant) const noexcept {
        return instant.time >= anchor.cursor && instant.time < anchor.end && instant.net < kLargestNet &&
               instant.net > -kLargestNet;
    }
    bool appendable() const noexcept { return anchor.cursor != kEndOfTime; }
};

struct FoldedHour {
    HourFigures figures;  // counts and reported are left to the caller
    OpenHour open;
    OpenFold fold;
};

// Folds the instants and baselines of [hour.start, hour.end), both in order of time.
FoldedHour fold_hour(const HourFrame &frame, std::span<const Instant> instants,
                     std::span<const Baseline> baselines) noexcept;

// What one append changes in the figures of the open hour that add up.
struct AppendChange {
    std::int64_t occupancy = 0;
    Micros observed = 0;
    std::int64_t absorbed = 0;
    bool peak_fell = false;  // the hour's counted peak is lower or later than before: no sum above it can take it as is
};

// Takes an instant that fold.accepts(), wherever among the recent ones it belongs. The observed window of the unit
// grows from [from, to) to [from, new_to).
void append(OpenFold &fold, Instant instant, Interval observed, Micros new_to, AppendChange &change) noexcept;

// Lets the observed window grow without a movement: a metrics sample, or a later hour.
void extend(const OpenHour &open, Interval observed, Micros new_to, AppendChange &change) noexcept;

// Shifts a folded hour whose opening level changed by `delta`. False, and nothing done, where the floor at zero or
// a baseline makes that wrong; then the hour must be folded again.
bool shift_hour(HourFigures &figures, Level delta, bool has_baseline) noexcept;
void shift_open(OpenHour &open, Level delta) noexcept;

// Baseline rows of a unit in order of time, together with its scheduled resets to zero. At one instant a row wins.
class Baselines {
  public:
    Baselines() = default;
    Baselines(std::span<const Baseline> rows, Calendar *calendar) noexcept : rows_{rows}, calendar_{calendar} {}

    Baseline at_or_after(Micros time) const noexcept;  // time == kEndOfTime: none
    Baseline before(Micros time) const noexcept;       // time == kBeginningOfTime: none
    Baseline last_row_at_or_before(Micros time) const noexcept;

    // The level that `level`, valid just before `from`, becomes just before `to`.
    Level carry(Level level, Micros from, Micros to) const noexcept {
        const Baseline last = before(to);
        return last.time != kBeginningOfTime && last.time >= from ? last.value : level;
    }

  private:
    std::span<const Baseline> rows_{};
    Calendar *calendar_ = nullptr;
};

// Mean to `decimals` places as an integer, half away from zero; `weight` must be positive.
std::int64_t rounded_ratio(__int128 sum, std::int64_t weight, std::int64_t scale) noexcept;

}  // namespace people_counter::core
