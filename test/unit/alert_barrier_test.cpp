// The alert lifecycle when the worker looks back: barriers, late observations, edited rules.
#include "alert_support.hpp"

namespace people_counter::test {
namespace {

using core::next_due;
using core::rewound;

AlertRule above(Micros hold_for = 0, Micros keep_firing_for = 0) { return {true, 50, 40, hold_for, keep_firing_for}; }

Watch firing_at_100(const AlertRule &rule) {
    Watch run{rule};
    run.observe(100 - rule.hold_for, 60);
    run.settle(100);
    run.emitted.clear();
    return run;
}

Watch resolved_at_200(const AlertRule &rule) {
    Watch run = firing_at_100(rule);
    run.observe(200 - rule.keep_firing_for, 30);
    run.settle(200);
    run.emitted.clear();
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kOk, false, false, false, kBeginningOfTime, 200, 30, 0}));
    return run;
}

// ---- rewound
// ---------------------------------------------------------------------------------------------------------

TEST(AlertRewound, PendingThatBeganAtOrAfterIsFoundAgain) {
    const AlertState pending{AlertPhase::kPending, false, false, false, 100, 50, 60, 70};
    const AlertState ok{AlertPhase::kOk, false, false, false, kBeginningOfTime, 50, 60, 0};
    EXPECT_EQ(rewound(pending, 101), pending);
    EXPECT_EQ(rewound(pending, 100), ok);
    EXPECT_EQ(rewound(pending, kBeginningOfTime), ok);
    AlertState by_edit = pending;
    by_edit.by_edit = true;
    EXPECT_EQ(rewound(by_edit, 100), by_edit);
    EXPECT_EQ(rewound(by_edit, kBeginningOfTime), by_edit);
}

TEST(AlertRewound, RecoveringThatBeganAtOrAfterFiresOn) {
    const AlertState recovering{AlertPhase::kRecovering, false, false, false, 100, 50, 30, 70};
    const AlertState firing{AlertPhase::kFiring, false, false, false, 50, 50, 30, 70};
    EXPECT_EQ(rewound(recovering, 101), recovering);
    EXPECT_EQ(rewound(recovering, 100), firing);
    EXPECT_EQ(rewound(recovering, kBeginningOfTime), firing);
}

TEST(AlertRewound, WhatFiredOrWasResolvedStaysSo) {
    const AlertState firing{AlertPhase::kFiring, false, false, false, 50, 50, 60, 70};
    const AlertState ok{AlertPhase::kOk, false, false, false, kBeginningOfTime, 50, 60, 0};
    for (const Micros from : {kBeginningOfTime, Micros{49}, Micros{50}, Micros{51}, kEndOfTime}) {
        EXPECT_EQ(rewound(firing, from), firing);
        EXPECT_EQ(rewound(ok, from), ok);
    }
}

// ---- observations before the barrier
// ---------------------------------------------------------------------------------

TEST(AlertBarrier, OnlyTheLastValueBeforeItCounts) {
    Watch run = firing_at_100(above());
    run.state = rewound(run.state, 10);
    for (const double value : {0.0, 90.0, 0.0, 45.0}) {  // neither resolves nor raises the peak
        run.observe(10 + static_cast<Micros>(value) / 10, value);
    }
    EXPECT_EQ(next_due(run.rule, run.state), 100);
    run.settle(99);
    EXPECT_TRUE(run.state.carried);
    run.observe(101, 55);
    EXPECT_TRUE(run.emitted.empty());
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, 100, 100, 55, 60}));
}

TEST(AlertBarrier, AClearValueIsClearFromTheBarrierOn) {
    Watch at_once = firing_at_100(above());
    at_once.late(90, 30);  // a correction: it should never have fired
    at_once.settle(100);
    EXPECT_EQ(at_once.emitted, (Transitions{resolved(100, 30, 60)}));

    Watch later = firing_at_100(above(0, 50));
    later.late(90, 30);
    later.observe(149, 35);
    EXPECT_EQ(later.state, (AlertState{AlertPhase::kRecovering, false, false, false, 100, 100, 35, 60}));
    later.settle(150);
    EXPECT_EQ(later.emitted, (Transitions{resolved(150, 35, 60)}));
}

TEST(AlertBarrier, AValueAtItReplacesThoseBefore) {
    Watch run = firing_at_100(above());
    run.late(100, 0);  // carried on to the instant at which it fired
    run.observe(100, 60);
    run.settle(100);
    EXPECT_TRUE(run.emitted.empty());
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, 100, 100, 60, 60}));
}

TEST(AlertBarrier, ALiveValueBeyondIsEvidenceAtTheBarrier) {
    Watch run = resolved_at_200(above());
    run.observe(150, 70);
    EXPECT_EQ(run.state.carried_live, true);
    run.late(160, 80);  // carried on: still the evidence of 150
    run.observe(210, 65);
    EXPECT_EQ(run.emitted, (Transitions{fired(200, 80, 80)}));
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, 200, 200, 65, 80}));

    Watch holds = resolved_at_200(above(10));
    holds.observe(150, 70);
    holds.settle(209);
    EXPECT_EQ(holds.state, (AlertState{AlertPhase::kPending, false, false, false, 200, 200, 70, 70}));
    holds.settle(210);
    EXPECT_EQ(holds.emitted, (Transitions{fired(210, 70, 70)}));
}

TEST(AlertBarrier, LateOnesAreNoEvidence) {
    Watch late = resolved_at_200(above());
    late.late(150, 70);
    late.late(200, 70);
    late.settle(300);
    EXPECT_TRUE(late.emitted.empty());
    EXPECT_EQ(late.state.phase, AlertPhase::kOk);

    Watch over = resolved_at_200(above());  // the live one has ended before the late one begins
    over.observe(150, 70);
    over.observe(160, 50);
    over.late(170, 70);
    over.settle(300);
    EXPECT_TRUE(over.emitted.empty());
    EXPECT_EQ(over.state.phase, AlertPhase::kOk);

    Watch quiet = resolved_at_200(above());
    quiet.observe(150, 70);
    quiet.observe(160, 50);
    quiet.settle(300);
    EXPECT_TRUE(quiet.emitted.empty());
}

TEST(AlertBarrier, AfterALookNothingIsCarried) {
    Watch run = resolved_at_200(above());
    run.observe(200, 70);
    EXPECT_TRUE(run.emitted.empty());
    run.settle(200);
    EXPECT_EQ(run.emitted, (Transitions{fired(200, 70, 70)}));
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, 200, 200, 70, 70}));
}

// ---- looking again
// ---------------------------------------------------------------------------------------------------

TEST(AlertAgain, ADoorThatFilledAndEmptied) {
    const Observations all{{10, 45, true}, {20, 51, true}, {25, 60, true}, {31, 50, true},
                           {32, 40, true}, {35, 41, true}, {40, 39, true}, {50, 52, true}};
    Watch run{above(10, 5)};
    for (const Observation &observation : all) {
        run.observe(observation);
    }
    run.settle(55);
    EXPECT_EQ(run.take_emitted(), (Transitions{fired(30, 60, 60), resolved(45, 39, 60)}));
    const AlertState end = run.state;
    EXPECT_EQ(end, (AlertState{AlertPhase::kPending, false, false, false, 50, 45, 52, 52}));
    for (Micros from = 0; from <= 55; ++from) {
        run.look_again(all, from);
        run.settle(55);
        EXPECT_EQ(run.take_emitted(), Transitions{}) << from;
        EXPECT_EQ(run.state, end) << from;
    }
}

TEST(AlertAgain, ALateMovementTakesBackWhatHasNotFired) {
    Watch run{above(10)};
    run.observe(20, 51);
    run.settle(25);
    EXPECT_EQ(run.state.phase, AlertPhase::kPending);
    run.look_again({{10, 44, false}, {20, 45, false}}, 10);  // six had left
    run.settle(40);
    EXPECT_TRUE(run.emitted.empty());
    EXPECT_EQ(run.state.phase, AlertPhase::kOk);
}

TEST(AlertAgain, ALateMovementAfterTheCrossingKeepsItsInstant) {
    Watch run{above(10)};
    run.observe(20, 51);
    run.settle(25);
    run.look_again({{20, 51, true}, {22, 52, true}}, 22);
    run.settle(30);
    EXPECT_EQ(run.emitted, (Transitions{fired(30, 52, 52)}));
}

// ---- an edited rule
// --------------------------------------------------------------------------------------------------

Watch edited_at_100(const AlertRule &rule) {  // the value has been 60 for long, and the threshold was higher
    Watch run{rule};
    run.state.phase = AlertPhase::kPending;
    run.state.by_edit = true;
    run.state.since = 100;
    run.state.value = run.state.peak = 60;
    return run;
}

TEST(AlertEdit, FiresHoldForAfterTheEdit) {
    Watch run = edited_at_100(above(10));
    EXPECT_EQ(next_due(run.rule, run.state), 110);
    run.settle(109);
    EXPECT_TRUE(run.emitted.empty());
    run.settle(110);
    EXPECT_EQ(run.emitted, (Transitions{fired(110, 60, 60)}));
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, 110, 110, 60, 60}));

    Watch at_once = edited_at_100(above());
    at_once.settle(100);
    EXPECT_EQ(at_once.emitted, (Transitions{fired(100, 60, 60)}));
}

TEST(AlertEdit, ALaterObservationEndsIt) {
    Watch run = edited_at_100(above(10));
    run.observe(105, 70);
    EXPECT_TRUE(run.state.by_edit);
    EXPECT_EQ(run.state.peak, 70);
    run.late(109, 50);
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kOk, false, false, false, kBeginningOfTime, 100, 50, 0}));
}

TEST(AlertEdit, ObservationsBeforeItTellOnlyTheValueThere) {
    Watch run = edited_at_100(above(10));
    run.state = rewound(run.state, 50);
    run.observe(50, 0);
    run.observe(60, 99);
    run.observe(70, 60);
    EXPECT_EQ(next_due(run.rule, run.state), 100);
    run.settle(105);
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kPending, true, false, false, 100, kBeginningOfTime, 60, 60}));
    run.state = rewound(run.state, 50);
    run.observe(50, 60);
    run.late(100, 0);
    run.settle(110);
    EXPECT_TRUE(run.emitted.empty());
    EXPECT_EQ(run.state.phase, AlertPhase::kOk);
}

TEST(AlertEdit, OnceItHasEndedWhatWasBeforeTheEditDoesNotFire) {
    const Observations all{{50, 60, true}, {105, 30, true}};
    Watch run = edited_at_100(above(10));
    run.observe(all[1]);
    run.settle(200);
    const AlertState end = run.state;
    for (const Micros from : {40, 50, 60, 100, 101, 105, 106}) {
        run.look_again(all, from);
        run.settle(200);
        EXPECT_TRUE(run.emitted.empty());
        EXPECT_EQ(run.state, end);
    }
}

TEST(AlertEdit, ABarrierAtTheEditDoesTheSameForOtherPhases) {
    Watch run{above(10)};
    run.state.barrier = 100;
    run.look_again({{50, 60, true}, {90, 45, true}, {120, 55, true}}, 40);
    run.settle(130);
    EXPECT_EQ(run.emitted, (Transitions{fired(130, 55, 55)}));
}

}  // namespace
}  // namespace people_counter::test
