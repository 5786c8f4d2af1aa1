// Local time: which hour and business day an instant belongs to, and when a session resets.
//
// The zone's rules come from outside as spans of constant UTC offset, so this file needs no time zone database and
// the server's own one decides.
#pragma once

#include <cstdint>

namespace people_counter::core {

using Micros = std::int64_t;  // microseconds since 2000-01-01 00:00 UTC

inline constexpr Micros kBeginningOfTime = INT64_MIN;
inline constexpr Micros kEndOfTime = INT64_MAX;
inline constexpr Micros kSecond = 1'000'000;
inline constexpr Micros kHour = 3600 * kSecond;
inline constexpr Micros kDay = 24 * kHour;

// [from, to) has one UTC offset. `from` is a real transition or lies at least a day before the instant asked for.
struct OffsetSpan {
    Micros from;
    Micros to;
    Micros offset;
    bool from_transition;
};

struct Zone {
    const void *rules;
    OffsetSpan (*span_at)(const void *rules, Micros time) noexcept;
};

struct Hour {
    Micros start;  // first instant of its (local date, local hour, offset)
    Micros end;    // first instant behind it
    std::int32_t day;
};

struct Interval {
    Micros from;
    Micros to;
};

// Of [from, to); nothing if that is empty. Either end may be infinite where the other makes it empty.
inline constexpr Micros length_of(Micros from, Micros to) noexcept { return from < to ? to - from : 0; }

// The instants of one business day: one interval, more only where clocks are set back over midnight.
struct DayExtent {
    static constexpr int kMaxPieces = 4;
    Interval pieces[kMaxPieces];
    int count;

    Micros overlap(Micros from, Micros to) const noexcept;
    Micros first() const noexcept { return count == 0 ? 0 : pieces[0].from; }
    Micros last() const noexcept { return count == 0 ? 0 : pieces[count - 1].to; }
};

class Calendar {
  public:
    static constexpr Micros kNoReset = -1;

    Calendar() = default;
    // day_start and reset_time are local times of day in microseconds.
    Calendar(Zone zone, Micros day_start, Micros reset_time) noexcept
        : zone_{zone}, day_start_{day_start}, reset_time_{reset_time} {}

    Hour hour_of(Micros time) noexcept;
    std::int32_t day_of(Micros time) noexcept;
    DayExtent extent_of(std::int32_t day) noexcept;

    // The instant that a local wall-clock time names. One that a change of clocks skips is shifted by the change; of
    // two it is the second: as the server's AT TIME ZONE does.
    Micros instant_of(Micros local) noexcept;

    bool resets() const noexcept { return reset_time_ != kNoReset; }
    Micros reset_at_or_after(Micros time) noexcept;  // kEndOfTime without resets
    Micros reset_before(Micros time) noexcept;       // kBeginningOfTime without resets

  private:
    const OffsetSpan &span_at(Micros time) noexcept;

    Zone zone_{};
    Micros day_start_ = 0;
    Micros reset_time_ = kNoReset;
    OffsetSpan span_{0, 0, 0, false};  // the last one used
};

inline constexpr Micros floor_to(Micros value, Micros unit) noexcept {
    const Micros remainder = value % unit;
    return value - remainder - (remainder < 0 ? unit : 0);
}

}  // namespace people_counter::core
