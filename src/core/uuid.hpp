// UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 bits of the millisecond's fraction (method 3 of section
// 6.2), 62 random bits. Ids sort in the order in which they were made, so they append to an index.
#pragma once

#include <cstdint>
#include <string_view>

namespace people_counter::core {

struct Uuid {
    std::uint8_t bytes[16];
};

// Makes ids that strictly ascend, whatever the clock does. One tick is 1/4096 ms; where the clock stands still or goes
// back, the tick after the last one is taken, so that ids may run ahead of the clock but never repeat one.
class UuidV7Generator {
  public:
    // `random` needs 62 random bits; its two lowest are not used.
    Uuid next(std::int64_t unix_nanoseconds, std::uint64_t random) noexcept;

  private:
    std::uint64_t last_tick_ = 0;
};

// Thirty-two hexadecimal digits, with or without hyphens behind each four, with or without braces around: as the server
// reads a uuid. False for anything else.
bool parse_uuid(std::string_view text, Uuid &uuid) noexcept;

inline bool is_uuid_v7(const Uuid &uuid) noexcept { return uuid.bytes[6] >> 4 == 7 && uuid.bytes[8] >> 6 == 2; }

// When a UUID of version 7 was made.
std::int64_t unix_milliseconds_of(const Uuid &uuid) noexcept;

}  // namespace people_counter::core
