#include "statistics/apply.hpp"

#include "alerting/marks.hpp"

#include <algorithm>

namespace people_counter::statistics {

Snapshot take_fresh_snapshot() {
    return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
}

namespace {

// What of this transaction's commands a walk has seen.
struct {
    TransactionId transaction;
    CommandId before;        // every command below
    CommandId before_whole;  // of walks through all of a session
} rederived_commands = {InvalidTransactionId, 0, 0};

}  // namespace

EarlierTriggers earlier_triggers_of_command() {
    if (rederived_commands.transaction != GetTopTransactionId()) {
        return {false, false};
    }
    // The rows of the command whose triggers run carry the command id of its snapshot.
    const CommandId command = GetActiveSnapshot()->curcid;
    return {command < rederived_commands.before, command < rederived_commands.before_whole};
}

void note_rederived(Snapshot snapshot, bool whole) {
    const TransactionId transaction = GetTopTransactionId();
    if (rederived_commands.transaction != transaction) {
        rederived_commands = {transaction, 0, 0};
    }
    rederived_commands.before = std::max(rederived_commands.before, snapshot->curcid);
    if (whole) {
        rederived_commands.before_whole = std::max(rederived_commands.before_whole, snapshot->curcid);
    }
}

void apply_events(Ledger &ledger, const pg_uuid_t &session, std::span<const Event> events, EarlierTriggers earlier) {
    if (!earlier.rederived && append_to_open_hour(ledger, session, events)) {
        return;
    }
    alerting::note_urgent(session);
    with_locked_session(ledger, session, [&](LockedSession &locked) {
        if (!earlier.rederived && append_across_hours(locked, events)) {
            return;
        }
        auto *times = static_cast<core::Interval *>(
            palloc_extended(events.size() * sizeof(core::Interval), MCXT_ALLOC_HUGE));
        int64 sample_changes[3] = {0, 0, 0};
        bool samples = false;
        for (Size i = 0; i < events.size(); ++i) {
            times[i] = {events[i].time, events[i].time};
            if (!is_movement(events[i].kind)) {
                sample_changes[events[i].status()] += events[i].sign;
                samples = true;
            }
        }
        // Where another trigger may have counted these samples already, all of them are counted again.
        rederive(locked, {{times, events.size()}, earlier.rederived_whole && samples}, sample_changes,
                 earlier.rederived ? std::span<const Event>{} : events);
    });
}

}  // namespace people_counter::statistics
