#include "delivery/worker.hpp"

#include "alerting/board.hpp"
#include "delivery/courier.hpp"
#include "delivery/outbox.hpp"
#include "delivery/pauses.hpp"
#include "pg/worker.hpp"

#include <algorithm>

namespace people_counter::delivery {

namespace {

using alerting::Slot;

constexpr int64 kLinger = 60 * USECS_PER_SEC;  // with nothing to do, before it ends
constexpr int kSlice = 50;                    // ms between two looks at what others want of us, while something is sent
constexpr int64 kFirstPause = USECS_PER_SEC;  // after an error of our own
constexpr int64 kLongestPause = 60 * USECS_PER_SEC;

struct Worker {
    alerting::Board *board;
    int index;
    Slot *slot;
    MemoryContext tick;
    Settings settings;
    Flight flights[kFlights];
    Flight *recording;
    bool has_extension;
    Look look;
    TimestampTz look_at;     // DT_NOEND: when the slot says so
    TimestampTz idle_since;  // DT_NOEND: it is not
    int64 pause;             // after the last error; 0: there was none since
    char last_error[256];
};

// Whoever ends it unasked, as CREATE DATABASE does with this one as its template, has it started again.
Slot *unfinished = nullptr;

void call_again(int, Datum) {
    if (unfinished != nullptr) {
        SpinLockAcquire(&unfinished->mutex);
        unfinished->deliver = true;
        SpinLockRelease(&unfinished->mutex);
    }
}

[[noreturn]] void end(Worker &w) {
    unfinished = nullptr;
    alerting::leave_place(w.board, w.index, &Slot::delivery);
    proc_exit(0);
}

void clear(Flight &flight) {
    const MemoryContext context = flight.context;
    curl_slist_free_all(flight.headers);
    curl_slist_free_all(flight.addresses);
    MemoryContextReset(context);
    memset(&flight, 0, sizeof flight);
    flight.context = context;
}

// Runs a step that may raise an ERROR: says so once for each change, and how long to leave it. Plain locals only: an
// ERROR jumps here.
bool succeeds(Worker &w, void (*step)(Worker &)) {
    const MemoryContext context = CurrentMemoryContext;
    volatile bool done = false;
    PG_TRY();
    {
        step(w);
        done = true;
    }
    PG_CATCH();
    {
        const ErrorData *error = pg::OwnerTransaction::roll_back(context);
        w.pause = std::clamp(2 * w.pause, kFirstPause, kLongestPause);
        // Not at the first: the extension may be dropped in mid look.
        if (w.pause > kFirstPause && strncmp(w.last_error, error->message, sizeof w.last_error - 1) != 0) {
            strlcpy(w.last_error, error->message, sizeof w.last_error);
            ereport(WARNING, (errcode(error->sqlerrcode), errmsg("alerts are not delivered: %s", error->message),
                              errhint("It is tried again until it works.")));
        }
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    if (done) {
        w.pause = 0;
        w.last_error[0] = '\0';
    }
    return done;
}

void record_step(Worker &w) { w.has_extension = record_outcome(*w.recording, w.settings); }
void look_step(Worker &w) { w.look = take_due(w.flights, w.settings); }

// Of the flights that have landed. What cannot be recorded now keeps its place, and the others go on.
void record(Worker &w) {
    for (Flight &flight : w.flights) {
        if (flight.state != FlightState::kDone || flight.record_at > GetCurrentTimestamp()) {
            continue;
        }
        w.recording = &flight;
        if (succeeds(w, record_step)) {
            note_attempt(flight);
            clear(flight);
            w.look_at = DT_NOBEGIN;
        } else {
            flight.record_at = GetCurrentTimestamp() + w.pause;
        }
        if (!w.has_extension) {
            end(w);
        }
    }
}

bool take_call(Slot *slot) {
    SpinLockAcquire(&slot->mutex);
    const bool called = slot->deliver;
    slot->deliver = false;
    SpinLockRelease(&slot->mutex);
    return called;
}

void look(Worker &w) {
    if (take_call(w.slot)) {
        shorten_pauses();
        w.look_at = DT_NOBEGIN;
    }
    if (!w.settings.enabled || w.look_at > GetCurrentTimestamp()) {
        return;
    }
    if (!succeeds(w, look_step)) {
        for (Flight &flight : w.flights) {
            if (flight.state == FlightState::kFree || flight.state == FlightState::kReady) {
                clear(flight);
            }
        }
        w.look_at = GetCurrentTimestamp() + w.pause;
        return;
    }
    if (!w.look.has_extension) {
        end(w);
    }
    w.look_at = w.look.next_at;
    for (Flight &flight : w.flights) {
        if (flight.state == FlightState::kReady) {
            send(flight, w.settings);
        }
    }
}

bool any(const Worker &w, FlightState state) {
    return std::any_of(w.flights, w.flights + kFlights, [&](const Flight &f) { return f.state == state; });
}

// A commit that queues something either finds us here or starts another worker: it looks under the same mutex.
void end_if_not_called(Worker &w) {
    SpinLockAcquire(&w.slot->mutex);
    const bool ends = !w.slot->deliver;
    if (ends) {
        w.slot->delivery = alerting::Process{};
    }
    SpinLockRelease(&w.slot->mutex);
    if (ends) {
        end(w);
    }
}

// Until something lands, is due, or is wanted of us.
void wait(Worker &w) {
    if (any(w, FlightState::kSending)) {
        carry_on(w.flights, kSlice);
        if (!PostmasterIsAlive()) {
            proc_exit(1);
        }
        return;
    }
    const TimestampTz now = GetCurrentTimestamp();
    TimestampTz until = w.settings.enabled ? w.look_at : DT_NOEND;
    for (const Flight &flight : w.flights) {
        if (flight.state == FlightState::kDone) {
            until = std::min(until, std::max(flight.record_at, now));
        }
    }
    if (w.settings.enabled && w.look.is_empty && until == DT_NOEND) {
        w.idle_since = std::min(w.idle_since, now);
        until = w.idle_since + kLinger;
        if (until <= now) {
            end_if_not_called(w);
        }
    } else {
        w.idle_since = DT_NOEND;
    }
    constexpr int64 kLongestWait = 3600 * INT64CONST(1000);
    const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (until == DT_NOEND ? 0 : WL_TIMEOUT);
    const int64 left = until == DT_NOEND ? -1 : std::clamp<int64>((until - now + 999) / 1000, 0, kLongestWait);
    WaitLatch(MyLatch, events, static_cast<long>(left), PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

// A command to cancel means a transaction of ours that is over by now.
void heed_others(Worker &w) {
    QueryCancelPending = false;
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        w.settings = current_settings();
        w.look_at = DT_NOBEGIN;
    }
}

// The clock was set back: whatever waits would wait for so much longer.
void begin_anew(Worker &w) {
    shorten_pauses();
    w.look_at = DT_NOBEGIN;
    for (Flight &flight : w.flights) {
        flight.record_at = 0;
    }
}

void take_slot(Worker &w, int index) {
    w.board = alerting::attach_board();
    w.index = index;
    w.slot = alerting::find_place(w.board, index, &Slot::delivery);
    if (w.slot == nullptr) {
        proc_exit(0);
    }
    before_shmem_exit(call_again, 0);
    alerting::take_place(w.board, index, &Slot::delivery);
    unfinished = w.slot;
}

}  // namespace

void run(int slot, Oid database) {
    pg::connect_worker(database, "5s");  // a row that someone holds is left for later
    if (RecoveryInProgress()) {
        proc_exit(0);
    }
    auto &w = *static_cast<Worker *>(MemoryContextAllocZero(TopMemoryContext, sizeof(Worker)));
    take_slot(w, slot);
    w.tick = AllocSetContextCreate(TopMemoryContext, "people_counter delivery", ALLOCSET_DEFAULT_SIZES);
    for (Flight &flight : w.flights) {
        flight.context = AllocSetContextCreate(TopMemoryContext, "people_counter flight", ALLOCSET_SMALL_SIZES);
    }
    w.has_extension = true;
    w.settings = current_settings();
    w.look_at = DT_NOBEGIN;
    w.idle_since = DT_NOEND;
    if (!start_courier()) {
        ereport(WARNING, (errmsg("alerts are not delivered: libcurl does not work")));
        end(w);
    }
    pg::ClockWatch clock;
    for (;;) {
        MemoryContextSwitchTo(w.tick);
        MemoryContextReset(w.tick);
        heed_others(w);
        if (clock.was_set_back()) {
            begin_anew(w);
        }
        record(w);
        look(w);
        wait(w);
    }
}

}  // namespace people_counter::delivery
