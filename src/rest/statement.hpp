// SQL from C++.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::rest {

// A statement that is planned once. The names in it are qualified.
class Statement {
  public:
    explicit constexpr Statement(const char *sql) : sql_{sql} {}

    // Returns the number of rows.
    uint64 run(int count, const Oid *types, const Datum *values, const char *nulls, bool only_reads) {
        if (plan_ == nullptr) {
            SPIPlanPtr plan = SPI_prepare(sql_, count, const_cast<Oid *>(types));
            if (plan == nullptr || SPI_keepplan(plan) != 0) {
                elog(ERROR, "could not prepare: %s", sql_);
            }
            plan_ = plan;
        }
        const int result = SPI_execute_plan(plan_, const_cast<Datum *>(values), nulls, only_reads, 0);
        if (result < 0) {
            elog(ERROR, "%s: %s", SPI_result_code_string(result), sql_);
        }
        return SPI_processed;
    }

  private:
    const char *sql_;
    SPIPlanPtr plan_ = nullptr;
};

inline Datum column(uint64 row, int number) {
    bool is_null = false;
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);
}

}  // namespace people_counter::rest
