// What clients may send: the fields of each kind of JSON object, and how one is checked.
//
// Nothing here throws for what a client sent. A batch must say of each object what is wrong with it, and go on.
#pragma once

#include "pg/prelude.hpp"

#include "core/calendar.hpp"

extern "C" {
#include <utils/json.h>
#include <utils/jsonb.h>
}

#include <span>
#include <string_view>

namespace people_counter::rest {

enum class Kind : uint8 {
    kUuid,
    kInstant,  // ISO 8601; timestamptz
    kClock,    // time of day
    kWhole,    // int4
    kReal,     // float4
    kReal8,    // any number that numeric takes
    kWord,     // one of `words`
    kText,
};

struct Field {
    const char *name;
    Kind kind;
    bool required;
    double low;
    double high;
    const char *allowed;  // in words, after "must be"
    const char *words;    // kWord: each with a space behind
};

// What was wrong with a value; message and hint are NULL if nothing was. In the memory of the caller.
struct Problem {
    const char *message = nullptr;
    const char *hint = nullptr;

    bool found() const { return message != nullptr; }
};

struct Given {
    Datum value = 0;
    bool is_null = true;
};

// Reads the scalar that was sent for a field. Times without an offset are those of `calendar`.
Problem read_field(const Field &field, const JsonbValue &value, core::Calendar &calendar, Given &given);

// What no field is named after is ignored, unless it is nested so deeply that nobody means it.
Problem refuse_depth(std::string_view name, const JsonbValue &value);

// Reads an object, or says what is wrong with the first field that is wrong. Fields that were not sent, or as null, are
// null.
Problem read_object(std::span<const Field> fields, JsonbContainer *object, core::Calendar &calendar, Given *given);

extern const std::span<const Field> kMovementFields;
extern const std::span<const Field> kSampleFields;
extern const std::span<const Field> kSessionFields;

}  // namespace people_counter::rest
