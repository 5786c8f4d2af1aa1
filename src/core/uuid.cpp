#include "core/uuid.hpp"

namespace people_counter::core {

namespace {

constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr int kFractionBits = 12;
constexpr std::uint64_t kVersion = 7;
constexpr std::uint64_t kVariant = 2;

std::uint64_t tick_of(std::int64_t unix_nanoseconds) noexcept {
    const std::uint64_t time = unix_nanoseconds < 0 ? 0 : static_cast<std::uint64_t>(unix_nanoseconds);
    const std::uint64_t fraction = ((time % kNanosecondsPerMillisecond) << kFractionBits) / kNanosecondsPerMillisecond;
    return (time / kNanosecondsPerMillisecond) << kFractionBits | fraction;
}

void store_big_endian(std::uint8_t *to, std::uint64_t value) noexcept {
    for (int i = 0; i < 8; ++i) {
        to[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
    }
}

}  // namespace

Uuid UuidV7Generator::next(std::int64_t unix_nanoseconds, std::uint64_t random) noexcept {
    const std::uint64_t now = tick_of(unix_nanoseconds);
    last_tick_ = now > last_tick_ ? now : last_tick_ + 1;
    const std::uint64_t milliseconds = last_tick_ >> kFractionBits;
    const std::uint64_t fraction = last_tick_ & ((1u << kFractionBits) - 1);
    Uuid uuid;
    store_big_endian(uuid.bytes, milliseconds << 16 | kVersion << kFractionBits | fraction);
    store_big_endian(uuid.bytes + 8, kVariant << 62 | random >> 2);
    return uuid;
}

}  // namespace people_counter::core
