// The delivery worker of a database.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::delivery {

// Sends what is due until there is nothing to send, then ends the process. `slot` is that of the database on the board.
[[noreturn]] void run(int slot, Oid database);

}  // namespace people_counter::delivery
