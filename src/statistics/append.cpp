#include "alerting/marks.hpp"
#include "statistics/apply.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

struct Additions {
    Counts counts;
    core::AppendChange change;
    Peak reported;
};

// Takes the event into the state's open hour. False if it does not belong there.
bool take(FoldState &state, const Event &event, Additions &additions) {
    const Micros horizon = state.horizon();
    const Micros new_horizon = std::max(horizon, event.time);
    const core::Interval observed{state.start_time, horizon};
    core::OpenFold &open = state.open;
    if (is_movement(event.kind)) {
        const core::Instant instant{event.time, event.net()};
        if (!open.accepts(instant)) {
            return false;
        }
        core::append(open, instant, observed, new_horizon, additions.change);
        state.last_movement = std::max(state.last_movement, event.time);
    } else {
        if (!open.appendable() || event.time < open.anchor.start || event.time >= open.anchor.end) {
            return false;
        }
        core::extend(open.now(), observed, new_horizon, additions.change);
        const Peak reported{event.value, event.time};
        additions.reported = additions.reported.value == core::kNothingReported
                                 ? reported
                                 : core::higher(additions.reported, reported);
    }
    additions.counts += event.counts();
    state.last_activity = std::max(state.last_activity, event.time);
    return true;
}

}  // namespace

bool append_to_open_hour(Ledger &ledger, const pg_uuid_t &session, std::span<const Event> events) {
    // The first try takes no lock of its own: the update is one. Whoever comes too late then queues for the row in
    // order of arrival: waiters for a row alone race for each new version of it, and who loses again and again comes so
    // late that the hour has to be read.
    for (bool lock = false;; lock = true) {
        if (lock) {
            ledger.queue_for(session);
        }
        if (!ledger.load_session(session, lock)) {
            return false;
        }
        SessionFigures &figures = ledger.figures;
        FoldState &state = figures.state;
        if (state.version != FoldState::kVersion || !state.has_hour()) {
            return false;
        }
        Additions additions{{}, {}, {core::kNothingReported, 0}};
        const Micros old_horizon = state.horizon();
        const Level old_level = state.level_at_last_movement;
        bool moved = false;
        for (const Event &event : events) {
            if (event.sign < 0 || !take(state, event, additions)) {
                return false;
            }
            moved = moved || is_movement(event.kind);
            if (!is_movement(event.kind)) {
                ++figures.samples[event.status()];
            }
        }
        if (additions.change.peak_fell) {
            return false;
        }
        const core::OpenHour open = state.open.now();
        if (moved) {
            state.level_at_last_movement = open.level();
        }
        const core::AppendChange &change = additions.change;
        const Micros lived = core::length_of(state.start_time, state.horizon()) -
                             core::length_of(state.start_time, old_horizon);
        state.occupancy += change.occupancy;
        state.observed += change.observed;
        state.hour_occupancy += change.occupancy;
        state.hour_observed += change.observed;
        state.day_occupancy += change.occupancy;
        state.day_observed += change.observed;
        state.day_duration += lived;
        figures.counts += additions.counts;
        figures.absorbed += change.absorbed;
        figures.updated_at = std::max(figures.updated_at, state.last_activity);
        Peak peak = core::higher(figures.peak, open.peak());
        if (additions.reported.value != core::kNothingReported) {
            peak = core::higher(peak, additions.reported);
        }
        figures.peak = peak;
        if (ledger.store_session()) {
            ledger.add_to_open_hour(additions.counts, change.absorbed, additions.reported);
            if (events.size() == 1) {
                alerting::note_levels(session, old_level, state.level_at_last_movement);
            } else {
                alerting::note_urgent(session);  // there may have been a peak in between
            }
            return true;
        }
        CHECK_FOR_INTERRUPTS();
    }
}

bool append_across_hours(LockedSession &locked, std::span<const Event> events) {
    Ledger &ledger = locked.ledger;
    SessionFigures &figures = ledger.figures;
    FoldState state = figures.state;  // written back once everything is sure
    int64 samples[3] = {figures.samples[0], figures.samples[1], figures.samples[2]};
    for (const Event &event : events) {
        if (event.sign < 0) {
            return false;
        }
        if (!is_movement(event.kind)) {
            ++samples[event.status()];
        }
    }

    // First what still belongs to the open hour, and its end.
    Additions additions{{}, {}, {core::kNothingReported, 0}};
    std::size_t next = 0;
    Level level = 0;
    Micros position = core::kBeginningOfTime;
    const bool had_hour = state.has_hour();
    if (had_hour) {
        if (!state.open.appendable()) {
            return false;
        }
        bool moved = false;
        for (; next < events.size() && events[next].time < state.open.anchor.end; ++next) {
            if (!take(state, events[next], additions)) {
                return false;
            }
            moved = moved || is_movement(events[next].kind);
        }
        const core::OpenHour open = state.open.now();
        if (moved) {
            state.level_at_last_movement = open.level();
        }
        if (next < events.size()) {
            core::extend(open, {state.start_time, state.horizon()}, open.end, additions.change);
        }
        level = open.level();
        position = open.end;
    }
    if (!events.empty()) {
        state.last_activity = std::max(state.last_activity, events.back().time);
    }
    const Micros horizon = state.horizon();
    if (next < events.size()) {
        locked.read_baselines_from(had_hour ? position : locked.config.calendar.hour_of(events[next].time).start - 1);
    }
    if (had_hour) {
        const core::OpenHour open = state.open.now();
        HourFigures before{};
        if (!ledger.read_hour(open.start, before)) {
            elog(ERROR, "a session's open hour has no row");
        }
        HourFigures after = before;
        after.counts += additions.counts;
        after.absorbed += additions.change.absorbed;
        after.occupancy += additions.change.occupancy;
        after.observed += additions.change.observed;
        after.closing = open.level();
        after.low = open.low();
        after.counted = open.peak();
        if (additions.reported.value != core::kNothingReported) {
            after.reported = before.reported.value == core::kNothingReported
                                 ? additions.reported
                                 : core::higher(before.reported, additions.reported);
        }
        ledger.replace_hour(&before, after, open.day);
        state.hour_occupancy = after.occupancy;
        state.hour_observed = after.observed;
    }

    // Then hour by hour.
    auto *instants = static_cast<core::Instant *>(palloc(std::max<Size>(1, events.size()) * sizeof(core::Instant)));
    while (next < events.size()) {
        const core::Hour hour = locked.config.calendar.hour_of(events[next].time);
        level = locked.baselines.carry(level, position, hour.start);
        Size count = 0;
        Counts counts;
        Peak reported{core::kNothingReported, 0};
        for (; next < events.size() && events[next].time < hour.end; ++next) {
            const Event &event = events[next];
            counts += event.counts();
            if (!is_movement(event.kind)) {
                const Peak sample{event.value, event.time};
                reported = reported.value == core::kNothingReported ? sample : core::higher(reported, sample);
            } else if (count > 0 && instants[count - 1].time == event.time) {
                instants[count - 1].net += event.net();
            } else {
                instants[count++] = {event.time, event.net()};
            }
        }
        const std::span<const core::Baseline> inside = baselines_within(locked.baselines, hour.start, hour.end);
        core::FoldedHour folded = core::fold_hour({hour, level, state.start_time, horizon}, {instants, count}, inside);
        folded.figures.counts = counts;
        folded.figures.reported = reported;
        if (count > 0) {
            state.level_at_last_movement = level_at(hour, level, {instants, count}, inside);
            state.last_movement = instants[count - 1].time;
        }
        ledger.replace_hour(nullptr, folded.figures, hour.day);
        state.open = folded.fold;
        state.hour_occupancy = folded.figures.occupancy;
        state.hour_observed = folded.figures.observed;
        level = folded.figures.closing;
        position = hour.end;
    }
    pfree(instants);
    figures.state = state;
    memcpy(figures.samples, samples, sizeof samples);
    figures.updated_at = std::max(figures.updated_at, state.last_activity);
    ledger.finish(locked.config.calendar);
    if (!ledger.store_session()) {
        elog(ERROR, "a locked session was changed by another transaction");
    }
    return true;
}

}  // namespace people_counter::statistics
