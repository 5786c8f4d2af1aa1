// Who asks, and what for: what PostgREST says of a request in settings of its transaction.
//
// Native because each request asks several times: a function in SQL that pins its search_path takes ten times as long
// as the answer.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::rest {

// A header of the request, its name in small letters; NULL if it was not sent, or empty.
text *request_header(const char *name);

// The device that the request is of: by its API key, otherwise by the claim sub of its token. NULL: none.
text *request_device();

// Whether the role of the request sees the sessions of all devices. The role is that of the setting, so this is right
// in functions that run with other rights, too.
bool sees_all();

}  // namespace people_counter::rest
