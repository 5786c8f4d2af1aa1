#include "pg/numeric.hpp"

namespace people_counter::pg {

namespace {

// A stored numeric, short form, as src/backend/utils/adt/numeric.c has had it since 9.1: a word of flags, display scale
// and weight, then digits of base 10000 without zeros at either end. The layout is not in a header, so it is compared
// with what the server makes before it is used.
constexpr int kDigit = 10000;
constexpr int kDigitPlaces = 4;
constexpr uint16 kShort = 0x8000;
constexpr uint16 kShortNegative = 0x2000;
constexpr int kScaleShift = 7;
constexpr uint16 kNegativeWeight = 0x0040;
constexpr uint16 kWeightMask = 0x003F;
constexpr int kMostDigits = 8;  // 19 places of an int64, and the group that the decimal point cuts

Datum encode(int64 value, int scale) {
    uint64 rest = value < 0 ? -static_cast<uint64>(value) : static_cast<uint64>(value);
    int16 digits[kMostDigits];
    int first = kMostDigits;
    const int fraction_digits = (scale + kDigitPlaces - 1) / kDigitPlaces;
    // The lowest group may be cut by the end of the scale: 1.234567 is 1 | 2345 | 6700.
    const int cut = scale % kDigitPlaces;
    if (cut != 0) {
        const int places = cut == 1 ? 10 : cut == 2 ? 100 : 1000;
        digits[--first] = static_cast<int16>(rest % places * (kDigit / places));
        rest /= places;
    }
    while (rest != 0 || kMostDigits - first < fraction_digits) {
        digits[--first] = static_cast<int16>(rest % kDigit);
        rest /= kDigit;
    }
    int weight = kMostDigits - first - fraction_digits - 1;  // of the first digit
    int last = kMostDigits;
    while (first < last && digits[first] == 0) {
        ++first;
        --weight;
    }
    while (last > first && digits[last - 1] == 0) {
        --last;
    }
    if (first == last) {
        weight = 0;
    }
    const Size size = VARHDRSZ + sizeof(uint16) + (last - first) * sizeof(int16);
    auto *result = static_cast<char *>(palloc(size));
    SET_VARSIZE(result, size);
    const uint16 header = kShort | (value < 0 ? kShortNegative : 0) | scale << kScaleShift |
                          (weight < 0 ? kNegativeWeight : 0) | (weight & kWeightMask);
    memcpy(result + VARHDRSZ, &header, sizeof header);
    memcpy(result + VARHDRSZ + sizeof header, digits + first, (last - first) * sizeof(int16));
    return PointerGetDatum(result);
}

bool same_as_server(int64 value, int scale) {
    const Numeric theirs = int64_div_fast_to_numeric(value, scale);
    const Datum ours = encode(value, scale);
    return VARSIZE(DatumGetPointer(ours)) == VARSIZE(theirs) &&
           memcmp(DatumGetPointer(ours), theirs, VARSIZE(theirs)) == 0;
}

bool layout_is_known() {
    for (const int scale : {2, 4, 6}) {
        for (const int64 value : {int64{0}, int64{1}, int64{-1}, int64{100}, int64{10000}, int64{999999},
                                  int64{1000000}, int64{-1234567890123}, int64{86400000000}, PG_INT64_MAX}) {
            if (!same_as_server(value, scale)) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace

Datum decimal(int64 value, int scale) {
    static bool checked = false;
    static bool known = false;
    if (unlikely(!checked)) {
        known = layout_is_known();
        checked = true;
    }
    return likely(known) ? encode(value, scale) : NumericGetDatum(int64_div_fast_to_numeric(value, scale));
}

}  // namespace people_counter::pg
