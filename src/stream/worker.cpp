// The loop of the stream worker: marks of commits → looks → messages → posts.
//
// It sleeps until a commit wakes it. From then on it looks at most once every stream_interval, less often where that
// takes more than a small share of a processor, and wants no latch in between. No transaction is open while it sends or
// sleeps.
#include "stream/worker.hpp"

#include "alerting/board.hpp"
#include "pg/worker.hpp"
#include "stream/look.hpp"
#include "stream/poster.hpp"

#include <algorithm>

namespace people_counter::stream {

namespace {

using alerting::Slot;

constexpr int kSlice = 20;  // ms between two looks at what others want of us, while something is sent
constexpr int64 kFirstPause = 100'000;
constexpr int64 kLongestPause = 5 * USECS_PER_SEC;
constexpr int64 kPreparedPoll = 500'000;  // while a prepared transaction may be committed unseen
constexpr int kShare = 16;                // of a processor: one part in so many for looking and sending
constexpr int64 kMuch = 10'000;           // beyond that for one look, half of it
constexpr int64 kLongestRest = USECS_PER_SEC;
constexpr int64 kPatience = USECS_PER_SEC;  // for a receiver that is slow: what comes meanwhile makes fewer messages

struct Worker {
    alerting::Board *board;
    int index;
    Slot *slot;
    MemoryContext scratch;
    Settings settings;
    Observer observer;
    Queue queue;
    bool fresh;           // something was marked since the last look
    TimestampTz look_at;  // not before
    TimestampTz began;    // the last look
    int64 spent_before;   // processor time, by then
    TimestampTz poll_at;  // what is kept may have been committed by then; DT_NOEND: nothing is
    int64 look_pause;     // after looks that failed; 0: the last one did not
    TimestampTz post_at;  // not before
    int64 post_pause;     // likewise
    bool cut_is_logged;
};

[[noreturn]] void end(Worker &w) {
    alerting::leave_place(w.board, w.index, &Slot::stream);
    proc_exit(0);
}

void report(const Worker &w, int64 sent, int64 dropped, const char *error) {
    alerting::StreamReport &report = w.slot->stream_report;
    SpinLockAcquire(&w.slot->mutex);
    report.sent += sent;
    report.dropped += dropped;
    if (error != nullptr) {
        strlcpy(report.last_error, error, sizeof report.last_error);
    }
    SpinLockRelease(&w.slot->mutex);
}

// Plain locals only: an ERROR jumps here. False: it failed, and all is as before.
bool look_once(Worker &w, Outbox &outbox, bool &has_extension) {
    volatile bool done = false;
    PG_TRY();
    {
        has_extension = w.observer.look(outbox, w.scratch);
        done = true;
    }
    PG_CATCH();
    {
        const ErrorData *error = pg::OwnerTransaction::roll_back(w.scratch);
        report(w, 0, 0, error->message);
        // Not the first few: a table may be locked for a moment, or the extension be dropped in mid look.
        if (w.look_pause >= USECS_PER_SEC && w.look_pause < 2 * USECS_PER_SEC) {
            ereport(WARNING, (errcode(error->sqlerrcode), errmsg("the live stream stands still: %s", error->message),
                              errhint("It is tried again until it works.")));
        }
    }
    PG_END_TRY();
    MemoryContextSwitchTo(w.scratch);
    return done;
}

void look(Worker &w) {
    const TimestampTz began = w.began = GetCurrentTimestamp();
    w.spent_before = pg::processor_time();
    Outbox outbox{w.queue, {}, 0};
    outbox.messages.open(TopMemoryContext);
    bool has_extension = true;
    w.fresh = false;
    if (!look_once(w, outbox, has_extension)) {
        outbox.messages.clear();
        w.look_pause = std::clamp(2 * w.look_pause, kFirstPause, kLongestPause);
        w.look_at = GetCurrentTimestamp() + w.look_pause;
        w.fresh = true;
        return;
    }
    if (!has_extension) {
        end(w);
    }
    w.observer.settle();
    w.queue.append(outbox.messages);
    w.look_pause = 0;
    const int64 interval = w.settings.interval * INT64CONST(1000);
    w.look_at = began + interval;
    w.poll_at = w.observer.marks().running    ? w.look_at
                : w.observer.marks().prepared ? began + std::max(interval, kPreparedPoll)
                                              : DT_NOEND;
    if (outbox.dropped > 0) {
        report(w, 0, outbox.dropped, nullptr);
    }
}

void take_answer(Worker &w, Answer answer) {
    if (answer == Answer::kTaken) {
        w.queue.remove_head();
        w.post_pause = 0;
        report(w, 1, 0, nullptr);
        if (w.cut_is_logged) {
            ereport(LOG, (errmsg("the live stream is sent again")));
            w.cut_is_logged = false;
        }
        if (w.queue.head() == nullptr) {
            w.fresh = w.observer.repay() || w.fresh;
        }
        return;
    }
    report(w, 0, answer == Answer::kRefused ? 1 : 0, last_error());
    if (answer == Answer::kRefused) {
        if (w.queue.head()->audience != Audience::kAll) {
            w.observer.owe(w.queue.head()->session);
        }
        w.queue.remove_head();
    }
    w.post_pause = std::clamp(2 * w.post_pause, kFirstPause, kLongestPause);
    w.post_at = GetCurrentTimestamp() + w.post_pause;
    if (!w.cut_is_logged && w.post_pause >= USECS_PER_SEC) {
        ereport(WARNING, (errmsg("the live stream cannot be sent: %s", last_error()),
                          errhint("See people_counter.stream_url. It is tried again until it works.")));
        w.cut_is_logged = true;
    }
}

// Sends what there is to send, for about as long as it is told.
void send(Worker &w, int milliseconds) {
    const TimestampTz until = GetCurrentTimestamp() + milliseconds * INT64CONST(1000);
    while (w.queue.head() != nullptr) {
        const TimestampTz now = GetCurrentTimestamp();
        if (!is_posting()) {
            if (now < w.post_at) {
                return;
            }
            if (!post(*w.queue.head(), w.settings)) {
                take_answer(w, Answer::kFailed);
                return;
            }
        }
        const Answer answer = carry_on(static_cast<int>(std::max<int64>(1, (until - now) / 1000)));
        if (answer != Answer::kNone) {
            take_answer(w, answer);
        }
        if (GetCurrentTimestamp() >= until) {
            return;
        }
    }
}

// True if something is there; otherwise commits will set the latch.
bool fall_asleep(Worker &w) {
    Slot *slot = w.slot;
    SpinLockAcquire(&slot->mutex);
    const bool waiting = slot->stream_marks > 0 || slot->stream_alerts || slot->stream_overrun;
    slot->stream_sleeps = !waiting;
    SpinLockRelease(&slot->mutex);
    return waiting;
}

// What waits to be sent goes first, as long as that is not for too long.
TimestampTz next_look(const Worker &w) {
    if (w.queue.head() != nullptr) {
        return w.look_at + kPatience;
    }
    const int64 spent = pg::processor_time() - w.spent_before;
    const int64 rest = kShare * (spent + std::max<int64>(0, spent - kMuch));
    return std::max(w.look_at, w.began + std::min(rest, kLongestRest));
}

// Until there is something to do.
void rest(Worker &w) {
    TimestampTz until = w.fresh ? next_look(w) : std::min(w.poll_at, w.observer.due_at());
    if (w.queue.head() != nullptr) {
        until = std::min(until, is_posting() ? GetCurrentTimestamp() : w.post_at);
    }
    if (!w.fresh && fall_asleep(w)) {
        return;
    }
    constexpr int64 kLongestRest = 3600 * INT64CONST(1000);
    const TimestampTz now = GetCurrentTimestamp();
    until = std::max(until, now);  // DT_NOBEGIN less something is a long time
    const int64 left = until == DT_NOEND ? -1 : std::clamp<int64>((until - now + 999) / 1000, 0, kLongestRest);
    if (left != 0) {
        const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (left > 0 ? WL_TIMEOUT : 0);
        WaitLatch(MyLatch, events, static_cast<long>(left), PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }
    SpinLockAcquire(&w.slot->mutex);
    w.slot->stream_sleeps = false;
    SpinLockRelease(&w.slot->mutex);
}

// A command to cancel means a transaction of ours that is over by now.
void heed_others(Worker &w) {
    QueryCancelPending = false;
    CHECK_FOR_INTERRUPTS();
    if (!PostmasterIsAlive()) {
        proc_exit(1);
    }
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        w.settings = current_settings();
        if (w.settings.url[0] == '\0') {
            end(w);
        }
        configure_poster(w.settings);
        w.post_at = DT_NOBEGIN;
    }
}

void take_slot(Worker &w, int index) {
    w.board = alerting::attach_board();
    w.index = index;
    w.slot = alerting::find_place(w.board, index, &Slot::stream);
    if (w.slot == nullptr) {
        proc_exit(0);
    }
    alerting::take_place(w.board, index, &Slot::stream);
}

void set_up(Oid database) {
    pg::connect_worker(database, "20ms");  // whoever has a lock that is needed here goes first
    const auto set = [](const char *name, const char *value) {
        SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
    };
    set("statement_timeout", "0");
    set("default_transaction_isolation", "read committed");
    set("default_transaction_read_only", "on");
    set("row_security", "off");
}

}  // namespace

void run(int slot, Oid database) {
    set_up(database);
    if (RecoveryInProgress()) {
        proc_exit(0);
    }
    auto &w = *static_cast<Worker *>(MemoryContextAllocZero(TopMemoryContext, sizeof(Worker)));
    w.scratch = AllocSetContextCreate(TopMemoryContext, "people_counter stream look", ALLOCSET_DEFAULT_SIZES);
    w.queue.open(TopMemoryContext);
    w.settings = current_settings();
    w.poll_at = DT_NOEND;
    w.look_at = w.post_at = DT_NOBEGIN;
    w.fresh = true;
    take_slot(w, slot);
    w.observer.create(w.board, w.index);
    if (w.settings.url[0] == '\0') {
        end(w);
    }
    if (!start_poster()) {
        ereport(WARNING, (errmsg("there is no live stream: libcurl does not work")));
        end(w);
    }
    configure_poster(w.settings);
    pg::ClockWatch clock;
    for (;;) {
        MemoryContextSwitchTo(w.scratch);
        MemoryContextReset(w.scratch);
        heed_others(w);
        if (clock.was_set_back()) {
            w.look_at = w.post_at = DT_NOBEGIN;
            w.began = GetCurrentTimestamp();
            w.fresh = true;
        }
        const TimestampTz now = GetCurrentTimestamp();
        w.fresh = w.observer.drain() || w.fresh || std::min(w.poll_at, w.observer.due_at()) <= now;
        if (w.fresh && next_look(w) <= now) {
            w.observer.note_due(now);
            look(w);
        }
        send(w, kSlice);
        rest(w);
    }
}

}  // namespace people_counter::stream
