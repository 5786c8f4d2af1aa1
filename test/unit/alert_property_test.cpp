// The alert lifecycle in random histories: against an oracle, look by look, again, corrected, and with edited rules.
#include "alert_support.hpp"

namespace people_counter::test {
namespace {

using core::rewound;

using Ranks = std::vector<RankAt>;

constexpr int kRounds = 100'000;

struct History {
    Scale scale;
    Micros hold_for;
    Micros keep_firing_for;
    Ranks ranks;
    Micros now;

    AlertRule rule() const { return scale.rule(hold_for, keep_firing_for); }
    Observations all() const { return observations_of(scale, ranks); }
};

// Long runs of one kind are as likely as flicker. `ties`: several observations of one instant.
Ranks random_ranks(Random &random, Micros from, int count, bool ties) {
    Ranks ranks;
    Micros time = from;
    int rank = kClear;
    for (int i = 0; i < count; ++i) {
        time += random.between(ties ? 0 : 1, 4);
        rank = random.chance(40) ? rank : static_cast<int>(random.between(kAbsent, kWorse));
        ranks.push_back({time, rank, random.chance(75)});
    }
    return ranks;
}

History random_history(Random &random, bool ties) {
    History h{kScales[random.between(0, 3)], random.between(0, 8), random.between(0, 8), {}, 0};
    h.hold_for = random.chance(30) ? 0 : h.hold_for;
    h.keep_firing_for = random.chance(30) ? 0 : h.keep_firing_for;
    h.ranks = random_ranks(random, 0, static_cast<int>(random.between(1, 16)), ties);
    h.now = h.ranks.back().time + random.between(0, 10);
    return h;
}

Watch at_once(const History &h) {
    Watch run{h.rule()};
    for (const Observation &observation : h.all()) {
        run.observe(observation);
    }
    run.settle(h.now);
    return run;
}

TEST(AlertRandom, IsAsDefined) {
    Random random("alert definition");
    for (int round = 0; round < kRounds; ++round) {
        const History h = random_history(random, false);
        ASSERT_NO_FATAL_FAILURE(expect_as_defined(h.scale, h.hold_for, h.keep_firing_for, h.ranks, h.now));
    }
}

TEST(AlertRandom, LookByLookEqualsAllAtOnce) {
    Random random("alert looks");
    for (int round = 0; round < kRounds; ++round) {
        const History h = random_history(random, random.chance(50));
        const Observations all = h.all();
        const Watch expected = at_once(h);
        Watch plain{h.rule()};   // a look that goes on where the last one ended
        Watch worker{h.rule()};  // one that begins with rewound() and the value carried on
        Micros last = -1;
        for (const Observation &next : all) {
            if (next.time > last && random.chance(60)) {
                const Micros looked_at = random.between(last, next.time - 1);
                plain.settle(looked_at);
                worker.settle(looked_at);
                worker.state = rewound(worker.state, next.time);
                worker.late(next.time, Watch::value_before(all, next.time));
            }
            plain.observe(next);
            worker.observe(next);
            last = next.time;
        }
        plain.settle(h.now);
        worker.settle(h.now);
        ASSERT_EQ(plain.emitted, expected.emitted) << describe(h.rule(), all);
        ASSERT_EQ(plain.state, expected.state) << describe(h.rule(), all);
        ASSERT_EQ(worker.emitted, expected.emitted) << describe(h.rule(), all);
        ASSERT_EQ(worker.state, expected.state) << describe(h.rule(), all);
    }
}

TEST(AlertRandom, LookingAgainAndAgainChangesNothing) {
    Random random("alert again");
    for (int round = 0; round < kRounds; ++round) {
        const History h = random_history(random, random.chance(50));
        const Observations all = h.all();
        const Watch expected = at_once(h);
        Watch run = expected;
        for (int look = 0; look < 5; ++look) {
            const Micros from = random.between(-1, h.now);
            run.look_again(all, from);
            run.settle(h.now);
            ASSERT_EQ(run.emitted, expected.emitted) << describe(h.rule(), all) << " from " << from;
            ASSERT_EQ(run.state, expected.state) << describe(h.rule(), all) << " from " << from;
        }
    }
}

// Corrections: the history from `from` on is another one. What has fired stays; behind the barrier all is as defined.
TEST(AlertRandom, CorrectedHistoriesAreAsDefinedBehindTheBarrier) {
    Random random("alert corrections");
    int compared = 0;
    for (int round = 0; round < kRounds; ++round) {
        History h = random_history(random, false);
        Watch run = at_once(h);
        const Micros from = random.between(0, h.ranks.back().time);
        const Ranks corrected = random_ranks(random, from - 1, static_cast<int>(random.between(1, 12)), false);
        std::erase_if(h.ranks, [from](const RankAt &r) { return r.time >= from; });
        h.ranks.insert(h.ranks.end(), corrected.begin(), corrected.end());
        h.now = std::max(h.now, h.ranks.back().time);
        const Observations all = h.all();
        const Micros barrier = run.state.barrier;
        bool open = run.state.phase == AlertPhase::kFiring || run.state.phase == AlertPhase::kRecovering;
        const bool was_open = open;
        run.emitted.clear();
        run.look_again(all, from);
        run.settle(h.now);
        Micros last = barrier;
        for (const AlertTransition &t : run.emitted) {
            ASSERT_EQ(t.event, open ? AlertEvent::kResolved : AlertEvent::kFired) << describe(h.rule(), all);
            ASSERT_GE(t.at, last) << describe(h.rule(), all);
            open = !open;
            last = t.at;
        }
        if (barrier < from || std::isnan(Watch::value_before(all, barrier + 1))) {
            continue;  // the oracle does not know what was pending, or there is no value
        }
        ++compared;
        Oracle oracle(h.scale, h.hold_for, h.keep_firing_for, h.ranks, h.now);
        oracle.begin_at(from, barrier, was_open);
        const Transitions expected = oracle.run();
        ASSERT_EQ(run.emitted.size(), expected.size()) << describe(h.rule(), all) << " from " << from;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            ASSERT_EQ(run.emitted[i].event, expected[i].event) << describe(h.rule(), all) << " from " << from;
            ASSERT_EQ(run.emitted[i].at, expected[i].at) << describe(h.rule(), all) << " from " << from;
            ASSERT_EQ(run.emitted[i].value, expected[i].value) << describe(h.rule(), all) << " from " << from;
        }
        ASSERT_EQ(run.state.phase, oracle.state().phase) << describe(h.rule(), all) << " from " << from;
        ASSERT_EQ(run.state.since, oracle.state().since) << describe(h.rule(), all) << " from " << from;
    }
    EXPECT_GT(compared, kRounds / 10);
}

// An edit at some instant: before it the rule was one that nothing is beyond.
TEST(AlertRandom, LookingAgainOverAnEditChangesNothing) {
    Random random("alert edits");
    for (int round = 0; round < kRounds; ++round) {
        const History h = random_history(random, false);
        const Observations all = h.all();
        const Micros edit = random.between(1, h.ranks.back().time);
        Watch run{h.rule()};
        run.rule.threshold = run.rule.clear = h.scale.above ? 1000 : -1000;
        std::size_t i = 0;
        for (; i < all.size() && all[i].time <= edit; ++i) {
            run.observe(all[i]);
        }
        run.settle(edit);
        ASSERT_TRUE(run.emitted.empty());
        run.rule = h.rule();
        run.state.barrier = edit;
        if (run.rule.beyond(run.state.value)) {
            run.state.barrier = random.chance(50) ? edit : kBeginningOfTime;  // not needed here
            run.state.phase = AlertPhase::kPending;
            run.state.by_edit = true;
            run.state.since = edit;
            run.state.peak = run.state.value;
        }
        for (; i < all.size(); ++i) {
            run.settle(all[i].time - 1);
            run.observe(all[i]);
        }
        run.settle(h.now);
        Watch again = run;
        for (int look = 0; look < 5; ++look) {
            const Micros from = random.between(0, h.now);
            again.look_again(all, from);
            again.settle(h.now);
            ASSERT_EQ(again.emitted, run.emitted) << describe(h.rule(), all) << " edit " << edit << " from " << from;
            ASSERT_EQ(again.state, run.state) << describe(h.rule(), all) << " edit " << edit << " from " << from;
        }
    }
}

// Times and lengths from all of 64 bits: nothing overflows, and what fires has been held for long enough.
TEST(AlertRandom, TimesAtTheEnds) {
    Random random("alert ends");
    const auto any = [&random](Micros low) {
        const Micros near = random.between(0, 5);
        const Micros choices[] = {low + near, kEndOfTime - near, low / 2 + near, random.between(low, kEndOfTime)};
        return choices[random.between(0, 3)];
    };
    for (int round = 0; round < kRounds; ++round) {
        Watch run{kScales[round % 4].rule(any(0), any(0))};
        std::vector<Micros> times;
        for (int i = 0; i < 12; ++i) {
            times.push_back(any(kBeginningOfTime));
        }
        std::sort(times.begin(), times.end());
        for (const Micros time : times) {
            const AlertState before = run.state;
            const std::size_t emitted = run.emitted.size();
            const Micros due = core::next_due(run.rule, run.state);
            run.settle(time);
            ASSERT_TRUE(due <= time || run.state == before);
            ASSERT_FALSE(run.state.carried && run.state.done_until() <= time);
            for (std::size_t i = emitted; i < run.emitted.size(); ++i) {
                const AlertTransition &t = run.emitted[i];
                const bool fires = t.event == AlertEvent::kFired;
                ASSERT_EQ(fires, i % 2 == 0);
                ASSERT_LE(t.at, time);
                ASSERT_GE(t.at, due);
                if (!before.carried && i == emitted) {
                    const __int128 length = fires ? run.rule.hold_for : run.rule.keep_firing_for;
                    ASSERT_TRUE(before.since + length == t.at);
                }
            }
            run.state = rewound(run.state, random.chance(20) ? any(kBeginningOfTime) : time);
            run.observe(time, kScales[round % 4].value(static_cast<int>(random.between(kAbsent, kWorse))));
        }
    }
}

}  // namespace
}  // namespace people_counter::test
