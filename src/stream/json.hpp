// JSON as the live stream sends it, in the encoding of the database.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::stream {

void append_uuid(StringInfo out, const pg_uuid_t &id);
void append_time(StringInfo out, TimestampTz time);  // ISO 8601 in UTC; null if it is none
void append_text(StringInfo out, const char *text);  // nullptr: null
// A column of a row: an object's member with a comma before it.
void append_int(StringInfo out, const char *name, TupleTableSlot *row, int column);
void append_float(StringInfo out, const char *name, TupleTableSlot *row, int column);

// {"type": …, "session_id": …, "session_name": …, "timestamp": … : the object stays open.
void begin_message(StringInfo out, const char *type, const pg_uuid_t &session, const char *session_name,
                   TimestampTz time);
// One of the array; `is_in`: its direction.
void append_movement(StringInfo out, TupleTableSlot *row, bool is_in);
// The rest of a message about a sample.
void append_sample(StringInfo out, TupleTableSlot *row, const char *status);

}  // namespace people_counter::stream
