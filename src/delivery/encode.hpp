// The encodings that mail and HTTP want.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::delivery {

// UTF-8, whatever the encoding of the database; what cannot be converted becomes a question mark.
char *to_utf8(const char *text);

// In lines of at most `width` characters that end with CRLF; width 0: in one without an end.
void append_base64(StringInfo out, const char *bytes, size_t size, size_t width);

// The value of a header: as it is if it is short and plain, otherwise in encoded words (RFC 2047), folded.
void append_header_text(StringInfo out, const char *utf8);

// HMAC-SHA256 of two texts with a point between them, in hexadecimal. In a transaction.
char *signature_of(const char *key, const char *timestamp, const char *body, size_t body_size);

char *text_of(const pg_uuid_t &uuid);

}  // namespace people_counter::delivery
