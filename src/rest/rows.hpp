// One element of a request's body: its fields, and what they mean together.
#pragma once

#include "rest/fields.hpp"

namespace people_counter::rest {

inline constexpr int kMostFields = 24;

// What times without an offset are meant in. ERROR if the server does not know the zone.
core::Calendar calendar_of(text *zone);

// ERROR unless the body is an object or, where `array` allows it, an array.
void require_rows(Jsonb *body, bool array, const char *hint);

// As read_object(), for fields that begin with the id and the time of the row. One that comes with an id, but without
// its time, has the time that is in the id: it must be the same when the row is sent again.
Problem read_row(std::span<const Field> fields, JsonbContainer *object, core::Calendar &calendar, Given *given);

}  // namespace people_counter::rest
