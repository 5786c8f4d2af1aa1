#include "alerting/session_look.hpp"

#include "pg/settings.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr int64 kMinuteRing = 1024;
constexpr int64 kHourRing = 8192;

// Whether a pending phase began with this observation, which is looked at again: it was in time then, and so it is now.
// One that was carried to the barrier began there. The last of an instant is meant, not the value just before.
bool began_pending(const core::AlertState &before, const core::Observation &observation) {
    return before.phase == core::AlertPhase::kPending && !before.by_edit &&
           (observation.time == before.since || (before.since == before.barrier && observation.time < before.since));
}

}  // namespace

SessionLook::SessionLook(Watch &watch, const pg::Relations &relations, WatchedSession &session, Snapshot snapshot,
                         Micros now, LookResult &result)
    : watch_{watch},
      session_{session},
      result_{result},
      look_{relations,
            session.id,
            snapshot,
            now,
            static_cast<Micros>(pg::settings.alert_max_lag) * 1000,
            watch.installed_at_,
            session.live_from,
            session.seen_to,
            (session.what & kLateChanged) != 0,
            session.cold,
            {},
            {}},
      series_{} {}

bool SessionLook::run() {
    session_.due = core::kEndOfTime;
    if (session_.busy == 0 && !is_watched()) {
        return false;
    }
    ++result_.sessions;
    const bool same_past = (session_.what & (kRowChanged | kLateChanged)) == 0 && !session_.cold;
    session_.anchor.valid = session_.anchor.valid && same_past;
    const bool row_is_known = session_.has_config && (session_.what & kRowChanged) == 0 && !session_.cold;
    const bool was_active = session_.has_config && session_.config.active;
    session_.has_config = false;
    if (!look_.read(row_is_known ? &session_.config : nullptr)) {
        return false;
    }
    session_.config = look_.config;
    session_.has_config = true;
    if (!look_.config.active) {
        if (look_.config.end_time != core::kBeginningOfTime) {
            look_.now = std::min(look_.now, look_.config.end_time);
        }
        if (was_active && look_.live_from != core::kEndOfTime) {  // what came before the end, and was not looked at yet
            take_all();
        }
        end_all(look_.now, "session_ended");
        session_.changed = false;
        return failed_;
    }
    take_all();
    session_.changed = false;
    if (!failed_) {  // otherwise the same is looked at again
        done();
    }
    return true;
}

bool SessionLook::is_watched() const {
    return std::any_of(watch_.rules_.begin(), watch_.rules_.end(),
                       [&](const Rule &rule) { return rule.watches(session_.id); });
}

void SessionLook::done() {
    session_.changed = false;
    session_.live_from = core::kEndOfTime;
    session_.seen_to = look_.now;
    session_.cold = false;
    session_.what = 0;
    session_.edition = watch_.edition_;
}

void SessionLook::take_all() {
    uint32 metrics = 0;
    uint32 edited = 0;
    for (const Rule &rule : watch_.rules_) {
        if (rule.watches(session_.id)) {
            metrics |= bit(rule.metric);
            edited |= was_edited(rule) ? bit(rule.metric) : 0;
        }
    }
    read_series(metrics & (what_may_differ() | edited));
    for (Rule &rule : watch_.rules_) {
        if (rule.watches(session_.id)) {
            take(rule);
        }
    }
}

// The metrics that what changed can have an influence on; of others what was observed goes on to hold.
uint32 SessionLook::what_may_differ() const {
    if (session_.cold || (session_.what & kRowChanged) != 0) {
        return ~0U;
    }
    constexpr uint32 kAlways = bit(Metric::kPeopleInside) | bit(Metric::kSilence);  // by the passing of time, too
    constexpr uint32 kByMovements = kFlows | bit(Metric::kAbsorbed) | bit(Metric::kAccuracy);
    return kAlways | ((session_.what & kMovementsChanged) != 0 ? kByMovements : 0) |
           ((session_.what & kSamplesChanged) != 0 ? kSamples | kFlows : 0);
}

void SessionLook::read_series(uint32 metrics) {
    if ((metrics & bit(Metric::kPeopleInside)) != 0) {
        Series &inside = series_[static_cast<int>(Metric::kPeopleInside)] = people_inside(look_, session_.anchor);
        if (inside.current > 0 || look_.fold.last_baseline > look_.now) {
            due_at(next_baseline(look_));
        }
    }
    if ((metrics & kSamples) != 0) {
        read_samples(look_, metrics, series_);
    }
    if ((metrics & kFlows) != 0) {
        const int64 size = (metrics & kHourFlows) != 0 ? kHourRing : kMinuteRing;
        core::FlowRing &ring = session_.ring;
        if (ring.size < size) {
            auto *seconds = static_cast<core::FlowRing::Second *>(
                MemoryContextAllocZero(watch_.context_, size * sizeof(core::FlowRing::Second)));
            if (ring.seconds != nullptr) {
                pfree(ring.seconds);
            }
            ring.seconds = seconds;
            ring.size = size;
            ring.newest = 0;
            session_.last_second.count = 0;
        }
        read_flows(look_, metrics, ring, session_.last_second, watch_.context_, series_);
    }
    if ((metrics & bit(Metric::kAbsorbed)) != 0) {
        series_[static_cast<int>(Metric::kAbsorbed)] = exits_absorbed(look_);
    }
    if ((metrics & bit(Metric::kAccuracy)) != 0) {
        series_[static_cast<int>(Metric::kAccuracy)] = detection_accuracy(look_);
    }
}

// Since this session was last looked at: the present value counts, whenever it was observed.
bool SessionLook::was_edited(const Rule &rule) const {
    return rule.edition > session_.edition && barrier_of(rule) != core::kBeginningOfTime;
}

// From when on a rule that was edited judges: what was before is not judged by the new rule. A session that is younger
// than the edit never knew the rule as it was: what it is does not begin with the edit.
Micros SessionLook::barrier_of(const Rule &rule) const {
    return rule.barrier >= look_.config.created_at ? std::min(rule.barrier, look_.now) : core::kBeginningOfTime;
}

void SessionLook::set_barrier(const Rule &rule, core::AlertState &state) const {
    const Micros edited_at = barrier_of(rule);
    const bool began_later = state.phase == core::AlertPhase::kPending && !state.by_edit && state.since > edited_at;
    if (state.phase == core::AlertPhase::kPending && !began_later) {
        return;
    }
    state.barrier = std::max(state.barrier, edited_at);
    if (state.phase == core::AlertPhase::kFiring) {
        state.since = state.barrier;
    }
}

// Takes the state through the observations.
void SessionLook::walk(const Rule &rule, bool edited, const Series &series, const RuleState *state,
                       const core::AlertState &before, core::AlertState &after, AlertSteps &steps) const {
    const Micros due_to = state == nullptr || state->due_to == 0 ? core::kEndOfTime : state->due_to;
    const Micros handled_to = state == nullptr ? core::kBeginningOfTime : state->handled_to;
    const auto emit = [&](const core::AlertTransition &step) { steps.add(step); };
    if (series.count == 0) {
        if (is_stored(before.phase)) {  // what was observed is still known for a while
            if (edited) {
                core::observe(rule.core, after, {look_.now, before.value, false}, emit);
            }
            core::settle(rule.core, after, std::min(look_.now, due_to), emit);
        }
        return;
    }
    after = core::rewound(before, series.observations[0].time);
    Micros known_until = series.valid_for == 0 ? core::kEndOfTime : due_to;
    for (Size i = 0; i < series.count; ++i) {
        core::Observation observation = series.observations[i];
        const bool is_last = i + 1 == series.count || series.observations[i + 1].time > observation.time;
        observation.live = (observation.live && observation.time > handled_to) ||
                           (is_last && began_pending(before, observation));
        if (observation.time > known_until) {  // nothing was known in between: it begins again
            core::settle(rule.core, after, known_until, emit);
            after = core::rewound(after, core::kBeginningOfTime);
        }
        core::observe(rule.core, after, observation, emit);
        known_until = series.valid_for == 0 ? core::kEndOfTime : observation.time + series.valid_for;
    }
    if (edited && after.phase == core::AlertPhase::kOk && series.has_current && rule.core.beyond(series.current)) {
        after.phase = core::AlertPhase::kPending;
        after.by_edit = true;
        after.since = look_.now;
        after.value = after.peak = series.current;
    }
    core::settle(rule.core, after, std::max(series.known_to, after.by_edit ? look_.now : series.known_to), emit);
}

// Nearly always: the rule is ok on this session, and nothing was observed that would change that.
bool SessionLook::stays_ok(const Rule &rule) {
    if (session_.busy > 0 || was_edited(rule)) {
        return false;
    }
    if (rule.metric == Metric::kSilence) {
        const Micros due = silence_due(look_, rule.core);
        due_at(due);
        return due != core::kEndOfTime;
    }
    const Series &series = series_[static_cast<int>(rule.metric)];
    return series.count == 0 || !(rule.core.beyond(series.least) || rule.core.beyond(series.greatest));
}

// A restored alert, which may be here before the rows that it is about: nothing was observed since that could end it.
bool SessionLook::waits_for_news(const core::AlertState &state) const {
    const statistics::FoldState &fold = look_.fold;
    const bool counted = fold.last_baseline >= look_.installed && fold.last_baseline <= look_.now;
    return state.phase == core::AlertPhase::kFiring && state.since < look_.installed &&
           fold.last_activity < look_.installed && !counted;
}

void SessionLook::take(Rule &rule) {
    if (stays_ok(rule)) {
        return;
    }
    RuleState *state = watch_.find_state(rule.id, session_.id);
    const Micros not_before = std::max(rule.not_before, state == nullptr ? 0 : state->not_before);
    if (not_before > look_.now) {
        failed_ = true;
        due_at(not_before);
        return;
    }
    core::AlertState before = state == nullptr ? core::AlertState{} : state->core;
    // What could not be written yet is of the time before the edit, unless it was because of it.
    const bool failing = state != nullptr && state->failures > 0;
    // A rule edited before the alert was last resolved is not news to this session.
    const bool edited = failing ? state->failed_edit : was_edited(rule) && rule.updated_at > before.barrier;
    if (edited || (before.phase == core::AlertPhase::kOk && !failing)) {
        set_barrier(rule, before);
    }
    const bool is_silence = rule.metric == Metric::kSilence;
    Series series = is_silence ? silence(look_, rule, before) : series_[static_cast<int>(rule.metric)];
    if (waits_for_news(before)) {
        series.count = 0;
    }
    const Micros due_to = series.count > 0 ? series.due_to : state == nullptr ? core::kBeginningOfTime : state->due_to;
    core::AlertState after = before;
    AlertSteps steps;
    walk(rule, edited, series, state, before, after, steps);
    const bool repeats = steps.count == 0 && after.phase == core::AlertPhase::kFiring && rule.repeat_interval > 0 &&
                         state != nullptr && !state->acknowledged &&
                         state->announced_at + rule.repeat_interval <= look_.now;
    const bool stored = state != nullptr && state->stored;
    const bool store_differs = is_stored(after.phase) != stored ||
                               (stored && (after.phase != before.phase || after.since != before.since));
    pg_uuid_t alert = state == nullptr ? pg_uuid_t{} : state->alert;
    if ((steps.count > 0 || repeats || store_differs) && !write(rule, steps, after, state, alert, repeats)) {
        RuleState &failed = watch_.state_of(rule.id, session_.id);
        failed.failed_edit = edited;
        note_failure(rule, failed);
        return;
    }
    const bool was_busy = state != nullptr && state->is_busy();
    if (state != nullptr || after.phase != core::AlertPhase::kOk || after.carried || after.barrier > barrier_of(rule)) {
        RuleState &kept = state == nullptr ? watch_.state_of(rule.id, session_.id) : *state;
        if (steps.count > 0 || repeats) {
            kept.announced_at = GetCurrentTimestamp();
            kept.acknowledged = steps.count == 0 && kept.acknowledged;
            kept.stored_peak = repeats ? after.peak : steps.data[steps.count - 1].peak;
        }
        kept.core = after;
        kept.due_to = due_to;
        kept.alert = alert;
        kept.stored = is_stored(after.phase);
        kept.failures = 0;
        session_.busy += (kept.is_busy() ? 1 : 0) - (was_busy ? 1 : 0);
        if (after.phase == core::AlertPhase::kFiring && rule.repeat_interval > 0 && !kept.acknowledged) {
            due_at(kept.announced_at + rule.repeat_interval);
        }
    }
    const Micros due = core::next_due(rule.core, after);
    if (due <= due_to) {
        due_at(due);
    }
    if (is_silence && after.phase == core::AlertPhase::kOk) {
        due_at(silence_due(look_, rule.core));
    }
}

}  // namespace people_counter::alerting
