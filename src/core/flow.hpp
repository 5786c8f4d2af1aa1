// How many people entered and left in the last minute or hour, at any instant of the recent past.
//
// Movements are counted by the second they fall into, in a ring that holds the last `size` seconds. A window of W
// seconds ends with the second of the instant asked for and begins W - 1 whole seconds before it.
#pragma once

#include "core/calendar.hpp"

#include <cstdint>

namespace people_counter::core {

inline constexpr std::int64_t second_of(Micros time) noexcept { return floor_to(time, kSecond) / kSecond; }

// A plain value over memory of its owner.
struct FlowRing {
    struct Second {
        std::uint32_t entered;
        std::uint32_t exited;
    };

    Second *seconds = nullptr;
    std::int64_t size = 0;  // a power of two
    std::int64_t newest = 0;

    // Forgets everything from this second on, so that it can be counted again; whatever lies further back than the
    // ring reaches is gone.
    void restart_at(std::int64_t second) noexcept;
    // At or after the second of the last restart.
    void add(Micros time, bool entered) noexcept;
    // People of seconds (last - width, last].
    std::int64_t sum(bool entered, std::int64_t last, std::int64_t width) const noexcept;
    std::int64_t at(bool entered, std::int64_t second) const noexcept;

  private:
    Second &slot(std::int64_t second) const noexcept { return seconds[second & (size - 1)]; }
    void advance_to(std::int64_t second) noexcept;
};

}  // namespace people_counter::core
