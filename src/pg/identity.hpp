// Which database this is, among all that may publish to one gateway: other clusters have the same Oids, and a copy of a
// database has the same sessions. A standby that is promoted stays what its primary was.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::pg {

struct Identity {
    char text[40];  // digits, a hyphen and digits
};

inline Identity database_identity() {
    Identity identity;
    snprintf(identity.text, sizeof identity.text, UINT64_FORMAT "-%u", GetSystemIdentifier(), MyDatabaseId);
    return identity;
}

}  // namespace people_counter::pg
