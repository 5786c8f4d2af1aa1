// The level of a session as a step function, from where the last look ended.
//
// Nearly always the fold that is stored with the session has it all: the level behind the last movement, and the last
// instants before that one. What reaches further back is read from the base table: from where an earlier look stood, or
// from the start of its hour.
#include "alerting/look.hpp"
#include "alerting/query.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

using core::Instant;
using core::Level;
using statistics::BaseCursor;

struct Step {
    Instant instant;
    bool live;
};

// The level just before the first step.
struct Path {
    Level level;
    Micros level_since;  // an instant at or after the last change of the level by a movement
    Step *steps;
    Size count;
};

bool from_fold(const Look &look, Micros from, Path &path) {
    const statistics::FoldState &fold = look.fold;
    if (from > fold.last_movement) {
        path = {fold.last_movement == core::kBeginningOfTime ? 0 : fold.level_at_last_movement, fold.last_movement,
                nullptr, 0};
        return true;
    }
    const core::OpenFold &open = fold.open;
    if (look.cold || !fold.has_hour() || !open.appendable() || from <= open.anchor.cursor) {
        return false;
    }
    path = {open.anchor.level(), open.anchor.cursor, nullptr, 0};
    path.steps = static_cast<Step *>(palloc(std::max<uint32>(1, open.count) * sizeof(Step)));
    for (uint32 i = 0; i < open.count; ++i) {
        const Instant instant{open.anchor.start + open.recent[i].offset, open.recent[i].net};
        if (instant.time < from) {
            path.level = std::max<Level>(0, path.level + instant.net);
            path.level_since = instant.time;
        } else {
            path.steps[path.count++] = {instant, look.is_live(instant.time)};
        }
    }
    return true;
}

Query hour_before(
    "SELECT hour_timestamp, opening_count FROM $S.hourly_statistics"
    " WHERE session_id = $1 AND hour_timestamp <= $2 ORDER BY hour_timestamp DESC LIMIT 1");

// The hour at or before `from` that has a row: in the gap behind it nothing moved.
Path start_of_hour(const Look &look, Micros from, Micros &start) {
    Path path{0, core::kBeginningOfTime, nullptr, 0};
    start = from;
    if (hour_before.run(look.relations.schema, {uuid_argument(look.session), time_argument(from)}, true) > 0) {
        start = DatumGetTimestampTz(required_column(0, 1));
        path.level = DatumGetInt32(required_column(0, 2));
        path.level_since = start;
    }
    SPI_freetuptable(SPI_tuptable);
    return path;
}

void read_steps(const Look &look, Micros start, Micros from, Path &path) {
    Size capacity = 64;
    path.steps = static_cast<Step *>(palloc(capacity * sizeof(Step)));
    BaseCursor movements = BaseCursor::open(look.relations, BaseCursor::Source::kMovements, look.session,
                                            look.snapshot);
    for (movements.seek(start); const statistics::Event *event = movements.peek(); movements.next()) {
        const bool live = event->time >= from && look.is_live(event->time, movements.created_at());
        if (path.count > 0 && path.steps[path.count - 1].instant.time == event->time) {
            path.steps[path.count - 1].instant.net += event->net();
            path.steps[path.count - 1].live = path.steps[path.count - 1].live || live;
            continue;
        }
        if (path.count == capacity) {
            capacity *= 2;
            path.steps = static_cast<Step *>(repalloc_huge(path.steps, capacity * sizeof(Step)));
        }
        path.steps[path.count++] = {{event->time, event->net()}, live};
    }
    movements.close();
}

Path path_from(const Look &look, Micros from, const LevelAnchor &anchor) {
    Path path;
    if (from_fold(look, from, path)) {
        return path;
    }
    Micros start = anchor.time;
    if (anchor.valid && anchor.time <= from) {
        path = {anchor.level, anchor.time, nullptr, 0};
    } else {
        path = start_of_hour(look, from, start);
    }
    read_steps(look, start, from, path);
    return path;
}

}  // namespace

Series people_inside(Look &look, LevelAnchor &anchor) {
    const Micros end = std::max(look.now, look.fold.last_movement);
    const Micros from = std::min(look.walk_from(), end);
    const Path path = path_from(look, from, anchor);
    std::span<const core::Baseline> rows;
    if (look.fold.last_baseline != core::kBeginningOfTime) {
        rows = statistics::read_baselines(look.relations, look.session, look.snapshot,
                                          std::min(path.level_since, from));
    }
    const core::Baselines baselines(rows, &look.config.calendar);

    Series series{};
    Level level = path.level;
    Micros position = path.level_since;
    Size next = 0;
    for (; next < path.count && path.steps[next].instant.time < from; ++next) {
        const Instant &instant = path.steps[next].instant;
        level = std::max<Level>(0, baselines.carry(level, position, instant.time) + instant.net);
        position = instant.time;
    }
    level = baselines.carry(level, position, from);
    series.add({from, static_cast<double>(level), false});
    anchor = {from, level, true};
    core::Baseline baseline = baselines.at_or_after(from);
    const auto apply_baselines = [&](Micros before) {
        for (; baseline.time < before; baseline = baselines.at_or_after(baseline.time + 1)) {
            level = baseline.value;
            const bool planned = baseline.time > look.seen_to && baseline.time >= look.now - look.lag;
            series.add({baseline.time, static_cast<double>(level),
                        look.is_live(baseline.time) || (planned && baseline.time >= look.installed)});
        }
    };
    for (; next < path.count; ++next) {
        const Step &step = path.steps[next];
        apply_baselines(step.instant.time);
        level = std::max<Level>(0, level + step.instant.net);
        if (baseline.time != step.instant.time) {  // otherwise the level after the instant is that of the baseline
            series.add({step.instant.time, static_cast<double>(level), step.live});
        }
    }
    apply_baselines(end == core::kEndOfTime ? end : end + 1);
    series.known_to = end;
    series.due_to = core::kEndOfTime;
    series.has_current = true;
    series.current = static_cast<double>(level);
    return series;
}

Micros next_baseline(Look &look) {
    std::span<const core::Baseline> rows;
    if (look.fold.last_baseline > look.now) {
        rows = statistics::read_baselines(look.relations, look.session, look.snapshot, look.now);
    }
    return core::Baselines(rows, &look.config.calendar).at_or_after(look.now + 1).time;
}

}  // namespace people_counter::alerting
