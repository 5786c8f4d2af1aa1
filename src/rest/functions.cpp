// What SQL calls to read the body of a request.
#include "rest/rows.hpp"

#include "pg/compat.hpp"
#include "pg/guard.hpp"

#include <string_view>

extern "C" {
PG_MODULE_MAGIC;
}

namespace people_counter::rest {

namespace {

// A row of the result: ordinal, problem, hint, and the fields.
class Rows {
  public:
    Rows(FunctionCallInfo call, std::span<const Field> fields, core::Calendar &calendar)
        : result_{reinterpret_cast<ReturnSetInfo *>(call->resultinfo)}, fields_{fields}, calendar_{calendar} {
        InitMaterializedSRF(call, 0);
        scratch_ = AllocSetContextCreate(CurrentMemoryContext, "people_counter request", ALLOCSET_DEFAULT_SIZES);
    }

    void add(JsonbContainer *object) {
        MemoryContext const outer = MemoryContextSwitchTo(scratch_);
        Given given[kMostFields];
        const Problem problem = read_row(fields_, object, calendar_, given);
        put(given, problem);
        MemoryContextSwitchTo(outer);
        MemoryContextReset(scratch_);
    }

    void add_problem(const Problem &problem) {
        const Given given[kMostFields];
        put(given, problem);
    }

  private:
    void put(const Given *given, const Problem &problem) {
        Datum values[kMostFields + 3];
        bool nulls[kMostFields + 3];
        values[0] = Int32GetDatum(++ordinal_);
        nulls[0] = false;
        nulls[1] = problem.message == nullptr;
        values[1] = nulls[1] ? 0 : PointerGetDatum(cstring_to_text(problem.message));
        nulls[2] = problem.hint == nullptr;
        values[2] = nulls[2] ? 0 : PointerGetDatum(cstring_to_text(problem.hint));
        for (size_t i = 0; i < fields_.size(); ++i) {
            values[3 + i] = given[i].value;
            nulls[3 + i] = given[i].is_null || problem.found();
        }
        tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls);
    }

    ReturnSetInfo *result_;
    std::span<const Field> fields_;
    core::Calendar &calendar_;
    MemoryContext scratch_;
    int32 ordinal_ = 0;
};

Datum read_rows(FunctionCallInfo call, std::span<const Field> fields) {
    Jsonb *body = DatumGetJsonbP(call->args[0].value);
    core::Calendar calendar = calendar_of(DatumGetTextPP(call->args[1].value));
    require_rows(body, true, "Send one object, or an array of objects.");
    Rows rows{call, fields, calendar};
    if (!JB_ROOT_IS_ARRAY(body)) {
        rows.add(&body->root);
        return 0;
    }
    JsonbIterator *iterator = JsonbIteratorInit(&body->root);
    JsonbValue value;
    JsonbIteratorNext(&iterator, &value, true);
    while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM) {
        if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data)) {
            rows.add(value.val.binary.data);
        } else {
            rows.add_problem({"this element is not an object", "Each element of the array is an object."});
        }
    }
    return 0;
}

const Field *find_field(std::span<const Field> fields, std::string_view name) {
    for (const Field &field : fields) {
        if (name == field.name) {
            return &field;
        }
    }
    return nullptr;
}

// The value as the type of the column reads it, whatever the settings of the connection.
void push_value(pg::JsonbBuild *build, const Field &field, const JsonbValue &value, const Given &given) {
    JsonbValue stored = value;
    if (field.kind == Kind::kWhole && !given.is_null) {
        stored.type = jbvNumeric;
        stored.val.numeric = int64_to_numeric(DatumGetInt32(given.value));
    } else if ((field.kind == Kind::kInstant || field.kind == Kind::kClock) && !given.is_null) {
        const Oid type = field.kind == Kind::kClock ? TIMEOID : TIMESTAMPTZOID;
        stored.type = jbvString;
        stored.val.string.val = JsonEncodeDateTime(nullptr, given.value, type, nullptr);
        stored.val.string.len = static_cast<int>(strlen(stored.val.string.val));
    }
    pg::push_jsonb(build, WJB_VALUE, &stored);
}

// What an object names of a session; ERROR for a value that none can have and, where `strict`, for names that
// no field has.
Datum session_fields(Jsonb *body, core::Calendar calendar, bool strict) {
    require_rows(body, false, "Send an object with the fields of the session.");
    StringInfoData unknown;
    initStringInfo(&unknown);
    pg::JsonbBuild build{};
    pg::push_jsonb(&build, WJB_BEGIN_OBJECT, nullptr);
    JsonbIterator *iterator = JsonbIteratorInit(&body->root);
    JsonbValue name;
    JsonbValue value;
    JsonbIteratorNext(&iterator, &name, true);
    while (JsonbIteratorNext(&iterator, &name, true) == WJB_KEY) {
        JsonbIteratorNext(&iterator, &value, true);
        const std::string_view spelled{name.val.string.val, static_cast<size_t>(name.val.string.len)};
        const Field *field = find_field(kSessionFields, spelled);
        Given given;
        Problem problem;
        if (field == nullptr) {
            problem = refuse_depth(spelled, value);
        } else if (value.type != jbvNull) {
            problem = read_field(*field, value, calendar, given);
        }
        if (problem.found()) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", problem.message),
                            errhint("%s", problem.hint)));
        }
        if (field == nullptr) {
            if (unknown.len < 512) {
                const int shown = pg_mbcliplen(name.val.string.val, name.val.string.len, 64);
                appendStringInfo(&unknown, "%s\"%.*s\"", unknown.len == 0 ? "" : ", ", shown, name.val.string.val);
            }
            continue;
        }
        pg::push_jsonb(&build, WJB_KEY, &name);
        push_value(&build, *field, value, given);
    }
    if (strict && unknown.len > 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a session has no field %s", unknown.data),
                        errhint("COMMENTs on the columns of sessions say which there are.")));
    }
    pg::push_jsonb(&build, WJB_END_OBJECT, nullptr);
    return PointerGetDatum(JsonbValueToJsonb(build.result));
}

}  // namespace

}  // namespace people_counter::rest

PEOPLE_COUNTER_FUNCTION(rest_movements) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum { return rest::read_rows(fcinfo, rest::kMovementFields); });
}

PEOPLE_COUNTER_FUNCTION(rest_samples) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum { return rest::read_rows(fcinfo, rest::kSampleFields); });
}

PEOPLE_COUNTER_FUNCTION(rest_session_fields) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        return rest::session_fields(PG_GETARG_JSONB_P(0), rest::calendar_of(PG_GETARG_TEXT_PP(1)), PG_GETARG_BOOL(2));
    });
}

// A statement in a transaction that only reads. To note when a key was last used is no part of what the request asked
// for, and a key with which nothing but GET is done must show it, too.
PEOPLE_COUNTER_FUNCTION(rest_note_key_use) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        if (RecoveryInProgress() || IsInParallelMode()) {
            return BoolGetDatum(false);
        }
        const Oid types[] = {UUIDOID};
        const Datum values[] = {PG_GETARG_DATUM(0)};
        const bool only_reads = XactReadOnly;
        SPI_connect();
        XactReadOnly = false;  // an ERROR ends the transaction, and the setting with it
        // Whoever finds it locked leaves it to the one who notes the same.
        SPI_execute_with_args(
            "UPDATE people_counter_rest.api_keys SET last_used_at = pg_catalog.now() WHERE id IN"
            " (SELECT id FROM people_counter_rest.api_keys WHERE id OPERATOR(pg_catalog.=) $1"
            "   FOR UPDATE SKIP LOCKED)",
            1, const_cast<Oid *>(types), const_cast<Datum *>(values), nullptr, false, 0);
        XactReadOnly = only_reads;
        const bool noted = SPI_processed > 0;
        SPI_finish();
        return BoolGetDatum(noted);
    });
}
