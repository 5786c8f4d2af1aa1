#include "core/occupancy.hpp"

#include <algorithm>

namespace people_counter::core {

Counts &Counts::operator+=(const Counts &other) noexcept {
    entered += other.entered;
    exited += other.exited;
    confidence_sum += other.confidence_sum;
    confidence_count += other.confidence_count;
    return *this;
}

namespace {

Micros span_within(Micros from, Micros to, Micros window_from, Micros window_to) noexcept {
    return length_of(std::max(from, window_from), std::min(to, window_to));
}

// False if an instant does not fit the compact form.
bool keep_recent(OpenFold &fold, const OpenHour &anchor, std::span<const Instant> instants) noexcept {
    fold.anchor = anchor;
    fold.count = 0;
    for (const Instant &instant : instants) {
        if (instant.net != static_cast<std::int32_t>(instant.net)) {
            return false;
        }
        fold.recent[fold.count++] = {static_cast<std::uint32_t>(instant.time - anchor.start),
                                     static_cast<std::int32_t>(instant.net)};
    }
    return true;
}

void step(OpenHour &open, Micros time, std::int64_t net) noexcept {
    if (time == open.cursor) {
        open.net += net;
        return;
    }
    const Level level = open.level();
    open.low_before = open.low();
    open.peak_before = open.peak();
    open.level_before = level;
    open.cursor = time;
    open.net = net;
}

struct Walked {
    OpenHour open;
    std::int64_t occupancy;  // integral of the level from the anchor on, over [from, to)
    Level absorbed;          // from the anchor's own instant on
};

Walked walk(std::span<const OpenFold::Recent> recent, const OpenHour &anchor, Micros from, Micros to) noexcept {
    Walked walked{anchor, 0, 0};
    OpenHour &open = walked.open;
    for (const OpenFold::Recent &instant : recent) {
        const Micros time = anchor.start + instant.offset;
        walked.occupancy += open.level() * span_within(open.cursor, time, from, to);
        if (time != open.cursor) {
            walked.absorbed += open.absorbed();
        }
        step(open, time, instant.net);
    }
    walked.occupancy += open.level() * span_within(open.cursor, anchor.end, from, to);
    walked.absorbed += open.absorbed();
    return walked;
}

}  // namespace

FoldedHour fold_hour(const HourFrame &frame, std::span<const Instant> instants,
                     std::span<const Baseline> baselines) noexcept {
    const Micros a = frame.hour.start;
    const Micros b = frame.hour.end;
    FoldedHour folded{};
    HourFigures &figures = folded.figures;
    OpenHour &open = folded.open;
    open = OpenHour{a, b, a, 0, frame.level_before, frame.level_before, {frame.level_before, a}, frame.hour.day};
    figures.start = a;
    figures.reported = {kNothingReported, 0};
    figures.opening = frame.level_before;
    std::size_t next_instant = 0;
    std::size_t next_baseline = 0;

    // A baseline exactly at the start replaces the opening level; movements there are measured against the old one.
    if (!baselines.empty() && baselines[0].time == a) {
        Level level = frame.level_before;
        if (!instants.empty() && instants[0].time == a) {
            figures.absorbed = std::max<Level>(0, -(level + instants[0].net));
            next_instant = 1;
        }
        level = baselines[0].value;
        next_baseline = 1;
        figures.opening = level;
        open = OpenHour{a, b, a + 1, 0, level, level, {level, a}, frame.hour.day};
    }

    Level level = figures.opening;
    Micros since = a;
    const auto pass_time_to = [&](Micros time) noexcept {
        figures.occupancy += level * span_within(since, time, frame.window_from(), frame.window_to());
        since = time;
    };
    bool anchored = false;
    while (next_instant < instants.size() || next_baseline < baselines.size()) {
        if (!anchored && next_baseline == baselines.size() && instants.size() - next_instant <= OpenFold::kRecent) {
            anchored = keep_recent(folded.fold, open, instants.subspan(next_instant));
        }
        const Micros movement_time = next_instant < instants.size() ? instants[next_instant].time : kEndOfTime;
        const Micros baseline_time = next_baseline < baselines.size() ? baselines[next_baseline].time : kEndOfTime;
        const Micros time = std::min(movement_time, baseline_time);
        pass_time_to(time);
        // The hour may be appended to from here on: settle the instant before, then take this one.
        open.low_before = open.low();
        open.peak_before = open.peak();
        open.level_before = level;
        open.cursor = time;
        open.net = 0;
        if (movement_time == time) {
            open.net = instants[next_instant++].net;
            figures.absorbed += open.absorbed();
        }
        if (baseline_time == time) {
            level = baselines[next_baseline++].value;
            open.low_before = std::min(open.low_before, level);
            if (level > open.peak_before.value) {
                open.peak_before = {level, time};
            }
            open.level_before = level;
            open.net = 0;
            open.cursor = time + 1;
        } else {
            level = open.level();
        }
    }
    pass_time_to(b);
    figures.closing = level;
    figures.low = open.low();
    figures.counted = open.peak();
    figures.observed = length_of(frame.window_from(), frame.window_to());
    // A baseline at or behind the end of what was seen so far will change the level once time has passed.
    if (!baselines.empty() && baselines.back().time >= frame.window_to()) {
        open.cursor = kEndOfTime;
        anchored = false;
    }
    if (!anchored) {
        folded.fold.anchor = open;
        folded.fold.count = 0;
    }
    return folded;
}

void extend(const OpenHour &open, Interval observed, Micros new_to, AppendChange &change) noexcept {
    const Micros from = std::max(observed.from, open.start);
    const Micros old_length = length_of(from, std::min(observed.to, open.end));
    const Micros new_length = length_of(from, std::min(new_to, open.end));
    change.observed += new_length - old_length;
    change.occupancy += open.level() * (new_length - old_length);
}

OpenHour OpenFold::now() const noexcept {
    OpenHour open = anchor;
    for (std::uint32_t i = 0; i < count; ++i) {
        step(open, anchor.start + recent[i].offset, recent[i].net);
    }
    return open;
}

void append(OpenFold &fold, Instant instant, Interval observed, Micros new_to, AppendChange &change) noexcept {
    const auto net = static_cast<std::int32_t>(instant.net);
    const auto offset = static_cast<std::uint32_t>(instant.time - fold.anchor.start);
    OpenHour anchor = fold.anchor;
    OpenFold::Recent merged[OpenFold::kRecent + 1];
    std::uint32_t count = fold.count;
    std::copy(fold.recent, fold.recent + count, merged);
    std::uint32_t place = count;
    while (place > 0 && merged[place - 1].offset > offset) {
        --place;
    }
    if (place > 0 && merged[place - 1].offset == offset) {
        merged[place - 1].net += net;
    } else {  // also at the anchor's own instant, where it is settled at once
        std::copy_backward(merged + place, merged + count, merged + count + 1);
        merged[place] = {offset, net};
        ++count;
    }

    const Micros from = std::max(observed.from, anchor.start);
    const Micros to = std::min(new_to, anchor.end);
    const Walked before = walk({fold.recent, fold.count}, fold.anchor, from, std::min(observed.to, anchor.end));
    const Walked after = walk({merged, count}, anchor, from, to);
    change.occupancy += after.occupancy - before.occupancy;
    change.absorbed += after.absorbed - before.absorbed;
    change.observed += length_of(from, to) - length_of(from, std::min(observed.to, anchor.end));
    const Peak old_peak = before.open.peak();
    const Peak new_peak = after.open.peak();
    change.peak_fell = change.peak_fell || new_peak.value < old_peak.value ||
                       (new_peak.value == old_peak.value && new_peak.time > old_peak.time);

    // Settling one at a time keeps the state a function of the instants alone, whatever their order of arrival.
    const std::uint32_t settled = count > OpenFold::kRecent ? 1 : 0;
    if (settled != 0) {
        step(anchor, anchor.start + merged[0].offset, merged[0].net);
    }
    fold.anchor = anchor;
    fold.count = count - settled;
    std::copy(merged + settled, merged + count, fold.recent);
}

bool shift_hour(HourFigures &figures, Level delta, bool has_baseline) noexcept {
    if (has_baseline || figures.absorbed != 0 || figures.low + delta < 0) {
        return false;
    }
    figures.opening += delta;
    figures.closing += delta;
    figures.low += delta;
    figures.counted.value += delta;
    figures.occupancy += delta * figures.observed;
    return true;
}

void shift_open(OpenHour &open, Level delta) noexcept {
    open.level_before += delta;
    open.low_before += delta;
    open.peak_before.value += delta;
}

Baseline Baselines::at_or_after(Micros time) const noexcept {
    Baseline found{kEndOfTime, 0};
    const auto row = std::lower_bound(rows_.begin(), rows_.end(), time,
                                      [](const Baseline &b, Micros t) noexcept { return b.time < t; });
    if (row != rows_.end()) {
        found = *row;
    }
    if (calendar_ != nullptr && calendar_->resets()) {
        const Micros reset = calendar_->reset_at_or_after(time);
        if (reset < found.time) {
            found = {reset, 0};
        }
    }
    return found;
}

Baseline Baselines::last_row_at_or_before(Micros time) const noexcept {
    const auto row = std::upper_bound(rows_.begin(), rows_.end(), time,
                                      [](Micros t, const Baseline &b) noexcept { return t < b.time; });
    return row == rows_.begin() ? Baseline{kBeginningOfTime, 0} : row[-1];
}

Baseline Baselines::before(Micros time) const noexcept {
    Baseline found = time == kBeginningOfTime ? Baseline{kBeginningOfTime, 0} : last_row_at_or_before(time - 1);
    if (calendar_ != nullptr && calendar_->resets()) {
        const Micros reset = calendar_->reset_before(time);
        if (reset > found.time) {
            found = {reset, 0};
        }
    }
    return found;
}

std::int64_t rounded_ratio(__int128 sum, std::int64_t weight, std::int64_t scale) noexcept {
    const __int128 doubled = sum * scale * 2;
    const __int128 nearest = (doubled + (doubled < 0 ? -weight : weight)) / (static_cast<__int128>(weight) * 2);
    return static_cast<std::int64_t>(nearest);
}

}  // namespace people_counter::core
