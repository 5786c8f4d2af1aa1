// Ids of version 7, of this process.
#pragma once

#include "core/uuid.hpp"

namespace people_counter::pg {

core::Uuid next_uuid();

}  // namespace people_counter::pg
