// How long a delivery that failed waits for its next attempt.
#pragma once

#include "core/calendar.hpp"

#include <algorithm>

namespace people_counter::core {

// A second after the first failed attempt, twice as long after each further one, and never longer than `most`; of that
// between a half and the whole, as `fraction` (0 to 1) says, so that those who failed together do not come back
// together. What the receiver asked for is granted up to `most`.
constexpr Micros backoff(int failed_attempts, double fraction, Micros asked, Micros most) noexcept {
    constexpr int kDoublings = 30;  // 34 years
    const Micros full = std::min(most, Micros{1'000'000} << std::clamp(failed_attempts - 1, 0, kDoublings));
    const auto jittered = full / 2 + static_cast<Micros>(static_cast<double>(full - full / 2) * fraction);
    return std::max(jittered, std::min(asked, most));
}

}  // namespace people_counter::core
