// Loading the second library, which the background workers run in that deliver alerts and the live stream. It alone is
// linked with curl.
#include "delivery/worker.hpp"
#include "stream/worker.hpp"

extern "C" {
PG_MODULE_MAGIC;
extern PGDLLEXPORT void people_counter_delivery_main(Datum slot);
extern PGDLLEXPORT void people_counter_stream_main(Datum slot);
}

// bgw_extra has the Oid of the database.
extern "C" void people_counter_delivery_main(Datum slot) {
    Oid database = InvalidOid;
    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    people_counter::delivery::run(DatumGetInt32(slot), database);
}

extern "C" void people_counter_stream_main(Datum slot) {
    Oid database = InvalidOid;
    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    people_counter::stream::run(DatumGetInt32(slot), database);
}
