#include "core/flow.hpp"

#include <algorithm>

namespace people_counter::core {

void FlowRing::advance_to(std::int64_t second) noexcept {
    for (std::int64_t s = std::max(newest + 1, second - size + 1); s <= second; ++s) {
        slot(s) = Second{0, 0};
    }
    newest = std::max(newest, second);
}

void FlowRing::restart_at(std::int64_t second) noexcept {
    if (second > newest) {
        advance_to(second);
        return;
    }
    for (std::int64_t s = std::max(second, newest - size + 1); s <= newest; ++s) {
        slot(s) = Second{0, 0};
    }
}

void FlowRing::add(Micros time, bool entered) noexcept {
    const std::int64_t second = second_of(time);
    advance_to(second);
    if (second > newest - size) {
        ++(entered ? slot(second).entered : slot(second).exited);
    }
}

std::int64_t FlowRing::at(bool entered, std::int64_t second) const noexcept {
    if (second > newest || second <= newest - size) {
        return 0;
    }
    return entered ? slot(second).entered : slot(second).exited;
}

std::int64_t FlowRing::sum(bool entered, std::int64_t last, std::int64_t width) const noexcept {
    std::int64_t people = 0;
    for (std::int64_t s = last - width + 1; s <= last; ++s) {
        people += at(entered, s);
    }
    return people;
}

}  // namespace people_counter::core
