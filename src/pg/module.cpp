// Loading the library.
#include "pg/guard.hpp"

extern "C" {
PG_MODULE_MAGIC;
}

PEOPLE_COUNTER_FUNCTION(library_version) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return PointerGetDatum(cstring_to_text(PEOPLE_COUNTER_VERSION)); });
}
