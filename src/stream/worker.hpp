// The stream worker of a database.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::stream {

// Posts what is committed for as long as people_counter.stream_url says where. `slot` is that of the database on the
// board.
[[noreturn]] void run(int slot, Oid database);

}  // namespace people_counter::stream
