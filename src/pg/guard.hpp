// The two-way wall between C++ and the server's error handling.
//
// Inside the wall the rule is simpler than the wall itself: src/core is noexcept, and the frames of the glue hold only
// trivially destructible locals, so an ERROR may jump over them. pg_entry is the net below: whatever C++ throws in
// spite of that becomes an ERROR with a SQLSTATE, after its exception object is gone.
#pragma once

#include "pg/prelude.hpp"

#include <exception>
#include <new>
#include <type_traits>

namespace people_counter::pg {

struct Report {  // no destructor, so that an ERROR may jump over it
    int sqlstate;
    char message[256];
};

template <class F>
Datum pg_entry(F &&body) {
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>, "capture by reference only");
    Report report{};
    try {
        return body();
    } catch (const std::bad_alloc &) {
        report.sqlstate = ERRCODE_OUT_OF_MEMORY;
        strlcpy(report.message, "out of memory", sizeof report.message);
    } catch (const std::exception &error) {
        report.sqlstate = ERRCODE_INTERNAL_ERROR;
        strlcpy(report.message, error.what(), sizeof report.message);
    } catch (...) {
        report.sqlstate = ERRCODE_INTERNAL_ERROR;
        strlcpy(report.message, "unknown C++ exception", sizeof report.message);
    }
    ereport(ERROR, (errcode(report.sqlstate), errmsg("%s", report.message)));
    pg_unreachable();
}

}  // namespace people_counter::pg

// Declares the C symbol of a function that SQL calls; its body is one `return pg_entry([&]() -> Datum { ... });`.
#define PEOPLE_COUNTER_FUNCTION(name)                                 \
    extern "C" {                                                      \
    extern PGDLLEXPORT Datum people_counter_##name(PG_FUNCTION_ARGS); \
    PG_FUNCTION_INFO_V1(people_counter_##name);                       \
    }                                                                 \
    extern "C" Datum people_counter_##name([[maybe_unused]] PG_FUNCTION_ARGS)
