// What a look at a session writes, and what becomes of a rule whose alert could not be written.
#include "alerting/session_look.hpp"
#include "alerting/transitions.hpp"
#include "pg/worker.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr Micros kFirstRetry = core::kSecond / 10;
constexpr int kMostDoublings = 8;  // half a minute
constexpr int kPatience = 4;       // failures for a lock: three seconds
constexpr Micros kSlowWrite = 2 * core::kSecond;
constexpr Micros kFirstRest = 10 * core::kSecond;
constexpr Micros kLastRest = 600 * core::kSecond;

bool is_open(core::AlertPhase phase) {
    return phase == core::AlertPhase::kFiring || phase == core::AlertPhase::kRecovering;
}

char *uuid_text(const pg_uuid_t &id) { return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id))); }

}  // namespace

bool SessionLook::write(Rule &rule, const AlertSteps &steps, const core::AlertState &after, RuleState *state,
                        pg_uuid_t &alert, bool repeats) {
    const Oid schema = look_.relations.schema;
    const pg_uuid_t opened = alert;
    const Micros started = pg::processor_time();
    const Micros began = GetCurrentTimestamp();
    const bool done = in_subtransaction(
        [&] {
            for (Size i = 0; i < steps.count; ++i) {
                const core::AlertTransition &step = steps.data[i];
                if (step.event == core::AlertEvent::kFired) {
                    raise_alert(schema, rule.id, session_.id, step, alert);
                } else {
                    end_alert(schema, alert, step.at, &step.peak, "cleared");
                }
            }
            if (is_stored(after.phase)) {
                store_state(schema, rule.id, session_.id, after);
            } else if (state != nullptr && state->stored) {
                remove_state(schema, rule.id, session_.id);
            }
            if (repeats && !repeat_alert(schema, alert, after.peak)) {
                state->acknowledged = true;
            }
        },
        watch_.last_error_, Watch::kErrorSize);
    result_.writing += pg::processor_time() - started;
    if (GetCurrentTimestamp() - began >=
        kSlowWrite) {  // a trigger of the user's: no other rule is to wait for it often
        rule.rest = std::clamp(2 * rule.rest, kFirstRest, kLastRest);
        rule.not_before = GetCurrentTimestamp() + rule.rest;
    } else {
        rule.rest = 0;
    }
    if (!done) {
        alert = opened;
        return false;
    }
    result_.transitions += static_cast<int64>(steps.count);
    for (Size i = 0; i < steps.count; ++i) {
        const core::AlertTransition &step = steps.data[i];
        const bool fired = step.event == core::AlertEvent::kFired;
        watch_.log_later(psprintf("alert \"%s\" of session %s %s at %s, value %g", rule.name, uuid_text(session_.id),
                                  fired ? "fired" : "was resolved (cleared)", timestamptz_to_str(step.at), step.value));
    }
    return true;
}

void SessionLook::note_failure(const Rule &rule, RuleState &state) {
    failed_ = true;
    ++result_.errors;
    char reason[Watch::kErrorSize];
    strlcpy(reason, watch_.last_error_, sizeof reason);
    const char *session = uuid_text(session_.id);
    strlcpy(watch_.last_error_, psprintf("threshold \"%s\", session %s: %s", rule.name, session, reason),
            Watch::kErrorSize);
    // Who waits for a lock for a moment, as beside DDL, has no trouble worth a line.
    if (state.failures == (may_be_passing() ? kPatience : 0)) {
        ereport(WARNING, (errmsg("people_counter: an alert could not be written: %s", watch_.last_error_),
                          errhint("It is tried again. Other alerts are not affected.")));
    }
    session_.busy += state.is_busy() ? 0 : 1;
    state.failures = std::min(state.failures + 1, kMostDoublings);
    state.not_before = look_.now + (kFirstRetry << state.failures);
    due_at(state.not_before);
}

void SessionLook::end_all(Micros at, const char *reason) {
    for (const Rule &rule : watch_.rules_) {
        RuleState *state = watch_.find_state(rule.id, session_.id);
        if (state == nullptr) {
            continue;
        }
        const bool open = is_open(state->core.phase);
        if (open || state->stored) {
            const bool done = in_subtransaction(
                [&] {
                    if (open) {
                        end_alert(look_.relations.schema, state->alert, at, &state->core.peak, reason);
                    }
                    if (state->stored) {
                        remove_state(look_.relations.schema, rule.id, session_.id);
                    }
                },
                watch_.last_error_, Watch::kErrorSize);
            if (!done) {
                note_failure(rule, *state);
                continue;
            }
            if (open) {
                ++result_.transitions;
                watch_.log_later(psprintf("alert \"%s\" of session %s was resolved (%s) at %s", rule.name,
                                          uuid_text(session_.id), reason, timestamptz_to_str(at)));
            }
        }
        watch_.drop_state(state);
    }
}

}  // namespace people_counter::alerting
