// Times as clients send them: ISO 8601, the calendar form.
#pragma once

#include "core/calendar.hpp"

#include <string_view>

namespace people_counter::core {

struct IsoTime {
    Micros local;   // what the text says, as if it were UTC
    Micros offset;  // east of UTC
    bool has_offset;

    Micros instant() const noexcept { return local - offset; }  // where it has one
};

// 2026-11-26T08:30:00.25+07:00: date, T or a space, hours and minutes; seconds, their fraction and the offset (Z, +07,
// +0700 or +07:00) may be left out. Digits behind the sixth are rounded. A second of 60 is the next minute, 24:00:00
// the next day. False for anything else, for days that no month has, and for years outside of 1 to 9999.
bool parse_iso_time(std::string_view text, IsoTime &time) noexcept;

}  // namespace people_counter::core
