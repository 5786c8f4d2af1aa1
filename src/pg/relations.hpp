// Finds the extension's tables next to the one that fired a trigger, whatever schema they are in.
#pragma once

#include "pg/prelude.hpp"

#include <initializer_list>

namespace people_counter::pg {

struct Relations {
    Oid schema;
    Oid sessions, sessions_key;
    Oid movements, movements_key;
    Oid metrics, metrics_key;
    Oid baselines, baselines_key;
    Oid session_statistics, session_statistics_key;
    Oid hourly_statistics, hourly_statistics_key;
    Oid daily_statistics, daily_statistics_key;
    Oid direction_in;  // of the enums, the values that are counted
    Oid status_detecting, status_tracking;
};

// Cached; valid until the next invalidation, so copy what must outlive one.
const Relations &relations_of(Oid schema);
const Relations &relations_of_function(const FunctionCallInfo fcinfo);
// Of a trigger, whose table must be one of these: ERROR if somebody put it on another, whose rows are not what its
// function takes them for.
const Relations &relations_of_trigger(const FunctionCallInfo fcinfo, std::initializer_list<Oid Relations::*> tables);

}  // namespace people_counter::pg
