// What both suites share: repeatable chance, civil time and zones that the tests write themselves.
//
// Nothing here uses src/core beyond its plain types, so that an oracle cannot inherit its mistakes.
#pragma once

#include "core/calendar.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace people_counter::core {

inline bool operator==(const Interval &a, const Interval &b) { return a.from == b.from && a.to == b.to; }
inline void PrintTo(const Interval &i, std::ostream *out) { *out << '[' << i.from << ", " << i.to << ')'; }

inline bool operator==(const Hour &a, const Hour &b) { return a.start == b.start && a.end == b.end && a.day == b.day; }
inline void PrintTo(const Hour &h, std::ostream *out) {
    *out << "hour [" << h.start << ", " << h.end << ") of day " << h.day;
}

}  // namespace people_counter::core

namespace people_counter::test {

using core::Interval;
using core::Micros;

inline constexpr Micros kUsecs = 1'000'000;
inline constexpr Micros kMinute = 60 * kUsecs;
inline constexpr Micros kHourLength = 60 * kMinute;
inline constexpr Micros kDayLength = 24 * kHourLength;

// One seed for the whole run, printed once; PEOPLE_COUNTER_SEED repeats a run.
inline std::uint64_t run_seed() {
    static const std::uint64_t seed = [] {
        const char *given = std::getenv("PEOPLE_COUNTER_SEED");
        const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10)
                                                      : std::random_device{}() % 1'000'000'000ULL;
        std::printf("[   SEED   ] PEOPLE_COUNTER_SEED=%llu\n", static_cast<unsigned long long>(chosen));
        std::fflush(stdout);
        return chosen;
    }();
    return seed;
}

class Random {
  public:
    // Each test has its own stream, so that one test repeats without the others.
    explicit Random(std::string_view stream) {
        std::uint64_t hash = 1469598103934665603ULL;
        for (const char c : stream) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        }
        engine_.seed(hash ^ (run_seed() * 0x9E3779B97F4A7C15ULL));
    }

    std::int64_t between(std::int64_t low, std::int64_t high) {  // both included
        return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
    }
    bool chance(int percent) { return between(1, 100) <= percent; }
    template <class T>
    const T &pick(const std::vector<T> &values) {
        return values[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(values.size()) - 1))];
    }

  private:
    std::mt19937_64 engine_;
};

inline std::int64_t floor_quotient(std::int64_t value, std::int64_t unit) {
    return value / unit - (value % unit < 0 ? 1 : 0);
}

inline Micros utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
    std::tm tm{};
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    tm.tm_hour = hour;
    tm.tm_min = minute;
    tm.tm_sec = second;
    return (static_cast<Micros>(timegm(&tm)) - 946'684'800) * kUsecs;
}

inline std::int32_t date(int year, int month, int day) {  // days since 2000-01-01
    return static_cast<std::int32_t>(floor_quotient(utc(year, month, day), kDayLength));
}

inline Micros clock(int hours, int minutes = 0, int seconds = 0) {
    return hours * kHourLength + minutes * kMinute + seconds * kUsecs;
}

// What a wall clock shows.
struct Reading {
    std::int64_t date;  // days since 2000-01-01
    Micros time_of_day;
    Micros offset;
};

struct Change {
    Micros at;
    Micros offset;  // from `at` on
};

// A zone written down, and a source of spans that uses the freedom the contract of Zone leaves: where no transition
// bounds a span, `from` is any instant at least a day before the one asked for.
class ZoneTable {
  public:
    enum class Spans { kWhole, kShortest, kMixed };

    ZoneTable() = default;
    ZoneTable(Micros first_offset, std::vector<Change> changes, Spans spans = Spans::kMixed)
        : first_offset_{first_offset}, changes_{std::move(changes)}, spans_{spans} {}

    core::Zone zone() const {
        return core::Zone{this, [](const void *rules, Micros time) noexcept {
                              return static_cast<const ZoneTable *>(rules)->span_at(time);
                          }};
    }

    Micros offset_at(Micros time) const {
        Micros offset = first_offset_;
        for (const Change &change : changes_) {
            if (change.at <= time) {
                offset = change.offset;
            }
        }
        return offset;
    }

    Reading read(Micros time) const {
        const Micros offset = offset_at(time);
        const std::int64_t day = floor_quotient(time + offset, kDayLength);
        return Reading{day, time + offset - day * kDayLength, offset};
    }

    const std::vector<Change> &changes() const { return changes_; }
    Micros first_offset() const { return first_offset_; }
    int asked() const { return asked_; }

  private:
    core::OffsetSpan span_at(Micros time) const noexcept {
        core::OffsetSpan span{core::kBeginningOfTime, core::kEndOfTime, first_offset_, false};
        for (const Change &change : changes_) {
            if (change.at <= time) {
                span = {change.at, core::kEndOfTime, change.offset, true};
            } else {
                span.to = change.at;
                break;
            }
        }
        ++asked_;
        const bool shorten = spans_ == Spans::kShortest || (spans_ == Spans::kMixed && asked_ % 3 != 0);
        if (shorten && time > core::kBeginningOfTime + 9 * kDayLength) {
            const Micros reach = spans_ == Spans::kShortest ? kDayLength : kDayLength * (1 + asked_ % 7) + asked_ % 2;
            if (span.from < time - reach) {
                span.from = time - reach;
                span.from_transition = false;
            }
        }
        return span;
    }

    Micros first_offset_ = 0;
    std::vector<Change> changes_;
    Spans spans_ = Spans::kMixed;
    mutable int asked_ = 0;
};

// The system's own zone data, read with localtime_r alone.
class SystemZone {
  public:
    explicit SystemZone(const char *name) {
        const char *old = std::getenv("TZ");
        had_old_ = old != nullptr;
        old_ = had_old_ ? old : "";
        setenv("TZ", name, 1);
        tzset();
    }
    SystemZone(const SystemZone &) = delete;
    SystemZone &operator=(const SystemZone &) = delete;
    ~SystemZone() {
        if (had_old_) {
            setenv("TZ", old_.c_str(), 1);
        } else {
            unsetenv("TZ");
        }
        tzset();
    }

    // Without zone data every name means UTC.
    static bool available() {
        const SystemZone zone("Europe/Zurich");
        return zone.read(utc(2024, 7, 1)).offset == clock(2);
    }

    Reading read(Micros time) const {
        const std::int64_t second = floor_quotient(time, kUsecs);
        const std::time_t unix_time = second + 946'684'800;
        std::tm tm{};
        localtime_r(&unix_time, &tm);
        if (tm.tm_year != cached_year_ || tm.tm_yday != cached_yday_) {
            cached_year_ = tm.tm_year;
            cached_yday_ = tm.tm_yday;
            cached_date_ = date(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        }
        return Reading{cached_date_, clock(tm.tm_hour, tm.tm_min, tm.tm_sec) + (time - second * kUsecs),
                       tm.tm_gmtoff * kUsecs};
    }

    ZoneTable table(Micros from, Micros to) const {
        const Micros first = read(from).offset;
        std::vector<Change> changes;
        Micros known = first;
        for (Micros at = from; at < to; at += 6 * kHourLength) {
            const Micros offset = read(at).offset;
            if (offset != known) {
                Micros before = at - 6 * kHourLength;
                Micros behind = at;
                while (behind - before > kUsecs) {
                    const Micros middle = before + (behind - before) / (2 * kUsecs) * kUsecs;
                    (read(middle).offset == known ? before : behind) = middle;
                }
                known = read(behind).offset;
                changes.push_back(Change{behind, known});
                at = behind;  // another change may follow within the step
            }
        }
        return ZoneTable(first, changes);
    }

  private:
    bool had_old_;
    std::string old_;
    mutable int cached_year_ = -1;
    mutable int cached_yday_ = -1;
    mutable std::int64_t cached_date_ = 0;
};

// Local time by brute force: a reading of the wall clock every `step`. All changes of clocks and all whole local hours
// must fall on a step.
class Grid {
  public:
    template <class Clock>
    Grid(const Clock &wall_clock, Micros from, Micros to, Micros step) : from_{from}, step_{step} {
        for (Micros at = from; at < to; at += step) {
            readings_.push_back(wall_clock.read(at));
        }
    }

    std::size_t size() const { return readings_.size(); }
    Micros at(std::size_t i) const { return from_ + static_cast<Micros>(i) * step_; }
    Micros step() const { return step_; }
    Micros from() const { return from_; }
    Micros to() const { return at(size()); }
    const Reading &reading(std::size_t i) const { return readings_[i]; }
    std::size_t index(Micros time) const { return static_cast<std::size_t>((time - from_) / step_); }

    std::int64_t day(Micros time, Micros day_start) const {
        const Reading &r = readings_[index(time)];
        return r.time_of_day + (time - at(index(time))) < day_start ? r.date - 1 : r.date;
    }

    // The complete hours: runs of equal (local date, local hour, offset). The first and last are cut off.
    std::vector<core::Hour> hours(Micros day_start) const {
        std::vector<core::Hour> found;
        std::size_t begin = 0;
        for (std::size_t i = 1; i < size(); ++i) {
            const Reading &a = readings_[i - 1];
            const Reading &b = readings_[i];
            if (a.date == b.date && a.time_of_day / kHourLength == b.time_of_day / kHourLength &&
                a.offset == b.offset) {
                continue;
            }
            if (begin > 0) {
                found.push_back(core::Hour{at(begin), at(i), static_cast<std::int32_t>(day(at(begin), day_start))});
            }
            begin = i;
        }
        return found;
    }

    // Step-exact day_start only.
    std::vector<Interval> pieces(std::int64_t wanted, Micros day_start) const {
        std::vector<Interval> found;
        for (std::size_t i = 0; i < size(); ++i) {
            if (day(at(i), day_start) != wanted) {
                continue;
            }
            if (!found.empty() && found.back().to == at(i)) {
                found.back().to = at(i + 1);
            } else {
                found.push_back(Interval{at(i), at(i + 1)});
            }
        }
        return found;
    }

    // Every instant at which the clock shows `local`; in a gap the one that the offset before it gives. Of several,
    // the last. False where the grid does not reach.
    bool instant_of(Micros local, Micros &instant) const {
        bool found = false;
        const std::int64_t local_date = floor_quotient(local, kDayLength);
        const Micros time_of_day = local - local_date * kDayLength;
        for (std::size_t i = 0; i < size(); ++i) {
            const Reading &r = readings_[i];
            if (r.date == local_date && r.time_of_day <= time_of_day && time_of_day < r.time_of_day + step_) {
                instant = at(i) + (time_of_day - r.time_of_day);
                found = true;
            }
        }
        for (std::size_t i = 1; i < size() && !found; ++i) {
            const Reading &a = readings_[i - 1];
            const Reading &b = readings_[i];
            if (a.date * kDayLength + a.time_of_day + step_ <= local && local < b.date * kDayLength + b.time_of_day) {
                instant = local - a.offset;
                found = true;
            }
        }
        return found;
    }

    // All resets that the grid knows for certain: those of the dates more than a day from its ends.
    std::vector<Micros> resets(Micros reset_time) const {
        std::vector<Micros> found;
        for (std::int64_t d = readings_.front().date + 1; d < readings_.back().date; ++d) {
            Micros instant = 0;
            if (instant_of(d * kDayLength + reset_time, instant)) {
                found.push_back(instant);
            }
        }
        std::sort(found.begin(), found.end());
        return found;
    }

  private:
    Micros from_;
    Micros step_;
    std::vector<Reading> readings_;
};

}  // namespace people_counter::test
