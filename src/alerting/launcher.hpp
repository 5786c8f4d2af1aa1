// Starts a worker for each database that has the extension, and keeps it running.
//
// It is connected to no database, so it stands in nobody's way. Which databases have the extension it cannot see: a
// worker that finds none there says so on the board and ends, and a commit of CREATE EXTENSION claims a slot of the
// board for its database.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::alerting {

// For all databases, when the server has finished recovery; by _PG_init of a preloaded library.
void register_launcher();

// For this database only, where the library was not preloaded. Returns the launcher's pid; ERROR if there is no free
// place for it.
int32 start_launcher_for(Oid database);

}  // namespace people_counter::alerting
