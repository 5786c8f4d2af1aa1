// The level of a counting unit as a step function of time, over movements that arrive in any order.
//
// The level is L := max(0, L + net) from instant to instant, as in docs/architecture.md, without baselines. What is
// asked of it (peak, closing level, integral) is the same for every order of arrival and every way of splitting and
// merging.
#pragma once

#include "core/occupancy.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace people_counter::core {

// Net movements by instant, in memory that the owner provides and enlarges. A plain value: copying it copies the view.
// data[0, sorted) has strictly ascending times.
struct Steps {
    Instant *data = nullptr;
    std::size_t size = 0;
    std::size_t capacity = 0;
    std::size_t sorted = 0;

    // False, and nothing done, where there is no room.
    bool add(Instant instant) noexcept {
        if (size > 0 && data[size - 1].time == instant.time) {
            data[size - 1].net += instant.net;
            return true;
        }
        if (size == capacity) {
            return false;
        }
        if (sorted == size && (size == 0 || data[size - 1].time < instant.time)) {
            ++sorted;
        }
        data[size++] = instant;
        return true;
    }

    // Sorts by time and nets the movements of each instant; afterwards sorted == size.
    void compact() noexcept;

    // Takes in other instants; both sides must be compact, and capacity at least the sum of the sizes.
    void merge(std::span<const Instant> other) noexcept;

    std::span<const Instant> instants() const noexcept { return {data, size}; }
};

// Compact instants as bytes: for each the distance in time to the one before and the net, in groups of seven bits. That
// is four to six bytes for people at a door, and the same bytes on every machine.
std::size_t encoded_size(std::span<const Instant> instants) noexcept;
void encode(std::span<const Instant> instants, std::uint8_t *to) noexcept;

// Reads as many instants as `to` has room for. False where the bytes are not exactly so many compact instants.
bool decode(std::span<const std::uint8_t> bytes, std::span<Instant> to) noexcept;

struct StepFigures {
    Peak peak;          // at the earliest instant that has it
    Level closing;      // after the last instant
    __int128 integral;  // of the level, in person-microseconds
    __int128 length;    // of the time integrated over, in microseconds; the years of a timestamp exceed 63 bits

    // Time-weighted mean in units of 1/scale, half away from zero; length must be positive.
    std::int64_t average(std::int64_t scale) const noexcept;
};

// From the first instant to the last. Instants must be compact and not empty.
StepFigures walk(std::span<const Instant> instants) noexcept;

// Over [window.from, window.to), where the level comes in as `opening` and counts for the peak at window.from. Instants
// must be compact; those outside the window are passed over.
StepFigures walk_within(std::span<const Instant> instants, Level opening, Interval window) noexcept;

}  // namespace people_counter::core
