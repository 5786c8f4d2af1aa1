// What SQL sees of the alert worker.
#include "alerting/board.hpp"
#include "alerting/launcher.hpp"
#include "alerting/marks.hpp"
#include "alerting/query.hpp"
#include "alerting/watch.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/worker.hpp"

namespace people_counter::alerting {

namespace {

WorkerReport read_report(Board *board, int index, uint32 &backlog, int32 &delivery_pid, int32 &stream_pid,
                         StreamReport &stream) {
    Slot *slot = slot_at(board, index);
    SpinLockAcquire(&slot->mutex);
    WorkerReport report = slot->report;
    report.pid = slot->worker.pid;
    backlog = slot->changes;
    delivery_pid = slot->delivery.pid;
    stream_pid = slot->stream.pid;
    stream = slot->stream_report;
    SpinLockRelease(&slot->mutex);
    return report;
}

bool worker_runs(Board *board, int32 *pid) {
    const int index = find_slot(board, MyDatabaseId);
    if (index < 0) {
        return false;
    }
    Slot *slot = slot_at(board, index);
    SpinLockAcquire(&slot->mutex);
    const Process worker = slot->worker;
    SpinLockRelease(&slot->mutex);
    *pid = worker.pid;
    return worker.runs();
}

const char *name_of(WorkerState state, int32 pid) {
    if (pid == 0) {
        return RecoveryInProgress() ? "standby" : "not running";
    }
    switch (state) {
        case WorkerState::kRunning:
            return "running";
        case WorkerState::kDisabled:
            return "disabled";
        case WorkerState::kSubscriber:
            return "subscriber";
        case WorkerState::kFailing:
            return "failing";
        default:
            return "starting";
    }
}

Datum report(FunctionCallInfo fcinfo) {
    TupleDesc columns;
    if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "return type must be a row type");
    }
    enum {
        kState,
        kPid,
        kStarted,
        kLast,
        kDue,
        kEvaluations,
        kSessions,
        kTransitions,
        kWakeups,
        kBacklog,
        kErrors,
        kLastError,
        kLastErrorAt,
        kDeliveryPid,
        kStreamPid,
        kStreamSent,
        kStreamDropped,
        kStreamLastError,
        kColumns
    };
    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    WorkerReport now{};
    uint32 backlog = 0;
    int32 delivery_pid = 0;
    int32 stream_pid = 0;
    StreamReport stream{};
    Board *board = attach_board();
    const int index = find_slot(board, MyDatabaseId);
    if (index >= 0) {
        now = read_report(board, index, backlog, delivery_pid, stream_pid, stream);
    }
    const auto time = [&](int number, TimestampTz value) {
        nulls[number] = value == 0 || value == core::kEndOfTime;
        values[number] = TimestampTzGetDatum(value);
    };
    values[kState] = CStringGetTextDatum(name_of(now.state, now.pid));
    values[kPid] = Int32GetDatum(now.pid);
    nulls[kPid] = now.pid == 0;
    time(kStarted, now.started_at);
    time(kLast, now.last_evaluation_at);
    time(kDue, now.next_due_at);
    values[kEvaluations] = Int64GetDatum(now.evaluations);
    values[kSessions] = Int64GetDatum(now.sessions_evaluated);
    values[kTransitions] = Int64GetDatum(now.transitions);
    values[kWakeups] = Int64GetDatum(now.wakeups);
    values[kBacklog] = Int64GetDatum(backlog);
    values[kErrors] = Int64GetDatum(now.errors);
    nulls[kLastError] = now.last_error[0] == '\0';
    values[kLastError] = CStringGetTextDatum(now.last_error);
    time(kLastErrorAt, now.last_error_at);
    values[kDeliveryPid] = Int32GetDatum(delivery_pid);
    nulls[kDeliveryPid] = delivery_pid == 0;
    values[kStreamPid] = Int32GetDatum(stream_pid);
    nulls[kStreamPid] = stream_pid == 0;
    values[kStreamSent] = Int64GetDatum(stream.sent);
    values[kStreamDropped] = Int64GetDatum(stream.dropped);
    nulls[kStreamLastError] = stream.last_error[0] == '\0';
    values[kStreamLastError] = CStringGetTextDatum(stream.last_error);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}

Datum start() {
    PreventCommandDuringRecovery("start_alert_worker()");
    Board *board = attach_board();
    int32 pid = 0;
    if (worker_runs(board, &pid)) {
        ereport(NOTICE, (errmsg("the alert worker of this database runs already")));
        PG_RETURN_INT32(pid);
    }
    if (claim_slot(board, MyDatabaseId) < 0) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                 errmsg("no place for another alert worker: %d databases are watched", board->slots),
                 errhint("Load people_counter by shared_preload_libraries and raise people_counter.alert_workers.")));
    }
    bool supervised = false;
    const int index = find_slot(board, MyDatabaseId);
    if (index >= 0) {
        Slot *slot = slot_at(board, index);
        SpinLockAcquire(&slot->mutex);
        supervised = slot->supervisor.runs();
        SpinLockRelease(&slot->mutex);
    }
    if (!supervised) {
        start_launcher_for(MyDatabaseId);
    }
    // Its launcher starts it; wait for that, so that who reads the status next finds it.
    for (int tries = 0; tries < 1000 && !worker_runs(board, &pid); ++tries) {
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    if (pid == 0) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("the alert worker did not start"),
                 errhint("The server's log says why; it may lack a free background worker (max_worker_processes).")));
    }
    PG_RETURN_INT32(pid);
}

Datum stop() {
    Board *board = attach_board();
    const int index = find_slot(board, MyDatabaseId);
    int32 launcher = 0;
    if (index >= 0) {
        SpinLockAcquire(&board->mutex);
        const int32 common = board->launcher.pid;
        SpinLockRelease(&board->mutex);
        Slot *slot = slot_at(board, index);
        SpinLockAcquire(&slot->mutex);
        launcher = slot->supervisor.pid == common ? 0 : slot->supervisor.pid;
        SpinLockRelease(&slot->mutex);
    }
    if (launcher == 0) {
        PG_RETURN_BOOL(false);
    }
    if (kill(launcher, SIGTERM) != 0) {
        PG_RETURN_BOOL(false);
    }
    int32 pid = 0;
    for (int tries = 0; tries < 1000 && worker_runs(board, &pid); ++tries) {
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    PG_RETURN_BOOL(true);
}

Datum evaluate() {
    PreventCommandIfReadOnly("evaluate_alerts()");
    int32 pid = 0;
    if (worker_runs(attach_board(), &pid)) {
        ereport(NOTICE, (errmsg("the alert worker of this database runs: it is woken instead"),
                         errhint("alert_worker_status tells what it is doing.")));
        note_all_sessions();
        PG_RETURN_INT64(0);
    }
    if (!pg::settings.alert_enabled) {
        ereport(NOTICE, (errmsg("people_counter.alert_enabled is off: nothing is looked at")));
        PG_RETURN_INT64(0);
    }
    pg::Extension extension;
    if (!pg::find_extension(extension)) {
        elog(ERROR, "extension people_counter is gone");
    }
    // One at a time.
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, extension.schema, 0, kEvaluationLock);
    LockAcquire(&tag, ExclusiveLock, false, false);
    Oid user;
    int context;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(extension.owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    SPI_connect();
    PushActiveSnapshot(GetLatestSnapshot());
    Watch watch(CurrentMemoryContext);
    const LookResult result = watch.look(extension.schema, false, false);
    watch.committed();  // or not: that is for the caller to say
    watch.destroy();
    PopActiveSnapshot();
    SPI_finish();
    SetUserIdAndSecContext(user, context);
    if (result.errors > 0) {
        ereport(WARNING, (errmsg("%lld alerts could not be written: %s", static_cast<long long>(result.errors),
                                 watch.last_error())));
    }
    PG_RETURN_INT64(result.transitions);
}

}  // namespace

}  // namespace people_counter::alerting

PEOPLE_COUNTER_FUNCTION(alert_worker_report) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::alerting::report(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(start_alert_worker) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::alerting::start(); });
}

PEOPLE_COUNTER_FUNCTION(stop_alert_worker) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::alerting::stop(); });
}

PEOPLE_COUNTER_FUNCTION(evaluate_alerts) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::alerting::evaluate(); });
}

PEOPLE_COUNTER_FUNCTION(announce_extension) {
    return people_counter::pg::pg_entry([&]() -> Datum {
        people_counter::alerting::note_extension();
        PG_RETURN_VOID();
    });
}
