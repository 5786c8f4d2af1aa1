// Writes what happened to an alert: each transition in a subtransaction of its own, so that one that fails, or meets a
// row that somebody has locked, takes no other with it.
#pragma once

#include "alerting/query.hpp"
#include "core/alert.hpp"

namespace people_counter::alerting {

using core::Micros;

inline constexpr int kLongestWrite = 5'000;  // ms

// Runs body() in a subtransaction. False if it failed: its changes are gone, `error` says why.
template <class F>
bool in_subtransaction(F &&body, char *error, Size error_size);

// The new alert's id, or that of the one that is open; false if the rule is gone.
bool raise_alert(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session, const core::AlertTransition &fired,
                 pg_uuid_t &alert);
void end_alert(Oid schema, const pg_uuid_t &alert, Micros at, const double *peak, const char *reason);
bool repeat_alert(Oid schema, const pg_uuid_t &alert, double peak);
void store_state(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session, const core::AlertState &state);
void remove_state(Oid schema, const pg_uuid_t &rule, const pg_uuid_t &session);

void copy_error(const ErrorData *error, char *to, Size size);
// Whether the last error that was copied is of the kind that is gone the next time: somebody had a lock, or deleted the
// session meanwhile.
bool may_be_passing();

template <class F>
bool in_subtransaction(F &&body, char *error, Size error_size) {
    MemoryContext const context = CurrentMemoryContext;
    ResourceOwner const owner = CurrentResourceOwner;
    volatile bool done = false;
    const bool limited = MyBgworkerEntry != nullptr;  // a trigger of the user's may take for ever
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        if (limited) {
            enable_timeout_after(STATEMENT_TIMEOUT, kLongestWrite);
        }
        body();
        if (limited) {
            disable_timeout(STATEMENT_TIMEOUT, false);
        }
        ReleaseCurrentSubTransaction();
        done = true;
    }
    PG_CATCH();
    {
        if (limited) {
            disable_timeout(STATEMENT_TIMEOUT, false);
        }
        MemoryContextSwitchTo(context);
        ErrorData *data = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        copy_error(data, error, error_size);
        FreeErrorData(data);
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return done;
}

}  // namespace people_counter::alerting
