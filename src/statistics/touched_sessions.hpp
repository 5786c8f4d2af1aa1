// What a change of sessions or baselines, rows of small tables, makes to be derived again.
#pragma once

#include "pg/relations.hpp"
#include "statistics/ledger.hpp"

namespace people_counter::statistics {

struct TouchedSession {
    enum class Extent {
        kFacts,  // no hour but the last: what the session's row says of itself
        kTimes,
        kToNextBaseline,  // from times.from on
        kEverything,
    };

    pg_uuid_t session;
    core::Interval times;
    Extent extent;
    int64 sample_changes[3];  // of archived ones, by detection status
};

// Rows of a small table that each touch a stretch of their session's time.
class TouchedSessions {
  public:
    void add(const TouchedSession &touched);
    void rederive_each(const pg::Relations &relations);

  private:
    TouchedSession *rows_ = nullptr;
    Size count_ = 0;
    Size capacity_ = 0;
};

// Notes the rows of a transition table, if there is one, and with `check` refuses those that nobody can have meant.
void add_baselines(Tuplestorestate *rows, TupleDesc columns, bool check, TouchedSessions &touched);

void add_archived_hours(Tuplestorestate *rows, TupleDesc columns, int sign, TouchedSessions &touched);

// What of a session's row its statistics depend on.
struct SessionRow {
    pg_uuid_t id;
    core::Micros start_time;
    core::Micros end_time;
    core::Micros created_at;
    int32 false_positives;
    int32 false_negatives;
    Datum time_zone, day_start, reset_time;
    bool no_reset;

    static SessionRow read(TupleTableSlot *row);
    bool same_calendar(const SessionRow &other) const;
};

void create_statistics(Ledger &ledger, const SessionRow &session);

// Rows come in the same order in both transition tables, but an update may change the id, so they are paired by it.
void touch_changed(const SessionRow &before, const SessionRow &after, TouchedSessions &touched);

// Derives every session again that has statistics or should have.
void rederive_all(const pg::Relations &relations);

}  // namespace people_counter::statistics
