#include "alerting/board.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

// What fits into the reserve that every server has, for a library that was not loaded at its start.
constexpr int kLateSlots = 4;
constexpr uint32 kLateEntries = 128;

Board *board = nullptr;
int shape_slots = kLateSlots;
uint32 shape_entries = kLateEntries;

struct Place {
    int index;
    Process Slot::*process;
};
Place place = {-1, nullptr};

Size entries_size(uint32 entries) { return MAXALIGN(mul_size(entries, sizeof(Change))); }
Size marks_size(uint32 entries) { return MAXALIGN(mul_size(entries, sizeof(StreamMark))); }
Size slot_size(uint32 entries) {
    return add_size(MAXALIGN(sizeof(Slot)), add_size(entries_size(entries), marks_size(entries)));
}

bool same(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) == 0; }

void make_board(Board *fresh) {
    memset(fresh, 0, board_size(shape_slots, shape_entries));
    SpinLockInit(&fresh->mutex);
    fresh->slots = shape_slots;
    fresh->entries = shape_entries;
    for (int i = 0; i < fresh->slots; ++i) {
        SpinLockInit(&slot_at(fresh, i)->mutex);
    }
}

// Who makes the board decides on its shape: the other library knows nothing of it, and a structure can be found by its
// size only.
struct Shape {
    int slots;
    uint32 entries;
};

void leave_at_exit(int, Datum) {
    if (place.index >= 0) {
        leave_place(board, place.index, place.process);
    }
}

}  // namespace

Size board_size(int slots, uint32 entries) {
    return add_size(MAXALIGN(sizeof(Board)), mul_size(slots, slot_size(entries)));
}

void set_board_shape(int slots, uint32 entries) {
    shape_slots = slots;
    shape_entries = entries;
}

Board *renew_board() {
    board = nullptr;
    return attach_board();
}

Board *attach_board() {
    if (board != nullptr && IsUnderPostmaster) {  // the postmaster makes another one after a crash
        return board;
    }
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto *shape = static_cast<Shape *>(ShmemInitStruct("people_counter board shape", sizeof(Shape), &found));
    if (!found) {
        *shape = {shape_slots, shape_entries};
    }
    shape_slots = shape->slots;
    shape_entries = shape->entries;
    auto *shared = static_cast<Board *>(
        ShmemInitStruct("people_counter board", board_size(shape_slots, shape_entries), &found));
    if (!found) {
        make_board(shared);
    }
    LWLockRelease(AddinShmemInitLock);
    board = shared;
    return board;
}

Slot *slot_at(Board *of, int index) {
    char *first = reinterpret_cast<char *>(of) + MAXALIGN(sizeof(Board));
    return reinterpret_cast<Slot *>(first + index * slot_size(of->entries));
}

Change *entries_of(Board *of, int index) {
    return reinterpret_cast<Change *>(reinterpret_cast<char *>(slot_at(of, index)) + MAXALIGN(sizeof(Slot)));
}

StreamMark *stream_marks_of(Board *of, int index) {
    return reinterpret_cast<StreamMark *>(reinterpret_cast<char *>(entries_of(of, index)) + entries_size(of->entries));
}

static void forget_stream(Slot *slot) {
    slot->stream_sleeps = slot->stream_alerts = slot->stream_overrun = false;
    slot->stream_overrun_from = core::kEndOfTime;
    slot->stream_marks = 0;
}

int find_slot(Board *of, Oid database) {
    for (int i = 0; i < of->slots; ++i) {
        if (slot_at(of, i)->database == database) {  // one word; who relies on it looks again under the mutex
            return i;
        }
    }
    return -1;
}

// One that nobody runs for: of a database that was dropped, perhaps. A launcher of all databases gives such back
// itself, and may be about to start somebody.
static int find_idle_slot(Board *of) {
    for (int i = 0; i < of->slots && !of->launcher.runs(); ++i) {
        Slot *slot = slot_at(of, i);
        SpinLockAcquire(&slot->mutex);
        const bool idle = !slot->worker.runs() && !slot->delivery.runs() && !slot->stream.runs() &&
                          !slot->supervisor.runs();
        SpinLockRelease(&slot->mutex);
        if (idle) {
            return i;
        }
    }
    return -1;
}

int claim_slot(Board *of, Oid database) {
    SpinLockAcquire(&of->mutex);  // two claim at once
    int index = find_slot(of, database);
    if (index < 0) {
        index = find_slot(of, InvalidOid);
        index = index >= 0 ? index : find_idle_slot(of);
        if (index >= 0) {
            Slot *slot = slot_at(of, index);
            SpinLockAcquire(&slot->mutex);
            slot->worker = slot->delivery = slot->stream = slot->supervisor = Process{};
            forget_stream(slot);
            slot->stream_report = StreamReport{};
            slot->worker_sleeps = slot->worker_rests = slot->urgent = slot->prepared = slot->deliver = false;
            slot->level_count = 0;
            slot->rules_changed = slot->everything = true;
            slot->everything_from = core::kEndOfTime;
            slot->changes = 0;
            slot->deliver = true;  // what was queued before the server started
            slot->report = WorkerReport{};
            slot->report.next_due_at = core::kEndOfTime;
            slot->database = database;
            SpinLockRelease(&slot->mutex);
        }
    }
    SpinLockRelease(&of->mutex);
    return index;
}

bool release_slot(Board *of, int index, Oid database, bool gone) {
    SpinLockAcquire(&of->mutex);
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    const bool ours = slot->database == database;
    const bool wanted = slot->worker.runs() || slot->delivery.runs() || slot->stream.runs() ||
                        (slot->rules_changed && !gone);
    if (ours && !wanted) {
        slot->database = InvalidOid;
    }
    SpinLockRelease(&slot->mutex);
    SpinLockRelease(&of->mutex);
    return !ours || !wanted;
}

// The ones that write do so again and again, so the search begins at the end; the few entries that there can be take
// less than a table of hashes would.
void enter_change(Board *of, int index, const Change &change) {
    Slot *slot = slot_at(of, index);
    Change *entries = entries_of(of, index);
    for (uint32 i = slot->changes; i > 0; --i) {
        if (same(entries[i - 1].session, change.session)) {
            entries[i - 1].from = std::min(entries[i - 1].from, change.from);
            entries[i - 1].what |= change.what;
            return;
        }
    }
    if (slot->changes == of->entries) {
        slot->everything_from = slot->everything ? std::min(slot->everything_from, change.from) : change.from;
        slot->everything = true;
        return;
    }
    entries[slot->changes++] = change;
}

// No search: it takes a few instructions however many sessions change.
void enter_stream_mark(Board *of, int index, const StreamMark &mark) {
    Slot *slot = slot_at(of, index);
    if (slot->stream_marks == of->entries) {
        slot->stream_overrun_from = std::min(slot->stream_overrun_from, mark.from);
        slot->stream_overrun = true;
        return;
    }
    stream_marks_of(of, index)[slot->stream_marks++] = mark;
}

StreamTaken take_stream_marks(Board *of, int index, StreamMark *into) {
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    const StreamTaken taken{slot->stream_marks, slot->stream_alerts, slot->stream_overrun, slot->stream_overrun_from};
    memcpy(into, stream_marks_of(of, index), slot->stream_marks * sizeof(StreamMark));
    forget_stream(slot);
    SpinLockRelease(&slot->mutex);
    return taken;
}

Taken take_changes(Board *of, int index, Change *into) {
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    const Taken taken{slot->changes, slot->rules_changed, slot->everything, slot->everything_from, slot->prepared};
    memcpy(into, entries_of(of, index), slot->changes * sizeof(Change));
    slot->changes = 0;
    slot->urgent = false;
    slot->rules_changed = slot->everything = slot->prepared = false;
    slot->everything_from = core::kEndOfTime;
    SpinLockRelease(&slot->mutex);
    return taken;
}

Slot *find_place(Board *of, int index, Process Slot::*process) {
    if (index < 0 || index >= of->slots) {
        return nullptr;
    }
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    const Process &now = slot->*process;
    const bool is_free = slot->database == MyDatabaseId && (!now.runs() || now.pid == MyProcPid);
    SpinLockRelease(&slot->mutex);
    return is_free ? slot : nullptr;
}

void take_place(Board *of, int index, Process Slot::*process) {
    if (place.index < 0) {
        before_shmem_exit(leave_at_exit, 0);
    }
    place = {index, process};
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    slot->*process = Process{MyLatch, MyProcPid};
    if (process == &Slot::stream) {
        forget_stream(slot);
        slot->stream_report = StreamReport{};
    }
    SpinLockRelease(&slot->mutex);
}

void leave_place(Board *of, int index, Process Slot::*process) {
    Slot *slot = slot_at(of, index);
    SpinLockAcquire(&slot->mutex);
    if ((slot->*process).pid == MyProcPid) {
        slot->*process = Process{};
        if (process == &Slot::worker) {
            slot->worker_sleeps = slot->worker_rests = false;
        }
    }
    SpinLockRelease(&slot->mutex);
    place.index = -1;
}

}  // namespace people_counter::alerting
