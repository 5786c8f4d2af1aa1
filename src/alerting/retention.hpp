// The daily run of retention: when it is due, and the process that does it.
#pragma once

#include "pg/prelude.hpp"

#include "core/calendar.hpp"

namespace people_counter::alerting {

inline constexpr core::Micros kRetentionRetry = 3600 * core::kSecond;

// Of this database, in a transaction of its own; kEndOfTime: never, or it cannot be told now. What it needs meanwhile
// is in `scratch`, which is reset.
core::Micros next_retention(MemoryContext scratch);

// Starts a process for it. It ends at once where another one is at it.
void start_retention();

}  // namespace people_counter::alerting
