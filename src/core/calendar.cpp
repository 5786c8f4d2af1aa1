#include "core/calendar.hpp"

#include <algorithm>

namespace people_counter::core {

Micros DayExtent::overlap(Micros from, Micros to) const noexcept {
    Micros sum = 0;
    for (int i = 0; i < count; ++i) {
        sum += length_of(std::max(from, pieces[i].from), std::min(to, pieces[i].to));
    }
    return sum;
}

const OffsetSpan &Calendar::span_at(Micros time) noexcept {
    const Micros known_from = span_.from_transition ? span_.from : span_.from + kHour;
    if (time < known_from || time >= span_.to) {
        span_ = zone_.span_at(zone_.rules, time);
    }
    return span_;
}

Hour Calendar::hour_of(Micros time) noexcept {
    const OffsetSpan &span = span_at(time);
    const Micros local_hour = floor_to(time + span.offset, kHour);
    const Micros start = local_hour - span.offset;
    return Hour{
        span.from_transition ? std::max(start, span.from) : start,
        std::min(start + kHour, span.to),
        static_cast<std::int32_t>(floor_to(local_hour - day_start_, kDay) / kDay),
    };
}

std::int32_t Calendar::day_of(Micros time) noexcept {
    const Micros local = time + span_at(time).offset;
    return static_cast<std::int32_t>(floor_to(local - day_start_, kDay) / kDay);
}

DayExtent Calendar::extent_of(std::int32_t day) noexcept {
    const Micros local_from = day * kDay + day_start_;
    const Micros local_to = local_from + kDay;
    DayExtent extent{};
    // No offset is more than a day from UTC.
    Micros at = local_from - kDay;
    while (at < local_to + kDay && extent.count < DayExtent::kMaxPieces) {
        const OffsetSpan span = span_at(at);
        const Micros from = std::max(at, local_from - span.offset);
        const Micros to = std::min(span.to, local_to - span.offset);
        if (from < to) {
            extent.pieces[extent.count++] = Interval{from, to};
        }
        at = span.to;
    }
    // Neighbouring pieces are one.
    int kept = 0;
    for (int i = 1; i < extent.count; ++i) {
        if (extent.pieces[i].from == extent.pieces[kept].to) {
            extent.pieces[kept].to = extent.pieces[i].to;
        } else {
            extent.pieces[++kept] = extent.pieces[i];
        }
    }
    extent.count = std::min(extent.count, kept + 1);
    return extent;
}

Micros Calendar::instant_of(Micros local) noexcept {
    const OffsetSpan before = span_at(local - kDay);
    if (before.to == kEndOfTime) {
        return local - before.offset;
    }
    const Micros transition = before.to;
    const Micros after_offset = span_at(transition).offset;
    const Micros by_before = local - before.offset;
    const Micros by_after = local - after_offset;
    if (by_before < transition && by_after < transition) {
        return by_before;
    }
    if (by_before >= transition && by_after >= transition) {
        // Several transitions within two days are beyond what any zone has done with its resets.
        return by_after;
    }
    return std::max(by_before, by_after);  // in a gap that is the old offset, in an overlap the new one
}

Micros Calendar::reset_at_or_after(Micros time) noexcept {
    if (!resets() || time == kEndOfTime) {
        return kEndOfTime;
    }
    const Micros today = floor_to(time + span_at(time).offset, kDay);
    Micros found = kEndOfTime;
    for (int shift = -2; shift <= 3; ++shift) {
        const Micros instant = instant_of(today + shift * kDay + reset_time_);
        if (instant >= time) {
            found = std::min(found, instant);
        }
    }
    return found;
}

Micros Calendar::reset_before(Micros time) noexcept {
    if (!resets() || time == kBeginningOfTime) {
        return kBeginningOfTime;
    }
    const Micros today = floor_to(time + span_at(time).offset, kDay);
    Micros found = kBeginningOfTime;
    for (int shift = -3; shift <= 2; ++shift) {
        const Micros instant = instant_of(today + shift * kDay + reset_time_);
        if (instant < time) {
            found = std::max(found, instant);
        }
    }
    return found;
}

}  // namespace people_counter::core
