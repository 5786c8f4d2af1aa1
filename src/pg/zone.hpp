// The server's time zones as the spans of constant offset that core::Calendar wants.
#pragma once

#include "pg/prelude.hpp"

#include "core/calendar.hpp"

namespace people_counter::pg {

// ERROR 22023 naming the column and the value if the server knows no such zone.
core::Zone zone_named(const char *name);
bool zone_exists(const char *name);

}  // namespace people_counter::pg
