// Makes heap tuples of derived rows.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::pg {

// What heap_form_tuple makes, with half of its instructions for rows of numbers, times, uuids and values that are
// stored as they are; three of them are made for every movement. Free it with heap_freetuple.
HeapTuple form_row(TupleDesc columns, const Datum *values, const bool *nulls);

}  // namespace people_counter::pg
