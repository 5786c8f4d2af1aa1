// The calendar against a wall clock that is read step by step.
#include "core/calendar.hpp"

#include "support.hpp"

namespace people_counter::test {
namespace {

using core::Calendar;
using core::DayExtent;
using core::Hour;
using core::kBeginningOfTime;
using core::kEndOfTime;

constexpr Micros kMinTimestamp = -211'813'488'000'000'000;   // 4714-11-24 BC, the server's first
constexpr Micros kMaxTimestamp = 9'223'371'331'199'999'999;  // 294276-12-31, its last

std::vector<Interval> pieces_of(const DayExtent &extent) {
    return std::vector<Interval>(extent.pieces, extent.pieces + extent.count);
}

Micros length_of(const DayExtent &extent) { return extent.overlap(extent.first(), extent.last()); }

// ---------------------------------------------------------------------------------------------------------------
// Comparison with a grid

struct Scope {
    bool extents = true;
    bool instants = true;
};

void check_hours(Calendar &calendar, const Grid &grid, Micros day_start, Random &random) {
    const std::vector<Hour> hours = grid.hours(day_start);
    ASSERT_GE(hours.size(), 2u);
    for (std::size_t i = 0; i < hours.size(); ++i) {
        const Hour &hour = hours[i];
        const std::vector<Micros> times{hour.start, hour.end - 1, random.between(hour.start, hour.end - 1)};
        for (const Micros time : times) {
            ASSERT_EQ(calendar.hour_of(time), hour) << "at " << time << ", day_start " << day_start;
            ASSERT_EQ(calendar.day_of(time), grid.day(time, day_start)) << "at " << time << ", day_start " << day_start;
        }
    }
    // In no order, because the calendar remembers the last span.
    for (int i = 0; i < 30; ++i) {
        const Hour &hour = random.pick(hours);
        const Micros time = random.between(hour.start, hour.end - 1);
        ASSERT_EQ(calendar.hour_of(time), hour) << "at " << time << ", day_start " << day_start;
    }
}

void check_extents(Calendar &calendar, const Grid &grid, Micros day_start, Random &random) {
    const std::int64_t first = grid.reading(0).date + 2;
    const std::int64_t last = grid.reading(grid.size() - 1).date - 2;
    for (std::int64_t day = first; day <= last; ++day) {
        const std::vector<Interval> expected = grid.pieces(day, day_start);
        const DayExtent extent = calendar.extent_of(static_cast<std::int32_t>(day));
        ASSERT_EQ(pieces_of(extent), expected) << "day " << day << ", day_start " << day_start;
        ASSERT_EQ(extent.first(), expected.empty() ? 0 : expected.front().from);
        ASSERT_EQ(extent.last(), expected.empty() ? 0 : expected.back().to);
        for (int i = 0; i < 10; ++i) {
            Micros from = random.between(grid.from(), grid.to());
            Micros to = random.between(grid.from(), grid.to());
            if (!expected.empty() && random.chance(50)) {
                from = random.pick(expected).from + random.between(-1, 1);
            }
            if (!expected.empty() && random.chance(50)) {
                to = random.pick(expected).to + random.between(-1, 1);
            }
            Micros common = 0;
            for (const Interval &piece : expected) {
                const Micros low = from > piece.from ? from : piece.from;
                const Micros high = to < piece.to ? to : piece.to;
                common += high > low ? high - low : 0;
            }
            ASSERT_EQ(extent.overlap(from, to), common) << "day " << day << " [" << from << ", " << to << ")";
        }
    }
}

void check_instants(Calendar &calendar, const Grid &grid, Random &random) {
    for (int i = 0; i < 40; ++i) {
        const std::size_t near = static_cast<std::size_t>(
            random.between(static_cast<std::int64_t>(grid.size()) / 4, static_cast<std::int64_t>(grid.size()) * 3 / 4));
        const Reading &r = grid.reading(near);
        Micros local = r.date * kDayLength + r.time_of_day + random.between(-3 * kHourLength, 3 * kHourLength);
        if (random.chance(30)) {
            local = floor_quotient(local, grid.step()) * grid.step() - random.between(0, 1);
        }
        Micros expected = 0;
        ASSERT_TRUE(grid.instant_of(local, expected));
        ASSERT_EQ(calendar.instant_of(local), expected) << "local " << local;
    }
}

void check_resets(Calendar &calendar, const Grid &grid, Micros reset_time, Random &random) {
    const std::vector<Micros> resets = grid.resets(reset_time);
    ASSERT_GE(resets.size(), 4u);
    std::vector<Micros> times;
    for (std::size_t i = 1; i + 1 < resets.size(); ++i) {
        times.insert(times.end(), {resets[i] - 1, resets[i], resets[i] + 1});
        times.push_back(random.between(resets[i - 1], resets[i]));
    }
    for (const Micros time : times) {
        Micros next = kEndOfTime;
        Micros previous = kBeginningOfTime;
        for (const Micros reset : resets) {
            next = reset >= time && reset < next ? reset : next;
            previous = reset < time && reset > previous ? reset : previous;
        }
        ASSERT_EQ(calendar.reset_at_or_after(time), next) << "at " << time << ", reset_time " << reset_time;
        ASSERT_EQ(calendar.reset_before(time), previous) << "at " << time << ", reset_time " << reset_time;
    }
}

void check_all(const ZoneTable &table, const Grid &grid, Scope scope, Random &random) {
    const std::vector<Micros> favoured{0, clock(4), clock(23), clock(24), clock(1), clock(2), clock(3)};
    const Micros day_start = random.chance(50) ? random.pick(favoured) : clock(static_cast<int>(random.between(0, 24)));
    Micros reset_time = random.chance(50) ? random.pick(favoured) : random.between(0, kDayLength - 1);
    if (random.chance(40)) {
        reset_time = random.between(0, 4 * 60) * kMinute;
    }
    Calendar calendar(table.zone(), day_start, reset_time);
    ASSERT_NO_FATAL_FAILURE(check_hours(calendar, grid, day_start, random));
    if (scope.extents) {
        ASSERT_NO_FATAL_FAILURE(check_extents(calendar, grid, day_start, random));
    }
    if (scope.instants) {
        ASSERT_NO_FATAL_FAILURE(check_instants(calendar, grid, random));
        ASSERT_NO_FATAL_FAILURE(check_resets(calendar, grid, reset_time, random));
    }
}

std::string describe(const ZoneTable &table) {
    std::string text = "offset " + std::to_string(table.first_offset() / kUsecs) + " s";
    for (const Change &change : table.changes()) {
        text += "; from " + std::to_string(change.at) + " " + std::to_string(change.offset / kUsecs) + " s";
    }
    return text;
}

// ---------------------------------------------------------------------------------------------------------------
// Zones of our own

TEST(Calendar, FixedOffsetIsPlainArithmetic) {
    for (const Micros offset : {clock(0), clock(1), -clock(3, 30), clock(5, 45), clock(14), -clock(12)}) {
        const ZoneTable table(offset, {});
        Calendar calendar(table.zone(), 0, Calendar::kNoReset);
        for (const Micros near : {Micros{0}, utc(1969, 12, 31, 23, 59, 59), utc(1900, 3, 1), utc(2100, 2, 28, 23),
                                  kMinTimestamp, kMaxTimestamp - kDayLength}) {
            for (Micros time = near; time < near + kDayLength; time += 17 * kMinute + 1) {
                const Hour hour = calendar.hour_of(time);
                EXPECT_LE(hour.start, time);
                EXPECT_LT(time, hour.end);
                EXPECT_EQ(hour.end - hour.start, kHourLength);
                EXPECT_EQ(floor_quotient(hour.start + offset, kHourLength) * kHourLength, hour.start + offset);
                EXPECT_EQ(hour.day, floor_quotient(time + offset, kDayLength));
                EXPECT_EQ(calendar.day_of(time), hour.day);
                const DayExtent extent = calendar.extent_of(hour.day);
                EXPECT_EQ(extent.count, 1);
                EXPECT_EQ(length_of(extent), kDayLength);
                EXPECT_EQ(calendar.instant_of(time + offset), time);
            }
        }
    }
}

TEST(Calendar, TheLastInstantsOfTheServer) {
    const ZoneTable table(clock(14), {});
    Calendar calendar(table.zone(), clock(4), clock(3));
    EXPECT_EQ(calendar.hour_of(kMaxTimestamp).end, kMaxTimestamp + 1);
    EXPECT_EQ(calendar.reset_before(kMaxTimestamp), kMaxTimestamp + 1 - clock(11));
    EXPECT_EQ(calendar.reset_at_or_after(kMaxTimestamp), kMaxTimestamp + 1 + clock(13));
    EXPECT_EQ(calendar.hour_of(kMinTimestamp).start, kMinTimestamp);
    EXPECT_EQ(calendar.reset_at_or_after(kMinTimestamp), kMinTimestamp + clock(13));
    EXPECT_EQ(calendar.reset_before(kMinTimestamp), kMinTimestamp - clock(11));
}

TEST(Calendar, NoResets) {
    const ZoneTable table(clock(1), {});
    Calendar calendar(table.zone(), 0, Calendar::kNoReset);
    EXPECT_FALSE(calendar.resets());
    for (const Micros time : {kBeginningOfTime, kMinTimestamp, Micros{0}, kMaxTimestamp, kEndOfTime}) {
        EXPECT_EQ(calendar.reset_at_or_after(time), kEndOfTime);
        EXPECT_EQ(calendar.reset_before(time), kBeginningOfTime);
    }
}

TEST(Calendar, ResetsAtTheEndsOfTime) {
    const ZoneTable table(-clock(5), {});
    Calendar calendar(table.zone(), 0, 0);
    EXPECT_TRUE(calendar.resets());
    EXPECT_EQ(calendar.reset_at_or_after(kEndOfTime), kEndOfTime);
    EXPECT_EQ(calendar.reset_before(kBeginningOfTime), kBeginningOfTime);
}

TEST(Calendar, AskingAgainNearbyDoesNotAskTheZone) {
    const ZoneTable table(clock(1), {{utc(2024, 3, 31, 1), clock(2)}, {utc(2024, 10, 27, 1), clock(1)}});
    Calendar calendar(table.zone(), 0, 0);
    calendar.hour_of(utc(2024, 6, 1, 12));
    const int asked = table.asked();
    for (int i = 0; i < 1000; ++i) {
        calendar.hour_of(utc(2024, 6, 1, 12) + i * kMinute);
        calendar.day_of(utc(2024, 6, 1, 12) + i * kMinute);
    }
    EXPECT_EQ(table.asked(), asked);
}

// A span that begins a day before the instant asked for may begin behind a transition in the same hour.
TEST(Calendar, ARememberedSpanDoesNotHideTheTransitionBeforeIt) {
    const Micros at = utc(2024, 10, 5, 15, 30);  // Lord Howe: 02:00 becomes 02:30
    const ZoneTable table(clock(10, 30), {{at, clock(11)}}, ZoneTable::Spans::kShortest);
    for (Micros late = 0; late < clock(0, 30); late += kMinute) {
        Calendar calendar(table.zone(), 0, Calendar::kNoReset);
        EXPECT_EQ(calendar.hour_of(at + kDayLength + late).end - at, kDayLength + clock(0, 30));
        EXPECT_EQ(calendar.hour_of(at + late), (Hour{at, at + clock(0, 30), date(2024, 10, 6)}));
    }
}

// No zone has ever changed by more than a day.
Micros random_offset(Micros before, Micros step, Random &random) {
    const std::vector<Micros> jumps{clock(1),      -clock(1), clock(0, 30), -clock(0, 30), clock(0, 15),
                                    -clock(0, 15), clock(2),  -clock(2),    clock(24),     -clock(24),
                                    clock(1),      -clock(1), clock(3),     -clock(3),     clock(0, 45)};
    for (;;) {
        const Micros offset = random.chance(80) ? before + random.pick(jumps)
                                                : random.between(-clock(15) / step, clock(15) / step) * step;
        if (offset != before && std::abs(offset) <= clock(16) && std::abs(offset - before) <= clock(24)) {
            return offset;
        }
    }
}

// Changes of clocks at least `distance` apart, half of them around a local midnight.
ZoneTable random_zone(Micros from, Micros distance, Micros spread, int changes, Micros step, Random &random) {
    const std::vector<Micros> first{0, clock(1), -clock(3, 30), clock(5, 45), clock(14), -clock(11), clock(10, 30)};
    Micros offset = random.pick(first);
    std::vector<Change> list;
    Micros at = from;
    const Micros first_offset = offset;
    for (int i = 0; i < changes; ++i) {
        at += distance + random.between(0, spread / step) * step;
        if (random.chance(50)) {
            const Micros local = at + offset;
            const std::vector<Micros> hours{0, kMinute, clock(1), clock(2), clock(3), -clock(1)};
            Micros moved = (floor_quotient(local, kDayLength) + 1) * kDayLength - offset + random.pick(hours);
            moved = floor_quotient(moved, step) * step;
            at = std::max(at, moved);
        }
        offset = random_offset(offset, step, random);
        list.push_back(Change{at, offset});
    }
    const std::vector<ZoneTable::Spans> spans{ZoneTable::Spans::kWhole, ZoneTable::Spans::kShortest,
                                              ZoneTable::Spans::kMixed};
    return ZoneTable(first_offset, list, random.pick(spans));
}

Micros random_era(Random &random) {
    const std::vector<int> years{1850, 1917, 1945, 1969, 1999, 2000, 2011, 2024, 2100};
    return utc(static_cast<int>(random.pick(years)), static_cast<int>(random.between(1, 12)),
               static_cast<int>(random.between(1, 28)), static_cast<int>(random.between(0, 23)));
}

TEST(Calendar, RandomZones) {
    Random random("RandomZones");
    for (int i = 0; i < 1500 && !HasFailure(); ++i) {
        const Micros step = random.pick(std::vector<Micros>{15 * kMinute, 15 * kMinute, 5 * kMinute, kMinute});
        const Micros from = random_era(random);
        const ZoneTable table = random_zone(from, 5 * kDayLength, 4 * kDayLength, 3, step, random);
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(table));
        const Change &middle = table.changes()[1];
        const Grid grid(table, middle.at - 4 * kDayLength, middle.at + 4 * kDayLength, step);
        check_all(table, grid, Scope{}, random);
    }
}

TEST(Calendar, HoursWhereClocksChangeAllTheTime) {
    Random random("HoursWhereClocksChangeAllTheTime");
    for (int i = 0; i < 2000 && !HasFailure(); ++i) {
        const Micros step = 5 * kMinute;
        const Micros from = random_era(random);
        const ZoneTable table = random_zone(from, step, random.between(1, 20) * kHourLength, 8, step, random);
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(table));
        const Grid grid(table, from, table.changes().back().at + kDayLength, step);
        check_all(table, grid, Scope{false, false}, random);
    }
}

TEST(Calendar, DaysWithTwoChanges) {
    Random random("DaysWithTwoChanges");
    for (int i = 0; i < 1000 && !HasFailure(); ++i) {
        const Micros step = 15 * kMinute;
        const Micros at = random_era(random);
        const Micros first_offset = random.between(-40, 40) * step;
        const Micros second_offset = first_offset +
                                     random.pick(std::vector<Micros>{clock(1), -clock(1), -clock(0, 30)});
        const Micros third_offset = second_offset + random.pick(std::vector<Micros>{clock(1), -clock(1), clock(0, 15)});
        const ZoneTable table(first_offset,
                              {{at, second_offset}, {at + clock(13) + random.between(0, 40) * step, third_offset}});
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(table));
        const Grid grid(table, at - 4 * kDayLength, at + 4 * kDayLength, step);
        check_all(table, grid, Scope{true, false}, random);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Zones of the world, written down

struct WorldChange {
    const char *zone;
    Micros at;
    Micros before;
    Micros after;
};

const std::vector<WorldChange> &world() {
    static const std::vector<WorldChange> changes{
        {"Europe/Zurich", utc(2024, 3, 31, 1), clock(1), clock(2)},
        {"Europe/Zurich", utc(2024, 10, 27, 1), clock(2), clock(1)},
        {"Europe/Zurich", utc(1941, 5, 5, 0), clock(1), clock(2)},
        {"America/St_Johns", utc(2006, 4, 2, 3, 31), -clock(3, 30), -clock(2, 30)},
        {"America/St_Johns", utc(2006, 10, 29, 2, 31), -clock(2, 30), -clock(3, 30)},
        {"America/St_Johns", utc(1988, 4, 3, 3, 31), -clock(3, 30), -clock(1, 30)},  // two hours
        {"America/St_Johns", utc(1988, 10, 30, 1, 31), -clock(1, 30), -clock(3, 30)},
        {"America/St_Johns", utc(2024, 11, 3, 4, 30), -clock(2, 30), -clock(3, 30)},
        {"Asia/Kathmandu", utc(1985, 12, 31, 18, 30), clock(5, 30), clock(5, 45)},
        {"Australia/Lord_Howe", utc(2024, 4, 6, 15), clock(11), clock(10, 30)},
        {"Australia/Lord_Howe", utc(2024, 10, 5, 15, 30), clock(10, 30), clock(11)},
        {"America/Havana", utc(2024, 3, 10, 5), -clock(5), -clock(4)},  // 00:00 becomes 01:00
        {"America/Havana", utc(2024, 11, 3, 5), -clock(4), -clock(5)},  // 01:00 becomes 00:00
        {"Atlantic/Azores", utc(2024, 3, 31, 1), -clock(1), clock(0)},
        {"Atlantic/Azores", utc(2024, 10, 27, 1), clock(0), -clock(1)},
        {"Pacific/Apia", utc(2011, 12, 30, 10), -clock(10), clock(14)},  // without 2011-12-30
        {"Pacific/Kwajalein", utc(1993, 8, 21, 12), -clock(12), clock(12)},
        {"Asia/Manila", utc(1844, 12, 31, 15, 56, 8), -clock(15, 56, 8), clock(8, 3, 52)},
        {"America/Sitka", utc(1867, 10, 19, 0, 31, 13), clock(14, 58, 47), -clock(9, 1, 13)},  // a day twice
        {"Europe/Zurich", utc(2100, 3, 28, 1), clock(1), clock(2)},
        {"Europe/Zurich", utc(2100, 10, 31, 1), clock(2), clock(1)},
    };
    return changes;
}

Micros grid_step(const std::vector<Micros> &on_grid) {
    std::int64_t seconds = 60;
    for (const Micros value : on_grid) {
        seconds = std::gcd(seconds, value / kUsecs);
    }
    return seconds * kUsecs;
}

TEST(Calendar, ChangesOfTheWorld) {
    Random random("ChangesOfTheWorld");
    for (const WorldChange &change : world()) {
        const ZoneTable table(change.before, {{change.at, change.after}});
        SCOPED_TRACE(std::string(change.zone) + ": " + describe(table));
        const Micros step = grid_step({change.at, change.before, change.after});
        const Grid grid(table, change.at - 4 * kDayLength, change.at + 4 * kDayLength, step);
        for (int i = 0; i < (step == kMinute ? 20 : 1); ++i) {
            ASSERT_NO_FATAL_FAILURE(check_all(table, grid, Scope{}, random));
        }
    }
}

TEST(Calendar, ChangesOfTheWorldAgreeWithTheSystem) {
    if (!SystemZone::available()) {
        GTEST_SKIP() << "no zone data";
    }
    for (const WorldChange &change : world()) {
        const SystemZone zone(change.zone);
        EXPECT_EQ(zone.read(change.at - 1).offset, change.before) << change.zone << " before " << change.at;
        EXPECT_EQ(zone.read(change.at).offset, change.after) << change.zone << " at " << change.at;
    }
}

TEST(Calendar, ZurichInSpring) {
    const Micros at = utc(2024, 3, 31, 1);
    const ZoneTable table(clock(1), {{at, clock(2)}});
    Calendar calendar(table.zone(), 0, clock(2, 30));
    EXPECT_EQ(calendar.hour_of(at - 1), (Hour{at - clock(1), at, date(2024, 3, 31)}));
    EXPECT_EQ(calendar.hour_of(at), (Hour{at, at + clock(1), date(2024, 3, 31)}));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 3, 30))), clock(24));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 3, 31))), clock(23));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 4, 1))), clock(24));
    // 02:30 does not exist and is 03:30.
    EXPECT_EQ(calendar.instant_of(utc(2024, 3, 31, 2, 30)), utc(2024, 3, 31, 1, 30));
    EXPECT_EQ(calendar.reset_at_or_after(at), utc(2024, 3, 31, 1, 30));
    EXPECT_EQ(calendar.reset_before(utc(2024, 3, 31, 1, 30)), utc(2024, 3, 30, 1, 30));
    EXPECT_EQ(calendar.reset_before(utc(2024, 3, 31, 1, 30) + 1), utc(2024, 3, 31, 1, 30));
    EXPECT_EQ(calendar.reset_at_or_after(utc(2024, 3, 31, 1, 30) + 1), utc(2024, 4, 1, 0, 30));
}

TEST(Calendar, ZurichInAutumn) {
    const Micros at = utc(2024, 10, 27, 1);
    const ZoneTable table(clock(2), {{at, clock(1)}});
    Calendar calendar(table.zone(), clock(4), clock(2, 30));
    EXPECT_EQ(calendar.hour_of(at - 1), (Hour{at - clock(1), at, date(2024, 10, 26)}));
    EXPECT_EQ(calendar.hour_of(at), (Hour{at, at + clock(1), date(2024, 10, 26)}));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 10, 26))), clock(25));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 10, 27))), clock(24));
    EXPECT_EQ(calendar.extent_of(date(2024, 10, 26)).count, 1);
    // 02:30 exists twice; the second one counts, and only that one.
    EXPECT_EQ(calendar.instant_of(utc(2024, 10, 27, 2, 30)), utc(2024, 10, 27, 1, 30));
    EXPECT_EQ(calendar.reset_at_or_after(utc(2024, 10, 27, 0, 30)), utc(2024, 10, 27, 1, 30));
    EXPECT_EQ(calendar.reset_before(utc(2024, 10, 27, 1, 30)), utc(2024, 10, 26, 0, 30));
}

TEST(Calendar, SaintJohnsChangesAMinuteAfterMidnight) {
    const Micros at = utc(2006, 10, 29, 2, 31);  // 00:01 becomes 23:01 of the day before
    const ZoneTable table(-clock(2, 30), {{at, -clock(3, 30)}});
    Calendar calendar(table.zone(), 0, clock(0));
    EXPECT_EQ(calendar.hour_of(at - 1), (Hour{at - kMinute, at, date(2006, 10, 29)}));
    EXPECT_EQ(calendar.hour_of(at), (Hour{at, at + 59 * kMinute, date(2006, 10, 28)}));
    EXPECT_EQ(calendar.hour_of(at + 59 * kMinute).day, date(2006, 10, 29));
    const std::vector<Interval> saturday{{at - clock(24) - kMinute, at - kMinute}, {at, at + 59 * kMinute}};
    const std::vector<Interval> sunday{{at - kMinute, at}, {at + 59 * kMinute, at + 59 * kMinute + clock(24)}};
    EXPECT_EQ(pieces_of(calendar.extent_of(date(2006, 10, 28))), saturday);
    EXPECT_EQ(pieces_of(calendar.extent_of(date(2006, 10, 29))), sunday);
    EXPECT_EQ(calendar.extent_of(date(2006, 10, 28)).overlap(at - 2 * kMinute, at + kMinute), 2 * kMinute);
    // Midnight comes twice and resets once.
    EXPECT_EQ(calendar.reset_at_or_after(at - clock(1)), at + 59 * kMinute);
    EXPECT_EQ(calendar.reset_before(at + 59 * kMinute), at - clock(24) - kMinute);
}

TEST(Calendar, LordHowesHalfHour) {
    const Micros at = utc(2024, 10, 5, 15, 30);  // 02:00 becomes 02:30
    const ZoneTable table(clock(10, 30), {{at, clock(11)}});
    Calendar calendar(table.zone(), 0, clock(2, 10));
    EXPECT_EQ(calendar.hour_of(at - 1), (Hour{at - clock(1), at, date(2024, 10, 6)}));
    EXPECT_EQ(calendar.hour_of(at), (Hour{at, at + clock(0, 30), date(2024, 10, 6)}));
    EXPECT_EQ(length_of(calendar.extent_of(date(2024, 10, 6))), clock(23, 30));
    EXPECT_EQ(calendar.reset_at_or_after(at), at + 10 * kMinute);  // 02:10 is 02:40
}

TEST(Calendar, ApiaWithoutADay) {
    const Micros at = utc(2011, 12, 30, 10);
    const ZoneTable table(-clock(10), {{at, clock(14)}});
    Calendar calendar(table.zone(), 0, clock(4));
    EXPECT_EQ(calendar.day_of(at - 1), date(2011, 12, 29));
    EXPECT_EQ(calendar.day_of(at), date(2011, 12, 31));
    EXPECT_EQ(calendar.extent_of(date(2011, 12, 30)).count, 0);
    EXPECT_EQ(calendar.extent_of(date(2011, 12, 30)).overlap(at - clock(48), at + clock(48)), 0);
    EXPECT_EQ(length_of(calendar.extent_of(date(2011, 12, 29))), clock(24));
    EXPECT_EQ(length_of(calendar.extent_of(date(2011, 12, 31))), clock(24));
    EXPECT_EQ(calendar.reset_at_or_after(at), at + clock(4));
    EXPECT_EQ(calendar.reset_before(at + clock(4)), at - clock(20));
}

TEST(Calendar, OverlapWithInfinity) {
    const ZoneTable table(0, {});
    Calendar calendar(table.zone(), 0, Calendar::kNoReset);
    for (const int year : {1900, 1999, 2024}) {
        const DayExtent extent = calendar.extent_of(date(year, 6, 1));
        EXPECT_EQ(extent.overlap(kBeginningOfTime, kEndOfTime), kDayLength);
        EXPECT_EQ(extent.overlap(kEndOfTime, kBeginningOfTime), 0);
        EXPECT_EQ(extent.overlap(kEndOfTime, kEndOfTime), 0);
        EXPECT_EQ(extent.overlap(kBeginningOfTime, kBeginningOfTime), 0);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// The system's zone data

TEST(Calendar, ZonesOfTheSystem) {
    if (!SystemZone::available()) {
        GTEST_SKIP() << "no zone data";
    }
    Random random("ZonesOfTheSystem");
    const std::vector<const char *> names{
        "Europe/Zurich",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/Havana",
        "Atlantic/Azores",
        "Pacific/Apia",
        "America/Sitka",
        "Africa/Casablanca",
        "Africa/Monrovia",
        "Asia/Gaza",
        "Pacific/Chatham",
        "UTC",
    };
    int compared = 0;
    for (const char *name : names) {
        const SystemZone zone(name);
        const ZoneTable table = zone.table(utc(1840, 1, 1), utc(2101, 1, 1));
        std::vector<Micros> middles{utc(1969, 12, 31, 12), utc(2100, 6, 30)};
        int odd = 0;
        for (int i = 0; i < 25 && !table.changes().empty(); ++i) {
            middles.push_back(random.pick(table.changes()).at);
        }
        middles.push_back(utc(1845, 1, 1) + random.between(0, 255 * 365) * kDayLength);
        for (const Micros middle : middles) {
            const Micros from = floor_quotient(middle - 4 * kDayLength, kMinute) * kMinute;
            const Micros to = from + 8 * kDayLength;
            std::vector<Micros> on_grid{table.offset_at(from)};
            bool dense = false;
            Micros last = kBeginningOfTime / 2;
            for (const Change &change : table.changes()) {
                if (change.at > from && change.at < to) {
                    on_grid.insert(on_grid.end(), {change.at, change.offset});
                }
                if (change.at > from - 3 * kDayLength && change.at < to + 3 * kDayLength) {
                    dense = dense || change.at - last < 3 * kDayLength;
                    last = change.at;
                }
            }
            const Micros step = grid_step(on_grid);
            if (step < kMinute && ++odd > 2) {
                continue;
            }
            SCOPED_TRACE(std::string(name) + " around " + std::to_string(middle));
            const Grid grid(zone, from, to, step);
            ASSERT_NO_FATAL_FAILURE(check_all(table, grid, Scope{true, !dense}, random));
            ++compared;
        }
    }
    EXPECT_GT(compared, 150);
}

}  // namespace
}  // namespace people_counter::test
