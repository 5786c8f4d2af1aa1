// Archived hours: the same hour with its movements one by one, and with only their sums, gives the same figures.
#include "core/archive.hpp"

#include "support.hpp"

namespace people_counter::test {

namespace {

using core::ArchivedHour;
using core::Baseline;
using core::Block;
using core::CountedInstant;
using core::HourFigures;
using core::HourFrame;
using core::Instant;
using core::Level;

struct Scene {
    HourFrame frame;
    std::vector<CountedInstant> movements;
    std::vector<Baseline> baselines;

    std::vector<Instant> instants() const {
        std::vector<Instant> netted;
        for (const CountedInstant &m : movements) {
            netted.push_back({m.time, m.net()});
        }
        return netted;
    }
};

// Often at the edges of the hour, at one another's instants and at those of baselines.
Scene random_scene(Random &random) {
    constexpr Micros kGrid = kHourLength / 12;
    Scene scene{};
    scene.frame.hour = {7 * kHourLength, 8 * kHourLength, 0};
    scene.frame.level_before = random.chance(40) ? 0 : random.between(0, 12);
    const Micros a = scene.frame.hour.start;
    scene.frame.observed_from = random.chance(70) ? a - kHourLength : a + random.between(0, kHourLength);
    scene.frame.observed_to = random.chance(70) ? a + 9 * kHourLength : a + random.between(0, kHourLength);
    std::vector<Micros> times;
    for (std::int64_t n = random.between(0, 14); n > 0; --n) {
        times.push_back(a + random.between(0, 11) * kGrid + (random.chance(20) ? random.between(0, 3) : 0));
    }
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    for (const Micros time : times) {
        CountedInstant movement{time, {}};
        movement.counts.entered = random.between(0, 3);
        movement.counts.exited = random.between(movement.counts.entered == 0 ? 1 : 0, 4);
        movement.counts.confidence_sum = random.between(0, 1'000'000'000);
        movement.counts.confidence_count = 1;
        scene.movements.push_back(movement);
    }
    for (std::int64_t n = random.chance(50) ? 0 : random.between(1, 3); n > 0; --n) {
        const Micros time = random.chance(60) && !times.empty() ? random.pick(times)
                                                                : a + random.between(0, 11) * kGrid;
        const auto same = [&](const Baseline &b) { return b.time == time; };
        if (std::none_of(scene.baselines.begin(), scene.baselines.end(), same)) {
            scene.baselines.push_back({time, random.between(0, 9)});
        }
    }
    std::sort(scene.baselines.begin(), scene.baselines.end(),
              [](const Baseline &x, const Baseline &y) { return x.time < y.time; });
    return scene;
}

// As retention asks: with the opening level, which a baseline at the start of the hour is part of.
HourFrame frame_of_archive(const Scene &scene) {
    HourFrame frame = scene.frame;
    if (!scene.baselines.empty() && scene.baselines[0].time == frame.hour.start) {
        frame.level_before = scene.baselines[0].value;
    }
    return frame;
}

std::vector<Block> archived(const Scene &scene, std::span<const CountedInstant> movements,
                            std::span<const Block> before) {
    std::vector<Block> blocks(core::most_blocks(before.size(), scene.baselines.size()));
    blocks.resize(core::archive_hour(frame_of_archive(scene), before, movements, scene.baselines, blocks.data()));
    for (const Block &old : before) {  // what was not merged stays
        const auto same = [&](const Block &b) { return b.from == old.from; };
        if (std::none_of(blocks.begin(), blocks.end(), same)) {
            blocks.push_back(old);
        }
    }
    std::sort(blocks.begin(), blocks.end(), [](const Block &x, const Block &y) { return x.from < y.from; });
    return blocks;
}

// The counts of an hour are the caller's to add, but those of its blocks.
void expect_same(const HourFigures &have, const HourFigures &want) {
    EXPECT_EQ(have.opening, want.opening);
    EXPECT_EQ(have.closing, want.closing);
    EXPECT_EQ(have.low, want.low);
    EXPECT_EQ(have.absorbed, want.absorbed);
    EXPECT_EQ(have.counted.value, want.counted.value);
    EXPECT_EQ(have.counted.time, want.counted.time);
    EXPECT_EQ(have.occupancy, want.occupancy);
    EXPECT_EQ(have.observed, want.observed);
}

constexpr int kScenes = 20'000;

TEST(Archive, SumsGiveTheFiguresOfTheMovements) {
    Random random("archive");
    for (int i = 0; i < kScenes && !HasFailure(); ++i) {
        SCOPED_TRACE(i);
        const Scene scene = random_scene(random);
        const HourFigures want = core::fold_hour(scene.frame, scene.instants(), scene.baselines).figures;
        const ArchivedHour none = core::fold_archived_hour(scene.frame, {}, scene.instants(), scene.baselines,
                                                           core::kEndOfTime - 1);
        expect_same(none.figures, want);
        EXPECT_EQ(none.level_at_mark, want.closing);
        const std::vector<Block> blocks = archived(scene, scene.movements, {});
        const HourFigures have =
            core::fold_archived_hour(scene.frame, blocks, {}, scene.baselines, core::kEndOfTime - 1).figures;
        expect_same(have, want);
        core::Counts counts;
        for (const CountedInstant &m : scene.movements) {
            counts += m.counts;
        }
        EXPECT_EQ(have.counts.entered, counts.entered);
        EXPECT_EQ(have.counts.exited, counts.exited);
        EXPECT_EQ(have.counts.confidence_sum, counts.confidence_sum);
    }
}

TEST(Archive, AnEarlierChangeMovesLevelsAsItMovesThoseOfTheMovements) {
    Random random("lifted archive");
    for (int i = 0; i < kScenes && !HasFailure(); ++i) {
        SCOPED_TRACE(i);
        Scene scene = random_scene(random);
        const std::vector<Block> blocks = archived(scene, scene.movements, {});
        const HourFigures before = core::fold_hour(scene.frame, scene.instants(), scene.baselines).figures;
        scene.frame.level_before = std::max<Level>(0, scene.frame.level_before + random.between(-9, 9));
        const HourFigures want = core::fold_hour(scene.frame, scene.instants(), scene.baselines).figures;
        const HourFigures have =
            core::fold_archived_hour(scene.frame, blocks, {}, scene.baselines, core::kEndOfTime - 1).figures;
        EXPECT_EQ(have.opening, want.opening);
        EXPECT_EQ(have.closing, want.closing);
        EXPECT_EQ(have.low, want.low);
        EXPECT_EQ(have.absorbed, want.absorbed);
        if (before.absorbed == want.absorbed && scene.baselines.empty()) {  // lifted as a whole
            expect_same(have, want);
        }
        EXPECT_GE(have.occupancy, have.low * have.observed);
        EXPECT_LE(have.occupancy, have.counted.value * have.observed);
    }
}

TEST(Archive, WhatComesLateIsMergedWithoutAChange) {
    Random random("merged archive");
    for (int i = 0; i < kScenes && !HasFailure(); ++i) {
        SCOPED_TRACE(i);
        Scene scene = random_scene(random);
        std::vector<Block> blocks = archived(scene, scene.movements, {});
        for (int round = 0; round < 3; ++round) {
            const Scene late = random_scene(random);
            if (random.chance(30)) {
                scene.baselines = late.baselines;  // others than when it was archived
            }
            const std::vector<Instant> instants = late.instants();
            const HourFigures want =
                core::fold_archived_hour(scene.frame, blocks, instants, scene.baselines, core::kEndOfTime - 1).figures;
            const std::size_t before = blocks.size();
            blocks = archived(scene, late.movements, blocks);
            EXPECT_LE(blocks.size(), core::most_blocks(before, scene.baselines.size()));
            const HourFigures have =
                core::fold_archived_hour(scene.frame, blocks, {}, scene.baselines, core::kEndOfTime - 1).figures;
            expect_same(have, want);
        }
    }
}

}  // namespace

}  // namespace people_counter::test
