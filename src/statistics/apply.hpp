// How the events of a statement reach the derived rows of one session.
#pragma once

#include "statistics/base_scan.hpp"
#include "statistics/ledger.hpp"

namespace people_counter::statistics {

// Takes events that came in order into the open hour, by arithmetic alone. False, and nothing changed, where that is
// not possible. `events` are sorted by time.
bool append_to_open_hour(Ledger &ledger, const pg_uuid_t &session, std::span<const Event> events);

// Everything that needs the session's lock and more than its own row.
struct LockedSession {
    Ledger &ledger;
    Snapshot snapshot;  // taken under the lock
    SessionConfig config;
    core::Baselines baselines;  // those that matter from the time on that read_baselines_from() was asked for

    void read_baselines_from(core::Micros time) {
        const std::span<const core::Baseline> rows = read_baselines(ledger.relations(), ledger.session(), snapshot,
                                                                    time);
        baselines = core::Baselines(rows, &config.calendar);
    }
};

// Takes events behind everything so far, across hours, without reading the base tables. False as above.
bool append_across_hours(LockedSession &locked, std::span<const Event> events);

// What of a session is no longer what its derived rows say.
struct Touched {
    std::span<const core::Interval> times;  // sorted; both ends belong to it
    bool everything;                        // nothing stored is to be believed
};

// Derives the touched hours again from the base tables and what follows from them. `sample_changes` are how many
// samples of each detection status came, or went; not used when everything is touched.
void rederive(LockedSession &locked, const Touched &touched, const int64 (&sample_changes)[3],
              std::span<const Event> events);

// Locks the session and calls body(LockedSession &); does nothing if the session is gone.
template <class F>
void with_locked_session(Ledger &ledger, const pg_uuid_t &session, F &&body);

// One command may change several base tables, or one of them in several ways (writable CTEs, triggers of the user's):
// it fires several statement triggers, each of which finds the changes of all in the base tables. Arithmetic is right
// for as long as none of them has derived anything from there. Ask before the first change of a trigger.
struct EarlierTriggers {
    bool rederived;        // something
    bool rederived_whole;  // a whole session, and counted its samples
};
EarlierTriggers earlier_triggers_of_command();
void note_rederived(Snapshot snapshot, bool whole);

// Applies the events of one statement to one session.
void apply_events(Ledger &ledger, const pg_uuid_t &session, std::span<const Event> events, EarlierTriggers earlier);

// The baselines of [from, to), palloc'd if there are any.
std::span<const core::Baseline> baselines_within(const core::Baselines &baselines, Micros from, Micros to);

// The level right after the last of the instants, of an hour that began with `level`.
Level level_at(const core::Hour &hour, Level level, std::span<const core::Instant> instants,
               std::span<const core::Baseline> baselines);

// A snapshot that shows everything committed before the lock was had, and this transaction's own changes.
Snapshot take_fresh_snapshot();

template <class F>
void with_locked_session(Ledger &ledger, const pg_uuid_t &session, F &&body) {
    Snapshot before_lock = take_fresh_snapshot();
    SessionConfig config{};
    const bool alive = read_config(ledger.relations(), session, before_lock, config);
    UnregisterSnapshot(before_lock);
    if (!alive) {
        return;
    }
    bool created = false;
    if (!ledger.load_session(session, true)) {
        ledger.lock_creation(session);
        created = !ledger.load_session(session, true);
    }
    const Snapshot snapshot = take_fresh_snapshot();
    if (read_config(ledger.relations(), session, snapshot, config)) {
        LockedSession locked{ledger, snapshot, config, {}};
        if (created) {
            ledger.create_session(session, config.created_at);
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        } else if (ledger.figures.state.version != FoldState::kVersion ||
                   ledger.figures.state.calendar != config.calendar_id) {
            // The calendar differs where a command changes the session and its rows at once.
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        } else {
            body(locked);
        }
    }
    UnregisterSnapshot(snapshot);
}

}  // namespace people_counter::statistics
