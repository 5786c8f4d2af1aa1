#include "core/alert.hpp"

namespace people_counter::core {

namespace {

// False if there is no such instant, however long one waits.
bool end_of(Micros since, Micros length, Micros &end) noexcept { return !__builtin_add_overflow(since, length, &end); }

void enter_ok(AlertState &state) noexcept {
    state.phase = AlertPhase::kOk;
    state.by_edit = false;
    state.since = kBeginningOfTime;
    state.peak = 0;
}

void enter_firing(AlertState &state) noexcept {
    state.phase = AlertPhase::kFiring;
    state.by_edit = false;
    state.since = state.barrier;
}

// What state.value means at `time`.
void apply_value(const AlertRule &rule, AlertState &state, Micros time, bool live) noexcept {
    switch (state.phase) {
        case AlertPhase::kOk:
            if (live && rule.beyond(state.value)) {
                state.phase = AlertPhase::kPending;
                state.since = time;
                state.peak = state.value;
            }
            return;
        case AlertPhase::kPending:
            if (!rule.beyond(state.value)) {
                // What was observed before the edit stays judged by the rule as it was.
                state.barrier = state.done_until();
                enter_ok(state);
                return;
            }
            break;
        case AlertPhase::kFiring:
            if (rule.is_clear(state.value)) {
                state.phase = AlertPhase::kRecovering;
                state.since = time;
            }
            break;
        case AlertPhase::kRecovering:
            if (!rule.is_clear(state.value)) {
                enter_firing(state);
            }
            break;
    }
    state.peak = rule.worse(state.peak, state.value);
}

}  // namespace

AlertState rewound(const AlertState &state, Micros from) noexcept {
    AlertState before = state;
    if (state.phase == AlertPhase::kPending && state.since >= from && !state.by_edit) {
        enter_ok(before);
    } else if (state.phase == AlertPhase::kRecovering && state.since >= from) {
        enter_firing(before);
    }
    return before;
}

Micros next_due(const AlertRule &rule, const AlertState &state) noexcept {
    Micros end = kEndOfTime;
    if (state.carried) {
        return state.done_until();
    }
    if (state.phase == AlertPhase::kPending) {
        return end_of(state.since, rule.hold_for, end) ? end : kEndOfTime;
    }
    if (state.phase == AlertPhase::kRecovering) {
        return end_of(state.since, rule.keep_firing_for, end) ? end : kEndOfTime;
    }
    return end;
}

bool next_transition(const AlertRule &rule, AlertState &state, Micros now, AlertTransition &transition) noexcept {
    if (state.carried && state.done_until() <= now) {
        const bool live = state.carried_live;
        state.carried = false;
        state.carried_live = false;
        apply_value(rule, state, state.done_until(), live);
    }
    Micros end;
    if (state.phase == AlertPhase::kPending && end_of(state.since, rule.hold_for, end) && end <= now) {
        transition = {AlertEvent::kFired, end, state.value, state.peak};
        state.barrier = end;
        enter_firing(state);
        return true;
    }
    if (state.phase == AlertPhase::kRecovering && end_of(state.since, rule.keep_firing_for, end) && end <= now) {
        transition = {AlertEvent::kResolved, end, state.value, state.peak};
        state.barrier = end;
        enter_ok(state);
        return true;
    }
    return false;
}

void apply_observation(const AlertRule &rule, AlertState &state, const Observation &observation) noexcept {
    state.value = observation.value;
    if (observation.time > state.done_until()) {
        apply_value(rule, state, observation.time, observation.live);
        return;
    }
    state.carried = true;
    state.carried_live = rule.beyond(observation.value) && (observation.live || state.carried_live);
}

}  // namespace people_counter::core
