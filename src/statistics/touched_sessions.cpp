// Collects what the rows of a statement touch of each session, and derives each session once.
#include "statistics/touched_sessions.hpp"

#include "alerting/marks.hpp"
#include "statistics/apply.hpp"
#include "statistics/archive_scan.hpp"
#include "statistics/check.hpp"
#include "statistics/columns.hpp"
#include "statistics/transition_reader.hpp"

#include <algorithm>

namespace people_counter::statistics {

void TouchedSessions::add(const TouchedSession &touched) {
    if (count_ == capacity_) {
        capacity_ = capacity_ == 0 ? 16 : capacity_ * 2;
        const Size bytes = capacity_ * sizeof(TouchedSession);
        rows_ = static_cast<TouchedSession *>(rows_ == nullptr ? palloc(bytes) : repalloc_huge(rows_, bytes));
    }
    rows_[count_++] = touched;
}

void TouchedSessions::rederive_each(const pg::Relations &relations) {
    if (count_ == 0) {
        return;
    }
    const EarlierTriggers earlier = earlier_triggers_of_command();
    CommandCounterIncrement();
    std::sort(rows_, rows_ + count_, [](const TouchedSession &a, const TouchedSession &b) {
        const int order = memcmp(&a.session, &b.session, UUID_LEN);
        return order != 0 ? order < 0 : a.times.from < b.times.from;
    });
    auto *times = static_cast<core::Interval *>(palloc_extended(count_ * sizeof(core::Interval), MCXT_ALLOC_HUGE));
    Ledger ledger;
    ledger.open(relations);
    for (Size from = 0; from < count_;) {
        Size to = from;
        while (to < count_ && same_session(rows_[from].session, rows_[to].session)) {
            ++to;
        }
        const bool by_baseline = rows_[from].extent == TouchedSession::Extent::kToNextBaseline;
        alerting::note_session(rows_[from].session, by_baseline ? rows_[from].times.from : core::kEndOfTime);
        with_locked_session(ledger, rows_[from].session, [&](LockedSession &locked) {
            Size n = 0;
            bool everything = false;
            int64 sample_changes[3] = {0, 0, 0};
            if (by_baseline) {  // as all of them are then, in order
                locked.read_baselines_from(rows_[from].times.from);
            }
            for (Size i = from; i < to; ++i) {
                everything = everything || rows_[i].extent == TouchedSession::Extent::kEverything;
                if (rows_[i].extent == TouchedSession::Extent::kToNextBaseline) {
                    rows_[i].times.to = locked.baselines.at_or_after(rows_[i].times.from + 1).time;
                }
                if (rows_[i].extent != TouchedSession::Extent::kFacts) {
                    times[n++] = rows_[i].times;
                }
                for (int status = 0; status < 3; ++status) {
                    sample_changes[status] += rows_[i].sample_changes[status];
                }
            }
            const bool samples = sample_changes[0] != 0 || sample_changes[1] != 0 || sample_changes[2] != 0;
            rederive(locked, {{times, n}, everything || (samples && earlier.rederived_whole)}, sample_changes, {});
        });
        from = to;
    }
    ledger.close();
}

void add_baselines(Tuplestorestate *rows, TupleDesc columns, bool check, TouchedSessions &touched) {
    if (rows == nullptr) {
        return;
    }
    TransitionTable table = TransitionTable::open(rows, columns);
    while (TupleTableSlot *row = table.next()) {
        if (check) {
            check_baseline(row);
        }
        TouchedSession t{};
        memcpy(&t.session, DatumGetUUIDP(pg::required(row, baselines::session_id)), UUID_LEN);
        t.times.from = DatumGetTimestampTz(pg::required(row, baselines::baseline_time));
        t.extent = TouchedSession::Extent::kToNextBaseline;
        touched.add(t);
    }
    table.close();
}

void add_archived_hours(Tuplestorestate *rows, TupleDesc columns, int sign, TouchedSessions &touched) {
    if (rows == nullptr) {
        return;
    }
    TransitionTable table = TransitionTable::open(rows, columns);
    while (TupleTableSlot *row = table.next()) {
        const ArchivedRow archived = archived_row_in(row);
        TouchedSession t{};
        memcpy(&t.session, DatumGetUUIDP(pg::required(row, archived_hours::session_id)), UUID_LEN);
        t.times = {archived.block.from, std::max(archived.block.from, archived.last())};
        t.extent = TouchedSession::Extent::kTimes;
        for (int status = 0; status < 3; ++status) {
            t.sample_changes[status] = sign * archived.samples[status];
        }
        touched.add(t);
    }
    table.close();
}

SessionRow SessionRow::read(TupleTableSlot *row) {
    SessionRow s{};
    bool is_null = false;
    memcpy(&s.id, DatumGetUUIDP(pg::required(row, sessions::id)), UUID_LEN);
    s.start_time = DatumGetTimestampTz(pg::required(row, sessions::start_time));
    const Datum end = slot_getattr(row, sessions::end_time, &is_null);
    s.end_time = is_null ? core::kBeginningOfTime : DatumGetTimestampTz(end);
    s.created_at = DatumGetTimestampTz(pg::required(row, sessions::created_at));
    const Datum positives = slot_getattr(row, sessions::false_positives, &is_null);
    s.false_positives = is_null ? FoldState::kNotReported : DatumGetInt32(positives);
    const Datum negatives = slot_getattr(row, sessions::false_negatives, &is_null);
    s.false_negatives = is_null ? FoldState::kNotReported : DatumGetInt32(negatives);
    s.time_zone = pg::required(row, sessions::time_zone);
    s.day_start = pg::required(row, sessions::day_start);
    s.reset_time = slot_getattr(row, sessions::reset_time, &s.no_reset);
    return s;
}

bool SessionRow::same_calendar(const SessionRow &other) const {
    return DatumGetBool(DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID, time_zone, other.time_zone)) &&
           DatumGetTimeADT(day_start) == DatumGetTimeADT(other.day_start) && no_reset == other.no_reset &&
           (no_reset || DatumGetTimeADT(reset_time) == DatumGetTimeADT(other.reset_time));
}

void create_statistics(Ledger &ledger, const SessionRow &session) {
    alerting::note_session(session.id, core::kEndOfTime);
    if (ledger.load_session(session.id, false)) {
        // Another trigger of this command had something of the session to count, or a session of this id left it
        // behind.
        with_locked_session(ledger, session.id, [](LockedSession &locked) {
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        });
        return;
    }
    ledger.create_session(session.id, session.created_at);
    FoldState &state = ledger.figures.state;
    state.calendar = calendar_id_of(session.time_zone, DatumGetTimeADT(session.day_start),
                                    session.no_reset ? core::Calendar::kNoReset : DatumGetTimeADT(session.reset_time));
    state.start_time = session.start_time;
    state.end_time = session.end_time;
    state.false_positives = session.false_positives;
    state.false_negatives = session.false_negatives;
    ledger.store_session();
}

void touch_changed(const SessionRow &before, const SessionRow &after, TouchedSessions &touched) {
    TouchedSession t{};
    t.session = after.id;
    alerting::note_session(after.id, core::kEndOfTime);  // its status, for one
    if (!before.same_calendar(after)) {
        t.extent = TouchedSession::Extent::kEverything;
        touched.add(t);
        return;
    }
    if (before.start_time != after.start_time) {
        // Days count the session's duration whether or not an hour of theirs lies between the two starts.
        t.times = {std::min(before.start_time, after.start_time) - 2 * core::kDay,
                   std::max(before.start_time, after.start_time) + 2 * core::kDay};
        t.extent = TouchedSession::Extent::kTimes;
        touched.add(t);
    } else if (before.end_time != after.end_time || before.created_at != after.created_at ||
               before.false_positives != after.false_positives || before.false_negatives != after.false_negatives) {
        t.extent = TouchedSession::Extent::kFacts;  // the walk itself finds what the new horizon touches
        touched.add(t);
    }
}

void rederive_all(const pg::Relations &relations) {
    alerting::note_all_sessions();
    CommandCounterIncrement();
    Size count = 0;
    const Snapshot snapshot = take_fresh_snapshot();
    pg_uuid_t *sessions = read_session_ids(relations, snapshot, count);
    UnregisterSnapshot(snapshot);
    Ledger ledger;
    ledger.open(relations);
    for (Size i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        with_locked_session(ledger, sessions[i], [](LockedSession &locked) {
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        });
    }
    ledger.close();
}

}  // namespace people_counter::statistics
