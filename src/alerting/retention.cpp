#include "alerting/retention.hpp"

#include "alerting/child.hpp"
#include "alerting/marks.hpp"
#include "alerting/query.hpp"
#include "pg/relations.hpp"
#include "pg/worker.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

using core::Micros;

constexpr int32 kBatchRows = 5'000;
constexpr long kShortestRest = 10;  // ms, and at least as long as the batch took: half of the time is for others
constexpr int kMostFailures = 10;   // in a row

Query next_run("SELECT $S.next_retention_run()");
Query one_batch("SELECT $S.apply_retention_batch($1)");
Query note_failure("SELECT $S.note_retention_failure($1)");

bool no_worker_was_said = false;

// SQL objects of 1.0 know no retention.
bool knows_retention(const pg::Extension &extension) {
    return OidIsValid(pg::relations_of(extension.schema).archived_hours);
}

bool apply_batch() {
    pg::OwnerTransaction transaction;
    transaction.begin("people_counter: applying retention");
    pg::Extension extension;
    bool more = transaction.become_owner(extension) && knows_retention(extension);
    if (more) {
        one_batch.run(extension.schema, {{INT4OID, Int32GetDatum(kBatchRows)}}, false);
        more = DatumGetBool(required_column(0, 1));
    }
    transaction.commit();
    return more;
}

void say_why(const char *message) {
    pg::OwnerTransaction transaction;
    transaction.begin("people_counter: noting a failure of retention");
    pg::Extension extension;
    if (transaction.become_owner(extension) && knows_retention(extension)) {
        note_failure.run(extension.schema, {{TEXTOID, CStringGetTextDatum(message)}}, false);
    }
    transaction.commit();
}

// Somebody has a lock that the batch needs, or waits for one of its own and so cancelled it.
bool may_pass(int sqlstate) {
    return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_QUERY_CANCELED ||
           sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED;
}

// The error, palloc'd in `keep`; nullptr: body() did without.
template <class F>
ErrorData *attempt(MemoryContext keep, F &&body) {
    ErrorData *volatile error = nullptr;
    PG_TRY();
    { body(); }
    PG_CATCH();
    { error = pg::OwnerTransaction::roll_back(keep); }
    PG_END_TRY();
    return error;
}

void rest(long ms) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

void begin(Oid database) {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    pg::give_way_to_ddl();
    SetConfigOption("lock_timeout", "5s", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("row_security", "off", PGC_USERSET, PGC_S_OVERRIDE);
    ignore_own_changes();
}

[[noreturn]] void run(Oid database) {
    begin(database);
    const MemoryContext context = AllocSetContextCreate(TopMemoryContext, "people_counter retention",
                                                        ALLOCSET_DEFAULT_SIZES);
    volatile bool more = true;
    int failures = 0;
    while (more) {
        MemoryContextSwitchTo(context);
        const TimestampTz started = GetCurrentTimestamp();
        const ErrorData *error = attempt(context, [&] { more = apply_batch(); });
        failures = error == nullptr ? 0 : failures + 1;
        if (error != nullptr && error->sqlerrcode == ERRCODE_OBJECT_IN_USE) {
            proc_exit(0);  // another one is at it
        }
        if (error != nullptr && (!may_pass(error->sqlerrcode) || failures == kMostFailures)) {
            const char *message = error->message == nullptr ? "unknown error" : error->message;
            ereport(WARNING, (errcode(error->sqlerrcode), errmsg("people_counter: retention failed: %s", message),
                              errhint("It is tried again at the next retention_time.")));
            attempt(context, [&] { say_why(message); });
            proc_exit(0);
        }
        MemoryContextSwitchTo(TopMemoryContext);
        MemoryContextReset(context);
        const long took = static_cast<long>((GetCurrentTimestamp() - started) / 1000);
        rest(std::max(kShortestRest, took));
    }
    proc_exit(0);
}

}  // namespace

core::Micros next_retention(MemoryContext scratch) {
    volatile Micros due = core::kEndOfTime;
    MemoryContextSwitchTo(scratch);
    const ErrorData *error = attempt(scratch, [&] {
        pg::OwnerTransaction transaction;
        transaction.begin("people_counter: asking when retention is due");
        pg::Extension extension;
        if (transaction.become_owner(extension) && knows_retention(extension)) {
            next_run.run(extension.schema, {}, true);
            bool is_null = false;
            const Datum value = column(0, 1, &is_null);
            due = is_null ? core::kEndOfTime : DatumGetTimestampTz(value);
        }
        transaction.commit();
    });
    if (error != nullptr) {
        due = GetCurrentTimestamp() + kRetentionRetry;
    }
    MemoryContextSwitchTo(TopMemoryContext);
    MemoryContextReset(scratch);
    return due;
}

void start_retention() {
    BackgroundWorker worker;
    describe_worker(worker, "people_counter retention worker", "people_counter", "people_counter_retention_main");
    memcpy(worker.bgw_extra, &MyDatabaseId, sizeof MyDatabaseId);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, nullptr);
    if (!registered && !no_worker_was_said) {
        ereport(LOG, (errmsg("people_counter: no free background worker to apply retention"),
                      errhint("Raise max_worker_processes. It is tried again every hour.")));
    }
    no_worker_was_said = !registered;
}

}  // namespace people_counter::alerting

extern "C" PGDLLEXPORT void people_counter_retention_main(Datum argument);
extern "C" void people_counter_retention_main(Datum) {
    Oid database;
    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    people_counter::alerting::run(database);
}
