// The board in shared memory: what backends that commit tell the workers, and how the workers are doing.
//
// A slot belongs to one database that is watched. A commit marks the sessions it changed there and wakes the worker if
// it sleeps; nothing is written to a queue, and nothing is lost that matters: after a crash the board is empty, and a
// worker that starts looks at everything.
//
// The board is shared by people_counter.so and people_counter_delivery.so, so nothing here needs either.
#pragma once

#include "pg/prelude.hpp"

#include "core/calendar.hpp"

namespace people_counter::alerting {

// What of a session changed.
inline constexpr uint32 kMovementsChanged = 1;  // or baselines: whatever tells how many are inside
inline constexpr uint32 kSamplesChanged = 2;
inline constexpr uint32 kRowChanged = 4;   // of sessions itself
inline constexpr uint32 kLateChanged = 8;  // something from before alert_max_lag
inline constexpr uint32 kAnythingChanged = 15;
inline constexpr uint32 kUrgent = 16;  // the people inside crossed the value of a rule, or may have

struct Change {
    pg_uuid_t session;
    core::Micros from;  // the earliest observation that is not late; kEndOfTime: only late ones
    uint32 what;
};

// What a transaction that is about to commit, or was prepared, did to a session: for the live stream, which must know
// of it before anybody can see it.
struct StreamMark {
    pg_uuid_t session;
    core::Micros from;    // its earliest change, late ones included
    TimestampTz started;  // the transaction
    TransactionId xid;
    uint32 what;  // and kAllSessions, kPreparedToo
};
inline constexpr uint32 kAllSessions = 32;  // and not only this one
inline constexpr uint32 kPreparedToo = 64;  // it may commit at any time, and tells nobody

struct StreamReport {
    int64 sent;  // messages, since the worker started
    int64 dropped;
    char last_error[256];
};

enum class WorkerState : uint8 {
    kNone,
    kStarting,
    kRunning,
    kDisabled,    // by people_counter.alert_enabled
    kSubscriber,  // the tables are replicated into this database
    kNoExtension,
    kFailing,  // the last look ended with an error; tried again soon
};

struct Process {
    Latch *latch;  // in shared memory; nullptr: not running
    int32 pid;

    bool runs() const { return latch != nullptr; }
};

struct WorkerReport {
    WorkerState state;
    int32 pid;
    TimestampTz started_at;
    TimestampTz last_evaluation_at;
    TimestampTz next_due_at;  // kEndOfTime: nothing is due
    int64 evaluations;        // looks
    int64 sessions_evaluated;
    int64 transitions;
    int64 wakeups;
    int64 errors;
    TimestampTz last_error_at;
    char last_error[256];
};

inline constexpr uint32 kLevels = 32;

struct Slot {
    slock_t mutex;  // of everything below
    Oid database;   // InvalidOid: free
    Process worker;
    Process delivery;
    Process stream;
    Process supervisor;  // the launcher that sees to this database
    bool worker_sleeps;  // and wants its latch to be set
    bool worker_rests;   // and wants it only for what is urgent
    bool urgent;         // something of the changes is
    bool rules_changed;  // rules, channels or logs: read them again
    bool everything;     // more sessions changed than there are entries, or all of them
    core::Micros everything_from;
    bool prepared;   // a transaction that changed something was prepared
    bool deliver;    // there are deliveries to make
    uint32 changes;  // entries in use
    // Of the rules about people inside: somebody crosses one of these by going from it to one more, or back. Read
    // without the mutex by those who commit; what they miss while it changes is looked at soon anyway.
    uint32 level_count;
    int64 levels[kLevels];
    WorkerReport report;
    // Of the live stream; nothing is entered while its worker does not run.
    bool stream_sleeps;   // and wants its latch to be set
    bool stream_alerts;   // alerts fired or ended
    bool stream_overrun;  // more marks than there is room for
    core::Micros stream_overrun_from;
    uint32 stream_marks;  // in use
    StreamReport stream_report;
};

struct Board {
    slock_t mutex;  // of what follows
    Process launcher;
    bool scan;  // look for databases
    int slots;
    uint32 entries;  // of each slot
};

// Shared memory that the board needs if it is asked for when the server starts.
Size board_size(int slots, uint32 entries);
// Finds the board or makes it; nullptr if there is no memory for it (only where it was not asked for at the start).
Board *attach_board();
// For the postmaster, which makes shared memory anew after a crash.
Board *renew_board();
void set_board_shape(int slots, uint32 entries);  // before attach_board(), by _PG_init

Slot *slot_at(Board *board, int index);
Change *entries_of(Board *board, int index);
StreamMark *stream_marks_of(Board *board, int index);  // as many
int find_slot(Board *board, Oid database);             // -1: none
int claim_slot(Board *board, Oid database);            // finds or takes a free one; -1: all are taken
// If nobody runs for it any more and nobody has announced the extension meanwhile, which cannot be where the database
// is gone. False if it stays.
bool release_slot(Board *board, int index, Oid database, bool gone);

// Enters a session, or everything if there is no room. The caller holds the slot's mutex.
void enter_change(Board *board, int index, const Change &change);

// For the live stream, likewise. There is one for each session and transaction.
void enter_stream_mark(Board *board, int index, const StreamMark &mark);

// Takes what has been entered so far. Returns how many changes there are in `into`, which has room for board->entries.
struct Taken {
    uint32 count;
    bool rules_changed;
    bool everything;
    core::Micros everything_from;
    bool prepared;
};
Taken take_changes(Board *board, int index, Change *into);

struct StreamTaken {
    uint32 count;
    bool alerts;
    bool overrun;
    core::Micros overrun_from;
};
StreamTaken take_stream_marks(Board *board, int index, StreamMark *into);

// The slot where this process may be `process`; nullptr: another one of its database is, or the board has another
// database there.
Slot *find_place(Board *board, int index, Process Slot::*process);
// What `process` of a slot is, for as long as this process lives.
void take_place(Board *board, int index, Process Slot::*process);
void leave_place(Board *board, int index, Process Slot::*process);

}  // namespace people_counter::alerting
