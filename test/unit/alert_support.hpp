// What the tests of the alert lifecycle share: a run that keeps what was emitted, and an oracle.
#pragma once

#include "core/alert.hpp"

#include "support.hpp"

#include <limits>

namespace people_counter::core {

inline bool operator==(const AlertState &a, const AlertState &b) {
    return a.phase == b.phase && a.by_edit == b.by_edit && a.carried == b.carried && a.carried_live == b.carried_live &&
           a.since == b.since && a.barrier == b.barrier && a.value == b.value && a.peak == b.peak;
}
inline void PrintTo(const AlertState &s, std::ostream *out) {
    *out << std::vector<const char *>{"ok", "pending", "firing", "recovering"}[static_cast<std::size_t>(s.phase)]
         << (s.by_edit ? " by edit" : "") << (s.carried ? s.carried_live ? " carrying live" : " carrying" : "")
         << " since " << s.since << " barrier " << s.barrier << " value " << s.value << " peak " << s.peak;
}

inline bool operator==(const AlertTransition &a, const AlertTransition &b) {
    return a.event == b.event && a.at == b.at && a.value == b.value && a.peak == b.peak;
}
inline void PrintTo(const AlertTransition &t, std::ostream *out) {
    *out << (t.event == AlertEvent::kFired ? "fired" : "resolved") << " at " << t.at << " value " << t.value << " peak "
         << t.peak;
}

inline void PrintTo(const Observation &o, std::ostream *out) {
    *out << "(" << o.time << ", " << o.value << (o.live ? ")" : ", not live)");
}

inline void PrintTo(const AlertRule &r, std::ostream *out) {
    *out << (r.above ? "above " : "below ") << r.threshold << " clear " << r.clear << " hold_for " << r.hold_for
         << " keep_firing_for " << r.keep_firing_for;
}

}  // namespace people_counter::core

namespace people_counter::test {

using core::AlertEvent;
using core::AlertPhase;
using core::AlertRule;
using core::AlertState;
using core::AlertTransition;
using core::kBeginningOfTime;
using core::kEndOfTime;
using core::Observation;

using Observations = std::vector<Observation>;
using Transitions = std::vector<AlertTransition>;

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

inline AlertTransition fired(Micros at, double value, double peak) { return {AlertEvent::kFired, at, value, peak}; }
inline AlertTransition resolved(Micros at, double value, double peak) {
    return {AlertEvent::kResolved, at, value, peak};
}

// A rule on a session, under a clock that the test controls.
struct Watch {
    AlertRule rule;
    AlertState state{};
    Transitions emitted{};

    void observe(const Observation &observation) {
        core::observe(rule, state, observation, [this](const AlertTransition &t) { emitted.push_back(t); });
    }
    void observe(Micros time, double value, bool live = true) { observe(Observation{time, value, live}); }
    void late(Micros time, double value) { observe(Observation{time, value, false}); }
    void settle(Micros now) {
        core::settle(rule, state, now, [this](const AlertTransition &t) { emitted.push_back(t); });
    }

    // Looks again from `from` on, as a worker does.
    void look_again(const Observations &all, Micros from) {
        state = rewound(state, from);
        observe(Observation{from, value_before(all, from), false});
        for (const Observation &observation : all) {
            if (observation.time >= from) {
                observe(observation);
            }
        }
    }

    Transitions take_emitted() {
        Transitions taken;
        taken.swap(emitted);
        return taken;
    }

    static double value_before(const Observations &all, Micros from) {
        double value = kMissing;
        for (const Observation &observation : all) {
            if (observation.time < from && !std::isnan(observation.value)) {
                value = observation.value;
            }
        }
        return value;
    }
};

// How bad a value is, and the value that says so to a rule: the oracle knows only the former.
enum Rank : int { kAbsent = -1, kClear, kBetween, kBeyond, kWorse };

struct Scale {
    bool above;
    bool gap;  // between `clear` and `threshold`; without one kBetween is clear, too

    // kClear and kBetween are just at the limits.
    double value(int rank) const {
        const double high[] = {gap ? 10.0 : 19.0, 20.0, 20.5, 30.0};
        return rank == kAbsent ? kMissing : above ? high[rank] : -high[rank];
    }
    AlertRule rule(Micros hold_for, Micros keep_firing_for) const {
        const double sign = above ? 1 : -1;
        return AlertRule{above, sign * 20.0, sign * (gap ? 10.0 : 20.0), hold_for, keep_firing_for};
    }
    bool is_clear(int rank) const { return rank == kClear || (!gap && rank == kBetween); }
};

inline constexpr Scale kScales[] = {{true, true}, {true, false}, {false, true}, {false, false}};

struct RankAt {
    Micros time;  // ascending, from 0 on, few
    int rank;
    bool live;
};

// By definition, on every microsecond, without phases: an alert fires at t if a live value beyond the threshold was
// seen hold_for before t and all values since are beyond; it is resolved at t if all values of the keep_firing_for
// before t are clear. What is observed at t itself counts only where that time is zero.
class Oracle {
  public:
    Oracle(Scale scale, Micros hold_for, Micros keep_firing_for, const std::vector<RankAt> &observations, Micros now)
        : scale_{scale}, hold_{hold_for}, keep_{keep_firing_for}, now_{now} {
        ranks_.assign(static_cast<std::size_t>(now) + 1, kAbsent);
        live_.assign(ranks_.size(), false);
        for (const RankAt &o : observations) {
            if (o.rank != kAbsent && o.time <= now) {
                std::fill(ranks_.begin() + o.time, ranks_.end(), o.rank);
                live_[static_cast<std::size_t>(o.time)] = o.live;
            }
        }
    }

    // Begins at `barrier`, where an alert is open or not and all observations up to there are one. Only those from
    // `from` on can have been live.
    void begin_at(Micros from, Micros barrier, bool open) {
        bool live = false;
        for (Micros t = from; t <= barrier; ++t) {
            live = all_beyond(t, t + 1) && (live || live_[static_cast<std::size_t>(t)]);
        }
        live_[static_cast<std::size_t>(barrier)] = live;
        start_ = barrier_ = opened_ = barrier;
        open_ = open;
    }

    Transitions run() {
        Transitions found;
        for (Micros t = start_; t <= now_; ++t) {
            for (;;) {
                if (!open_ && fires_at(t)) {
                    opened_ = t - hold_;
                    found.push_back(fired(t, value_at(t, hold_), worst(opened_, std::max(t, opened_ + 1))));
                } else if (open_ && resolves_at(t)) {
                    found.push_back(resolved(t, value_at(t, keep_), worst(opened_, t)));
                } else {
                    break;
                }
                open_ = !open_;
                barrier_ = t;
                start_ = t;
            }
        }
        return found;
    }

    AlertState state() const {  // after run()
        AlertState s;
        s.barrier = barrier_;
        s.value = rank(now_) == kAbsent ? 0 : scale_.value(rank(now_));
        if (open_) {
            s.phase = AlertPhase::kFiring;
            s.since = barrier_;
            s.peak = worst(opened_, now_ + 1);
            for (Micros c = now_; c >= start_ && all_clear(c, now_ + 1); --c) {
                s.phase = AlertPhase::kRecovering;
                s.since = c;
            }
            return s;
        }
        for (Micros p = now_; p >= start_ && all_beyond(p, now_ + 1); --p) {
            if (live_[static_cast<std::size_t>(p)]) {
                s.phase = AlertPhase::kPending;
                s.since = p;
                s.peak = worst(p, now_ + 1);
            }
        }
        return s;
    }

  private:
    int rank(Micros t) const { return ranks_[static_cast<std::size_t>(t)]; }

    // Of all of [from, to)
    bool all_beyond(Micros from, Micros to) const {
        return std::all_of(ranks_.begin() + from, ranks_.begin() + to, [](int r) { return r >= kBeyond; });
    }
    bool all_clear(Micros from, Micros to) const {
        return std::all_of(ranks_.begin() + from, ranks_.begin() + to, [this](int r) { return scale_.is_clear(r); });
    }
    double worst(Micros from, Micros to) const {
        return scale_.value(*std::max_element(ranks_.begin() + from, ranks_.begin() + to));
    }
    double value_at(Micros t, Micros length) const { return scale_.value(rank(length == 0 ? t : t - 1)); }

    bool fires_at(Micros t) const {
        const Micros begin = t - hold_;
        return begin >= start_ && live_[static_cast<std::size_t>(begin)] && all_beyond(begin, std::max(t, begin + 1));
    }
    bool resolves_at(Micros t) const {
        const Micros begin = t - keep_;
        return begin >= start_ && all_clear(begin, std::max(t, begin + 1));
    }

    Scale scale_;
    Micros hold_;
    Micros keep_;
    Micros now_;
    std::vector<int> ranks_;
    std::vector<bool> live_;
    bool open_ = false;
    Micros start_ = 0;   // what is before does not count
    Micros opened_ = 0;  // the beginning of what made the alert pending
    Micros barrier_ = kBeginningOfTime;
};

inline Observations observations_of(const Scale &scale, const std::vector<RankAt> &ranks) {
    Observations all;
    for (const RankAt &r : ranks) {
        all.push_back(Observation{r.time, scale.value(r.rank), r.live});
    }
    return all;
}

inline std::string describe(const AlertRule &rule, const Observations &all) {
    return testing::PrintToString(rule) + testing::PrintToString(all);
}

inline void expect_as_defined(const Scale &scale, Micros hold_for, Micros keep_firing_for,
                              const std::vector<RankAt> &ranks, Micros now) {
    Watch run{scale.rule(hold_for, keep_firing_for)};
    const Observations all = observations_of(scale, ranks);
    for (const Observation &observation : all) {
        run.observe(observation);
    }
    run.settle(now);
    Oracle oracle(scale, hold_for, keep_firing_for, ranks, now);
    const Transitions expected = oracle.run();
    ASSERT_EQ(run.emitted, expected) << describe(run.rule, all) << " now " << now;
    ASSERT_EQ(run.state, oracle.state()) << describe(run.rule, all) << " now " << now;
}

}  // namespace people_counter::test
