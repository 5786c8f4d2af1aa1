#include "statistics/transition_reader.hpp"

#include "pg/row_access.hpp"
#include "statistics/base_scan.hpp"
#include "statistics/check.hpp"
#include "statistics/columns.hpp"

namespace people_counter::statistics {

TransitionTable TransitionTable::open(Tuplestorestate *rows, TupleDesc columns) {
    TransitionTable t{};
    t.rows_ = rows;
    t.row_ = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
    t.pointer_ = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
    t.rewind();
    return t;
}

void TransitionTable::rewind() {
    tuplestore_select_read_pointer(rows_, pointer_);
    tuplestore_rescan(rows_);
}

TupleTableSlot *TransitionTable::next() {
    tuplestore_select_read_pointer(rows_, pointer_);
    return tuplestore_gettupleslot(rows_, true, false, row_) ? row_ : nullptr;
}

TransitionReader TransitionReader::open(TriggerData *trigger, const pg::Relations &relations) {
    TransitionReader r{};
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    r.has_old_ = trigger->tg_oldtable != nullptr;
    r.has_new_ = trigger->tg_newtable != nullptr;
    if (r.has_old_) {
        r.old_rows_ = TransitionTable::open(trigger->tg_oldtable, columns);
    }
    if (r.has_new_) {
        r.new_rows_ = TransitionTable::open(trigger->tg_newtable, columns);
    }
    r.movements_ = RelationGetRelid(trigger->tg_relation) == relations.movements;
    r.direction_in_ = relations.direction_in;
    r.detecting_ = relations.status_detecting;
    r.tracking_ = relations.status_tracking;
    return r;
}

void TransitionReader::close() {
    if (has_old_) {
        old_rows_.close();
    }
    if (has_new_) {
        new_rows_.close();
    }
}

void TransitionReader::rewind() {
    if (has_old_) {
        old_rows_.rewind();
    }
    if (has_new_) {
        new_rows_.rewind();
    }
    has_pending_ = false;
    checked_ = true;
}

SessionEvent TransitionReader::event_in(TupleTableSlot *row, int8 sign) {
    SessionEvent result;
    memcpy(&result.session, DatumGetUUIDP(pg::required(row, movements::session_id)), UUID_LEN);
    result.event = movements_ ? movement_in(row, direction_in_) : sample_in(row, detecting_, tracking_);
    result.event.sign = sign;
    return result;
}

bool TransitionReader::next(SessionEvent &event) {
    if (has_pending_) {
        event = pending_;
        has_pending_ = false;
        return true;
    }
    for (;;) {
        TupleTableSlot *new_row = has_new_ ? new_rows_.next() : nullptr;
        TupleTableSlot *old_row = has_old_ ? old_rows_.next() : nullptr;
        if (new_row == nullptr && old_row == nullptr) {
            return false;
        }
        if (new_row != nullptr) {
            if (!checked_) {
                movements_ ? check_movement(new_row) : check_sample(new_row);
            }
            event = event_in(new_row, 1);
        }
        if (old_row == nullptr) {
            return true;
        }
        const SessionEvent old_event = event_in(old_row, -1);
        if (new_row == nullptr) {
            event = old_event;
            return true;
        }
        const bool same = memcmp(&old_event.session, &event.session, UUID_LEN) == 0 &&
                          old_event.event.time == event.event.time && old_event.event.kind == event.event.kind &&
                          old_event.event.value == event.event.value;
        if (!same) {
            pending_ = old_event;
            has_pending_ = true;
            return true;
        }
    }
}

}  // namespace people_counter::statistics
