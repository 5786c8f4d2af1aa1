// Finds the extension's tables next to the one that fired a trigger, whatever schema they are in.
#pragma once

#include "pg/prelude.hpp"

#include <initializer_list>

namespace people_counter::pg {

struct Relations {
    Oid schema;
    Oid sessions, movements, metrics, baselines;
    Oid archived_hours;  // InvalidOid before version 1.1 of the extension
    Oid session_statistics, hourly_statistics, daily_statistics;
    Oid direction_in;  // of the enums, the values that are counted
    Oid status_detecting, status_tracking;
    Oid session_active;
};

// Cached; valid until the next invalidation, so copy what must outlive one.
const Relations &relations_of(Oid schema);
const Relations &relations_of_function(const FunctionCallInfo fcinfo);
// Of a trigger, whose table must be one of these: ERROR if somebody put it on another, whose rows are not what its
// function takes them for.
const Relations &relations_of_trigger(const FunctionCallInfo fcinfo, std::initializer_list<Oid Relations::*> tables);

// Opens one of them. Who waits for its lock waits for an ALTER TABLE, perhaps: after that all of them are looked at
// again.
Relation open_table(const Relations &relations, Oid table_id, LOCKMODE mode);
// Its primary key, as it is now that the table is locked.
Relation open_key(Relation table, LOCKMODE mode);

}  // namespace people_counter::pg
