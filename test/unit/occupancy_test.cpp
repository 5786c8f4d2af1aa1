// The fold of hours against a walk that visits every microsecond.
#include "core/occupancy.hpp"

#include "support.hpp"

#include <climits>
#include <map>

namespace people_counter::core {

inline bool operator==(const Peak &a, const Peak &b) { return a.value == b.value && a.time == b.time; }
inline bool operator==(const Baseline &a, const Baseline &b) { return a.value == b.value && a.time == b.time; }
inline void PrintTo(const Peak &p, std::ostream *out) { *out << p.value << " at " << p.time; }
inline void PrintTo(const Baseline &b, std::ostream *out) { *out << b.value << " at " << b.time; }

inline bool operator==(const OpenHour &a, const OpenHour &b) {
    return a.start == b.start && a.end == b.end && a.cursor == b.cursor && a.net == b.net &&
           a.level_before == b.level_before && a.low_before == b.low_before && a.peak_before == b.peak_before &&
           a.day == b.day;
}
inline bool operator==(const OpenFold::Recent &a, const OpenFold::Recent &b) {
    return a.offset == b.offset && a.net == b.net;
}
inline bool operator==(const OpenFold &a, const OpenFold &b) {
    return a.anchor == b.anchor && a.count == b.count && std::equal(a.recent, a.recent + OpenFold::kRecent, b.recent);
}

inline void PrintTo(const OpenHour &o, std::ostream *out) {
    *out << "[" << o.start << ", " << o.end << ") cursor " << o.cursor << " net " << o.net << " level_before "
         << o.level_before << " low_before " << o.low_before << " peak_before " << o.peak_before.value << " at "
         << o.peak_before.time << " day " << o.day;
}
inline void PrintTo(const OpenFold &f, std::ostream *out) {
    PrintTo(f.anchor, out);
    for (std::uint32_t i = 0; i < f.count; ++i) {
        *out << " +" << f.recent[i].offset << " net " << f.recent[i].net;
    }
}

}  // namespace people_counter::core

namespace people_counter::test {
namespace {

using core::AppendChange;
using core::Baseline;
using core::Baselines;
using core::Calendar;
using core::Counts;
using core::FoldedHour;
using core::Hour;
using core::HourFigures;
using core::HourFrame;
using core::Instant;
using core::kBeginningOfTime;
using core::kEndOfTime;
using core::Level;
using core::OpenFold;
using core::OpenHour;
using core::Peak;

// The figures of an hour that the fold is responsible for.
struct Figures {
    Level opening = 0;
    Level closing = 0;
    Level low = 0;
    Peak peak{0, 0};
    std::int64_t occupancy = 0;
    Micros observed = 0;
    std::int64_t absorbed = 0;

    bool operator==(const Figures &) const = default;
};

void PrintTo(const Figures &f, std::ostream *out) {
    *out << "opening " << f.opening << " closing " << f.closing << " low " << f.low << " peak " << f.peak.value
         << " at " << f.peak.time << " occupancy " << f.occupancy << " observed " << f.observed << " absorbed "
         << f.absorbed;
}

Figures figures_of(const HourFigures &f) {
    return Figures{f.opening, f.closing, f.low, f.counted, f.occupancy, f.observed, f.absorbed};
}

using Nets = std::map<Micros, std::int64_t>;
using Levels = std::map<Micros, Level>;

// A small hour and all that happens in it.
struct Situation {
    Hour hour{0, 0, 0};
    Level level_before = 0;
    Micros from = 0;
    Micros to = 0;
    Nets nets;
    Levels baselines;

    HourFrame frame() const { return HourFrame{hour, level_before, from, to}; }
};

std::vector<Instant> instants_of(const Nets &nets) {
    std::vector<Instant> list;
    for (const auto &[time, net] : nets) {
        list.push_back(Instant{time, net});
    }
    return list;
}

std::vector<Baseline> baselines_of(const Levels &levels) {
    std::vector<Baseline> list;
    for (const auto &[time, value] : levels) {
        list.push_back(Baseline{time, value});
    }
    return list;
}

std::string describe(const Situation &s) {
    const Micros a = s.hour.start;
    std::string text = "hour [" + std::to_string(a) + ", +" + std::to_string(s.hour.end - a) + ") level_before " +
                       std::to_string(s.level_before) + " observed [+" + std::to_string(s.from - a) + ", +" +
                       std::to_string(s.to - a) + ")";
    for (const auto &[time, net] : s.nets) {
        text += "; +" + std::to_string(time - a) + " net " + std::to_string(net);
    }
    for (const auto &[time, value] : s.baselines) {
        text += "; +" + std::to_string(time - a) + " := " + std::to_string(value);
    }
    return text;
}

FoldedHour fold(const Situation &s) {
    const std::vector<Instant> instants = instants_of(s.nets);
    const std::vector<Baseline> baselines = baselines_of(s.baselines);
    return core::fold_hour(s.frame(), instants, baselines);
}

// The law, one microsecond after the other.
Figures walk(const Situation &s) {
    Figures f;
    Level level = s.level_before;
    bool any = false;
    const auto seen = [&](Level value, Micros time) {
        if (!any || value > f.peak.value) {
            f.peak = {value, time};
        }
        if (!any || value < f.low) {
            f.low = value;
        }
        any = true;
    };
    for (Micros t = s.hour.start; t < s.hour.end; ++t) {
        const auto movement = s.nets.find(t);
        const auto baseline = s.baselines.find(t);
        if (t == s.hour.start) {
            f.opening = baseline != s.baselines.end() ? baseline->second : level;
            seen(f.opening, t);
        }
        if (movement != s.nets.end()) {
            level += movement->second;
            if (level < 0) {
                f.absorbed -= level;
                level = 0;
            }
        }
        if (baseline != s.baselines.end()) {
            level = baseline->second;
        }
        if (movement != s.nets.end() || baseline != s.baselines.end()) {
            seen(level, t);
        }
        if (s.from <= t && t < s.to) {
            f.occupancy += level;
            f.observed += 1;
        }
    }
    f.closing = level;
    return f;
}

Situation random_situation(Random &random, bool with_baselines = true) {
    Situation s;
    const std::vector<Micros>
        starts{0, 1, -1, -100, 1'000'000, utc(1969, 12, 31, 23), utc(2024, 3, 31, 1), utc(2100, 1, 1)};
    s.hour.start = random.pick(starts);
    const Micros length = random.chance(20) ? random.between(1, 5) : random.between(6, 200);
    s.hour.end = s.hour.start + length;
    s.hour.day = static_cast<std::int32_t>(random.between(-40000, 40000));
    s.level_before = random.chance(40) ? 0 : random.between(0, 12);
    s.from = s.hour.start + random.between(-length / 2 - 2, length * 3 / 2);
    s.to = s.hour.start + random.between(-length / 2 - 2, length * 3 / 2 + 2);
    if (random.chance(30)) {
        s.from = s.hour.start + random.between(-1, 1);
    }
    if (random.chance(30)) {
        s.to = s.hour.end + random.between(-1, 1);
    }

    // Single persons, netted here; a few instants attract most of them.
    std::vector<Micros> crowded{s.hour.start, s.hour.end - 1};
    for (int i = 0; i < 4; ++i) {
        crowded.push_back(s.hour.start + random.between(0, length - 1));
    }
    const std::int64_t persons = random.chance(15) ? 0 : random.between(0, random.chance(50) ? 8 : 80);
    const int entering = static_cast<int>(random.between(20, 70));
    for (std::int64_t i = 0; i < persons; ++i) {
        const Micros time = random.chance(40) ? random.pick(crowded) : s.hour.start + random.between(0, length - 1);
        s.nets[time] += random.chance(entering) ? 1 : -1;
    }
    if (with_baselines && random.chance(70)) {
        const std::int64_t count = random.between(1, 4);
        Micros time = s.hour.start + random.between(0, length - 1);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t kind = random.between(1, 5);
            if (kind == 1) {
                time = s.hour.start;
            } else if (kind == 2) {
                time += 1;
            } else if (kind == 3 && !s.nets.empty()) {
                time = std::next(s.nets.begin(), random.between(0, static_cast<std::int64_t>(s.nets.size()) - 1))
                           ->first +
                       random.between(0, 1);
            } else if (kind == 4) {
                time = s.hour.end - random.between(1, 2);
            } else {
                time = s.hour.start + random.between(0, length - 1);
            }
            if (time >= s.hour.start && time < s.hour.end) {
                s.baselines[time] = random.chance(30) ? 0 : random.between(0, 15);
            }
        }
    }
    return s;
}

void check_fold(const OpenFold &fold) {
    ASSERT_LE(fold.count, OpenFold::kRecent);
    for (std::uint32_t i = 0; i < fold.count; ++i) {
        const Micros time = fold.anchor.start + fold.recent[i].offset;
        ASSERT_GE(time, fold.anchor.cursor);
        ASSERT_LT(time, fold.anchor.end);
        ASSERT_TRUE(i == 0 || fold.recent[i - 1].offset < fold.recent[i].offset);
    }
}

// What must hold between the figures and the open hour of one fold.
void check_open(const FoldedHour &folded, const Situation &s) {
    const OpenHour &open = folded.open;
    ASSERT_EQ(open.start, s.hour.start);
    ASSERT_EQ(open.end, s.hour.end);
    ASSERT_EQ(open.day, s.hour.day);
    ASSERT_NO_FATAL_FAILURE(check_fold(folded.fold));
    const Micros last_baseline = s.baselines.empty() ? kBeginningOfTime : s.baselines.rbegin()->first;
    const bool planned = last_baseline >= std::min(s.to, s.hour.end);
    ASSERT_EQ(open.cursor == kEndOfTime, planned);
    ASSERT_EQ(folded.fold.appendable(), !planned);
    if (planned) {
        for (Micros time = s.hour.start; time < s.hour.end; ++time) {
            ASSERT_FALSE(folded.fold.accepts(Instant{time, 1}));
        }
        return;
    }
    ASSERT_EQ(folded.fold.now(), open);
    ASSERT_EQ(open.level(), folded.figures.closing);
    ASSERT_EQ(open.low(), folded.figures.low);
    ASSERT_EQ(open.peak(), folded.figures.counted);
    ASSERT_GE(open.level_before, 0);
    Micros last = s.hour.start;
    if (!s.nets.empty()) {
        last = std::max(last, s.nets.rbegin()->first);
    }
    if (!s.baselines.empty()) {
        last = std::max(last, last_baseline + 1);
    }
    ASSERT_EQ(open.cursor, last);
    // Behind the last baseline everything is accepted that would be among the recent instants, before it nothing.
    std::int64_t behind = 0;
    for (Micros time = s.hour.end - 1; time >= s.hour.start; --time) {
        if (time <= last_baseline) {
            ASSERT_FALSE(folded.fold.accepts(Instant{time, 1}));
        } else if (behind < OpenFold::kRecent) {
            ASSERT_TRUE(folded.fold.accepts(Instant{time, 1}));
        }
        behind += static_cast<std::int64_t>(s.nets.count(time));
    }
    ASSERT_FALSE(folded.fold.accepts(Instant{s.hour.end, 1}));
    ASSERT_FALSE(folded.fold.accepts(Instant{s.hour.start - 1, 1}));
    ASSERT_FALSE(folded.fold.accepts(Instant{s.hour.end - 1, OpenFold::kLargestNet}));
    ASSERT_FALSE(folded.fold.accepts(Instant{s.hour.end - 1, -OpenFold::kLargestNet}));
}

// ---------------------------------------------------------------------------------------------------------------
// Folding

TEST(FoldHour, EveryMicrosecond) {
    Random random("EveryMicrosecond");
    for (int i = 0; i < 20000 && !HasFailure(); ++i) {
        const Situation s = random_situation(random);
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(s));
        const FoldedHour folded = fold(s);
        EXPECT_EQ(figures_of(folded.figures), walk(s));
        EXPECT_EQ(folded.figures.start, s.hour.start);
        EXPECT_EQ(folded.figures.reported.value, core::kNothingReported);
        EXPECT_EQ(folded.figures.counts.detections(), 0);
        ASSERT_NO_FATAL_FAILURE(check_open(folded, s));
    }
}

TEST(FoldHour, ClosedFormWithoutBaselines) {
    Random random("ClosedFormWithoutBaselines");
    for (int i = 0; i < 5000 && !HasFailure(); ++i) {
        const Situation s = random_situation(random, false);
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(s));
        std::int64_t sum = s.level_before;
        std::int64_t lowest = 0;
        for (const auto &[time, net] : s.nets) {
            sum += net;
            lowest = std::min(lowest, sum);
        }
        const FoldedHour folded = fold(s);
        EXPECT_EQ(folded.figures.closing, sum - lowest);
        EXPECT_EQ(folded.figures.absorbed, -lowest);
    }
}

TEST(FoldHour, EmptyHour) {
    Situation s;
    s.hour = {100, 160, 7};
    s.level_before = 3;
    s.from = 90;
    s.to = 130;
    const FoldedHour folded = fold(s);
    EXPECT_EQ(figures_of(folded.figures), (Figures{3, 3, 3, {3, 100}, 90, 30, 0}));
    EXPECT_EQ(folded.open, (OpenHour{100, 160, 100, 0, 3, 3, {3, 100}, 7}));
}

TEST(FoldHour, BaselineAtTheStart) {
    Situation s;
    s.hour = {100, 160, 7};
    s.level_before = 2;
    s.from = 100;
    s.to = 160;
    s.nets = {{100, -5}};
    s.baselines = {{100, 4}};
    const FoldedHour folded = fold(s);  // three exits find nobody before the baseline says four
    EXPECT_EQ(figures_of(folded.figures), (Figures{4, 4, 4, {4, 100}, 240, 60, 3}));
    EXPECT_EQ(folded.open.cursor, 101);
    EXPECT_FALSE(folded.fold.accepts(Instant{100, 1}));
    EXPECT_TRUE(folded.fold.accepts(Instant{101, 1}));
}

TEST(FoldHour, NoLevelBetweenMovementAndBaselineOfOneInstant) {
    Situation s;
    s.hour = {100, 160, 7};
    s.level_before = 2;
    s.from = 100;
    s.to = 160;
    s.nets = {{120, 50}, {130, -50}};
    s.baselines = {{120, 5}, {130, 3}};
    const FoldedHour folded = fold(s);  // never 52, and never 0, but 45 exits find nobody
    EXPECT_EQ(figures_of(folded.figures), (Figures{2, 3, 2, {5, 120}, 2 * 20 + 5 * 10 + 3 * 30, 60, 45}));
}

TEST(FoldHour, APlannedBaselineClosesTheHourToAppends) {
    Situation s;
    s.hour = {100, 160, 7};
    s.from = 100;
    s.nets = {{110, 1}};
    s.baselines = {{130, 9}};
    for (const Micros to : {129, 130}) {  // at 130 the level of nine has not been observed yet
        s.to = to;
        EXPECT_EQ(fold(s).open.cursor, kEndOfTime);
        EXPECT_FALSE(fold(s).fold.appendable());
    }
    s.to = 131;
    EXPECT_EQ(fold(s).open.cursor, 131);
}

TEST(FoldHour, ObservedForeverAndNever) {
    for (const Micros start : {utc(1900, 1, 1), Micros{-60}, Micros{0}, utc(2024, 1, 1)}) {
        for (const Micros from : {kBeginningOfTime, start, start + 30, kEndOfTime}) {
            for (const Micros to : {kBeginningOfTime, start, start + 30, kEndOfTime}) {
                Situation s;
                s.hour = {start, start + 60, 0};
                s.level_before = 1;
                s.from = from;
                s.to = to;
                s.nets = {{start + 10, 2}, {start + 50, -1}};
                EXPECT_EQ(figures_of(fold(s).figures), walk(s))
                    << "start " << start << " observed [" << from << ", " << to << ")";
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Appending

// The figures that add up, kept by appends and extensions alone.
struct Running {
    OpenFold fold;
    std::int64_t occupancy;
    Micros observed;
    std::int64_t absorbed;

    explicit Running(const FoldedHour &folded)
        : fold{folded.fold},
          occupancy{folded.figures.occupancy},
          observed{folded.figures.observed},
          absorbed{folded.figures.absorbed} {}

    void take(const AppendChange &change) {
        occupancy += change.occupancy;
        observed += change.observed;
        absorbed += change.absorbed;
    }
};

void check_running(const Running &running, const Situation &s) {
    const Figures expected = walk(s);
    const OpenHour now = running.fold.now();
    ASSERT_NO_FATAL_FAILURE(check_fold(running.fold));
    ASSERT_EQ((Figures{expected.opening, now.level(), now.low(), now.peak(), running.occupancy, running.observed,
                       running.absorbed}),
              expected);
    ASSERT_EQ(now, fold(s).open);
    ASSERT_EQ(running.fold, fold(s).fold) << "the state depends on the order of arrival";
}

// Persons in the order of their arrival, up to `jitter` microseconds late.
std::vector<Instant> arrivals(const Nets &nets, Micros jitter, Random &random) {
    std::multimap<Micros, Instant> order;
    for (const auto &[time, net] : nets) {
        std::int64_t rest = net;
        while (rest != 0) {
            const std::int64_t part = random.chance(50) ? (rest > 0 ? 1 : -1)
                                                        : random.between(std::min<std::int64_t>(rest, -1),
                                                                         std::max<std::int64_t>(rest, 1));
            rest -= part;
            order.emplace(time + random.between(0, jitter), Instant{time, part});
        }
        if (net == 0 || random.chance(10)) {
            order.emplace(time + random.between(0, jitter), Instant{time, 0});
        }
    }
    std::vector<Instant> list;
    for (const auto &[arrival, instant] : order) {
        list.push_back(instant);
    }
    return list;
}

TEST(Append, EqualsFoldingAtOnce) {
    Random random("AppendEqualsFoldingAtOnce");
    int appended = 0;
    int late = 0;
    int same_instant = 0;
    int at_anchor = 0;
    int fell = 0;
    int behind_baseline = 0;
    int settled = 0;
    int refused = 0;
    for (int i = 0; i < 8000 && !HasFailure(); ++i) {
        Situation s = random_situation(random);
        const std::vector<Micros> jitters{0, 0, 2, 10, 60};
        const std::vector<Instant> order = arrivals(s.nets, random.pick(jitters), random);
        const std::string whole_text = describe(s);
        s.nets.clear();
        const std::int64_t prefix = random.between(0, static_cast<std::int64_t>(order.size()));
        Micros last = kBeginningOfTime;
        for (std::int64_t k = 0; k < prefix; ++k) {
            const Instant &instant = order[static_cast<std::size_t>(k)];
            s.nets[instant.time] += instant.net;
            last = std::max(last, instant.time);
        }
        if (random.chance(50)) {  // else most hours wait for a planned baseline
            s.baselines.erase(s.baselines.upper_bound(last), s.baselines.end());
        }
        // The horizon is never before a movement.
        s.to = random.chance(40) ? std::max(s.to, last) : std::max(last, s.hour.start - 20) + random.between(0, 3);

        SCOPED_TRACE("case " + std::to_string(i) + ", prefix " + std::to_string(prefix) + " of: " + whole_text);
        FoldedHour start = fold(s);
        Running running(start);
        AppendChange whole;
        bool fell_in_whole = false;
        const auto check_whole = [&] {  // one change may collect several appends
            ASSERT_EQ(whole.occupancy, running.occupancy - start.figures.occupancy);
            ASSERT_EQ(whole.observed, running.observed - start.figures.observed);
            ASSERT_EQ(whole.absorbed, running.absorbed - start.figures.absorbed);
            ASSERT_EQ(whole.peak_fell, fell_in_whole);
        };
        for (std::size_t k = static_cast<std::size_t>(prefix); k < order.size(); ++k) {
            const Instant &part = order[k];
            SCOPED_TRACE("so far: " + describe(s) + "; then +" + std::to_string(part.time - s.hour.start) + " net " +
                         std::to_string(part.net));
            if (running.fold.appendable() && random.chance(20)) {  // a metrics sample
                const Micros new_to = s.to + random.between(0, random.chance(10) ? 300 : 10);
                AppendChange change;
                core::extend(running.fold.now(), Interval{s.from, s.to}, new_to, change);
                core::extend(running.fold.now(), Interval{s.from, s.to}, new_to, whole);
                ASSERT_FALSE(change.peak_fell);
                ASSERT_EQ(change.absorbed, 0);
                running.take(change);
                s.to = new_to;
                ASSERT_NO_FATAL_FAILURE(check_running(running, s));
            }
            const Micros new_to = std::max(s.to, part.time + (random.chance(30) ? random.between(0, 5) : 0));
            const Peak old_peak = walk(s).peak;
            if (!running.fold.accepts(part)) {
                ASSERT_NO_FATAL_FAILURE(check_whole());
                ASSERT_LT(part.time, running.fold.anchor.cursor);
                s.nets[part.time] += part.net;
                s.to = new_to;
                start = fold(s);
                running = Running(start);
                whole = AppendChange{};
                fell_in_whole = false;
                ++refused;
                continue;
            }
            const OpenHour before = running.fold.now();
            late += part.time < before.cursor ? 1 : 0;
            same_instant += s.nets.count(part.time) != 0 ? 1 : 0;
            at_anchor += part.time == running.fold.anchor.cursor && s.nets.count(part.time) != 0 ? 1 : 0;
            behind_baseline += !s.baselines.empty() && part.time == s.baselines.rbegin()->first + 1 ? 1 : 0;
            AppendChange change;
            OpenFold copy = running.fold;
            const Micros old_anchor = copy.anchor.cursor;
            core::append(copy, part, Interval{s.from, s.to}, new_to, whole);
            core::append(running.fold, part, Interval{s.from, s.to}, new_to, change);
            settled += running.fold.anchor.cursor != old_anchor ? 1 : 0;
            running.take(change);
            s.nets[part.time] += part.net;
            s.to = new_to;
            ASSERT_NO_FATAL_FAILURE(check_running(running, s));
            const Peak new_peak = walk(s).peak;
            const bool falls = new_peak.value < old_peak.value;
            const bool moves = new_peak.value == old_peak.value && new_peak.time > old_peak.time;
            ASSERT_EQ(change.peak_fell, falls || moves);
            fell_in_whole = fell_in_whole || falls || moves;
            fell += falls ? 1 : 0;
            ++appended;
        }
        if (!HasFailure()) {
            check_whole();
        }
    }
    // The cases must be what they are meant to be.
    EXPECT_GT(appended, 30000);
    EXPECT_GT(late, 3000);
    EXPECT_GT(same_instant, 3000);
    EXPECT_GT(at_anchor, 50);
    EXPECT_GT(fell, 500);
    EXPECT_GT(behind_baseline, 50);
    EXPECT_GT(settled, 500);
    EXPECT_GT(refused, 500);
}

TEST(Append, ExitsOfAnInstantMayComeBeforeItsEntries) {
    Situation s;
    s.hour = {0, 100, 0};
    s.from = 0;
    s.to = 10;
    s.nets = {{10, -2}};
    FoldedHour folded = fold(s);
    EXPECT_EQ(folded.figures.absorbed, 2);
    AppendChange change;
    core::append(folded.fold, Instant{10, 3}, Interval{0, 10}, 20, change);
    EXPECT_EQ(change.absorbed, -2);
    EXPECT_EQ(change.occupancy, 10);
    EXPECT_EQ(change.observed, 10);
    EXPECT_EQ(folded.fold.now().level(), 1);
    EXPECT_FALSE(change.peak_fell);
    core::append(folded.fold, Instant{10, -1}, Interval{0, 20}, 20, change);
    EXPECT_EQ(change.occupancy, 0);
    EXPECT_TRUE(change.peak_fell);
    EXPECT_EQ(folded.fold.now().peak(), (Peak{0, 0}));
}

TEST(Append, AnotherExitAtTheFirstInstantOfTheHour) {
    Situation s;
    s.hour = {0, 100, 0};
    s.from = 0;
    s.to = 10;
    s.nets = {{0, -1}};
    FoldedHour folded = fold(s);
    EXPECT_EQ(folded.figures.absorbed, 1);
    AppendChange change;
    core::append(folded.fold, Instant{0, -1}, Interval{0, 10}, 10, change);
    EXPECT_EQ(change.absorbed, 1);
}

TEST(Append, WhereTheHorizonStandsBehindABaseline) {
    Situation s;
    s.hour = {0, 100, 0};
    s.from = 0;
    s.to = 11;
    s.baselines = {{10, 5}};
    FoldedHour folded = fold(s);
    AppendChange change;
    core::append(folded.fold, Instant{20, 1}, Interval{0, 11}, 20, change);
    EXPECT_EQ(change.observed, 9);
    EXPECT_EQ(change.occupancy, 45);
}

TEST(Append, ALateExitMovesAPeakOfEqualHeight) {
    Situation s;
    s.hour = {0, 100, 0};
    s.from = 0;
    s.to = 60;
    s.nets = {{10, -1}, {20, 2}, {30, -2}, {40, 2}};
    FoldedHour folded = fold(s);
    EXPECT_EQ(folded.figures.counted, (Peak{2, 20}));
    AppendChange change;
    core::append(folded.fold, Instant{20, -1}, Interval{0, 60}, 60, change);  // two are in only from 40 on
    EXPECT_EQ(folded.fold.now().peak(), (Peak{2, 40}));
    EXPECT_TRUE(change.peak_fell);
}

TEST(Append, ManyInstantsBackwards) {
    Situation s;
    s.hour = {0, 200, 0};
    s.level_before = 3;
    s.from = 0;
    s.to = 199;
    Running running(fold(s));
    int accepted = 0;
    for (Micros time = 199; time >= 0; --time) {
        const Instant instant{time, time % 3 == 0 ? -2 : 1};
        if (!running.fold.accepts(instant)) {
            continue;
        }
        AppendChange change;
        core::append(running.fold, instant, Interval{0, 199}, 199, change);
        running.take(change);
        s.nets[time] += instant.net;
        ASSERT_NO_FATAL_FAILURE(check_running(running, s));
        ++accepted;
    }
    EXPECT_GE(accepted, static_cast<int>(OpenFold::kRecent));
}

TEST(Extend, WindowsThatAreEmptyOrEndElsewhere) {
    Random random("WindowsThatAreEmptyOrEndElsewhere");
    for (int i = 0; i < 5000 && !HasFailure(); ++i) {
        Situation s = random_situation(random, false);
        if (!s.nets.empty()) {
            s.to = std::max(s.to, s.nets.rbegin()->first);
        }
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(s));
        Running running(fold(s));
        for (int step = 0; step < 4; ++step) {
            const Micros new_to = s.to + random.between(0, 80);
            AppendChange change;
            core::extend(running.fold.now(), Interval{s.from, s.to}, new_to, change);
            running.take(change);
            s.to = new_to;
            ASSERT_NO_FATAL_FAILURE(check_running(running, s));
        }
    }
}

TEST(Extend, ObservedForeverAndNever) {
    for (const Micros start : {utc(1900, 1, 1), Micros{-60}, Micros{0}, utc(2024, 1, 1)}) {
        for (const Micros from : {kBeginningOfTime, start + 20, kEndOfTime}) {
            for (const Micros to : {kBeginningOfTime, start + 10}) {
                for (const Micros new_to : {start + 40, kEndOfTime}) {
                    SCOPED_TRACE(std::to_string(start) + " " + std::to_string(from) + " " + std::to_string(to) + " " +
                                 std::to_string(new_to));
                    Situation s;
                    s.hour = {start, start + 60, 0};
                    s.level_before = 2;
                    s.from = from;
                    s.to = to;
                    Running running(fold(s));
                    AppendChange change;
                    core::extend(running.fold.now(), Interval{from, to}, new_to - 1, change);
                    core::append(running.fold, Instant{start + 30, 5}, Interval{from, new_to - 1}, new_to, change);
                    running.take(change);
                    s.nets[start + 30] += 5;
                    s.to = new_to;
                    EXPECT_EQ(running.occupancy, walk(s).occupancy);
                    EXPECT_EQ(running.observed, walk(s).observed);
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Shifting

TEST(Shift, EqualsFoldingAgain) {
    Random random("ShiftEqualsFoldingAgain");
    int shifted = 0;
    int refused = 0;
    int on_the_floor = 0;
    for (int i = 0; i < 20000 && !HasFailure(); ++i) {
        Situation s = random_situation(random, random.chance(30));
        if (random.chance(60)) {
            s.level_before += 20;
        }
        const FoldedHour folded = fold(s);
        Level delta = random.between(-s.level_before, 10);
        if (random.chance(30)) {
            delta = std::max(-s.level_before, -folded.figures.low - random.between(-1, 1));
        }
        SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(s) + " delta " + std::to_string(delta));
        HourFigures figures = folded.figures;
        figures.reported = {99, s.hour.start};
        figures.counts.entered = 5;
        OpenHour open = folded.open;
        const bool done = core::shift_hour(figures, delta, !s.baselines.empty());
        Situation moved = s;
        moved.level_before += delta;
        const FoldedHour again = fold(moved);
        if (done) {
            EXPECT_EQ(figures_of(figures), figures_of(again.figures));
            EXPECT_EQ(figures_of(figures), walk(moved));
            core::shift_open(open, delta);
            EXPECT_EQ(open, again.open);
            OpenFold fold_again = folded.fold;
            core::shift_open(fold_again.anchor, delta);
            EXPECT_EQ(fold_again.anchor, again.fold.anchor);
            EXPECT_EQ(fold_again.now(), again.open);
            ++shifted;
            on_the_floor += figures.low == 0 ? 1 : 0;
        } else {
            EXPECT_EQ(figures_of(figures), figures_of(folded.figures)) << "refused, but changed";
            // Not refused where nothing stands in the way.
            EXPECT_FALSE(s.baselines.empty() && folded.figures.absorbed == 0 && again.figures.absorbed == 0);
            ++refused;
        }
        EXPECT_EQ(figures.reported, (Peak{99, s.hour.start}));
        EXPECT_EQ(figures.counts.entered, 5);
    }
    EXPECT_GT(shifted, 4000);
    EXPECT_GT(refused, 2000);
    EXPECT_GT(on_the_floor, 500);
}

// ---------------------------------------------------------------------------------------------------------------
// Baselines

// Scheduled resets first, then the rows over them.
Levels all_baselines(const std::vector<Baseline> &rows, const std::vector<Micros> &resets) {
    Levels levels;
    for (const Micros reset : resets) {
        levels[reset] = 0;
    }
    for (const Baseline &row : rows) {
        levels[row.time] = row.value;
    }
    return levels;
}

void check_baselines(const Baselines &baselines, const std::vector<Baseline> &rows, const Levels &all, Micros time) {
    Baseline next{kEndOfTime, 0};
    Baseline previous{kBeginningOfTime, 0};
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
        if (it->first >= time) {
            next = {it->first, it->second};
        }
    }
    for (const auto &[at, value] : all) {
        if (at < time) {
            previous = {at, value};
        }
    }
    Baseline last_row{kBeginningOfTime, 0};
    for (const Baseline &row : rows) {
        if (row.time <= time) {
            last_row = row;
        }
    }
    ASSERT_EQ(baselines.at_or_after(time), next) << "at " << time;
    ASSERT_EQ(baselines.before(time), previous) << "at " << time;
    ASSERT_EQ(baselines.last_row_at_or_before(time), last_row) << "at " << time;
}

TEST(Baselines, NothingAtAll) {
    const Baselines none;
    for (const Micros time : {kBeginningOfTime, Micros{0}, kEndOfTime}) {
        EXPECT_EQ(none.at_or_after(time).time, kEndOfTime);
        EXPECT_EQ(none.before(time).time, kBeginningOfTime);
        EXPECT_EQ(none.last_row_at_or_before(time).time, kBeginningOfTime);
    }
    EXPECT_EQ(none.carry(7, kBeginningOfTime, 100), 7);
    EXPECT_EQ(none.carry(7, 100, 100), 7);
}

TEST(Baselines, RowsAtTheEndsOfTime) {
    const std::vector<Baseline> rows{{-5, 3}, {5, 4}};
    const Baselines baselines(rows, nullptr);
    EXPECT_EQ(baselines.at_or_after(kBeginningOfTime), (Baseline{-5, 3}));
    EXPECT_EQ(baselines.before(kEndOfTime), (Baseline{5, 4}));
    EXPECT_EQ(baselines.last_row_at_or_before(kEndOfTime), (Baseline{5, 4}));
    EXPECT_EQ(baselines.at_or_after(kEndOfTime).time, kEndOfTime);
    EXPECT_EQ(baselines.before(kBeginningOfTime).time, kBeginningOfTime);
    EXPECT_EQ(baselines.carry(9, kBeginningOfTime, kEndOfTime), 4);
}

TEST(Baselines, MergedWithTheSchedule) {
    Random random("MergedWithTheSchedule");
    for (int i = 0; i < 600 && !HasFailure(); ++i) {
        const Micros change = utc(static_cast<int>(random.between(1950, 2100)), static_cast<int>(random.between(1, 12)),
                                  static_cast<int>(random.between(1, 28)), static_cast<int>(random.between(0, 23)));
        const Micros offset = random.between(-24, 24) * 30 * kMinute;
        const Micros jump = random.pick(std::vector<Micros>{clock(1), -clock(1), clock(0, 30), -clock(0, 30)});
        const ZoneTable table(offset, {{change, offset + jump}});
        const Micros step = 30 * kMinute;
        const Grid grid(table, change - 9 * kDayLength, change + 9 * kDayLength, step);
        const Micros reset_time = random.chance(60) ? random.between(0, 47) * 30 * kMinute
                                                    : random.between(0, kDayLength - 1);
        const std::vector<Micros> resets = grid.resets(reset_time);
        std::map<Micros, Level> chosen;
        const std::int64_t count = random.chance(20) ? 0 : random.between(1, 8);
        for (std::int64_t row = 0; row < count; ++row) {
            const Micros near = random.chance(70) ? random.pick(resets) + random.between(-1, 1)
                                                  : change + random.between(-5, 5) * kDayLength;
            chosen[near] = random.between(0, 9);
        }
        const std::vector<Baseline> rows = baselines_of(chosen);
        const bool scheduled = random.chance(80);
        Calendar calendar(table.zone(), 0, scheduled ? reset_time : Calendar::kNoReset);
        const Baselines baselines(rows, scheduled || random.chance(50) ? &calendar : nullptr);
        const Levels all = all_baselines(rows, scheduled ? resets : std::vector<Micros>{});
        SCOPED_TRACE("case " + std::to_string(i) + ": change " + std::to_string(change) + " offset " +
                     std::to_string(offset) + " jump " + std::to_string(jump) + " reset " + std::to_string(reset_time));
        std::vector<Micros> times;
        for (const auto &[time, value] : all) {
            times.insert(times.end(), {time - 1, time, time + 1});
        }
        for (int k = 0; k < 20; ++k) {
            times.push_back(change + random.between(-5 * kDayLength, 5 * kDayLength));
        }
        for (const Micros time : times) {
            if (time > grid.from() + 3 * kDayLength && time < grid.to() - 3 * kDayLength) {
                ASSERT_NO_FATAL_FAILURE(check_baselines(baselines, rows, all, time));
            }
        }
        for (int k = 0; k < 40; ++k) {
            Micros from = change + random.between(-5 * kDayLength, 4 * kDayLength);
            Micros to = from + random.between(0, random.chance(50) ? kHourLength : 2 * kDayLength);
            if (random.chance(40)) {
                from = random.pick(times);
            }
            if (random.chance(40)) {
                to = random.pick(times);
            }
            if (from > to || from < grid.from() + 3 * kDayLength || to > grid.to() - 3 * kDayLength) {
                continue;
            }
            Level level = 77;
            for (const auto &[time, value] : all) {
                if (time >= from && time < to) {
                    level = value;
                }
            }
            ASSERT_EQ(baselines.carry(77, from, to), level) << "[" << from << ", " << to << ")";
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Whole sessions

struct Session {
    Nets nets;
    std::vector<Micros> metrics;
    std::vector<Baseline> rows;
    Micros start_time = 0;
    Micros horizon = 0;
};

// One walk over all instants of the session, cut at the hours that the grid knows.
std::map<Micros, Figures> walk_session(const Session &session, const Levels &baselines,
                                       const std::vector<Hour> &hours) {
    std::map<Micros, Figures> result;
    Level level = 0;
    auto movement = session.nets.begin();
    auto baseline = baselines.begin();
    for (const Hour &hour : hours) {
        Figures f;
        bool wanted = false;
        for (const Micros sample : session.metrics) {
            wanted = wanted || (hour.start <= sample && sample < hour.end);
        }
        const bool set_at_start = baselines.count(hour.start) != 0;
        f.opening = set_at_start ? baselines.at(hour.start) : level;
        f.peak = {f.opening, hour.start};
        f.low = f.opening;
        Micros at = hour.start;
        while (at < hour.end) {
            bool happened = false;
            if (movement != session.nets.end() && movement->first == at) {
                level += movement->second;
                if (level < 0) {
                    f.absorbed -= level;
                    level = 0;
                }
                ++movement;
                happened = wanted = true;
            }
            if (baseline != baselines.end() && baseline->first == at) {
                level = baseline->second;
                ++baseline;
                happened = true;
            }
            if (happened) {
                f.peak = level > f.peak.value ? Peak{level, at} : f.peak;
                f.low = std::min(f.low, level);
            }
            Micros next = hour.end;
            next = movement != session.nets.end() ? std::min(next, movement->first) : next;
            next = baseline != baselines.end() ? std::min(next, baseline->first) : next;
            const Micros from = std::max(at, session.start_time);
            const Micros to = std::min(next, session.horizon);
            if (from < to) {
                f.occupancy += level * (to - from);
                f.observed += to - from;
            }
            at = next;
        }
        f.closing = level;
        if (wanted) {
            result[hour.start] = f;
        }
    }
    return result;
}

Session random_session(const Grid &grid, const std::vector<Hour> &hours, const std::vector<Micros> &resets,
                       Random &random) {
    Session session;
    const Micros first = hours.front().start;
    const Micros last = hours.back().end - 1;
    const auto moment = [&]() -> Micros {
        const Hour &hour = random.pick(hours);
        switch (random.between(1, 6)) {
            case 1:
                return hour.start;
            case 2:
                return hour.end - 1;
            case 3:
                return std::clamp(random.pick(resets) + random.between(-1, 1), first, last);
            case 4:
                return floor_quotient(random.between(hour.start, hour.end - 1), grid.step()) * grid.step();
            default:
                return random.between(hour.start, hour.end - 1);
        }
    };
    const std::int64_t visits = random.between(1, 300);
    const int entering = static_cast<int>(random.between(35, 65));
    std::vector<Micros> crowded{moment(), moment(), moment()};
    for (std::int64_t i = 0; i < visits; ++i) {
        const Micros at = std::clamp(random.chance(15) ? random.pick(crowded) : moment(), first, last);
        session.nets[at] += random.chance(entering) ? 1 : -1;
    }
    session.horizon = session.nets.rbegin()->first;
    for (std::int64_t i = random.between(0, 5); i > 0; --i) {
        session.metrics.push_back(std::clamp(moment(), first, last));
        session.horizon = std::max(session.horizon, session.metrics.back());
    }
    if (random.chance(30)) {
        session.horizon = std::max(session.horizon, moment());  // end_time
    }
    Levels chosen;
    for (std::int64_t i = random.between(0, 6); i > 0; --i) {
        chosen[std::clamp(moment(), first, last)] = random.between(0, 20);
    }
    session.rows = baselines_of(chosen);
    session.start_time = random.chance(60) ? session.nets.begin()->first - random.between(0, kHourLength) : moment();
    return session;
}

TEST(Chain, HoursOneAfterTheOtherEqualOneWalk) {
    Random random("HoursOneAfterTheOtherEqualOneWalk");
    int rows_compared = 0;
    for (int i = 0; i < 1500 && !HasFailure(); ++i) {
        const Micros step = 15 * kMinute;
        const Micros change = utc(static_cast<int>(random.between(1950, 2100)), static_cast<int>(random.between(1, 12)),
                                  static_cast<int>(random.between(1, 28)), static_cast<int>(random.between(0, 23)));
        const Micros offset = random.between(-40, 40) * step;
        const Micros jump = random.pick(
            std::vector<Micros>{clock(1), -clock(1), clock(0, 30), -clock(0, 30), clock(24)});
        const ZoneTable table(offset, {{change, offset + jump}});
        const Grid grid(table, change - 5 * kDayLength, change + 5 * kDayLength, step);
        const Micros day_start = clock(static_cast<int>(random.between(0, 23)));
        const Micros reset_time = random.between(0, 95) * step + random.between(0, 1);
        const bool scheduled = random.chance(60);
        std::vector<Hour> hours;
        for (const Hour &hour : grid.hours(day_start)) {
            if (hour.start >= change - 2 * kDayLength && hour.end <= change + 2 * kDayLength) {
                hours.push_back(hour);
            }
        }
        const std::vector<Micros> resets = grid.resets(reset_time);
        const Session session = random_session(grid, hours, resets, random);
        Levels all;
        for (const auto &[time, value] : all_baselines(session.rows, scheduled ? resets : std::vector<Micros>{})) {
            if (time >= hours.front().start) {  // before that nobody is inside anyway
                all[time] = value;
            }
        }
        SCOPED_TRACE("case " + std::to_string(i) + ": change " + std::to_string(change) + " offset " +
                     std::to_string(offset) + " jump " + std::to_string(jump) + " reset " +
                     std::to_string(scheduled ? reset_time : -1));

        const std::map<Micros, Figures> expected = walk_session(session, all, hours);

        // Only the hours that have a movement or a sample are folded; the level is carried over the others.
        Calendar calendar(table.zone(), day_start, scheduled ? reset_time : Calendar::kNoReset);
        const Baselines baselines(session.rows, &calendar);
        std::vector<Micros> activity = session.metrics;
        for (const auto &[time, net] : session.nets) {
            activity.push_back(time);
        }
        std::sort(activity.begin(), activity.end());
        std::map<Micros, Figures> folded;
        Level level = 0;
        Micros valid_at = kBeginningOfTime;
        for (const Micros time : activity) {
            const Hour hour = calendar.hour_of(time);
            if (folded.count(hour.start) != 0) {
                continue;
            }
            level = baselines.carry(level, valid_at, hour.start);
            std::vector<Baseline> inside;
            for (Baseline b = baselines.at_or_after(hour.start); b.time < hour.end;
                 b = baselines.at_or_after(b.time + 1)) {
                inside.push_back(b);
            }
            const std::vector<Instant> instants = instants_of(
                Nets(session.nets.lower_bound(hour.start), session.nets.lower_bound(hour.end)));
            const FoldedHour one = core::fold_hour(HourFrame{hour, level, session.start_time, session.horizon},
                                                   instants, inside);
            folded[hour.start] = figures_of(one.figures);
            EXPECT_EQ(one.open.day, hour.day);
            level = one.figures.closing;
            valid_at = hour.end;
        }
        ASSERT_EQ(folded.size(), expected.size());
        for (const auto &[start, figures] : expected) {
            ASSERT_EQ(folded.count(start), 1u) << start;
            ASSERT_EQ(folded[start], figures) << "hour " << start;
            ++rows_compared;
        }
    }
    EXPECT_GT(rows_compared, 20000);
}

// ---------------------------------------------------------------------------------------------------------------
// Small parts

TEST(Peak, TheHigherAndOfEqualOnesTheEarlier) {
    EXPECT_EQ(core::higher({3, 10}, {4, 20}), (Peak{4, 20}));
    EXPECT_EQ(core::higher({4, 20}, {3, 10}), (Peak{4, 20}));
    EXPECT_EQ(core::higher({4, 20}, {4, 10}), (Peak{4, 10}));
    EXPECT_EQ(core::higher({4, 10}, {4, 20}), (Peak{4, 10}));

    HourFigures figures{};
    figures.counted = {0, 50};
    figures.reported = {core::kNothingReported, 0};
    EXPECT_EQ(figures.peak(), (Peak{0, 50}));
    figures.reported = {0, 40};
    EXPECT_EQ(figures.peak(), (Peak{0, 40}));
    figures.reported = {0, 60};
    EXPECT_EQ(figures.peak(), (Peak{0, 50}));
    figures.reported = {1, 60};
    EXPECT_EQ(figures.peak(), (Peak{1, 60}));
}

TEST(Counts, AddAndTakeAway) {
    Counts sum{1, 2, 3, 4};
    const Counts more{10, 20, 30, 40};
    sum += more;
    EXPECT_EQ(sum.entered, 11);
    EXPECT_EQ(sum.exited, 22);
    EXPECT_EQ(sum.confidence_sum, 33);
    EXPECT_EQ(sum.confidence_count, 44);
    EXPECT_EQ(sum.detections(), 33);
    sum += -more;
    EXPECT_EQ(sum.entered, 1);
    EXPECT_EQ(sum.exited, 2);
    EXPECT_EQ(sum.confidence_sum, 3);
    EXPECT_EQ(sum.confidence_count, 4);
}

// q is sum * scale / weight rounded half away from zero iff the rest is at most half a weight and a rest of exactly
// half points towards zero.
void check_ratio(__int128 sum, std::int64_t weight, std::int64_t scale) {
    const std::int64_t q = core::rounded_ratio(sum, weight, scale);
    const __int128 exact = sum * scale;
    const __int128 rounded = static_cast<__int128>(q) * weight;
    const __int128 rest = exact > rounded ? exact - rounded : rounded - exact;
    const __int128 exact_size = exact < 0 ? -exact : exact;
    const __int128 rounded_size = rounded < 0 ? -rounded : rounded;
    const bool nearest = 2 * rest < weight || (2 * rest == weight && rounded_size > exact_size);
    ASSERT_TRUE(nearest) << static_cast<long long>(sum) << " * " << scale << " / " << weight << " gave " << q;
}

TEST(RoundedRatio, HalfAwayFromZero) {
    EXPECT_EQ(core::rounded_ratio(0, 7, 10000), 0);
    EXPECT_EQ(core::rounded_ratio(1, 2, 1), 1);
    EXPECT_EQ(core::rounded_ratio(-1, 2, 1), -1);
    EXPECT_EQ(core::rounded_ratio(3, 2, 1), 2);
    EXPECT_EQ(core::rounded_ratio(5, 2, 1), 3);
    EXPECT_EQ(core::rounded_ratio(-5, 2, 1), -3);
    EXPECT_EQ(core::rounded_ratio(1, 3, 10000), 3333);
    EXPECT_EQ(core::rounded_ratio(2, 3, 10000), 6667);
    EXPECT_EQ(core::rounded_ratio(1, 20000, 10000), 1);
    EXPECT_EQ(core::rounded_ratio(-1, 20000, 10000), -1);
    EXPECT_EQ(core::rounded_ratio(1, 20001, 10000), 0);
    EXPECT_EQ(core::rounded_ratio(INT64_MAX, INT64_MAX, 10000), 10000);
}

TEST(RoundedRatio, ExactArithmetic) {
    Random random("ExactArithmetic");
    for (std::int64_t sum = -40; sum <= 40; ++sum) {
        for (std::int64_t weight = 1; weight <= 40; ++weight) {
            ASSERT_NO_FATAL_FAILURE(check_ratio(sum, weight, 1));
            ASSERT_NO_FATAL_FAILURE(check_ratio(sum, weight, 10));
        }
    }
    for (int i = 0; i < 50000; ++i) {
        const std::int64_t scale = random.pick(std::vector<std::int64_t>{1, 100, 10000, 1000000});
        const std::int64_t weight = random.chance(30) ? random.between(1, 1000) : random.between(1, 400 * kDayLength);
        const std::int64_t mean = random.between(-100000, 100000);
        __int128 sum = static_cast<__int128>(mean) * weight + random.between(-weight, weight);
        if (random.chance(30)) {  // at half a unit of the last place, or next to it
            sum = (static_cast<__int128>(mean) * weight * 2 + weight) / (2 * scale) + random.between(-1, 1);
        }
        ASSERT_NO_FATAL_FAILURE(check_ratio(sum, weight, scale));
    }
}

TEST(RoundedRatio, SumsBeyondSixtyFourBits) {
    Random random("SumsBeyondSixtyFourBits");
    for (int i = 0; i < 10000; ++i) {
        const std::int64_t weight = random.between(INT64_MAX / 2, INT64_MAX);
        const __int128 sum = static_cast<__int128>(weight) * random.between(-1000000, 1000000) +
                             random.between(-INT64_MAX, INT64_MAX);
        ASSERT_NO_FATAL_FAILURE(check_ratio(sum, weight, 10000));
    }
}

}  // namespace
}  // namespace people_counter::test
