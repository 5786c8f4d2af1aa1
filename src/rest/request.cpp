#include "rest/request.hpp"

#include "pg/guard.hpp"
#include "pg/identity.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace people_counter::rest {

namespace {

// A field of a setting that is a JSON object.
text *field_of_setting(const char *setting, const char *field) {
    const char *object = GetConfigOption(setting, true, false);
    if (object == nullptr || object[0] == '\0') {
        return nullptr;
    }
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, nullptr, 2, InvalidOid, nullptr, nullptr);
    call->args[0] = {CStringGetTextDatum(object), false};
    call->args[1] = {CStringGetTextDatum(field), false};
    const Datum value = json_object_field_text(call);
    return call->isnull || VARSIZE_ANY_EXHDR(DatumGetPointer(value)) == 0 ? nullptr : DatumGetTextPP(value);
}

}  // namespace

text *request_header(const char *name) { return field_of_setting("request.headers", name); }

text *request_device() {
    const char *of_key = GetConfigOption("people_counter_rest.device", true, false);
    if (of_key != nullptr && of_key[0] != '\0') {
        return cstring_to_text(of_key);
    }
    return field_of_setting("request.jwt.claims", "sub");
}

bool sees_all() {
    const char *role = GetConfigOption("role", false, false);
    const Oid caller = strcmp(role, "none") == 0 ? GetSessionUserId() : get_role_oid(role, false);
    return has_privs_of_role(caller, get_role_oid("people_counter_reader", false));
}

}  // namespace people_counter::rest

PEOPLE_COUNTER_FUNCTION(rest_header) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        text *value = PG_ARGISNULL(0) ? nullptr : rest::request_header(text_to_cstring(PG_GETARG_TEXT_PP(0)));
        fcinfo->isnull = value == nullptr;
        return PointerGetDatum(value);
    });
}

PEOPLE_COUNTER_FUNCTION(rest_database_identity) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum { return PointerGetDatum(cstring_to_text(pg::database_identity().text)); });
}

PEOPLE_COUNTER_FUNCTION(rest_device) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        text *value = rest::request_device();
        fcinfo->isnull = value == nullptr;
        return PointerGetDatum(value);
    });
}

PEOPLE_COUNTER_FUNCTION(rest_sees_all) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum { return BoolGetDatum(rest::sees_all()); });
}
