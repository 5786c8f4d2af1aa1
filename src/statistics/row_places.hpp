// Where this backend last met the derived rows of a session: the heap places that their index entries lead to. They
// stay valid while updates stay on the page, whoever makes them, so most movements need no index descent. A place is a
// hint: whoever uses it compares the key of the row found there.
#pragma once

#include "pg/row_access.hpp"

#include "core/calendar.hpp"

namespace people_counter::statistics {

struct RowPlaces {
    pg_uuid_t session;
    pg::RowPlace session_row;
    pg::RowPlace hour_row;
    pg::RowPlace day_row;
    core::Micros hour;
    int32 day;
    bool used;
};

inline RowPlaces &places_of(const pg_uuid_t &session) {
    static constexpr uint32 kPlaces = 1024;  // a power of two; two sessions that meet in one only lose time
    static RowPlaces places[kPlaces];
    RowPlaces &place = places[hash_bytes(session.data, UUID_LEN) & (kPlaces - 1)];
    if (!place.used || memcmp(&place.session, &session, UUID_LEN) != 0) {
        place = RowPlaces{};
        place.session = session;
        place.used = true;
        place.session_row.forget();
        place.hour_row.forget();
        place.day_row.forget();
    }
    return place;
}

}  // namespace people_counter::statistics
