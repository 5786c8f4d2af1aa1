#include "alerting/watch.hpp"

#include "alerting/session_look.hpp"
#include "alerting/transitions.hpp"
#include "pg/settings.hpp"

#include <algorithm>
#include <ctime>

namespace people_counter::alerting {

namespace {

constexpr Micros kProgressEvery = 10 * core::kSecond;
// Longer ago than this nothing is caught up with.
constexpr Micros kLongestAbsence = core::kDay;
constexpr Micros kFirstRetry = core::kSecond / 10;

Query read_progress("SELECT looked_at, installed_at FROM $S.alert_progress");
Query write_progress("UPDATE $S.alert_progress SET looked_at = $1");
Query write_peak("UPDATE $S.alert_logs SET peak_value = $2 WHERE id = $1 AND NOT is_resolved");
Query to_watch(
    "SELECT id FROM $S.sessions WHERE status = 'active'"
    " UNION SELECT session_id FROM $S.alert_logs WHERE NOT is_resolved AND threshold_id IS NOT NULL"
    "                                              AND session_id IS NOT NULL"
    " UNION SELECT session_id FROM $S.alert_states");
Query open_alerts(
    "SELECT threshold_id, session_id, id, triggered_at, current_value, coalesce(peak_value, current_value),"
    "       acknowledged_at IS NOT NULL, coalesce(announced_at, created_at)"
    "  FROM $S.alert_logs WHERE NOT is_resolved AND threshold_id IS NOT NULL AND session_id IS NOT NULL");
Query stored_states(
    "SELECT threshold_id, session_id, phase = 'pending', since, by_edit, peak_value FROM $S.alert_states");
Query lately_resolved(
    "SELECT threshold_id, session_id, max(resolved_at),"
    "       max(resolved_at) FILTER (WHERE coalesce(resolved_reason, 'by_hand') = 'by_hand') FROM $S.alert_logs"
    " WHERE resolved_at >= $1 AND is_resolved AND threshold_id IS NOT NULL AND session_id IS NOT NULL GROUP BY 1, 2");
Query resolved_at("SELECT resolved_at FROM $S.alert_logs WHERE id = $1");
// Alerts whose rule does not watch their session any more.
Query orphans(
    "SELECT l.id, l.alert_type, l.session_id::text, CASE WHEN l.threshold_id IS NULL THEN 'threshold_deleted' ELSE "
    "'threshold_changed' END"
    "  FROM $S.alert_logs AS l LEFT JOIN $S.alert_thresholds AS t ON t.id = l.threshold_id"
    " WHERE NOT l.is_resolved AND l.metric IS NOT NULL"
    "   AND (t.id IS NULL OR NOT t.is_active OR t.metric <> l.metric OR t.session_id <> l.session_id)");
Query orphan_states(
    "DELETE FROM $S.alert_states AS s USING $S.alert_thresholds AS t"
    " WHERE t.id = s.threshold_id AND (NOT t.is_active OR t.session_id <> s.session_id)");

HTAB *make_table(MemoryContext context, const char *name, Size key, Size entry) {
    HASHCTL control{};
    control.keysize = key;
    control.entrysize = entry;
    control.hcxt = context;
    return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

StateKey key_in(uint64 row) {
    StateKey key;
    memcpy(&key.rule, DatumGetUUIDP(required_column(row, 1)), UUID_LEN);
    memcpy(&key.session, DatumGetUUIDP(required_column(row, 2)), UUID_LEN);
    return key;
}

// When somebody resolved an alert: now, if they removed it.
Micros end_by_hand(Oid schema, const pg_uuid_t &alert) {
    bool is_null = resolved_at.run(schema, {uuid_argument(alert)}, true) == 0;
    const Datum time = is_null ? 0 : column(0, 1, &is_null);
    SPI_freetuptable(SPI_tuptable);
    return is_null ? GetCurrentTimestamp() : DatumGetTimestampTz(time);
}

template <class Entry, class F>
void for_each(HTAB *table, F &&body) {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, table);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&all))) {
        body(*entry);
    }
}

}  // namespace

Micros processor_time() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<Micros>(time.tv_sec) * core::kSecond + time.tv_nsec / 1000;
}

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

// What the tables say of each state, without losing what only memory knows.
void Watch::read_states(Oid schema) {
    for_each<RuleState>(states_, [](RuleState &state) { state.seen = false; });
    uint64 rows = open_alerts.run(schema, {}, true);
    for (uint64 row = 0; row < rows; ++row) {
        const StateKey key = key_in(row);
        RuleState &state = state_of(key.rule, key.session);
        const auto *alert = DatumGetUUIDP(required_column(row, 3));
        const bool known = memcmp(&state.alert, alert, UUID_LEN) == 0 && state.core.phase >= core::AlertPhase::kFiring;
        if (!known) {
            state.alert = *alert;
            state.core = core::AlertState{};
            state.core.phase = core::AlertPhase::kFiring;
            state.core.since = state.core.barrier = DatumGetTimestampTz(required_column(row, 4));
            bool is_null = false;
            const Datum value = column(row, 5, &is_null);
            state.core.value = is_null ? 0 : DatumGetFloat8(value);
            const Datum peak = column(row, 6, &is_null);
            state.core.peak = state.stored_peak = is_null ? state.core.value : DatumGetFloat8(peak);
        }
        state.acknowledged = DatumGetBool(required_column(row, 7));
        // A restored alert is announced again when it would have been if it had been raised at the restore.
        state.announced_at = std::max<Micros>(DatumGetTimestampTz(required_column(row, 8)), installed_at_);
        state.seen = true;
    }
    SPI_freetuptable(SPI_tuptable);
    rows = stored_states.run(schema, {}, true);
    for (uint64 row = 0; row < rows; ++row) {
        const StateKey key = key_in(row);
        const bool pending = DatumGetBool(required_column(row, 3));
        RuleState &state = state_of(key.rule, key.session);
        state.stored = true;
        if (pending == state.seen) {  // recovering without an open alert, or pending with one: somebody else's doing
            continue;
        }
        state.core.phase = pending ? core::AlertPhase::kPending : core::AlertPhase::kRecovering;
        state.core.since = DatumGetTimestampTz(required_column(row, 4));
        state.core.by_edit = DatumGetBool(required_column(row, 5));
        if (pending) {
            bool is_null = false;
            const Datum peak = column(row, 6, &is_null);
            state.core.peak = state.core.value = is_null ? 0 : DatumGetFloat8(peak);
        }
        state.seen = true;
    }
    SPI_freetuptable(SPI_tuptable);
    for_each<RuleState>(states_, [&](RuleState &state) {
        if (!state.seen && state.core.phase != core::AlertPhase::kOk) {  // resolved by hand, or removed
            const bool was_open = state.core.phase != core::AlertPhase::kPending;
            state.core = core::AlertState{};
            if (was_open) {
                state.core.barrier = state.handled_to = end_by_hand(schema, state.alert);
            }
            state.alert = pg_uuid_t{};
        }
    });
}

void Watch::end_orphans(Oid schema, LookResult &result) {
    const uint64 rows = orphans.run(schema, {}, true);
    SPITupleTable *table = SPI_tuptable;
    for (uint64 row = 0; row < rows; ++row) {
        bool is_null = false;
        const pg_uuid_t alert = *DatumGetUUIDP(SPI_getbinval(table->vals[row], table->tupdesc, 1, &is_null));
        const char *reason = SPI_getvalue(table->vals[row], table->tupdesc, 4);
        const bool done = in_subtransaction([&] { end_alert(schema, alert, GetCurrentTimestamp(), nullptr, reason); },
                                            last_error_, kErrorSize);
        if (done) {
            ++result.transitions;
            const char *session = SPI_getvalue(table->vals[row], table->tupdesc, 3);
            log_later(psprintf("alert \"%s\" of session %s was resolved (%s)",
                               SPI_getvalue(table->vals[row], table->tupdesc, 2), session == nullptr ? "-" : session,
                               reason));
        }
        result.errors += done ? 0 : 1;
        reread_at_ = done ? reread_at_ : GetCurrentTimestamp() + core::kSecond;
    }
    SPI_freetuptable(table);
    orphan_states.run(schema, {}, false);
}

void Watch::read_everything(Oid schema) {
    MemoryContext const fresh = AllocSetContextCreate(context_, "people_counter rules", ALLOCSET_DEFAULT_SIZES);
    const std::span<Rule> rules = read_rules(schema, fresh);
    const Micros now = GetCurrentTimestamp();
    const Micros lag = static_cast<Micros>(pg::settings.alert_max_lag) * 1000;
    if (stale_) {
        if (read_progress.run(schema, {}, true) > 0) {
            looked_at_ = DatumGetTimestampTz(required_column(0, 1));
            installed_at_ = DatumGetTimestampTz(required_column(0, 2));
        } else {  // somebody removed the row: what came before is not looked at
            looked_at_ = installed_at_ = now;
        }
        SPI_freetuptable(SPI_tuptable);
        anew_ = anew_ || now - looked_at_ > (looked_at_ == installed_at_ ? lag : kLongestAbsence);
        looked_at_ = anew_ ? now : looked_at_;
        for (Rule &rule : rules) {
            rule.updated_at = anew_ ? now : rule.updated_at;  // also for a session whose alert was resolved since
            rule.edited = anew_ || (rule.updated_at > looked_at_ && rule.updated_at > installed_at_);
        }
    } else {
        mark_edited(rules, rules_);
        for (Rule &rule : rules) {
            const Rule *old = find_rule(rules_, rule.id);
            rule.not_before = old == nullptr || rule.edited ? 0 : old->not_before;
            rule.rest = old == nullptr || rule.edited ? 0 : old->rest;
        }
    }
    MemoryContextDelete(rule_context_);
    rule_context_ = fresh;
    rules_ = rules;
    read_states(schema);
    if (stale_) {
        const uint64 rows = lately_resolved.run(schema, {time_argument(looked_at_ - lag)}, true);
        for (uint64 row = 0; row < rows; ++row) {
            const StateKey key = key_in(row);
            RuleState &state = state_of(key.rule, key.session);
            state.core.barrier = std::max<Micros>(state.core.barrier, DatumGetTimestampTz(required_column(row, 3)));
            bool never = false;
            const Datum by_hand = column(row, 4, &never);
            state.handled_to = never ? core::kBeginningOfTime : DatumGetTimestampTz(by_hand);
        }
        SPI_freetuptable(SPI_tuptable);
    }
    const uint64 rows = to_watch.run(schema, {}, true);
    for (uint64 row = 0; row < rows; ++row) {
        WatchedSession &entry = session(*DatumGetUUIDP(required_column(row, 1)));
        if (entry.seen_to == core::kEndOfTime) {
            entry.cold = true;
            entry.live_from = anew_ ? now : looked_at_ - lag;
            entry.seen_to = looked_at_;
        }
        entry.changed = true;
        entry.what = kAnythingChanged;
    }
    SPI_freetuptable(SPI_tuptable);
    count_busy();
    stale_ = false;
    progress_to_save_ = anew_ ? 0 : progress_to_save_;
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

LookResult Watch::look(Oid schema, bool alone) {
    LookResult result;
    const Micros now = GetCurrentTimestamp();
    if (stale_ || rules_stale_ || reread_at_ <= now) {
        rules_stale_ = false;
        reread_at_ = core::kEndOfTime;
        read_everything(schema);
        rules_were_read_ = std::any_of(rules_.begin(), rules_.end(), [](const Rule &rule) { return rule.edited; });
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
    if (rules_were_read_ || anew_ || now - std::max(progress_to_save_, looked_at_) >= kProgressEvery) {
        save_progress(schema, now);
        rules_were_read_ = false;
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
    if (!has_work(core::kBeginningOfTime)) {
        for (Rule &rule : rules_) {
            rule.edited = false;
        }
    }
}

}  // namespace people_counter::alerting
