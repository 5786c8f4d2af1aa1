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

bool parse_uuid(std::string_view text, Uuid &uuid) noexcept {
    if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
        text = text.substr(1, text.size() - 2);
    }
    std::size_t at = 0;
    for (int digit = 0; digit < 32; ++digit, ++at) {
        if (digit > 0 && digit % 4 == 0 && at < text.size() && text[at] == '-') {
            ++at;
        }
        const char character = at < text.size() ? text[at] : '\0';
        const char lower = static_cast<char>(character | 0x20);
        unsigned value = 0;
        if (character >= '0' && character <= '9') {
            value = static_cast<unsigned>(character - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = static_cast<unsigned>(lower - 'a') + 10;
        } else {
            return false;
        }
        std::uint8_t &byte = uuid.bytes[digit / 2];
        byte = static_cast<std::uint8_t>(digit % 2 == 0 ? value << 4 : byte | value);
    }
    return at == text.size();
}

std::int64_t unix_milliseconds_of(const Uuid &uuid) noexcept {
    std::int64_t milliseconds = 0;
    for (int i = 0; i < 6; ++i) {
        milliseconds = milliseconds << 8 | uuid.bytes[i];
    }
    return milliseconds;
}

}  // namespace people_counter::core
