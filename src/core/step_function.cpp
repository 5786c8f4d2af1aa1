#include "core/step_function.hpp"

#include <algorithm>

namespace people_counter::core {

namespace {

bool earlier(const Instant &a, const Instant &b) noexcept { return a.time < b.time; }

// Nets neighbours of one instant in an array that is in order of time; returns the new size.
std::size_t net_neighbours(Instant *data, std::size_t size) noexcept {
    if (size == 0) {
        return 0;
    }
    std::size_t kept = 0;
    for (std::size_t i = 1; i < size; ++i) {
        if (data[i].time == data[kept].time) {
            data[kept].net += data[i].net;
        } else {
            data[++kept] = data[i];
        }
    }
    return kept + 1;
}

StepFigures walk_from(std::span<const Instant> instants, Level level, Peak peak, Interval window) noexcept {
    StepFigures figures{peak, level, 0, static_cast<__int128>(window.to) - window.from};
    Micros since = window.from;
    for (const Instant &instant : instants) {
        figures.integral += (static_cast<__int128>(instant.time) - since) * level;
        since = instant.time;
        level = std::max<Level>(0, level + instant.net);
        if (level > figures.peak.value) {
            figures.peak = Peak{level, instant.time};
        }
    }
    figures.integral += (static_cast<__int128>(window.to) - since) * level;
    figures.closing = level;
    return figures;
}

// Little groups first, the highest bit of a byte says that another follows.
constexpr int kGroupBits = 7;
constexpr std::uint8_t kMore = 1u << kGroupBits;

std::size_t size_of(std::uint64_t value) noexcept {
    std::size_t bytes = 1;
    while (value >= kMore) {
        value >>= kGroupBits;
        ++bytes;
    }
    return bytes;
}

std::uint8_t *put(std::uint8_t *to, std::uint64_t value) noexcept {
    while (value >= kMore) {
        *to++ = static_cast<std::uint8_t>(value | kMore);
        value >>= kGroupBits;
    }
    *to++ = static_cast<std::uint8_t>(value);
    return to;
}

// Advances `at`; false where the bytes end early or do not fit into 64 bits.
bool take(const std::uint8_t *&at, const std::uint8_t *end, std::uint64_t &value) noexcept {
    value = 0;
    for (int shift = 0; shift < 64 && at != end; shift += kGroupBits) {
        const std::uint8_t byte = *at++;
        value |= static_cast<std::uint64_t>(byte & (kMore - 1)) << shift;
        if (byte < kMore) {
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

// Small numbers of either sign to small ones without.
std::uint64_t fold_sign(std::int64_t net) noexcept {
    const std::uint64_t doubled = static_cast<std::uint64_t>(net) << 1;
    return net < 0 ? ~doubled : doubled;
}

std::int64_t unfold_sign(std::uint64_t folded) noexcept {
    const std::uint64_t half = folded >> 1;
    return static_cast<std::int64_t>((folded & 1) != 0 ? ~half : half);
}

constexpr std::uint64_t kBeforeAll = static_cast<std::uint64_t>(kBeginningOfTime);

}  // namespace

void Steps::compact() noexcept {
    if (sorted != size) {
        std::sort(data, data + size, earlier);
        size = net_neighbours(data, size);
        sorted = size;
    }
}

void Steps::merge(std::span<const Instant> other) noexcept {
    // From the back, so that no other memory is needed.
    std::size_t mine = size;
    std::size_t theirs = other.size();
    std::size_t to = mine + theirs;
    while (theirs > 0) {
        const bool take_mine = mine > 0 && data[mine - 1].time > other[theirs - 1].time;
        data[--to] = take_mine ? data[--mine] : other[--theirs];
    }
    size = net_neighbours(data, size + other.size());
    sorted = size;
}

std::size_t encoded_size(std::span<const Instant> instants) noexcept {
    std::size_t bytes = 0;
    std::uint64_t before = kBeforeAll;
    for (const Instant &instant : instants) {
        const auto time = static_cast<std::uint64_t>(instant.time);
        bytes += size_of(time - before) + size_of(fold_sign(instant.net));
        before = time;
    }
    return bytes;
}

void encode(std::span<const Instant> instants, std::uint8_t *to) noexcept {
    std::uint64_t before = kBeforeAll;
    for (const Instant &instant : instants) {
        const auto time = static_cast<std::uint64_t>(instant.time);
        to = put(to, time - before);
        to = put(to, fold_sign(instant.net));
        before = time;
    }
}

bool decode(std::span<const std::uint8_t> bytes, std::span<Instant> to) noexcept {
    const std::uint8_t *at = bytes.data();
    const std::uint8_t *const end = at + bytes.size();
    std::uint64_t before = kBeforeAll;
    for (Instant &instant : to) {
        std::uint64_t distance;
        std::uint64_t net;
        if (!take(at, end, distance) || !take(at, end, net)) {
            return false;
        }
        const std::uint64_t time = before + distance;
        instant = Instant{static_cast<Micros>(time), unfold_sign(net)};
        if (&instant != to.data() && instant.time <= static_cast<Micros>(before)) {
            return false;
        }
        before = time;
    }
    return at == end;
}

std::int64_t StepFigures::average(std::int64_t scale) const noexcept {
    return static_cast<std::int64_t>((integral * scale * 2 + length) / (length * 2));
}

StepFigures walk(std::span<const Instant> instants) noexcept {
    // A level is never negative, so the one after the first instant replaces this peak.
    return walk_from(instants, 0, Peak{-1, 0}, Interval{instants.front().time, instants.back().time});
}

StepFigures walk_within(std::span<const Instant> instants, Level opening, Interval window) noexcept {
    const auto first = std::lower_bound(instants.begin(), instants.end(), Instant{window.from, 0}, earlier);
    const auto last = std::lower_bound(first, instants.end(), Instant{window.to, 0}, earlier);
    return walk_from({first, last}, opening, Peak{opening, window.from}, window);
}

}  // namespace people_counter::core
