// The alert lifecycle by hand: every transition and every edge, with a clock that the test controls.
#include "alert_support.hpp"

namespace people_counter::test {
namespace {

using core::next_due;
using core::rewound;

constexpr Micros kT = 1'000'000'000;  // some instant
constexpr Micros kYear = 366 * kDayLength;

AlertRule above(Micros hold_for = 0, Micros keep_firing_for = 0) { return {true, 50, 40, hold_for, keep_firing_for}; }
AlertRule below(Micros hold_for = 0, Micros keep_firing_for = 0) { return {false, 15, 20, hold_for, keep_firing_for}; }

void expect_phase(const Watch &run, AlertPhase phase, Micros since) {
    EXPECT_EQ(run.state.phase, phase);
    EXPECT_EQ(run.state.since, since);
}
void expect_ok(const Watch &run) { expect_phase(run, AlertPhase::kOk, kBeginningOfTime); }

Watch firing(const AlertRule &rule) {  // since kT
    Watch run{rule};
    run.observe(kT - rule.hold_for, rule.above ? 60 : 10);
    run.settle(kT);
    EXPECT_EQ(run.take_emitted().size(), 1u);
    expect_phase(run, AlertPhase::kFiring, kT);
    return run;
}

TEST(Alert, StateIsAPlainValueAndNothingThrows) {
    static_assert(std::is_trivially_copyable_v<AlertState>);
    const auto emit = [](const AlertTransition &) {};
    AlertState state;
    static_assert(noexcept(core::observe(AlertRule{}, state, Observation{}, emit)));
    static_assert(noexcept(core::settle(AlertRule{}, state, 0, emit)));
    static_assert(noexcept(rewound(state, 0)));
    static_assert(noexcept(next_due(AlertRule{}, state)));
    core::settle(above(), state, kEndOfTime, emit);
    EXPECT_EQ(state, AlertState{});
}

// ---- ok, pending, firing
// ---------------------------------------------------------------------------------------------

TEST(Alert, AValueAtTheThresholdIsNotBeyondIt) {
    Watch high{above()};
    high.observe(kT, 50);
    expect_ok(high);
    Watch low{below()};
    low.observe(kT, 15);
    expect_ok(low);
    high.observe(kT + 1, 50.000001);
    low.observe(kT + 1, 14.999999);
    EXPECT_EQ(high.emitted, (Transitions{fired(kT + 1, 50.000001, 50.000001)}));
    EXPECT_EQ(low.emitted, (Transitions{fired(kT + 1, 14.999999, 14.999999)}));
}

TEST(Alert, WithoutHoldForItFiresWithTheObservation) {
    Watch run{above()};
    run.observe(kT, 60);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT, 60, 60)}));
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kFiring, false, false, false, kT, kT, 60, 60}));
    run.observe(kT + 1, 70);
    run.settle(kT + kYear);
    EXPECT_EQ(run.emitted.size(), 1u);
    EXPECT_EQ(run.state.peak, 70);
}

TEST(Alert, HoldForIsExactToTheMicrosecond) {
    Watch run{above(kMinute)};
    run.observe(kT, 60);
    expect_phase(run, AlertPhase::kPending, kT);
    EXPECT_EQ(next_due(run.rule, run.state), kT + kMinute);
    run.settle(kT + kMinute - 1);
    EXPECT_TRUE(run.emitted.empty());
    run.settle(kT + kMinute);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + kMinute, 60, 60)}));
    EXPECT_EQ(next_due(run.rule, run.state), kEndOfTime);
}

TEST(Alert, ALookThatComesLateFindsTheInstantAtWhichItFired) {
    Watch run{above(kMinute)};
    run.observe(kT, 60);
    run.settle(kT + kYear);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + kMinute, 60, 60)}));
}

TEST(Alert, AnObservationJustBeforeTheEndOfHoldForEndsPending) {
    Watch run{above(kMinute)};
    run.observe(kT, 60);
    run.observe(kT + kMinute - 1, 50);
    expect_ok(run);
    run.settle(kEndOfTime);
    EXPECT_TRUE(run.emitted.empty());
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kOk, false, false, false, kBeginningOfTime, kBeginningOfTime, 50, 0}));
}

TEST(Alert, AnObservationExactlyAtTheEndOfHoldForComesAfterIt) {
    Watch run{above(kMinute, kMinute)};
    run.observe(kT, 60);
    run.observe(kT + kMinute, 0);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + kMinute, 60, 60)}));
    run.settle(kT + kMinute);
    expect_phase(run, AlertPhase::kRecovering, kT + kMinute);

    Watch at_once{above(kMinute)};
    at_once.observe(kT, 60);
    at_once.observe(kT + kMinute, 0);
    at_once.settle(kT + kMinute);
    EXPECT_EQ(at_once.emitted, (Transitions{fired(kT + kMinute, 60, 60), resolved(kT + kMinute, 0, 60)}));
}

TEST(Alert, APeakBetweenTwoLooksIsNotMissed) {
    Watch run{above(10, 20)};
    run.observe(kT, 60);
    run.observe(kT + 4, 90);
    run.observe(kT + 9, 55);
    run.observe(kT + 30, 80);
    run.observe(kT + 40, 10);
    run.observe(kT + 70, 5);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + 10, 55, 90), resolved(kT + 60, 10, 90)}));
    expect_ok(run);

    Watch too_short{above(10)};
    too_short.observe(kT, 60);
    too_short.observe(kT + 9, 10);
    too_short.settle(kT + 100);
    EXPECT_TRUE(too_short.emitted.empty());
}

TEST(Alert, PendingEndsBetweenClearAndThresholdAndBeginsAgainByItself) {
    Watch run{above(10)};
    run.observe(kT, 60);
    run.observe(kT + 5, 45);
    expect_ok(run);
    run.observe(kT + 6, 51);
    expect_phase(run, AlertPhase::kPending, kT + 6);
    EXPECT_EQ(run.state.peak, 51);  // not that of the one before
    run.settle(kT + 16);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + 16, 51, 51)}));
}

TEST(Alert, WhatIsNotLiveNeverBeginsButEnds) {
    Watch run{above(10, 5)};
    run.late(kT, 60);
    run.settle(kT + 100);
    expect_ok(run);
    run.observe(kT + 100, 60);  // the same value, now live
    expect_phase(run, AlertPhase::kPending, kT + 100);
    run.late(kT + 101, 70);
    EXPECT_EQ(run.state.peak, 70);
    run.late(kT + 102, 50);
    expect_ok(run);
    run.observe(kT + 103, 60);
    run.late(kT + 114, 40);
    expect_phase(run, AlertPhase::kRecovering, kT + 114);
    run.late(kT + 115, 41);
    expect_phase(run, AlertPhase::kFiring, kT + 113);
    run.late(kT + 116, 40);
    run.settle(kT + 121);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + 113, 60, 60), resolved(kT + 121, 40, 60)}));
}

// ---- firing, recovering, resolved
// ------------------------------------------------------------------------------------

TEST(Alert, BetweenClearAndThresholdNothingChangesInFiring) {
    Watch run = firing(above());
    run.observe(kT + 1, 50);
    run.observe(kT + 2, 40.000001);
    run.settle(kT + kYear);
    EXPECT_TRUE(run.emitted.empty());
    expect_phase(run, AlertPhase::kFiring, kT);
    run.observe(kT + 2 * kYear, 40);
    EXPECT_EQ(run.emitted, (Transitions{resolved(kT + 2 * kYear, 40, 60)}));
    EXPECT_EQ(run.state, (AlertState{AlertPhase::kOk, false, false, false, kBeginningOfTime, kT + 2 * kYear, 40, 0}));
}

TEST(Alert, WithoutAGapTheThresholdItselfIsClear) {
    Watch run{{true, 50, 50, 0, 0}};
    run.observe(kT, 51);
    run.observe(kT + 1, 50);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT, 51, 51), resolved(kT + 1, 50, 51)}));
}

TEST(Alert, KeepFiringForIsExactToTheMicrosecond) {
    Watch run = firing(above(0, kMinute));
    run.observe(kT + 10, 40);
    expect_phase(run, AlertPhase::kRecovering, kT + 10);
    EXPECT_EQ(next_due(run.rule, run.state), kT + 10 + kMinute);
    run.settle(kT + 10 + kMinute - 1);
    EXPECT_TRUE(run.emitted.empty());
    run.settle(kT + 10 + kMinute);
    EXPECT_EQ(run.emitted, (Transitions{resolved(kT + 10 + kMinute, 40, 60)}));
}

TEST(Alert, RecoveringGoesBackToFiringUntilTheLastMicrosecond) {
    Watch run = firing(above(0, 10));
    run.observe(kT + 10, 30);
    run.observe(kT + 15, 20);
    expect_phase(run, AlertPhase::kRecovering, kT + 10);
    run.observe(kT + 19, 41);  // not clear is enough
    expect_phase(run, AlertPhase::kFiring, kT);
    run.observe(kT + 20, 80);
    run.observe(kT + 30, 40);
    run.observe(kT + 40, 100);  // resolved at this instant, so it is another alert's
    EXPECT_EQ(run.emitted, (Transitions{resolved(kT + 40, 40, 80)}));
    run.settle(kT + 40);
    EXPECT_EQ(run.emitted, (Transitions{resolved(kT + 40, 40, 80), fired(kT + 40, 100, 100)}));
}

TEST(Alert, AfterItIsResolvedTheNextOneBegins) {
    Watch run = firing(above(10));
    run.observe(kT + 1, 0);
    run.observe(kT + 2, 55);
    expect_phase(run, AlertPhase::kPending, kT + 2);
    EXPECT_EQ(run.state.barrier, kT + 1);
    run.settle(kT + 12);
    EXPECT_EQ(run.emitted, (Transitions{resolved(kT + 1, 0, 60), fired(kT + 12, 55, 55)}));
}

TEST(Alert, RulesThatFireBelowAreTheSameUpsideDown) {
    Watch run{below(10, 10)};
    run.observe(kT, 14);
    run.observe(kT + 5, 3);
    run.observe(kT + 9, 8);
    run.observe(kT + 20, 19);
    run.observe(kT + 30, 20);
    run.observe(kT + 39, 19.5);
    expect_phase(run, AlertPhase::kFiring, kT + 10);
    run.observe(kT + 50, 25);
    run.settle(kT + 60);
    EXPECT_EQ(run.emitted, (Transitions{fired(kT + 10, 8, 3), resolved(kT + 60, 25, 3)}));
}

// ---- missing data
// ----------------------------------------------------------------------------------------------------

TEST(Alert, MissingDataChangesNothingInAnyPhase) {
    Watch ok{above(10, 10)};
    Watch pending{above(10, 10)};
    pending.observe(kT, 60);
    Watch fires = firing(above(10, 10));
    Watch recovering = firing(above(10, 10));
    recovering.observe(kT + 5, 0);
    Watch carrying = firing(above(10, 10));
    carrying.late(kT - 5, 0);
    for (Watch *run : {&ok, &pending, &fires, &recovering, &carrying}) {
        const AlertState before = run->state;
        run->observe(kT + 500, kMissing);  // though something is due
        run->late(kT + 500, -kMissing);
        EXPECT_EQ(run->state, before);
        EXPECT_TRUE(run->emitted.empty());
    }
    pending.settle(kT + 10);
    EXPECT_EQ(pending.emitted, (Transitions{fired(kT + 10, 60, 60)}));
}

// ---- times that do not fit
// -------------------------------------------------------------------------------------------

TEST(Alert, HoldForBeyondTheEndOfTimeNeverEnds) {
    for (const Micros length : {Micros{101}, 300 * kYear, kEndOfTime}) {
        Watch run{above(length)};
        run.observe(kEndOfTime - 100, 60);
        EXPECT_EQ(next_due(run.rule, run.state), kEndOfTime);
        run.settle(kEndOfTime);
        EXPECT_TRUE(run.emitted.empty());
        expect_phase(run, AlertPhase::kPending, kEndOfTime - 100);

        Watch keeps{above(0, length)};
        keeps.observe(kEndOfTime - 200, 60);
        keeps.observe(kEndOfTime - 100, 0);
        EXPECT_EQ(next_due(keeps.rule, keeps.state), kEndOfTime);
        keeps.settle(kEndOfTime);
        EXPECT_EQ(keeps.emitted.size(), 1u);
        expect_phase(keeps, AlertPhase::kRecovering, kEndOfTime - 100);
    }
    Watch last{above(100)};
    last.observe(kEndOfTime - 100, 60);
    last.settle(kEndOfTime);
    EXPECT_EQ(last.emitted, (Transitions{fired(kEndOfTime, 60, 60)}));
}

TEST(Alert, TheBeginningOfTime) {
    Watch run{above(kEndOfTime, kEndOfTime)};
    run.observe(kBeginningOfTime, 60);
    EXPECT_EQ(next_due(run.rule, run.state), kBeginningOfTime);
    run.settle(kBeginningOfTime);
    expect_phase(run, AlertPhase::kPending, kBeginningOfTime);
    run.settle(-2);
    EXPECT_TRUE(run.emitted.empty());
    run.settle(-1);
    EXPECT_EQ(run.emitted, (Transitions{fired(-1, 60, 60)}));
    run.observe(0, 0);
    run.settle(kEndOfTime - 1);
    EXPECT_EQ(run.emitted.size(), 1u);
    run.settle(kEndOfTime);
    EXPECT_EQ(run.emitted.back(), resolved(kEndOfTime, 0, 60));
    EXPECT_EQ(rewound(run.state, kBeginningOfTime), run.state);
}

}  // namespace
}  // namespace people_counter::test
