// The alert worker of one database.
//
// It sleeps until a commit wakes it or something is due, looks, and rests for a while in proportion to what the look
// cost: while it rests commits need not wake it, and however many there are, looking takes a small share of a
// processor.
#include "pg/worker.hpp"
#include "alerting/board.hpp"
#include "alerting/marks.hpp"
#include "alerting/retention.hpp"
#include "alerting/watch.hpp"
#include "pg/settings.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr int kShare = 16;  // of the time may be spent looking: one part in so many
constexpr Micros kShortestRest = 2'000;
constexpr Micros kLongestRest = 30'000;
constexpr long kFirstRetry = 100;  // ms
constexpr long kLastRetry = 5'000;
constexpr long kSubscriberPoll = 60'000;
constexpr long kDisabledPoll = 600'000;  // ms: nobody tells it then that retention was wanted
constexpr long kPreparedPoll = 500;      // ms, while a prepared transaction may change something unseen

struct Worker {
    Board *board;
    int index;
    Slot *slot;
    Change *changes;
    Watch *watch;
    Oid extension;          // that the watch is of
    MemoryContext context;  // of what a look needs
    bool alone;             // one session at a time, since a look failed
    int prepared;           // looks at everything to come, because a transaction was prepared
    bool only_urgent;       // a look between two rests
    int failures;           // looks in a row
    bool failure_is_logged;
    Micros last_everything;
    Micros ask_retention_at;  // whether it is due
    Micros writing;           // processor time of the last look that went into writing
};

enum class Outcome { kLooked, kDisabled, kSubscriber, kNoExtension };

// Somebody may have committed what was prepared, and tells nobody.
void call_delivery(const Worker &worker) {
    SpinLockAcquire(&worker.slot->mutex);
    worker.slot->deliver = true;
    Latch *called = worker.slot->delivery.runs() ? worker.slot->delivery.latch : worker.slot->supervisor.latch;
    SpinLockRelease(&worker.slot->mutex);
    if (called != nullptr) {
        SetLatch(called);
    }
}

// Its launcher starts or ends the delivery worker by it.
void set_state(const Worker &worker, WorkerState state) {
    SpinLockAcquire(&worker.slot->mutex);
    const bool changed = worker.slot->report.state != state;
    worker.slot->report.state = state;
    Latch *launcher = worker.slot->supervisor.latch;
    SpinLockRelease(&worker.slot->mutex);
    if (changed && launcher != nullptr) {
        SetLatch(launcher);
    }
}

bool any_row(const char *query) {
    if (SPI_execute(query, true, 1) != SPI_OK_SELECT) {
        elog(ERROR, "could not read a catalog");
    }
    return SPI_processed > 0;
}

// Where the tables are filled by a subscription, the publisher raises the alerts and theirs arrive as rows.
bool is_subscriber(Oid schema) {
    char query[256];
    snprintf(query, sizeof query,
             "SELECT FROM pg_catalog.pg_subscription_rel AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.srrelid"
             " WHERE c.relnamespace = %u AND c.relname = 'alert_logs'",
             schema);
    return any_row(query);
}

bool has_prepared() {
    return any_row("SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()");
}

// One transaction. An ERROR leaves it.
Outcome look_once(Worker &worker, LookResult &result) {
    pg::OwnerTransaction transaction;
    transaction.begin("people_counter: looking at what changed");
    pg::Extension extension;
    Outcome outcome = Outcome::kLooked;
    if (!pg::settings.alert_enabled) {
        outcome = pg::find_extension(extension) ? Outcome::kDisabled : Outcome::kNoExtension;
    } else if (worker.watch->rules_are_stale() && pg::find_extension(extension) && is_subscriber(extension.schema)) {
        outcome = Outcome::kSubscriber;
    } else {
        if (worker.prepared > 0) {
            // It may be committed between our snapshot and this question: one more look follows the last yes.
            worker.prepared = has_prepared() ? 2 : worker.prepared - 1;
            call_delivery(worker);  // it may have queued something, too
        }
        if (transaction.become_owner(extension)) {
            if (worker.extension != extension.id) {  // dropped and created again, it is another one
                worker.watch->forget();
                worker.extension = extension.id;
            }
            result = worker.watch->look(extension.schema, worker.alone, worker.only_urgent);
        } else {
            outcome = Outcome::kNoExtension;
        }
    }
    transaction.commit();
    return outcome;
}

void report_error(Worker &worker, const char *message) {
    WorkerReport &report = worker.slot->report;
    SpinLockAcquire(&worker.slot->mutex);
    strlcpy(report.last_error, message, sizeof report.last_error);
    report.last_error_at = GetCurrentTimestamp();
    ++report.errors;
    SpinLockRelease(&worker.slot->mutex);
}

void report_look(Worker &worker, const LookResult &result) {
    set_state(worker, WorkerState::kRunning);
    WorkerReport &report = worker.slot->report;
    if (result.errors > 0) {
        report_error(worker, worker.watch->last_error());
    }
    const TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&worker.slot->mutex);
    report.last_evaluation_at = now;
    report.next_due_at = worker.watch->next_due();
    ++report.evaluations;
    report.sessions_evaluated += result.sessions;
    report.transitions += result.transitions;
    SpinLockRelease(&worker.slot->mutex);
}

// Rolls back and goes on. The same failure is logged once, until a look succeeds.
void handle_failure(Worker &worker) {
    ErrorData *error = pg::OwnerTransaction::roll_back(worker.context);
    report_error(worker, error->message == nullptr ? "unknown error" : error->message);
    set_state(worker, WorkerState::kFailing);
    ++worker.failures;
    // A table that is locked for a moment is no failure worth a line, nor is an extension that is dropped under a look.
    if (!worker.failure_is_logged && worker.failures > (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? 10 : 1)) {
        ereport(WARNING,
                (errcode(error->sqlerrcode), errmsg("people_counter: the alert worker failed: %s", error->message),
                 errhint("It tries again. This is not said again until it has succeeded.")));
        worker.failure_is_logged = true;
    }
    worker.watch->note_failure(worker.alone);
    worker.alone = true;
}

Outcome look(Worker &worker) {
    volatile Outcome outcome = Outcome::kLooked;
    LookResult result;
    MemoryContextSwitchTo(worker.context);
    PG_TRY();
    {
        outcome = look_once(worker, result);
        worker.watch->committed();
        worker.writing = result.writing;
        if (outcome == Outcome::kLooked) {
            report_look(worker, result);
            worker.failures = 0;
            worker.failure_is_logged = false;
            worker.alone = worker.alone && worker.watch->has_work(core::kBeginningOfTime);
        }
    }
    PG_CATCH();
    { handle_failure(worker); }
    PG_END_TRY();
    MemoryContextSwitchTo(TopMemoryContext);
    MemoryContextReset(worker.context);
    return outcome;
}

void take(Worker &worker) {
    const Taken taken = take_changes(worker.board, worker.index, worker.changes);
    for (uint32 i = 0; i < taken.count; ++i) {
        worker.watch->note(worker.changes[i]);
    }
    const Micros now = GetCurrentTimestamp();
    const Micros interval = static_cast<Micros>(pg::settings.alert_max_interval) * 1000;
    const Micros since = now - worker.last_everything;
    const bool over_due = (interval > 0 && since >= interval) || (worker.prepared > 0 && since >= kPreparedPoll * 1000);
    worker.prepared = taken.prepared ? 2 : worker.prepared;
    if (taken.everything) {
        worker.watch->note_everything(taken.everything_from);
    } else if (over_due) {
        // Nobody said what came: as far back as it may be in time for an alert.
        worker.watch->note_everything(now - static_cast<Micros>(pg::settings.alert_max_lag) * 1000);
        worker.last_everything = now;
    }
    if (taken.rules_changed) {
        worker.watch->note_rules();
        worker.ask_retention_at = 0;  // its settings say so, too
    }
}

// Not longer than until the latch is set; -1: only that ends it.
void rest(Worker &worker, long ms) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (ms >= 0 ? WL_TIMEOUT : 0), ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        worker.watch->note_rules();  // a setting may make a difference to every session
    }
}

// Between two looks at everything, until it is over or something is urgent.
void rest_for_urgent(Worker &worker, Micros until) {
    Slot *slot = worker.slot;
    SpinLockAcquire(&slot->mutex);
    slot->worker_rests = !slot->urgent;
    const bool rests = slot->worker_rests;
    SpinLockRelease(&slot->mutex);
    if (rests) {
        rest(worker, std::max<long>(1, static_cast<long>((until - GetCurrentTimestamp()) / 1000)));
    }
}

// True if something is there to look at; otherwise commits will set the latch.
bool fall_asleep(Worker &worker) {
    Slot *slot = worker.slot;
    SpinLockAcquire(&slot->mutex);
    const bool waiting = slot->changes > 0 || slot->everything || slot->rules_changed || slot->prepared;
    slot->worker_sleeps = !waiting;
    SpinLockRelease(&slot->mutex);
    return waiting;
}

// Milliseconds until there is something to do without being woken; -1: never.
long time_to_sleep(const Worker &worker) {
    const TimestampTz now = GetCurrentTimestamp();
    long wait = -1;
    const auto at_most = [&](long ms) { wait = wait < 0 ? ms : std::min(wait, ms); };
    if (worker.watch->next_due() != core::kEndOfTime) {
        const Micros left = worker.watch->next_due() - now;
        at_most(static_cast<long>(std::clamp<Micros>(left / 1000 + 1, 0, INT_MAX)));
    }
    if (worker.prepared > 0) {
        at_most(kPreparedPoll);
    }
    if (pg::settings.alert_max_interval > 0) {
        at_most(pg::settings.alert_max_interval);
    }
    if (worker.ask_retention_at != core::kEndOfTime) {
        at_most(static_cast<long>(std::clamp<Micros>((worker.ask_retention_at - now) / 1000 + 1, 0, INT_MAX)));
    }
    return wait;
}

void sleep(Worker &worker) {
    if (fall_asleep(worker)) {
        return;
    }
    rest(worker, time_to_sleep(worker));
    SpinLockAcquire(&worker.slot->mutex);
    worker.slot->worker_sleeps = false;
    ++worker.slot->report.wakeups;
    SpinLockRelease(&worker.slot->mutex);
}

// Until the setting is on again, or perhaps the subscription or the extension is gone. No commit of rows wakes it:
// nothing is wanted.
void stand_aside(Worker &worker, Outcome outcome) {
    set_state(worker, outcome == Outcome::kDisabled ? WorkerState::kDisabled : WorkerState::kSubscriber);
    worker.watch->forget();
    if (outcome == Outcome::kDisabled) {
        worker.watch->begin_anew();
    }
    const long until_retention = time_to_sleep(worker);
    const long poll = until_retention < 0 ? kDisabledPoll : std::min(until_retention, kDisabledPoll);
    rest(worker, outcome == Outcome::kDisabled ? poll : kSubscriberPoll);
}

// Starts the run of retention when its time has come, as a process of its own: nobody waits for it.
void see_to_retention(Worker &worker) {
    const Micros now = GetCurrentTimestamp();
    if (now < worker.ask_retention_at) {
        return;
    }
    const Micros due = next_retention(worker.context);
    worker.ask_retention_at = due > now ? due : now + kRetentionRetry;
    if (due <= now) {
        start_retention();
    }
}

[[noreturn]] void end_without_extension(Worker &worker) {
    set_state(worker, WorkerState::kNoExtension);
    leave_place(worker.board, worker.index, &Slot::worker);
    proc_exit(0);
}

void begin(Worker &worker, int index, Oid database) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    worker.board = attach_board();
    worker.index = index;
    worker.slot = slot_at(worker.board, index);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    pg::give_way_to_ddl();
    // Whoever has a lock that is needed here goes first.
    SetConfigOption("lock_timeout", "20ms", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("row_security", "off", PGC_USERSET, PGC_S_OVERRIDE);
    ignore_own_changes();
    worker.changes = static_cast<Change *>(
        MemoryContextAlloc(TopMemoryContext, worker.board->entries * sizeof(Change)));
    worker.watch = new (MemoryContextAlloc(TopMemoryContext, sizeof(Watch))) Watch(TopMemoryContext);
    worker.context = AllocSetContextCreate(TopMemoryContext, "people_counter tick", ALLOCSET_DEFAULT_SIZES);
    worker.last_everything = GetCurrentTimestamp();
    SpinLockAcquire(&worker.slot->mutex);
    worker.slot->report = WorkerReport{};
    worker.slot->report.state = WorkerState::kStarting;
    worker.slot->report.next_due_at = core::kEndOfTime;
    worker.slot->report.started_at = worker.last_everything;
    worker.slot->prepared = true;  // before it was there
    SpinLockRelease(&worker.slot->mutex);
    take_place(worker.board, index, &Slot::worker);
}

// Tells those who commit which levels are worth a call in the middle of a rest.
void publish_levels(Worker &worker) {
    int64 levels[kLevels];
    const uint32 count = worker.watch->levels(levels, kLevels);
    SpinLockAcquire(&worker.slot->mutex);
    std::copy_n(levels, count, worker.slot->levels);
    worker.slot->level_count = count;
    SpinLockRelease(&worker.slot->mutex);
}

// How long to rest after a look. What alerts cost to write is little enough over all, and the next one should not wait
// for it.
Micros rest_after(const Worker &worker, Micros took) {
    const Micros wanted = (took - worker.writing) * (kShare - 1) + worker.writing;
    return std::clamp(wanted, kShortestRest, kLongestRest);
}

[[noreturn]] void run(int index, Oid database) {
    Worker worker{};
    begin(worker, index, database);
    Micros rest_until = 0;
    pg::ClockWatch clock;
    for (;;) {
        if (clock.was_set_back()) {
            rest_until = 0;
            worker.last_everything = GetCurrentTimestamp();
            worker.ask_retention_at = 0;
            worker.watch->plan_anew();
        }
        take(worker);
        const Micros now = GetCurrentTimestamp();
        if (!worker.watch->has_work(now)) {
            see_to_retention(worker);
            sleep(worker);
            continue;
        }
        worker.only_urgent = now < rest_until;
        if (worker.only_urgent && !worker.watch->has_urgent_work()) {
            rest_for_urgent(worker, rest_until);
            continue;
        }
        const Micros started = pg::processor_time();
        const Outcome outcome = look(worker);
        if (outcome == Outcome::kNoExtension) {
            end_without_extension(worker);
        }
        if (outcome != Outcome::kSubscriber && worker.failures == 0) {
            see_to_retention(worker);
        }
        if (outcome != Outcome::kLooked) {
            stand_aside(worker, outcome);
        } else if (worker.failures > 0) {
            rest(worker, std::min(kFirstRetry << std::min(worker.failures - 1, 10), kLastRetry));
        } else {
            publish_levels(worker);
            const Micros wanted = rest_after(worker, pg::processor_time() - started);
            if (worker.only_urgent) {
                rest(worker, kShortestRest / 1000);
            } else {
                rest_until = GetCurrentTimestamp() + wanted;
            }
        }
    }
}

}  // namespace

}  // namespace people_counter::alerting

extern "C" PGDLLEXPORT void people_counter_worker_main(Datum argument);
extern "C" void people_counter_worker_main(Datum argument) {
    Oid database;
    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    people_counter::alerting::run(DatumGetInt32(argument), database);
}
