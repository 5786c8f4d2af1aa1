// Values that no device can have meant: each error names the column and the value. No count is ever among them.
//
// These are not CHECK constraints because the executor prepares those anew for every statement, which costs more than
// the statistics do.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::statistics {

// Years 1 to 9999: what every zone and client can show. Anything beyond is a broken clock.
inline constexpr TimestampTz kFirstInstant = -730119 * USECS_PER_DAY;
inline constexpr TimestampTz kLastInstant = 2921940 * USECS_PER_DAY - 1;

// Guards the arithmetic: person-microseconds of a day must fit 64 bits.
inline constexpr int32 kLargestBaseline = 10'000'000;

// ERROR 22008 naming the column and the value unless the time is a possible instant.
void check_instant(TimestampTz time, const char *column, const char *hint);

void check_movement(TupleTableSlot *row);
void check_sample(TupleTableSlot *row);
void check_baseline(TupleTableSlot *row);

}  // namespace people_counter::statistics
