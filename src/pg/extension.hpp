// The extension as the database has it.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::pg {

struct Extension {
    Oid id;
    Oid schema;
    Oid owner;
    char version[16];
};

// In a transaction. False if the database does not have it.
bool find_extension(Extension &found);

// ERROR if its objects are of a later version than this library, which may not know all that it has to keep: a package
// was put back, or a standby has an older one. The other way round is what an update begins with, and works.
void check_library(const Extension &extension);

}  // namespace people_counter::pg
