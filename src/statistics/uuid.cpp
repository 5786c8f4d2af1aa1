#include "pg/uuid.hpp"
#include "pg/guard.hpp"

PEOPLE_COUNTER_FUNCTION(uuid_v7) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        static_assert(sizeof(core::Uuid) == UUID_LEN);
        auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
        const core::Uuid made = pg::next_uuid();
        memcpy(uuid->data, made.bytes, UUID_LEN);
        return UUIDPGetDatum(uuid);
    });
}
