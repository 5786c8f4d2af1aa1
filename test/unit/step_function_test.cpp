#include "core/step_function.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace people_counter::core {
namespace {

using Movements = std::vector<Instant>;

// Memory and growth as the aggregates do it.
class OwnedSteps {
  public:
    explicit OwnedSteps(std::size_t capacity = 1) : memory_(capacity) { attach(capacity); }
    OwnedSteps(OwnedSteps &&) = default;

    void add(Instant instant) {
        if (!steps_.add(instant)) {
            steps_.compact();
            if (steps_.size > steps_.capacity / 2) {
                reserve(steps_.capacity * 2);
            }
            ASSERT_TRUE(steps_.add(instant));
        }
    }

    void merge(OwnedSteps &other) {
        steps_.compact();
        other.steps_.compact();
        reserve(std::max(steps_.capacity, steps_.size + other.steps_.size));
        steps_.merge(other.steps_.instants());
    }

    std::span<const Instant> compacted() {
        steps_.compact();
        return steps_.instants();
    }

    const Steps &steps() const { return steps_; }

  private:
    void reserve(std::size_t capacity) {
        memory_.resize(capacity);
        attach(capacity);
    }
    void attach(std::size_t capacity) {
        steps_.data = memory_.data();
        steps_.capacity = capacity;
    }

    std::vector<Instant> memory_;
    Steps steps_;
};

struct Expected {
    Level peak;
    Micros peak_time;
    Level closing;
    __int128 integral;
    __int128 length;
};

// By the definition instead of the walk: X is the signed sum, L = X - min(0, min X), looked up at every microsecond.
Expected brute_force(const Movements &movements, Level opening, Micros from, Micros to, bool counts_opening) {
    std::map<Micros, std::int64_t> net;
    for (const Instant &m : movements) {
        net[m.time] += m.net;
    }
    Expected expected{counts_opening ? opening : -1, from, opening, 0, to - from};
    std::int64_t sum = opening;
    std::int64_t lowest = 0;
    for (Micros time = from; time < to || (!counts_opening && time == to); ++time) {
        const auto found = net.find(time);
        if (found != net.end()) {
            sum += found->second;
            lowest = std::min(lowest, sum);
        }
        const Level level = sum - lowest;
        if (found != net.end() && level > expected.peak) {
            expected.peak = level;
            expected.peak_time = time;
        }
        expected.closing = level;
        if (time < to) {
            expected.integral += level;
        }
    }
    return expected;
}

void expect_same(const StepFigures &figures, const Expected &expected) {
    ASSERT_EQ(figures.peak.value, expected.peak);
    ASSERT_EQ(figures.peak.time, expected.peak_time);
    ASSERT_EQ(figures.closing, expected.closing);
    ASSERT_TRUE(figures.integral == expected.integral);
    ASSERT_TRUE(figures.length == expected.length);
}

Movements random_movements(std::mt19937 &random) {
    const int count = 1 + static_cast<int>(random() % 60);
    const int span = 1 + static_cast<int>(random() % 100);
    const int entering = 20 + static_cast<int>(random() % 60);
    const Micros base = static_cast<Micros>(random() % 201) - 100;
    Movements movements;
    for (int i = 0; i < count; ++i) {
        movements.push_back(
            {base + static_cast<Micros>(random() % span), static_cast<int>(random() % 100) < entering ? 1 : -1});
    }
    return movements;
}

// A random order, a random number of parts, each with its own growth, merged in sequence.
OwnedSteps collect(Movements movements, std::mt19937 &random) {
    switch (random() % 4) {
        case 0:
            std::sort(movements.begin(), movements.end(), [](auto &a, auto &b) { return a.time < b.time; });
            break;
        case 1:
            std::sort(movements.begin(), movements.end(), [](auto &a, auto &b) { return a.time > b.time; });
            break;
        default:
            std::shuffle(movements.begin(), movements.end(), random);
    }
    std::vector<OwnedSteps> parts;
    for (std::size_t i = 0, count = 1 + random() % 4; i < count; ++i) {
        parts.emplace_back(1 + random() % 20);
    }
    for (const Instant &m : movements) {
        parts[random() % parts.size()].add(m);
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
        parts[0].merge(parts[i]);
    }
    return std::move(parts[0]);
}

TEST(StepFunction, AgreesWithTheDefinition) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random{seed};
    for (int round = 0; round < 20'000; ++round) {
        SCOPED_TRACE(testing::Message() << "round " << round);
        const Movements movements = random_movements(random);
        OwnedSteps steps = collect(movements, random);
        const std::span<const Instant> instants = steps.compacted();
        for (std::size_t i = 1; i < instants.size(); ++i) {
            ASSERT_LT(instants[i - 1].time, instants[i].time);
        }
        const Micros first = instants.front().time;
        const Micros last = instants.back().time;
        ASSERT_NO_FATAL_FAILURE(expect_same(walk(instants), brute_force(movements, 0, first, last, false)));

        const Micros from = static_cast<Micros>(random() % 301) - 150;
        const Micros to = from + 1 + static_cast<Micros>(random() % 150);
        const Level opening = random() % 8;
        ASSERT_NO_FATAL_FAILURE(
            expect_same(walk_within(instants, opening, {from, to}), brute_force(movements, opening, from, to, true)));
    }
}

std::vector<std::uint8_t> encoded(std::span<const Instant> instants) {
    std::vector<std::uint8_t> bytes(encoded_size(instants));
    encode(instants, bytes.data());
    return bytes;
}

TEST(StepFunction, DecodesWhatItEncoded) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random{seed};
    for (int round = 0; round < 20'000; ++round) {
        SCOPED_TRACE(testing::Message() << "round " << round);
        Movements instants;
        for (std::uint64_t i = 0, count = random() % 20; i < count; ++i) {
            // Times repeat, and all of the nets of one instant together fit.
            instants.push_back({static_cast<Micros>(random()) >> random() % 64,
                                static_cast<std::int64_t>(random()) >> (5 + random() % 59)});
        }
        OwnedSteps steps = [&] {
            OwnedSteps owned{20};
            for (const Instant &instant : instants) {
                owned.add(instant);
            }
            return owned;
        }();
        const std::span<const Instant> compact = steps.compacted();
        const std::vector<std::uint8_t> bytes = encoded(compact);
        Movements decoded(compact.size());
        ASSERT_TRUE(decode(bytes, decoded));
        ASSERT_TRUE(std::equal(decoded.begin(), decoded.end(), compact.begin(),
                               [](const Instant &a, const Instant &b) { return a.time == b.time && a.net == b.net; }));

        // Too few or too many bytes or instants are refused.
        Movements more(compact.size() + 1);
        EXPECT_FALSE(decode(bytes, more));
        if (!compact.empty()) {
            EXPECT_FALSE(decode({bytes.data(), random() % bytes.size()}, decoded));
            EXPECT_FALSE(decode(bytes, std::span{decoded}.first(compact.size() - 1)));
        }
    }
}

TEST(StepFunction, EncodesTheExtremes) {
    const Instant instants[] = {{INT64_MIN, INT64_MIN}, {0, 0}, {INT64_MAX, INT64_MAX}};
    Instant decoded[3];
    ASSERT_TRUE(decode(encoded(instants), decoded));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(decoded[i].time, instants[i].time);
        EXPECT_EQ(decoded[i].net, instants[i].net);
    }
}

TEST(StepFunction, DecodesNoDisorder) {
    Instant decoded[2];
    const std::uint8_t same_instant[] = {5, 2, 0, 2};
    EXPECT_FALSE(decode(same_instant, decoded));
    const Instant descending[] = {{7, 1}, {6, 1}};
    EXPECT_FALSE(decode(encoded(descending), decoded));
    const std::vector<std::uint8_t> endless(40, 0xff);
    EXPECT_FALSE(decode(endless, decoded));
    const std::uint8_t beyond_64_bits[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0};
    EXPECT_FALSE(decode(beyond_64_bits, std::span{decoded}.first(1)));
}

TEST(StepFunction, DecodesAnyBytesWithoutHarm) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random{seed};
    for (int round = 0; round < 20'000; ++round) {
        std::vector<std::uint8_t> bytes(random() % 30);
        std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random()); });
        Movements decoded(random() % 10);
        if (decode(bytes, decoded)) {
            for (std::size_t i = 1; i < decoded.size(); ++i) {
                ASSERT_LT(decoded[i - 1].time, decoded[i].time);
            }
        }
    }
}

TEST(StepFunction, StaysSortedInOrderOfTime) {
    OwnedSteps steps{4};
    for (const Micros time : {1, 1, 2, 5, 5, 5, 7}) {
        steps.add({time, 1});
    }
    EXPECT_EQ(steps.steps().size, 4u);
    EXPECT_EQ(steps.steps().sorted, 4u);
}

TEST(StepFunction, FewInstantsNeedLittleRoom) {
    OwnedSteps steps{16};
    for (int i = 0; i < 100'000; ++i) {
        steps.add({i * 7 % 8, i % 3 == 0 ? -1 : 1});
    }
    EXPECT_EQ(steps.steps().capacity, 16u);
    EXPECT_EQ(steps.compacted().size(), 8u);
}

TEST(StepFunction, RefusesWhereThereIsNoRoom) {
    Instant memory[1];
    Steps steps{memory, 0, 1, 0};
    EXPECT_TRUE(steps.add({5, 1}));
    EXPECT_FALSE(steps.add({6, 1}));
    EXPECT_TRUE(steps.add({5, 1}));
    EXPECT_EQ(steps.size, 1u);
    EXPECT_EQ(memory[0].net, 2);
}

TEST(StepFunction, MergesWithNothing) {
    OwnedSteps empty;
    OwnedSteps steps;
    steps.merge(empty);
    EXPECT_TRUE(steps.compacted().empty());
    empty.add({3, 1});
    steps.merge(empty);
    ASSERT_EQ(steps.compacted().size(), 1u);
    EXPECT_EQ(steps.compacted()[0].time, 3);
}

TEST(StepFunction, OneInstantOfExits) {
    const Instant instants[] = {{10, -3}};
    const StepFigures figures = walk(instants);
    EXPECT_EQ(figures.peak.value, 0);
    EXPECT_EQ(figures.peak.time, 10);
    EXPECT_EQ(figures.closing, 0);
    EXPECT_TRUE(figures.length == 0);
}

TEST(StepFunction, QuietWindow) {
    const StepFigures figures = walk_within({}, 4, {100, 300});
    EXPECT_EQ(figures.peak.value, 4);
    EXPECT_EQ(figures.peak.time, 100);
    EXPECT_EQ(figures.closing, 4);
    EXPECT_EQ(figures.average(10000), 40000);
}

TEST(StepFunction, WindowIsHalfOpen) {
    const Instant instants[] = {{99, 10}, {100, 1}, {200, 10}};
    const StepFigures figures = walk_within(instants, 0, {100, 200});
    EXPECT_EQ(figures.peak.value, 1);
    EXPECT_EQ(figures.peak.time, 100);
    EXPECT_EQ(figures.closing, 1);
    EXPECT_EQ(figures.average(10000), 10000);
}

TEST(StepFunction, AverageRoundsHalfAwayFromZero) {
    const auto average = [](__int128 integral, __int128 length) {
        return StepFigures{{0, 0}, 0, integral, length}.average(10000);
    };
    EXPECT_EQ(average(1, 20000), 1);
    EXPECT_EQ(average(1, 20001), 0);
    EXPECT_EQ(average(3, 20000), 2);
    EXPECT_EQ(average(1, 3), 3333);
    EXPECT_EQ(average(2, 3), 6667);
    EXPECT_EQ(average(0, 7), 0);
}

TEST(StepFunction, TheWholeOfTimeDoesNotOverflow) {
    const Micros first = -211'813'488'000'000'000;
    const Micros last = 9'223'371'331'199'999'999;
    const Instant instants[] = {{first, INT32_MAX}, {last, 1}};
    const StepFigures figures = walk(instants);
    EXPECT_EQ(figures.average(10000), std::int64_t{INT32_MAX} * 10000);
    EXPECT_EQ(figures.closing, std::int64_t{INT32_MAX} + 1);
    EXPECT_EQ(walk_within(instants, 0, {first, last}).average(10000), std::int64_t{INT32_MAX} * 10000);
}

}  // namespace
}  // namespace people_counter::core
