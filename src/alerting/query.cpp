#include "alerting/query.hpp"

namespace people_counter::alerting {

namespace {

char *with_schema(const char *text, Oid schema) {
    char *name = get_namespace_name(schema);
    if (name == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema %u of extension people_counter is gone", schema)));
    }
    const char *quoted = quote_identifier(name);
    StringInfoData out;
    initStringInfo(&out);
    for (const char *at = text; *at != '\0'; ++at) {
        if (at[0] == '$' && at[1] == 'S') {
            appendStringInfoString(&out, quoted);
            ++at;
        } else {
            appendStringInfoChar(&out, *at);
        }
    }
    return out.data;
}

}  // namespace

uint64 Query::run(Oid schema, std::initializer_list<Argument> arguments, bool read_only) {
    constexpr int kMost = 8;
    Oid types[kMost];
    Datum values[kMost];
    char nulls[kMost];
    int count = 0;
    for (const Argument &argument : arguments) {
        types[count] = argument.type;
        values[count] = argument.value;
        nulls[count] = argument.is_null ? 'n' : ' ';
        ++count;
    }
    if (plan_ != nullptr && schema_ != schema) {
        SPI_freeplan(plan_);
        plan_ = nullptr;
    }
    if (plan_ == nullptr) {
        SPIPlanPtr plan = SPI_prepare(with_schema(text_, schema), count, types);
        if (plan == nullptr || SPI_keepplan(plan) != 0) {
            elog(ERROR, "could not plan a statement of the alert worker: %s", SPI_result_code_string(SPI_result));
        }
        plan_ = plan;
        schema_ = schema;
    }
    const int result = SPI_execute_plan(plan_, values, nulls, read_only, 0);
    if (result < 0) {
        elog(ERROR, "could not run a statement of the alert worker: %s", SPI_result_code_string(result));
    }
    return SPI_processed;
}

Datum column(uint64 row, int number, bool *is_null) {
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, is_null);
}

Datum required_column(uint64 row, int number) {
    bool is_null = false;
    const Datum value = column(row, number, &is_null);
    if (is_null) {
        elog(ERROR, "column %d of a statement of the alert worker is null", number);
    }
    return value;
}

}  // namespace people_counter::alerting
