#include "alerting/watch.hpp"

#include "alerting/entries.hpp"
#include "alerting/session_look.hpp"
#include "alerting/transitions.hpp"
#include "pg/settings.hpp"

#include <algorithm>
#include <cmath>

namespace people_counter::alerting {

namespace {

constexpr Micros kProgressEvery = 10 * core::kSecond;
constexpr Micros kFirstRetry = core::kSecond / 10;

Query write_progress("UPDATE $S.alert_progress SET looked_at = $1");
Query write_peak("UPDATE $S.alert_logs SET peak_value = $2 WHERE id = $1 AND NOT is_resolved");

HTAB *make_table(MemoryContext context, const char *name, Size key, Size entry) {
    HASHCTL control{};
    control.keysize = key;
    control.entrysize = entry;
    control.hcxt = context;
    return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

}  // namespace

Watch::Watch(MemoryContext parent)
    : context_{AllocSetContextCreate(parent, "people_counter watch", ALLOCSET_DEFAULT_SIZES)},
      rule_context_{AllocSetContextCreate(context_, "people_counter rules", ALLOCSET_DEFAULT_SIZES)} {
    forget();
}

void Watch::forget() {
    MemoryContext const parent = MemoryContextGetParent(context_);
    MemoryContextDelete(context_);
    context_ = AllocSetContextCreate(parent, "people_counter watch", ALLOCSET_DEFAULT_SIZES);
    rule_context_ = AllocSetContextCreate(context_, "people_counter rules", ALLOCSET_DEFAULT_SIZES);
    states_ = make_table(context_, "people_counter alert states", sizeof(StateKey), sizeof(RuleState));
    sessions_ = make_table(context_, "people_counter watched sessions", sizeof(pg_uuid_t), sizeof(WatchedSession));
    rules_ = {};
    edition_ = 0;
    log_ = {};
    stale_ = rules_stale_ = true;
    progress_to_save_ = 0;
    due_ = core::kEndOfTime;
    has_current_ = false;
}

Watch::Failing *Watch::find_failing(const pg_uuid_t &id) {
    Failing *const end = failing_ + failing_count_;
    Failing *const found = std::find_if(failing_, end,
                                        [&](const Failing &f) { return memcmp(&f.session, &id, UUID_LEN) == 0; });
    return found == end ? nullptr : found;
}

// Which session cannot be looked at is known only where one at a time was. The others must not wait for it.
void Watch::note_failure(bool alone) {
    if (has_current_ && alone) {
        Failing *failing = find_failing(current_);
        if (failing == nullptr) {
            failing_count_ = std::min(failing_count_, kMostFailing - 1);
            failing = &failing_[failing_count_++];
            *failing = Failing{current_, 0, 0};
        }
        failing->failures = std::min(failing->failures + 1, 9);
        failing->not_before = GetCurrentTimestamp() + (kFirstRetry << failing->failures);
    }
    forget();
}

WatchedSession &Watch::session(const pg_uuid_t &id) {
    bool found = false;
    auto *entry = static_cast<WatchedSession *>(hash_search(sessions_, &id, HASH_ENTER, &found));
    if (!found) {
        *entry = WatchedSession{};
        entry->id = id;
        entry->seen_to = core::kEndOfTime;
        entry->live_from = entry->due = core::kEndOfTime;
        entry->edition = edition_;
    }
    return *entry;
}

void Watch::forget_session(const pg_uuid_t &id) {
    for (const Rule &rule : rules_) {
        if (RuleState *state = find_state(rule.id, id)) {
            drop_state(state);
        }
    }
    auto *entry = static_cast<WatchedSession *>(hash_search(sessions_, &id, HASH_FIND, nullptr));
    if (entry != nullptr) {
        if (entry->ring.seconds != nullptr) {
            pfree(entry->ring.seconds);
        }
        if (entry->last_second.rows != nullptr) {
            pfree(entry->last_second.rows);
        }
        hash_search(sessions_, &id, HASH_REMOVE, nullptr);
    }
}

RuleState *Watch::find_state(const pg_uuid_t &rule, const pg_uuid_t &session) {
    const StateKey key{rule, session};
    return static_cast<RuleState *>(hash_search(states_, &key, HASH_FIND, nullptr));
}

RuleState &Watch::state_of(const pg_uuid_t &rule, const pg_uuid_t &session) {
    const StateKey key{rule, session};
    bool found = false;
    auto *state = static_cast<RuleState *>(hash_search(states_, &key, HASH_ENTER, &found));
    if (!found) {
        *state = RuleState{};
        state->key = key;
    }
    return *state;
}

void Watch::drop_state(RuleState *state) {
    auto *entry = static_cast<WatchedSession *>(hash_search(sessions_, &state->key.session, HASH_FIND, nullptr));
    if (entry != nullptr && state->is_busy()) {
        --entry->busy;
    }
    hash_search(states_, &state->key, HASH_REMOVE, nullptr);
}

void Watch::count_busy() {
    for_each<WatchedSession>(sessions_, [](WatchedSession &entry) { entry.busy = 0; });
    for_each<RuleState>(states_, [&](const RuleState &state) {
        if (state.is_busy()) {
            ++session(state.key.session).busy;
        }
    });
}

// A barrier is of no use once what lies before it would be too late anyway.
void Watch::drop_old_states(Micros now) {
    const Micros lag = static_cast<Micros>(pg::settings.alert_max_lag) * 1000;
    for_each<RuleState>(states_, [&](RuleState &state) {
        if (!state.is_busy() && !state.stored && state.core.barrier < now - lag - 60 * core::kSecond) {
            drop_state(&state);
        }
    });
}

void Watch::note(const Change &change) {
    if (stale_) {
        return;  // everything will be looked at, from further back
    }
    WatchedSession &entry = session(change.session);
    entry.changed = true;
    entry.what |= change.what;
    entry.live_from = std::min(entry.live_from, change.from);
}

void Watch::note_everything(Micros from) {
    rules_stale_ = true;  // which finds sessions that are not known yet
    for_each<WatchedSession>(sessions_, [&](WatchedSession &entry) {
        entry.changed = true;
        entry.what = kAnythingChanged;
        entry.live_from = std::min(entry.live_from, from);
    });
}

bool Watch::has_work(Micros now) const {
    if (stale_ || rules_stale_ || due_ <= now) {
        return true;
    }
    bool any = false;
    for_each<WatchedSession>(sessions_, [&](const WatchedSession &entry) { any = any || entry.changed; });
    return any;
}

void Watch::find_due() {
    due_ = reread_at_;
    for_each<WatchedSession>(sessions_, [&](const WatchedSession &entry) { due_ = std::min(due_, entry.due); });
}

void Watch::save_progress(Oid schema, Micros now) {
    bool failing = false;
    for_each<RuleState>(states_, [&](RuleState &state) {
        failing = failing || state.failures > 0;
        if (state.core.phase >= core::AlertPhase::kFiring && state.core.peak != state.stored_peak) {
            char ignored[kErrorSize];
            in_subtransaction(
                [&] {
                    write_peak.run(schema, {uuid_argument(state.alert), number_argument(state.core.peak)}, false);
                },
                ignored, sizeof ignored);
            state.stored_peak = state.core.peak;
        }
    });
    drop_old_states(now);
    if (!failing) {
        write_progress.run(schema, {time_argument(now)}, false);
        progress_to_save_ = now;
    }
}

bool Watch::has_urgent_work() const {
    if (stale_ || rules_stale_) {
        return true;
    }
    bool any = false;
    for_each<WatchedSession>(sessions_, [&](const WatchedSession &entry) {
        any = any || (entry.changed && (entry.what & kUrgent) != 0);
    });
    return any;
}

uint32 Watch::levels(int64 *into, uint32 room) const {
    constexpr double kMost = 1e9;
    uint32 count = 0;
    for (const Rule &rule : rules_) {
        for (const double value : {rule.core.threshold, rule.core.clear}) {
            if (rule.metric != Metric::kPeopleInside || value > kMost || value < -kMost) {
                continue;
            }
            // Beyond a whole number is one more, or one less; so is clear of it from the other side.
            const auto level = static_cast<int64>(rule.core.above ? std::floor(value) : std::ceil(value) - 1);
            if (count < room && std::find(into, into + count, level) == into + count) {
                into[count++] = level;
            }
        }
    }
    return count;
}

LookResult Watch::look(Oid schema, bool alone, bool only_urgent) {
    LookResult result;
    const Micros now = GetCurrentTimestamp();
    if (stale_ || rules_stale_ || reread_at_ <= now) {
        rules_stale_ = false;
        reread_at_ = core::kEndOfTime;
        read_everything(schema);
        end_orphans(schema, result);
    }
    const pg::Relations relations = pg::relations_of(schema);
    const Snapshot snapshot = GetActiveSnapshot();
    MemoryContext const scratch = AllocSetContextCreate(CurrentMemoryContext, "people_counter look",
                                                        ALLOCSET_DEFAULT_SIZES);
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, sessions_);
    while (auto *entry = static_cast<WatchedSession *>(hash_seq_search(&all))) {
        if (!entry->changed && entry->due > now) {
            continue;
        }
        if (only_urgent && !(entry->changed && (entry->what & kUrgent) != 0)) {
            continue;
        }
        CHECK_FOR_INTERRUPTS();
        if (const Failing *failing = find_failing(entry->id); failing != nullptr && failing->not_before > now) {
            entry->changed = false;
            entry->due = failing->not_before;
            continue;
        }
        if (entry->seen_to == core::kEndOfTime) {
            entry->seen_to = std::min(entry->live_from, now);
        }
        current_ = entry->id;
        has_current_ = true;
        MemoryContext const outer = MemoryContextSwitchTo(scratch);
        const bool watched = SessionLook(*this, relations, *entry, snapshot, now, result).run();
        MemoryContextSwitchTo(outer);
        MemoryContextReset(scratch);
        if (!watched) {
            forget_session(entry->id);
        }
        has_current_ = false;
        if (alone) {
            hash_seq_term(&all);
            break;
        }
    }
    MemoryContextDelete(scratch);
    // An edit that was seen is not to be seen again after a restart.
    if (rules_were_edited_ || anew_ || now - std::max(progress_to_save_, looked_at_) >= kProgressEvery) {
        save_progress(schema, now);
        rules_were_edited_ = false;
    }
    find_due();
    return result;
}

void Watch::log_later(const char *line) {
    MemoryContext const outer = MemoryContextSwitchTo(context_);
    if (log_.data == nullptr) {
        initStringInfo(&log_);
    }
    appendBinaryStringInfo(&log_, line, static_cast<int>(strlen(line)) + 1);
    MemoryContextSwitchTo(outer);
}

void Watch::committed() {
    for (int at = 0; at < log_.len; at += static_cast<int>(strlen(log_.data + at)) + 1) {
        ereport(pg::settings.alert_log_level, (errmsg("people_counter: %s", log_.data + at)));
    }
    if (log_.data != nullptr) {
        pfree(log_.data);
        log_ = {};
    }
    anew_ = anew_ && stale_;
    if (progress_to_save_ > looked_at_) {
        looked_at_ = progress_to_save_;
    }
}

}  // namespace people_counter::alerting
