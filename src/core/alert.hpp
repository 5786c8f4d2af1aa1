// The lifecycle of one rule on one session: ok, pending, firing, recovering, and back.
//
//   ok --beyond--> pending --held for hold_for--> firing --clear--> recovering --clear for keep_firing_for--> ok
//   pending --not beyond--> ok                     recovering --not clear--> firing
//
// A value that is not live begins nothing that is pending, and does everything else.
//
// It is driven by what was observed, in the time of the observations, not by when somebody looks: a value holds from
// its observation to the next, so the instants at which an alert begins and ends are exact, and a short peak between
// two looks is not missed. docs/architecture.md says the same in sentences.
//
// A value between `clear` and `threshold` begins nothing and ends nothing, except that a recovering alert fires on.
//
// Every function is pure and allocates nothing. The clock is an argument.
#pragma once

#include "core/calendar.hpp"

#include <cmath>
#include <cstdint>

namespace people_counter::core {

struct AlertRule {
    bool above;  // beyond: value > threshold; otherwise value < threshold
    double threshold;
    double clear;            // clear: not beyond this one. On the quiet side of threshold, or equal
    Micros hold_for;         // not negative
    Micros keep_firing_for;  // not negative

    bool beyond(double value) const noexcept { return above ? value > threshold : value < threshold; }
    bool is_clear(double value) const noexcept { return above ? value <= clear : value >= clear; }
    double worse(double a, double b) const noexcept { return above ? (b > a ? b : a) : (b < a ? b : a); }
};

// A value from `time` until the next observation.
struct Observation {
    Micros time;
    double value;
    bool live;  // whether it may make a pending alert: late data and what is only carried on may not
};

enum class AlertPhase : std::uint8_t { kOk, kPending, kFiring, kRecovering };

struct AlertState {
    AlertPhase phase = AlertPhase::kOk;
    // Pending because the rule was edited at `since`: no observation will show it again. Whoever edits the rule sets
    // it, with phase, since, value and peak.
    bool by_edit = false;
    // `value` is from done_until() or before and still to be applied there, see observe(); and may make a pending alert
    // there. To be stored with the rest, unless the look ended with settle() at done_until() or later.
    bool carried = false;
    bool carried_live = false;
    Micros since = kBeginningOfTime;  // when the phase began; kFiring: the barrier; kOk: always kBeginningOfTime
    // When the last alert fired or was resolved: what was before is done with. So is what was before an edit of the
    // rule, if whoever edits it sets the barrier to that instant; a pending phase by_edit does it by itself.
    Micros barrier = kBeginningOfTime;
    double value = 0;  // of the last observation
    double peak = 0;   // the worst value since pending; kOk: always 0

    // Observations up to here tell no more than the value that it finds here.
    Micros done_until() const noexcept {
        return phase == AlertPhase::kPending && by_edit && since > barrier ? since : barrier;
    }
};

enum class AlertEvent : std::uint8_t { kFired, kResolved };

struct AlertTransition {
    AlertEvent event;
    Micros at;     // exact, in the time of the observations
    double value;  // that the metric has then
    double peak;   // the worst so far
};

// Takes the state back to what it was at `from`, as far as that can be: a pending or recovering phase that began at or
// after it is found again by the observations (but see by_edit); an alert that fired or was resolved stays so. Then the
// first observation is the value just before `from`, at `from` and not live, and the observations from `from` on
// follow. The same ones as before lead to the same state, and nothing is emitted twice. What cannot be: a pending phase
// that had ended does not come back where a correction takes away its end; it begins with the next live observation.
// And a peak does not fall.
AlertState rewound(const AlertState &state, Micros from) noexcept;

// Takes one observation; they come in order of time, after rewound() to the time of the first. Phases that end before
// it, or at the same instant, end first, as settle() does. Calls emit(AlertTransition) for what fired and was resolved,
// in order of time.
//
// An observation before done_until(), or at it, only tells the value that is found there. Only the last one counts. It
// is applied by the first observation behind, or by settle(), as one at done_until() that is live if a live one was
// beyond the threshold and none after it was not. One at that instant, too, because who looks again from there sees
// what fired the alert a second time, and in front of it the quiet value that was carried on.
//
// NaN is missing data, as if there had been no observation.
template <class Emit>
void observe(const AlertRule &rule, AlertState &state, const Observation &observation, Emit &&emit) noexcept;

// Lets time pass without an observation: a pending phase fires at since + hold_for, a recovering one ends at
// since + keep_firing_for, if that is at or before `now`. Every look ends with it: an observation that is carried, also
// one at the very instant at which an alert fired or was resolved, waits for it.
template <class Emit>
void settle(const AlertRule &rule, AlertState &state, Micros now, Emit &&emit) noexcept;

// When settle() will have something to do; kEndOfTime if never.
Micros next_due(const AlertRule &rule, const AlertState &state) noexcept;

// What the templates are made of.

// The next thing that fires or is resolved at or before `now`; false if there is none.
bool next_transition(const AlertRule &rule, AlertState &state, Micros now, AlertTransition &transition) noexcept;

// What an observation changes, once the phases that end before it have ended. Emits nothing.
void apply_observation(const AlertRule &rule, AlertState &state, const Observation &observation) noexcept;

template <class Emit>
void settle(const AlertRule &rule, AlertState &state, Micros now, Emit &&emit) noexcept {
    AlertTransition transition;
    while (next_transition(rule, state, now, transition)) {
        emit(transition);
    }
}

template <class Emit>
void observe(const AlertRule &rule, AlertState &state, const Observation &observation, Emit &&emit) noexcept {
    if (std::isnan(observation.value)) {
        return;
    }
    if (observation.time > state.done_until()) {
        settle(rule, state, observation.time, emit);
    }
    apply_observation(rule, state, observation);
    if (!state.carried) {  // where hold_for or keep_firing_for is zero
        settle(rule, state, observation.time, emit);
    }
}

}  // namespace people_counter::core
