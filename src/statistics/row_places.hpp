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

// Four sessions share a set, and the one that came first makes room for a fifth: with one place for each hash, a few
// of a hundred sessions would always drive one another out.
inline RowPlaces &places_of(const pg_uuid_t &session) {
    static constexpr uint32 kSets = 512;  // a power of two
    static constexpr uint32 kWays = 4;
    struct Set {
        RowPlaces ways[kWays];
        uint32 oldest;
    };
    static Set sets[kSets];
    Set &set = sets[hash_bytes(session.data, UUID_LEN) & (kSets - 1)];
    for (RowPlaces &places : set.ways) {
        if (places.used && memcmp(&places.session, &session, UUID_LEN) == 0) {
            return places;
        }
    }
    RowPlaces &places = set.ways[set.oldest++ % kWays];
    places = RowPlaces{};
    places.session = session;
    places.used = true;
    places.session_row.forget();
    places.hour_row.forget();
    places.day_row.forget();
    return places;
}

}  // namespace people_counter::statistics
