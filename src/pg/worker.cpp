#include "pg/worker.hpp"

#include <algorithm>
#include <ctime>

namespace people_counter::pg {

int64 processor_time() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<int64>(time.tv_sec) * USECS_PER_SEC + time.tv_nsec / 1000;
}

bool ClockWatch::was_set_back() {
    const TimestampTz now = GetCurrentTimestamp();
    const bool result = latest_ != DT_NOBEGIN && now < latest_ - USECS_PER_SEC;
    latest_ = result ? now : std::max(latest_, now);
    return result;
}

void give_way_to_ddl() {
    LWLockAcquire(ProcArrayLock, LW_EXCLUSIVE);
    MyProc->statusFlags |= PROC_IS_AUTOVACUUM;
    ProcGlobal->statusFlags[MyProc->pgxactoff] = MyProc->statusFlags;
    LWLockRelease(ProcArrayLock);
}

void connect_worker(Oid database, const char *lock_timeout) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    // It defines the settings, and keeps their prefix for itself.
    load_external_function("people_counter", "people_counter_library_version", true, nullptr);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("lock_timeout", lock_timeout, PGC_SUSET, PGC_S_OVERRIDE);
    give_way_to_ddl();
}

void OwnerTransaction::begin(const char *activity) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    GetUserIdAndSecContext(&user_, &context_);
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, activity);
}

bool OwnerTransaction::become_owner(Extension &found) {
    if (!find_extension(found)) {
        return false;
    }
    check_library(found);
    SetUserIdAndSecContext(found.owner, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    return true;
}

void OwnerTransaction::commit() {
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    SetUserIdAndSecContext(user_, context_);
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

ErrorData *OwnerTransaction::roll_back(MemoryContext keep) {
    HOLD_INTERRUPTS();
    MemoryContextSwitchTo(keep);
    ErrorData *error = CopyErrorData();
    AbortOutOfAnyTransaction();
    FlushErrorState();
    RESUME_INTERRUPTS();
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
    return error;
}

}  // namespace people_counter::pg
