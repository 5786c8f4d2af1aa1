// Triggers of the alert tables: they only tell the workers.
#include "alerting/marks.hpp"
#include "pg/guard.hpp"

PEOPLE_COUNTER_FUNCTION(alerts_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum {
        people_counter::alerting::note_rules();
        people_counter::alerting::note_alerts();
        return Datum{0};
    });
}

PEOPLE_COUNTER_FUNCTION(deliveries_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum {
        people_counter::alerting::note_deliveries();
        return Datum{0};
    });
}
