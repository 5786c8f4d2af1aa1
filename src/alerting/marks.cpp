#include "alerting/marks.hpp"

#include "alerting/board.hpp"
#include "pg/settings.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr uint32 kOwnChanges = 256;

// Plain data: nothing is to be freed when a transaction ends.
struct {
    bool any;
    bool rules;
    bool alerts;
    bool deliveries;
    bool extension;
    bool catalog;
    bool databases;
    bool everything;
    core::Micros everything_from;
    core::Micros everything_earliest;  // late ones included
    uint32 count;
    Change changes[kOwnChanges];
    core::Micros earliest[kOwnChanges];  // of each, late ones included
} pending;

bool ignore_rules = false;
bool unavailable = false;  // no shared memory was left: this server has no worker
bool announced = false;    // the launcher was told of this database
int own_slot = -1;
Board *board = nullptr;

// Outside of a transaction's end, where an ERROR is still allowed: the reserve may be used up if the library was not
// loaded when the server started, which is no reason to refuse a movement.
void find_board() {
    if (board != nullptr || unavailable) {
        return;
    }
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    PG_TRY();
    {
        board = attach_board();
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        unavailable = true;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
}

void begin() {
    if (unlikely(board == nullptr)) {
        find_board();
    }
    pending.any = true;
}

void add(const Change &change, core::Micros earliest) {
    begin();
    for (uint32 i = pending.count; i > 0; --i) {
        if (statistics::same_session(pending.changes[i - 1].session, change.session)) {
            pending.changes[i - 1].from = std::min(pending.changes[i - 1].from, change.from);
            pending.changes[i - 1].what |= change.what;
            pending.earliest[i - 1] = std::min(pending.earliest[i - 1], earliest);
            return;
        }
    }
    if (pending.count == kOwnChanges) {
        pending.everything_from = pending.everything ? std::min(pending.everything_from, change.from) : change.from;
        pending.everything_earliest = pending.everything ? std::min(pending.everything_earliest, earliest) : earliest;
        pending.everything = true;
        return;
    }
    pending.earliest[pending.count] = earliest;
    pending.changes[pending.count++] = change;
}

// What is older when it arrives fires no alert.
core::Micros too_late_before() {
    return GetCurrentStatementStartTimestamp() - static_cast<core::Micros>(pg::settings.alert_max_lag) * 1000;
}

Latch *tell_slot(Slot *slot, int index) noexcept {
    Latch *wake = nullptr;
    bool urgent = false;
    for (uint32 i = 0; i < pending.count; ++i) {
        enter_change(board, index, pending.changes[i]);
        urgent = urgent || (pending.changes[i].what & kUrgent) != 0;
    }
    slot->urgent = slot->urgent || urgent;
    if (slot->worker_rests && urgent) {
        slot->worker_rests = false;
        wake = slot->worker.latch;
    }
    if (pending.everything) {
        slot->everything_from = slot->everything ? std::min(slot->everything_from, pending.everything_from)
                                                 : pending.everything_from;
        slot->everything = true;
    }
    slot->rules_changed = slot->rules_changed || pending.rules || pending.extension;
    if (slot->worker_sleeps && (pending.count > 0 || pending.everything || slot->rules_changed)) {
        slot->worker_sleeps = false;
        wake = slot->worker.latch;
    }
    return wake;
}

// Before the commit, so that nobody sees what the live stream has not been told of. If the transaction fails after all,
// it is looked for in vain.
void tell_stream(uint32 how) noexcept {
    if (own_slot < 0 || slot_at(board, own_slot)->database != MyDatabaseId) {
        own_slot = find_slot(board, MyDatabaseId);
    }
    Slot *slot = own_slot < 0 ? nullptr : slot_at(board, own_slot);
    if (slot == nullptr || !slot->stream.runs() || (pending.count == 0 && !pending.everything)) {
        return;
    }
    const TimestampTz started = GetCurrentTransactionStartTimestamp();
    const TransactionId xid = GetTopTransactionIdIfAny();
    Latch *wake = nullptr;
    SpinLockAcquire(&slot->mutex);
    if (slot->database == MyDatabaseId && slot->stream.runs()) {
        for (uint32 i = 0; i < pending.count; ++i) {
            const Change &change = pending.changes[i];
            enter_stream_mark(board, own_slot, {change.session, pending.earliest[i], started, xid, change.what | how});
        }
        if (pending.everything) {
            enter_stream_mark(board, own_slot,
                              {pg_uuid_t{}, pending.everything_earliest, started, xid, kAllSessions | how});
        }
        // What waits for its time has to make room before.
        wake = slot->stream_marks > board->entries / 2 ? slot->stream.latch : nullptr;
    }
    SpinLockRelease(&slot->mutex);
    if (wake != nullptr) {
        SetLatch(wake);
    }
}

Latch *wake_stream(Slot *slot) noexcept {
    slot->stream_alerts = slot->stream_alerts || (pending.alerts && slot->stream.runs());
    if (!slot->stream_sleeps || (pending.count == 0 && !pending.everything && !pending.alerts)) {
        return nullptr;
    }
    slot->stream_sleeps = false;
    return slot->stream.latch;
}

// At COMMIT: nothing here can fail.
void publish() noexcept {
    Latch *launcher = nullptr;
    Latch *worker = nullptr;
    Latch *delivery = nullptr;
    Latch *stream = nullptr;
    bool told = false;
    // A slot that was found may be given up before it is locked. Who brings the extension takes another one then.
    for (bool again = true; again && !told; again = pending.extension && own_slot >= 0) {
        if (own_slot < 0 || slot_at(board, own_slot)->database != MyDatabaseId) {
            own_slot = pending.extension ? claim_slot(board, MyDatabaseId) : find_slot(board, MyDatabaseId);
        }
        if (own_slot < 0) {
            break;
        }
        Slot *slot = slot_at(board, own_slot);
        SpinLockAcquire(&slot->mutex);
        told = slot->database == MyDatabaseId;
        if (told) {
            worker = tell_slot(slot, own_slot);
            stream = wake_stream(slot);
            if (pending.catalog) {  // also one that stands aside
                worker = slot->worker.latch;
            }
            if (pending.deliveries) {
                slot->deliver = true;
                delivery = slot->delivery.runs() ? slot->delivery.latch : slot->supervisor.latch;
            }
            if (!slot->worker.runs()) {
                launcher = slot->supervisor.latch;
            }
        }
        SpinLockRelease(&slot->mutex);
    }
    if (pending.databases || pending.extension || (own_slot < 0 && !announced)) {
        SpinLockAcquire(&board->mutex);
        board->scan = true;
        launcher = board->launcher.latch;
        SpinLockRelease(&board->mutex);
        announced = true;
    }
    for (Latch *latch : {worker, delivery, stream, launcher}) {
        if (latch != nullptr) {
            SetLatch(latch);
        }
    }
}

// Somebody else will commit it, who knows nothing of this: the worker watches until it is gone.
void note_prepared() noexcept {
    const int index = find_slot(board, MyDatabaseId);
    if (index < 0) {
        return;
    }
    Slot *slot = slot_at(board, index);
    SpinLockAcquire(&slot->mutex);
    slot->prepared = true;
    Latch *wake = slot->worker_sleeps ? slot->worker.latch : nullptr;
    slot->worker_sleeps = false;
    SpinLockRelease(&slot->mutex);
    if (wake != nullptr) {
        SetLatch(wake);
    }
}

void at_transaction_end(XactEvent event, void *) {
    if (!pending.any) {
        return;
    }
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
        case XACT_EVENT_PRE_PREPARE:
            if (board != nullptr) {
                tell_stream(event == XACT_EVENT_PRE_PREPARE ? kPreparedToo : 0);
            }
            return;
        case XACT_EVENT_COMMIT:
            if (board != nullptr) {
                publish();
            }
            break;
        case XACT_EVENT_PREPARE:
            if (board != nullptr) {
                note_prepared();
            }
            break;
        case XACT_EVENT_ABORT:
            break;
        default:
            return;
    }
    pending.any = pending.rules = pending.alerts = pending.deliveries = pending.extension = pending.catalog = false;
    pending.databases = pending.everything = false;
    pending.count = 0;
}

}  // namespace

void note_events(const pg_uuid_t &session, std::span<const statistics::Event> events) {
    const core::Micros limit = too_late_before();
    const auto first = events.front().time >= limit
                           ? events.begin()
                           : std::lower_bound(events.begin(), events.end(), limit,
                                              [](const statistics::Event &e, core::Micros t) { return e.time < t; });
    uint32 what = first == events.begin() ? 0 : kLateChanged;
    for (const statistics::Event &event : events) {
        what |= statistics::is_movement(event.kind) ? kMovementsChanged : kSamplesChanged;
    }
    // The live stream tells what came: where rows only went, as by retention, it need not look for any.
    const auto came = std::find_if(events.begin(), events.end(), [](const statistics::Event &e) { return e.sign > 0; });
    add({session, first == events.end() ? core::kEndOfTime : first->time, what},
        came == events.end() ? core::kEndOfTime : came->time);
}

void note_session(const pg_uuid_t &session, core::Micros from) {
    add({session, from >= too_late_before() ? from : core::kEndOfTime, kAnythingChanged | kUrgent}, from);
}

void note_urgent(const pg_uuid_t &session) { add({session, core::kEndOfTime, kUrgent}, core::kEndOfTime); }

void note_levels(const pg_uuid_t &session, int64 before, int64 after) {
    if (board == nullptr || before == after) {
        return;
    }
    if (own_slot < 0) {
        own_slot = find_slot(board, MyDatabaseId);
    }
    const Slot *slot = own_slot < 0 ? nullptr : slot_at(board, own_slot);
    if (slot == nullptr || slot->database != MyDatabaseId) {
        return;
    }
    const int64 low = std::min(before, after);
    const int64 high = std::max(before, after);
    const uint32 count = std::min(slot->level_count, kLevels);
    if (std::any_of(slot->levels, slot->levels + count, [&](int64 level) { return low <= level && level < high; })) {
        note_urgent(session);
    }
}

void note_all_sessions() {
    begin();
    if (!pending.everything) {
        pending.everything_from = pending.everything_earliest = core::kEndOfTime;
        pending.everything = true;
    }
}

void ignore_own_changes() { ignore_rules = true; }

void note_rules() {
    if (ignore_rules) {
        return;
    }
    begin();
    pending.rules = true;
}

void note_alerts() {
    begin();
    pending.alerts = true;
}

void note_deliveries() {
    begin();
    pending.deliveries = true;
}

void note_extension() {
    begin();
    pending.extension = true;
}

void note_catalog() {
    begin();
    pending.rules = pending.catalog = true;
}

void note_databases() {
    begin();
    pending.databases = true;
}

void register_marks() { RegisterXactCallback(at_transaction_end, nullptr); }

}  // namespace people_counter::alerting
