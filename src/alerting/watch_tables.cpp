// What a Watch reads from the tables: rules, open alerts, states, and which sessions there are.
#include "alerting/entries.hpp"
#include "alerting/transitions.hpp"
#include "alerting/watch.hpp"
#include "pg/settings.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

// Longer ago than this nothing is caught up with.
constexpr Micros kLongestAbsence = core::kDay;

Query read_progress("SELECT looked_at, installed_at FROM $S.alert_progress");
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

}  // namespace

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
    const int64 edition = edition_ + 1;
    const auto note_edit = [&](Rule &rule) {
        rule.edition = edition;
        rule.barrier = rule.updated_at;
        rules_were_edited_ = true;
    };
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
        looked_at_ = std::min(looked_at_, now);  // the clock was set back
        anew_ = anew_ || now - looked_at_ > (looked_at_ == installed_at_ ? lag : kLongestAbsence);
        looked_at_ = anew_ ? now : looked_at_;
        for (Rule &rule : rules) {
            rule.updated_at = anew_ ? now : rule.updated_at;  // also for a session whose alert was resolved since
            if (anew_ || (rule.updated_at > looked_at_ && rule.updated_at > installed_at_)) {
                note_edit(rule);
            }
        }
    } else {
        for (Rule &rule : rules) {
            const Rule *old = find_rule(rules_, rule.id);
            if (old != nullptr && same_terms(*old, rule)) {
                rule.edition = old->edition;
                rule.barrier = old->barrier;
                rule.not_before = old->not_before;
                rule.rest = old->rest;
            } else if (rule.updated_at > installed_at_) {  // otherwise it was restored
                note_edit(rule);
            }
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
            entry.what = kAnythingChanged;
        }
        entry.changed = true;
        entry.what |= kMovementsChanged | kSamplesChanged;  // by other rules, but they are the same
    }
    SPI_freetuptable(SPI_tuptable);
    count_busy();
    edition_ = edition;
    stale_ = false;
    progress_to_save_ = anew_ ? 0 : progress_to_save_;
}

}  // namespace people_counter::alerting
