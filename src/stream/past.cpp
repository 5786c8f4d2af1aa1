#include "stream/past.hpp"

#include <algorithm>

namespace people_counter::stream {

bool has_ended(TransactionId xid, Snapshot snapshot) {
    if (!TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, snapshot->xmin)) {
        return true;
    }
    return TransactionIdPrecedes(xid, snapshot->xmax) &&
           std::find(snapshot->xip, snapshot->xip + snapshot->xcnt, xid) == snapshot->xip + snapshot->xcnt;
}

void Past::remember(Snapshot snapshot) {
    // A copy of a snapshot that overflowed has no subtransactions, whatever it counts.
    const Size count = snapshot->xcnt + (snapshot->suboverflowed ? 0 : static_cast<Size>(snapshot->subxcnt));
    if (count > capacity_) {
        const Size bytes = count * sizeof(uint32);
        running_ = static_cast<uint32 *>(running_ == nullptr ? MemoryContextAllocHuge(TopMemoryContext, bytes)
                                                             : repalloc_huge(running_, bytes));
        capacity_ = count;
    }
    std::copy_n(snapshot->xip, snapshot->xcnt, running_);
    std::copy_n(snapshot->subxip, count - snapshot->xcnt, running_ + snapshot->xcnt);
    view_ = {snapshot->xmin, snapshot->xmax, {running_, count}, snapshot->suboverflowed};
    view_.prepare();
    known_ = true;
}

// A row has the time at which its transaction began, unless its writer says otherwise.
bool Past::was_made_by(TransactionId xid, TimestampTz created_at, const StreamMark *marks, Size count) const {
    return std::any_of(marks, marks + count, [&](const StreamMark &mark) {
        return mark.started == created_at && !TransactionIdPrecedes(xid, mark.xid) &&
               view_.was_running_or_later(mark.xid);
    });
}

bool Past::is_new(TupleTableSlot *row, int created_at, const StreamMark *marks, Size count) const {
    bool copied = false;
    const HeapTuple tuple = ExecFetchSlotHeapTuple(row, false, &copied);
    const HeapTupleHeader header = tuple->t_data;
    // Also where it is frozen: that does not change it. A row of COPY (FREEZE) has none of its own, and is seen by all
    // who look, whenever they began.
    const TransactionId xid = HeapTupleHeaderGetRawXmin(header);
    if (!TransactionIdIsNormal(xid)) {
        return false;
    }
    const core::Then then = view_.ask(xid);
    if (then == core::Then::kVisible) {
        return false;
    }
    if (then == core::Then::kInvisible && (header->t_infomask & HEAP_UPDATED) == 0) {
        return true;
    }
    bool is_null = false;
    const Datum made = slot_getattr(row, created_at, &is_null);
    return !is_null && was_made_by(xid, DatumGetTimestampTz(made), marks, count);
}

}  // namespace people_counter::stream
