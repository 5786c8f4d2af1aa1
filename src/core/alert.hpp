// The lifecycle of one rule on one session: ok, pending, firing, recovering, and back.
//
//   ok --beyond--> pending --held for hold_for--> firing --clear--> recovering --clear for keep_firing_for--> ok
//   pending --not beyond--> ok                     recovering --not clear--> firing
//
// It is driven by what was observed, in the time of the observations, not by when somebody looks: a value holds from
// its observation to the next, so the instants at which an alert begins and ends are exact, and a short peak between
// two looks is not missed. docs/architecture.md says the same in sentences.
//
// Every function is pure and allocates nothing. The clock is an argument.
#pragma once

#include "core/calendar.hpp"

#include <cstdint>
#include <span>

namespace people_counter::core {

struct AlertRule {
    bool above;        // beyond: value > threshold; otherwise value < threshold
    double threshold;
    double clear;      // clear: not beyond this one. On the quiet side of threshold, or equal
    Micros hold_for;
    Micros keep_firing_for;

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
    bool by_edit = false;  // pending because the rule was edited: no observation will show it again
    Micros since = kBeginningOfTime;    // when the phase began; not for kOk
    Micros barrier = kBeginningOfTime;  // when the last alert fired or was resolved: what was before is done with
    double value = 0;  // of the last observation
    double peak = 0;   // the worst value since pending; for kPending and on
};

enum class AlertEvent : std::uint8_t { kFired, kResolved };

struct AlertTransition {
    AlertEvent event;
    Micros at;     // exact, in the time of the observations
    double value;  // that the metric has then
    double peak;   // the worst so far
};

// Takes the state back to what it was at `from`, as far as that can be: a pending or recovering phase that began at or
// after it is found again by the observations (see by_edit); an alert that fired or was resolved stays so.
AlertState rewound(const AlertState &state, Micros from) noexcept;

// Takes one observation; they come in order of time, after rewound() to the time of the first. Phases that end before
// it end first (as settle() does). An observation before the barrier only tells the value that the barrier finds: it
// counts as one at the barrier. Calls emit(AlertTransition) for what fired and was resolved, in order of time.
template <class Emit>
void observe(const AlertRule &rule, AlertState &state, const Observation &observation, Emit &&emit) noexcept;

// Lets time pass without an observation: a pending phase fires at since + hold_for, a recovering one ends at
// since + keep_firing_for, if that is at or before `now`.
template <class Emit>
void settle(const AlertRule &rule, AlertState &state, Micros now, Emit &&emit) noexcept;

// When settle() will have something to do; kEndOfTime if never.
Micros next_due(const AlertRule &rule, const AlertState &state) noexcept;

}  // namespace people_counter::core
