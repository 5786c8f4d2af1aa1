// The alert lifecycle against an oracle: all short histories.
#include "alert_support.hpp"

namespace people_counter::test {
namespace {

using Ranks = std::vector<RankAt>;

// All sequences of `length` digits below `base`.
template <class Visit>
void for_each_word(std::size_t length, int base, Visit &&visit) {
    std::vector<int> word(length, 0);
    for (;;) {
        visit(word);
        if (testing::Test::HasFatalFailure()) {
            return;
        }
        std::size_t i = 0;
        while (i < length && ++word[i] == base) {
            word[i++] = 0;
        }
        if (i == length) {
            return;
        }
    }
}

Ranks every_microsecond(const std::vector<int> &word) {
    Ranks ranks;
    for (const int rank : word) {
        ranks.push_back({static_cast<Micros>(ranks.size()), rank, true});
    }
    return ranks;
}

TEST(AlertExhaustive, AllSequencesOfUpToSixValues) {
    for (std::size_t length = 1; length <= 6; ++length) {
        for_each_word(length, 4, [&](const std::vector<int> &word) {
            const Ranks ranks = every_microsecond(word);
            const Micros last = ranks.back().time;
            for (int setting = 0; setting < 16; ++setting) {
                const Scale &scale = kScales[(word[0] + setting) % 2 * 2];
                expect_as_defined(scale, setting % 4, setting / 4, ranks, last);
                expect_as_defined(scale, setting % 4, setting / 4, ranks, last + 3);
            }
        });
    }
}

TEST(AlertExhaustive, WithGapsMissingAndLateValues) {
    for (std::size_t length = 1; length <= 4; ++length) {
        for_each_word(length, 20, [&](const std::vector<int> &word) {
            Ranks ranks;
            Micros time = 0;
            for (const int digit : word) {
                time += 1 + digit / 5 % 2;
                ranks.push_back({time, digit % 5 - 1, digit < 10});
            }
            for (int setting = 0; setting < 16; ++setting) {
                expect_as_defined(kScales[(word[0] + setting) % 4], setting % 4, setting / 4, ranks, time + 2);
            }
        });
    }
}

// The worker crashed, or saw something late: whatever it had done by then, it looks again from any instant on. Only
// what it had not emitted comes, and all of that.
void look_again_from_everywhere(const Scale &scale, Micros hold_for, Micros keep_firing_for, const Ranks &ranks) {
    const Observations all = observations_of(scale, ranks);
    const Micros now = ranks.back().time + 2;
    Watch watch{scale.rule(hold_for, keep_firing_for)};
    std::vector<Watch> reached{watch};
    for (const Observation &observation : all) {
        watch.observe(observation);
        watch.settle(observation.time);
        reached.push_back(watch);
    }
    watch.settle(now);
    reached.push_back(watch);
    for (std::size_t seen = 0; seen < reached.size(); ++seen) {
        // Not from behind the first that it has not seen, nor from behind the present.
        for (Micros from = std::min(static_cast<Micros>(seen), now); from >= 0; --from) {
            Watch again = reached[seen];
            again.look_again(all, from);
            again.settle(now);
            ASSERT_EQ(again.emitted, watch.emitted) << describe(watch.rule, all) << seen << " from " << from;
            ASSERT_EQ(again.state, watch.state) << describe(watch.rule, all) << seen << " from " << from;
        }
    }
}

TEST(AlertExhaustive, LookingAgainFromAnyInstantChangesNothing) {
    for (std::size_t length = 1; length <= 6; ++length) {
        for_each_word(length, 4, [&](const std::vector<int> &word) {
            const Ranks ranks = every_microsecond(word);
            for (int setting = 0; setting < 16; ++setting) {
                look_again_from_everywhere(kScales[(word[0] + setting) % 4], setting % 4, setting / 4, ranks);
            }
        });
    }
}

}  // namespace
}  // namespace people_counter::test
