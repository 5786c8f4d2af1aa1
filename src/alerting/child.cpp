#include "alerting/child.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr int kFirstRetry = 1'000;  // ms
constexpr int kLastRetry = 60'000;
constexpr int kProvenAfter = 30'000;  // who ran so long did not fail at its start

struct Program {
    const char *type;
    const char *library;
    const char *function;
};

constexpr Program kPrograms[] = {
    {"people_counter alert worker", "people_counter", "people_counter_worker_main"},
    {"people_counter delivery worker", "people_counter_delivery", "people_counter_delivery_main"},
    {"people_counter stream worker", "people_counter_delivery", "people_counter_stream_main"},
};

}  // namespace

void describe_worker(BackgroundWorker &worker, const char *type, const char *library, const char *function) {
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;  // a standby has none, and gets them when it is promoted
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, library, BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
    strlcpy(worker.bgw_type, type, BGW_MAXLEN);
    strlcpy(worker.bgw_name, type, BGW_MAXLEN);
}

void start_child(Child &child, Oid database, int slot, Role role) {
    BackgroundWorker worker;
    const Program &program = kPrograms[static_cast<int>(role)];
    describe_worker(worker, program.type, program.library, program.function);
    worker.bgw_main_arg = Int32GetDatum(slot);
    memcpy(worker.bgw_extra, &database, sizeof database);
    worker.bgw_notify_pid = MyProcPid;
    const TimestampTz now = GetCurrentTimestamp();
    MemoryContext const outer = MemoryContextSwitchTo(TopMemoryContext);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, &child.handle);
    MemoryContextSwitchTo(outer);
    if (!registered) {
        child.handle = nullptr;
        child.not_before = now + static_cast<TimestampTz>(10) * USECS_PER_SEC;
        if (!child.said_no_worker) {
            ereport(LOG, (errmsg("no free background worker for the %s of database %u", program.type, database),
                          errhint("Raise max_worker_processes. It is started when one is free.")));
            child.said_no_worker = true;
        }
        return;
    }
    child.said_no_worker = false;
    child.started = now;
}

bool reap(Child &child, bool worked) {
    pid_t pid;
    if (child.handle == nullptr || GetBackgroundWorkerPid(child.handle, &pid) != BGWH_STOPPED) {
        return false;
    }
    pfree(child.handle);
    child.handle = nullptr;
    const TimestampTz now = GetCurrentTimestamp();
    child.retry = worked || TimestampDifferenceExceeds(child.started, now, kProvenAfter)
                      ? kFirstRetry
                      : std::clamp(child.retry * 2, kFirstRetry, kLastRetry);
    child.not_before = now + static_cast<TimestampTz>(child.retry) * 1000;
    return true;
}

}  // namespace people_counter::alerting
