// Exact decimals from integers, without the general numeric machinery.
#pragma once

#include "pg/prelude.hpp"

#include "core/occupancy.hpp"

namespace people_counter::pg {

// value / 10^scale with that many decimals, scale 2, 4 or 6: int64_div_fast_to_numeric with half of its instructions.
Datum decimal(int64 value, int scale);

inline Datum seconds_from_micros(int64 micros) { return decimal(micros, 6); }

// sum / weight with four decimals; weight > 0
inline Datum average(__int128 sum, int64 weight) { return decimal(core::rounded_ratio(sum, weight, 10000), 4); }

// 100 * sum / weight with two decimals; weight > 0
inline Datum percentage(__int128 sum, __int128 weight) {
    return decimal(core::rounded_ratio(sum, static_cast<int64>(weight), 10000), 2);
}

inline int64 micros_from_seconds(Datum seconds) {
    const Datum product = DirectFunctionCall2(numeric_mul, seconds, NumericGetDatum(int64_to_numeric(1000000)));
    return DatumGetInt64(DirectFunctionCall1(numeric_int8, product));
}

}  // namespace people_counter::pg
