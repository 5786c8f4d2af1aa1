// Values that no device can have meant: each error names the column and the value. No count is ever among them.
//
// These are not CHECK constraints because the executor prepares those anew for every statement, which costs more than
// the statistics do.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::statistics {

void check_movement(TupleTableSlot *row);
void check_sample(TupleTableSlot *row);
void check_baseline(TupleTableSlot *row);

}  // namespace people_counter::statistics
