// Statements of the alert worker: planned once, their tables found by the schema of the extension.
#pragma once

#include "pg/prelude.hpp"

#include <initializer_list>

namespace people_counter::alerting {

struct Argument {
    Oid type;
    Datum value;
    bool is_null = false;
};

// A statement whose text has $S where the name of the extension's schema belongs.
class Query {
  public:
    constexpr explicit Query(const char *text) : text_{text} {}

    // Runs it; the rows are in SPI_tuptable. ERROR if it fails.
    uint64 run(Oid schema, std::initializer_list<Argument> arguments, bool read_only);

  private:
    const char *text_;
    SPIPlanPtr plan_ = nullptr;
    Oid schema_ = InvalidOid;
};

inline constexpr uint16 kEvaluationLock = 7;  // an advisory lock of our own kind; the others are in ledger.hpp

// Of the last Query::run().
Datum column(uint64 row, int number, bool *is_null);
Datum required_column(uint64 row, int number);

inline Argument uuid_argument(const pg_uuid_t &id) { return {UUIDOID, UUIDPGetDatum(&id)}; }
inline Argument time_argument(TimestampTz time) { return {TIMESTAMPTZOID, TimestampTzGetDatum(time)}; }
inline Argument number_argument(double value) { return {FLOAT8OID, Float8GetDatum(value)}; }

}  // namespace people_counter::alerting
