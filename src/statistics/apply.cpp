#include "statistics/apply.hpp"

#include <algorithm>

namespace people_counter::statistics {

Snapshot take_fresh_snapshot() {
    return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
}

void apply_events(Ledger &ledger, const pg_uuid_t &session, std::span<const Event> events) {
    if (append_to_open_hour(ledger, session, events)) {
        return;
    }
    with_locked_session(ledger, session, [&](LockedSession &locked) {
        if (append_across_hours(locked, events)) {
            return;
        }
        auto *times = static_cast<core::Interval *>(
            palloc_extended(events.size() * sizeof(core::Interval), MCXT_ALLOC_HUGE));
        int64 sample_changes[3] = {0, 0, 0};
        for (Size i = 0; i < events.size(); ++i) {
            times[i] = {events[i].time, events[i].time};
            if (!is_movement(events[i].kind)) {
                sample_changes[events[i].status()] += events[i].sign;
            }
        }
        rederive(locked, {{times, events.size()}, false}, sample_changes, events);
    });
}

}  // namespace people_counter::statistics
