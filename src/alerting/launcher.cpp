#include "alerting/launcher.hpp"

#include "alerting/board.hpp"
#include "alerting/child.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/worker.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

struct Watched {
    Oid database;  // the hash key
    bool exists;   // when the catalog was last read
    bool absent;   // it has no extension, as a worker found
    int slot;      // -1: none
    Child worker;
    Child delivery;
    Child stream;
};

Board *board;
HTAB *watched;
Oid only;  // the one database of this launcher; InvalidOid: all
bool scan_again = false;
bool said_no_slot = false;

// Marks what exists; nothing else of the catalog matters.
void read_databases() {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        entry->exists = false;
    }
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    const Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
    const TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
    while (HeapTuple row = heap_getnext(scan, ForwardScanDirection)) {
        const auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
        if (!form->datallowconn || (OidIsValid(only) && form->oid != only)) {
            continue;
        }
        bool found = false;
        const Oid database = form->oid;
        auto *entry = static_cast<Watched *>(hash_search(watched, &database, HASH_ENTER, &found));
        if (!found) {
            memset(entry, 0, sizeof *entry);
            entry->database = database;
            entry->slot = -1;
        }
        entry->exists = true;
    }
    table_endscan(scan);
    table_close(catalog, AccessShareLock);
    CommitTransactionCommand();
}

// The alert worker has found the extension by then, and no subscription that fills the tables. Where it was ended the
// database may be about to go.
bool wants_delivery(const Watched &entry) {
    const Slot &slot = *slot_at(board, entry.slot);
    const WorkerState state = slot.report.state;
    return slot.deliver && entry.worker.handle != nullptr &&
           (state == WorkerState::kRunning || state == WorkerState::kDisabled || state == WorkerState::kFailing);
}

// Likewise, where somebody wants to hear of it. What is replicated into a subscriber leaves no marks.
bool wants_stream(const Watched &entry) {
    const WorkerState state = slot_at(board, entry.slot)->report.state;
    return pg::settings.stream_url[0] != '\0' && entry.worker.handle != nullptr &&
           (state == WorkerState::kRunning || state == WorkerState::kDisabled || state == WorkerState::kFailing);
}

void supervise(Watched &entry) {
    Slot *slot = slot_at(board, entry.slot);
    SpinLockAcquire(&slot->mutex);
    slot->supervisor = Process{MyLatch, MyProcPid};
    SpinLockRelease(&slot->mutex);
}

void give_up(Watched &entry) {
    if (entry.slot < 0) {
        return;
    }
    Slot *slot = slot_at(board, entry.slot);
    SpinLockAcquire(&slot->mutex);
    slot->supervisor = Process{};
    SpinLockRelease(&slot->mutex);
    if (release_slot(board, entry.slot, entry.database, !entry.exists)) {
        entry.slot = -1;
    } else {
        supervise(entry);
        entry.absent = false;
    }
}

// What a worker that ended has found, and what became of its database.
void follow_up(Watched &entry) {
    if (entry.slot < 0) {
        return;
    }
    Slot *slot = slot_at(board, entry.slot);
    const bool ended = reap(entry.worker, slot->report.state >= WorkerState::kRunning);
    const bool stream_ended = reap(entry.stream, slot->stream_report.sent > 0);
    scan_again = reap(entry.delivery, false) || stream_ended || ended ||
                 scan_again;  // DROP DATABASE has ended them, perhaps
    if (ended && slot->report.state == WorkerState::kNoExtension) {
        entry.absent = true;
        entry.worker.not_before = 0;
    }
    if (entry.absent) {  // or it came meanwhile, perhaps while its delivery worker lingered
        SpinLockAcquire(&slot->mutex);
        entry.absent = !slot->rules_changed;
        SpinLockRelease(&slot->mutex);
    }
    // It would linger, and keep the place; and what is replicated into a subscriber is sent by its publisher.
    if ((entry.absent || slot->report.state == WorkerState::kSubscriber) && entry.delivery.handle != nullptr) {
        TerminateBackgroundWorker(entry.delivery.handle);
    }
    if ((entry.absent || slot->report.state == WorkerState::kSubscriber) && entry.stream.handle != nullptr) {
        TerminateBackgroundWorker(entry.stream.handle);
    }
    if ((entry.absent || !entry.exists) && entry.worker.handle == nullptr && entry.delivery.handle == nullptr &&
        entry.stream.handle == nullptr) {
        give_up(entry);
    }
}

// False while a place is only taken to find out whether its database has the extension.
bool all_are_kept() {
    for (int i = 0; i < board->slots; ++i) {
        const WorkerState state = slot_at(board, i)->report.state;
        if (state < WorkerState::kRunning || state == WorkerState::kNoExtension) {
            return false;
        }
    }
    return true;
}

// False if there is no place for it.
bool start_what_is_missing(Watched &entry) {
    const TimestampTz now = GetCurrentTimestamp();
    if (!entry.exists || entry.absent) {
        return true;
    }
    if (entry.slot < 0) {
        entry.slot = claim_slot(board, entry.database);
        if (entry.slot < 0) {
            if (!said_no_slot && all_are_kept()) {
                ereport(LOG,
                        (errmsg("people_counter: more databases than people_counter.alert_workers (%d)", board->slots),
                         errhint("Raise people_counter.alert_workers, or drop the extension where it is not used.")));
                said_no_slot = true;
            }
            return false;
        }
        supervise(entry);
    }
    Slot *slot = slot_at(board, entry.slot);
    if (entry.worker.handle == nullptr && entry.worker.not_before <= now && !slot->worker.runs()) {
        start_child(entry.worker, entry.database, entry.slot, Role::kAlerts);
    }
    if (wants_delivery(entry) && entry.delivery.handle == nullptr && entry.delivery.not_before <= now &&
        !slot->delivery.runs()) {
        start_child(entry.delivery, entry.database, entry.slot, Role::kDelivery);
    }
    if (wants_stream(entry) && entry.stream.handle == nullptr && entry.stream.not_before <= now &&
        !slot->stream.runs()) {
        start_child(entry.stream, entry.database, entry.slot, Role::kStream);
    }
    return true;
}

void try_all_again() {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        entry->worker.not_before = entry->delivery.not_before = entry->stream.not_before = 0;
    }
}

// A commit of CREATE EXTENSION has claimed a slot: what was found before does not hold any more.
void note_claims() {
    for (int i = 0; i < board->slots; ++i) {
        const Oid database = slot_at(board, i)->database;
        auto *entry = OidIsValid(database) ? static_cast<Watched *>(hash_search(watched, &database, HASH_FIND, nullptr))
                                           : nullptr;
        if (entry != nullptr && entry->slot < 0) {
            entry->absent = false;
            entry->slot = i;
            supervise(*entry);
        }
    }
}

// Milliseconds until something can be tried again; -1: when woken.
long time_to_wait() {
    const TimestampTz now = GetCurrentTimestamp();
    long wait = -1;
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        if (!entry->exists || entry->absent || entry->slot < 0) {
            continue;
        }
        const auto consider = [&](const Child &child) {
            if (child.handle == nullptr) {
                const long ms = std::max<long>(10, (child.not_before - now) / 1000);
                scan_again = scan_again || child.not_before > now;  // whether it still exists by then
                wait = wait < 0 ? ms : std::min(wait, ms);
            }
        };
        if (!slot_at(board, entry->slot)->worker.runs()) {
            consider(entry->worker);
        }
        if (wants_delivery(*entry) && !slot_at(board, entry->slot)->delivery.runs()) {
            consider(entry->delivery);
        }
        if (wants_stream(*entry) && !slot_at(board, entry->slot)->stream.runs()) {
            consider(entry->stream);
        }
    }
    return wait;
}

void forget_the_gone() {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        if (!entry->exists && entry->slot < 0) {
            hash_search(watched, &entry->database, HASH_REMOVE, nullptr);
        }
    }
}

void one_round(bool scan) {
    if (scan) {
        scan_again = false;
        read_databases();
    }
    note_claims();
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        follow_up(*entry);
    }
    // A place that one of them has left is for whoever waits for one.
    bool room = true;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        room = start_what_is_missing(*entry) && room;
    }
    said_no_slot = said_no_slot && !room;
    forget_the_gone();
}

void leave(int, Datum) {
    SpinLockAcquire(&board->mutex);
    if (board->launcher.pid == MyProcPid) {
        board->launcher = Process{};
    }
    SpinLockRelease(&board->mutex);
    for (int i = 0; i < board->slots; ++i) {
        Slot *slot = slot_at(board, i);
        SpinLockAcquire(&slot->mutex);
        if (slot->supervisor.pid == MyProcPid) {
            slot->supervisor = Process{};
        }
        SpinLockRelease(&slot->mutex);
    }
}

// One that watches a single database was asked for by hand, and ends for good when it is told to: with its children.
void end_children() {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, watched);
    while (auto *entry = static_cast<Watched *>(hash_seq_search(&all))) {
        for (Child *child : {&entry->worker, &entry->delivery, &entry->stream}) {
            if (child->handle != nullptr) {
                TerminateBackgroundWorker(child->handle);
                WaitForBackgroundWorkerShutdown(child->handle);
            }
        }
        entry->exists = false;
        reap(entry->worker, false);
        reap(entry->delivery, false);
        reap(entry->stream, false);
        give_up(*entry);
    }
}

[[noreturn]] void run(Oid database) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    only = database;
    board = attach_board();
    HASHCTL control{};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Watched);
    control.hcxt = TopMemoryContext;
    watched = hash_create("people_counter databases", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    before_shmem_exit(leave, 0);
    if (!OidIsValid(only)) {
        SpinLockAcquire(&board->mutex);
        board->launcher = Process{MyLatch, MyProcPid};
        SpinLockRelease(&board->mutex);
    }
    pgstat_report_activity(STATE_IDLE, nullptr);
    MemoryContext scratch = AllocSetContextCreate(TopMemoryContext, "people_counter launcher", ALLOCSET_DEFAULT_SIZES);
    bool scan = true;
    pg::ClockWatch clock;
    while (!ShutdownRequestPending) {
        if (clock.was_set_back()) {
            try_all_again();
        }
        SpinLockAcquire(&board->mutex);
        scan = scan || (board->scan && !OidIsValid(only));
        board->scan = board->scan && OidIsValid(only);
        SpinLockRelease(&board->mutex);
        MemoryContextSwitchTo(scratch);
        one_round(scan || scan_again || OidIsValid(only));
        MemoryContextSwitchTo(TopMemoryContext);
        MemoryContextReset(scratch);
        if (OidIsValid(only) && hash_get_num_entries(watched) == 0) {
            proc_exit(0);  // the database is gone
        }
        scan = false;
        const long wait = time_to_wait();
        WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (wait >= 0 ? WL_TIMEOUT : 0), wait, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    }
    if (OidIsValid(only)) {
        end_children();
        proc_exit(0);
    }
    proc_exit(1);  // started again, unless the server stops
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker;
    describe_worker(worker, "people_counter launcher", "people_counter", "people_counter_launcher_main");
    worker.bgw_restart_time = 5;
    RegisterBackgroundWorker(&worker);
}

int32 start_launcher_for(Oid database) {
    BackgroundWorker worker;
    describe_worker(worker, "people_counter launcher", "people_counter", "people_counter_launcher_main");
    worker.bgw_restart_time = 5;
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle *handle;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("no free background worker"),
                        errhint("Raise max_worker_processes.")));
    }
    pid_t pid;
    if (WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not start the alert worker"),
                        errhint("The server's log says why.")));
    }
    return pid;
}

}  // namespace people_counter::alerting

extern "C" PGDLLEXPORT void people_counter_launcher_main(Datum argument);
extern "C" void people_counter_launcher_main(Datum argument) {
    people_counter::alerting::run(DatumGetObjectId(argument));
}
