// Takes the rules of one session through what happened since the last look.
#pragma once

#include "alerting/watch.hpp"

namespace people_counter::alerting {

// Of one rule in one look, in order of time.
struct AlertSteps {
    core::AlertTransition *data = nullptr;
    Size count = 0;
    Size capacity = 0;

    void add(const core::AlertTransition &step) {
        if (count == capacity) {
            capacity = capacity == 0 ? 4 : capacity * 2;
            const Size bytes = capacity * sizeof *data;
            data = static_cast<core::AlertTransition *>(data == nullptr ? palloc(bytes) : repalloc_huge(data, bytes));
        }
        data[count++] = step;
    }
};

// Whether there is a row of alert_states for it.
inline bool is_stored(core::AlertPhase phase) {
    return phase == core::AlertPhase::kPending || phase == core::AlertPhase::kRecovering;
}

class SessionLook {
  public:
    SessionLook(Watch &watch, const pg::Relations &relations, WatchedSession &session, Snapshot snapshot, Micros now,
                LookResult &result);

    // False if there is nothing to watch any more.
    bool run();

  private:
    void end_all(Micros at, const char *reason);
    void read_series(uint32 metrics);
    bool was_edited(const Rule &rule) const;
    bool is_watched() const;
    void done();
    void take_all();
    uint32 what_may_differ() const;
    bool stays_ok(const Rule &rule);
    bool waits_for_news(const core::AlertState &state) const;
    void take(Rule &rule);
    Micros barrier_of(const Rule &rule) const;
    void set_barrier(const Rule &rule, core::AlertState &state) const;
    void walk(const Rule &rule, bool edited, const Series &series, const RuleState *state,
              const core::AlertState &before, core::AlertState &after, AlertSteps &steps) const;
    bool write(Rule &rule, const AlertSteps &steps, const core::AlertState &after, RuleState *state, pg_uuid_t &alert,
               bool repeats);
    void note_failure(const Rule &rule, RuleState &state);
    void due_at(Micros time) { session_.due = time < session_.due ? time : session_.due; }

    Watch &watch_;
    WatchedSession &session_;
    LookResult &result_;
    Look look_;
    Series series_[kMetrics];
    bool failed_ = false;
};

}  // namespace people_counter::alerting
