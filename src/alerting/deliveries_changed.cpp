// A delivery was queued or made due, or a channel was changed.
#include "pg/guard.hpp"

PEOPLE_COUNTER_FUNCTION(deliveries_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum { return PointerGetDatum(nullptr); });
}
