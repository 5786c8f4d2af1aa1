// What the worker of a database remembers between its looks: the rules, where each stands on each session, and what is
// due when. All of it can be read again from the tables, and is, whenever a transaction failed.
#pragma once

#include "alerting/board.hpp"
#include "alerting/look.hpp"

#include <span>

namespace people_counter::alerting {

struct StateKey {
    pg_uuid_t rule;
    pg_uuid_t session;
};

// Where a rule stands on a session. One that is ok and has no barrier of its own to remember has none.
struct RuleState {
    StateKey key;  // of the hash table
    core::AlertState core;
    pg_uuid_t alert;  // the open row of alert_logs, while it fires or recovers
    bool stored;      // there is a row of alert_states
    bool acknowledged;
    bool seen;           // by the reading that goes on
    double stored_peak;  // as the row has it
    Micros announced_at;
    Micros handled_to;  // when an alert was last resolved by hand: what was observed before fires no other
    Micros due_to;      // until when the last observation tells the value
    int failures;       // in a row
    bool failed_edit;   // the try that failed was the first one after an edit of the rule
    Micros not_before;  // of the next try after a failure

    // Otherwise nothing happens to it while the metric is not beyond the threshold.
    bool is_busy() const { return core.phase != core::AlertPhase::kOk || failures > 0; }
};

struct WatchedSession {
    pg_uuid_t id;  // the key
    core::FlowRing ring;
    LastSecond last_second;
    LevelAnchor anchor;
    statistics::SessionConfig config;  // of its row, unless that changed
    bool has_config;
    uint32 what;     // of the changes
    int busy;        // its RuleStates that are
    Micros seen_to;  // kBeginningOfTime: never looked at
    Micros due;
    Micros live_from;  // of changes that are still to be looked at
    int64 edition;     // of the rules that it was looked at with: what was edited later is news to it
    bool changed;
    bool cold;
};

struct LookResult {
    int64 sessions = 0;
    int64 transitions = 0;
    int64 errors = 0;
    Micros writing = 0;  // processor time
};

class Watch {
  public:
    // All memory is in a child of `parent`.
    explicit Watch(MemoryContext parent);
    void destroy() { MemoryContextDelete(context_); }

    // Everything must be read again before the next look.
    void forget();
    // The clock was set back: what was put off by it is not.
    void plan_anew() {
        failing_count_ = 0;
        forget();
    }
    // Nobody looked for a long time, and nobody wants to hear what happened meanwhile: only what is now counts.
    void begin_anew() { anew_ = true; }
    // What was taken from the board.
    void note(const Change &change);
    void note_everything(Micros from);
    void note_rules() { rules_stale_ = true; }

    // Looks at whatever changed or is due, in a transaction with the rights of the extension's owner. With `alone`
    // only one session is looked at, so that one which fails is found out.
    LookResult look(Oid schema, bool alone, bool only_urgent);
    // After look() failed and its transaction is gone: everything is read again, and a session that failed alone is
    // left alone for a while.
    void note_failure(bool alone);
    bool has_work(Micros now) const;
    bool has_urgent_work() const;
    // Values of the rules about people inside, see Slot::levels; more than there is room for are left out.
    uint32 levels(int64 *into, uint32 room) const;
    Micros next_due() const { return due_; }
    // Once the transaction has ended: whether progress was written is known only then.
    void committed();

    // A line for the server's log, once the transaction has committed.
    void log_later(const char *line);

    bool rules_are_stale() const { return stale_ || rules_stale_; }
    char *last_error() { return last_error_; }
    static constexpr Size kErrorSize = 256;

  private:
    friend class SessionLook;

    struct Failing {
        pg_uuid_t session;
        int failures;
        Micros not_before;
    };
    static constexpr int kMostFailing = 32;

    Failing *find_failing(const pg_uuid_t &id);

    void read_everything(Oid schema);
    void read_states(Oid schema);
    void end_orphans(Oid schema, LookResult &result);
    WatchedSession &session(const pg_uuid_t &id);
    void forget_session(const pg_uuid_t &id);
    void save_progress(Oid schema, Micros now);
    void find_due();
    RuleState *find_state(const pg_uuid_t &rule, const pg_uuid_t &session);
    RuleState &state_of(const pg_uuid_t &rule, const pg_uuid_t &session);
    void drop_state(RuleState *state);
    void count_busy();
    void drop_old_states(Micros now);

    MemoryContext context_;
    MemoryContext rule_context_;
    HTAB *states_ = nullptr;
    HTAB *sessions_ = nullptr;
    std::span<Rule> rules_;
    bool rules_stale_ = true;
    bool stale_ = true;  // nothing is known
    bool anew_ = false;
    int64 edition_ = 0;  // of rules_
    bool rules_were_edited_ = false;
    Micros looked_at_ = 0;
    Micros installed_at_ = 0;
    Micros progress_to_save_ = 0;
    Micros due_ = core::kEndOfTime;
    Micros reread_at_ = core::kEndOfTime;
    pg_uuid_t current_ = {};
    bool has_current_ = false;
    Failing failing_[kMostFailing];
    int failing_count_ = 0;
    StringInfoData log_ = {};  // lines that end with a zero byte
    char last_error_[kErrorSize] = "";
};

}  // namespace people_counter::alerting
