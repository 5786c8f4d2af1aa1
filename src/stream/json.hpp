// JSON as the live stream sends it, in the encoding of the database.
#pragma once

#include "pg/prelude.hpp"

#include <string_view>

namespace people_counter::stream {

void append(StringInfo out, std::string_view text);  // as it is
void append_time(StringInfo out, TimestampTz time);  // ISO 8601 in UTC; null if it is none
void append_text(StringInfo out, const char *text);

// {"type": …, "session_id": …, "session_name": …, "timestamp": … : the object stays open.
void begin_message(StringInfo out, const char *type, const pg_uuid_t &session, const char *session_name,
                   TimestampTz time);
// One of the array; `is_in`: its direction.
void append_movement(StringInfo out, TupleTableSlot *row, bool is_in);
// The rest of a message about a sample.
void append_sample(StringInfo out, TupleTableSlot *row, std::string_view status);

}  // namespace people_counter::stream
