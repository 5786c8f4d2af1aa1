#include "rest/fields.hpp"

#include "core/iso_time.hpp"
#include "core/uuid.hpp"

#include <cmath>
#include <string_view>

namespace people_counter::rest {

namespace {

// Years 1 to 9999, as the tables' triggers have it.
constexpr TimestampTz kFirstInstant = -730119 * USECS_PER_DAY;
constexpr TimestampTz kLastInstant = 2921940 * USECS_PER_DAY - 1;
constexpr int kShown = 64;    // bytes of a value that a message shows
constexpr int kDeepest = 64;  // levels of what is ignored

std::string_view text_of(const JsonbValue &value) {
    return {value.val.string.val, static_cast<size_t>(value.val.string.len)};
}

// The value as the client wrote it, clipped.
const char *shown(const JsonbValue &value) {
    switch (value.type) {
        case jbvString: {
            const int length = pg_mbcliplen(value.val.string.val, value.val.string.len, kShown);
            return psprintf("\"%.*s%s\"", length, value.val.string.val, length < value.val.string.len ? "..." : "");
        }
        case jbvNumeric: {
            const char *number = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
            return psprintf("\"%.*s%s\"", kShown, number, strlen(number) > kShown ? "..." : "");
        }
        case jbvBool:
            return value.val.boolean ? "\"true\"" : "\"false\"";
        default:
            return value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data) ? "(an array)"
                                                                                          : "(an object)";
    }
}

Problem refuse(const Field &field, const JsonbValue &value) {
    return {psprintf("%s %s is not accepted", field.name, shown(value)),
            psprintf("%s must be %s.", field.name, field.allowed)};
}

// float8 of a number of any length; infinite beyond its range.
double number_of(const JsonbValue &value) {
    return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric)));
}

bool read_instant(const JsonbValue &value, core::Calendar &calendar, Given &given) {
    core::IsoTime time;
    if (value.type != jbvString || !core::parse_iso_time(text_of(value), time)) {
        return false;
    }
    const core::Micros instant = time.has_offset ? time.instant() : calendar.instant_of(time.local);
    given.value = TimestampTzGetDatum(instant);
    return instant >= kFirstInstant && instant <= kLastInstant;
}

bool read_clock(const JsonbValue &value, Given &given) {
    if (value.type != jbvString) {
        return false;
    }
    char full[64] = "2000-01-01T";
    const std::string_view text = text_of(value);
    core::IsoTime time;
    if (text.size() > 20) {
        return false;
    }
    memcpy(full + 11, text.data(), text.size());
    if (!core::parse_iso_time({full, 11 + text.size()}, time) || time.has_offset) {
        return false;
    }
    given.value = TimeADTGetDatum(time.local);  // of that day, which is the first of all
    return true;
}

bool read_uuid(const JsonbValue &value, Given &given) {
    core::Uuid uuid;
    if (value.type != jbvString || !core::parse_uuid(text_of(value), uuid)) {
        return false;
    }
    auto *stored = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    memcpy(stored->data, uuid.bytes, UUID_LEN);
    given.value = UUIDPGetDatum(stored);
    return true;
}

bool is_one_of(std::string_view text, std::string_view words) {
    while (!words.empty()) {
        const size_t end = words.find(' ');
        if (words.substr(0, end) == text) {
            return true;
        }
        words.remove_prefix(end + 1);
    }
    return false;
}

bool read_number(const Field &field, const JsonbValue &value, Given &given) {
    if (value.type != jbvNumeric) {
        return false;
    }
    const double number = number_of(value);
    if (!(number >= field.low && number <= field.high)) {
        return false;
    }
    if (field.kind == Kind::kWhole) {
        given.value = Int32GetDatum(static_cast<int32>(number));
        return number == std::floor(number);
    }
    if (field.kind == Kind::kReal) {
        const auto single = static_cast<float>(number);
        given.value = Float4GetDatum(single);
        return std::isfinite(single) && (field.low <= 0 || single > 0);
    }
    given.value = NumericGetDatum(value.val.numeric);
    return true;
}

// A character that no text of the server can hold has been refused by jsonb.
bool read_text(const Field &field, const JsonbValue &value, Given &given) {
    if (value.type != jbvString ||
        pg_mbstrlen_with_len(value.val.string.val, value.val.string.len) > static_cast<int>(field.high)) {
        return false;
    }
    given.value = PointerGetDatum(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
    return true;
}

}  // namespace

Problem read_field(const Field &field, const JsonbValue &value, core::Calendar &calendar, Given &given) {
    bool good = false;
    switch (field.kind) {
        case Kind::kUuid:
            good = read_uuid(value, given);
            break;
        case Kind::kInstant:
            good = read_instant(value, calendar, given);
            break;
        case Kind::kClock:
            good = read_clock(value, given);
            break;
        case Kind::kWhole:
        case Kind::kReal:
        case Kind::kReal8:
            good = read_number(field, value, given);
            break;
        case Kind::kWord:
            good = value.type == jbvString && is_one_of(text_of(value), field.words);
            if (good) {
                given.value = PointerGetDatum(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
            }
            break;
        case Kind::kText:
            good = read_text(field, value, given);
            break;
    }
    given.is_null = !good;
    return good ? Problem{} : refuse(field, value);
}

Problem refuse_depth(std::string_view name, const JsonbValue &value) {
    if (value.type != jbvBinary) {
        return {};
    }
    JsonbIterator *iterator = JsonbIteratorInit(value.val.binary.data);
    JsonbValue inner;
    int depth = 0;
    for (JsonbIteratorToken token; (token = JsonbIteratorNext(&iterator, &inner, false)) != WJB_DONE;) {
        if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT) {
            if (++depth > kDeepest) {
                const int shown = pg_mbcliplen(name.data(), static_cast<int>(name.size()), kShown);
                return {psprintf("the value of \"%.*s\" is nested too deeply", shown, name.data()),
                        psprintf("Nothing of a request needs more than %d levels.", kDeepest)};
            }
        } else if (token == WJB_END_ARRAY || token == WJB_END_OBJECT) {
            --depth;
        }
    }
    return {};
}

Problem read_object(std::span<const Field> fields, JsonbContainer *object, core::Calendar &calendar, Given *given) {
    for (size_t i = 0; i < fields.size(); ++i) {
        given[i] = Given{};
    }
    JsonbIterator *iterator = JsonbIteratorInit(object);
    JsonbValue value;
    JsonbIteratorNext(&iterator, &value, true);
    while (JsonbIteratorNext(&iterator, &value, true) == WJB_KEY) {
        const std::string_view name = text_of(value);
        JsonbIteratorNext(&iterator, &value, true);
        if (value.type == jbvNull) {
            continue;
        }
        size_t i = 0;
        while (i < fields.size() && name != fields[i].name) {
            ++i;
        }
        const Problem problem = i < fields.size() ? read_field(fields[i], value, calendar, given[i])
                                                  : refuse_depth(name, value);
        if (problem.found()) {
            return problem;
        }
    }
    for (size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].required && given[i].is_null) {
            return {psprintf("%s is missing", fields[i].name),
                    psprintf("%s must be %s.", fields[i].name, fields[i].allowed)};
        }
    }
    return {};
}

}  // namespace people_counter::rest
