#include "core/archive.hpp"

#include <algorithm>

namespace people_counter::core {

namespace {

Level above_zero(Level level) noexcept { return std::max<Level>(0, level); }

Micros observed_within(const HourFrame &frame, Micros from, Micros to) noexcept {
    return length_of(std::max(from, frame.window_from()), std::min(to, frame.window_to()));
}

Micros time_at(const auto &list, std::size_t index, auto member) noexcept {
    return index < list.size() ? list[index].*member : kEndOfTime;
}

// The movements of one stretch, and the block that stands for some of them already.
class Group {
  public:
    Group(const HourFrame &frame, Micros from, Level level) noexcept
        : frame_{frame}, begin_{level}, level_{level}, since_{from}, peak_{level, from} {
        block_.from = from;
        block_.peak_time = from;
        block_.last_movement = kBeginningOfTime;
    }

    void take(const Block &block) noexcept {
        deepest_ = std::min(deepest_, change_ - block.fall);
        change_ += block.net();
        level_ = above_zero(level_ - block.fall) + block.net() + block.fall;
        peak_ = higher(peak_, {begin_ + block.rise, block.peak_time});
        peak_ = higher(peak_, {level_, block.peak_time});
        block_.area = block.area;
        block_.counts = block.counts;
        block_.last_movement = block.last_movement;
    }

    void take(const CountedInstant &instant) noexcept {
        area_ += level_ * observed_within(frame_, since_, instant.time);
        since_ = instant.time;
        change_ += instant.net();
        deepest_ = std::min(deepest_, change_);
        level_ = above_zero(level_ + instant.net());
        peak_ = higher(peak_, {level_, instant.time});
        block_.counts += instant.counts;
        block_.last_movement = std::max(block_.last_movement, instant.time);
        changed_ = true;
    }

    void end(Micros to) noexcept {
        area_ += level_ * observed_within(frame_, since_, to);
        block_.area += area_ - level_ * observed_within(frame_, block_.from, to);
        block_.fall = -deepest_;
        block_.rise = peak_.value - begin_;
        block_.peak_time = peak_.time;
    }

    bool changed() const noexcept { return changed_; }
    Level level() const noexcept { return level_; }
    const Block &block() const noexcept { return block_; }

  private:
    const HourFrame &frame_;
    const Level begin_;
    Level level_;
    Level change_ = 0;   // were there no floor
    Level deepest_ = 0;  // of that
    Micros since_;
    Peak peak_;
    std::int64_t area_ = 0;
    bool changed_ = false;
    Block block_{};
};

}  // namespace

ArchivedHour fold_archived_hour(const HourFrame &frame, std::span<const Block> blocks,
                                std::span<const Instant> instants, std::span<const Baseline> baselines,
                                Micros mark) noexcept {
    ArchivedHour hour{};
    HourFigures &figures = hour.figures;
    const Micros a = frame.hour.start;
    Level level = frame.level_before;
    Micros since = a;
    figures.start = a;
    figures.reported = {kNothingReported, 0};
    figures.opening = figures.low = level;
    figures.counted = {level, a};
    hour.level_at_mark = level;
    std::size_t block = 0;
    std::size_t instant = 0;
    std::size_t baseline = 0;
    for (;;) {
        const Micros time = std::min({time_at(blocks, block, &Block::from), time_at(instants, instant, &Instant::time),
                                      time_at(baselines, baseline, &Baseline::time)});
        if (time == kEndOfTime) {
            break;
        }
        figures.occupancy += level * observed_within(frame, since, time);
        since = time;
        const bool stands = time_at(baselines, baseline, &Baseline::time) !=
                            time;  // else there is no level but the baseline
        for (; time_at(blocks, block, &Block::from) == time; ++block) {
            const Block &b = blocks[block];
            const Level lowest = above_zero(level - b.fall);
            const Level after = lowest + b.net() + b.fall;
            figures.absorbed += above_zero(b.fall - level);
            figures.counts += b.counts;
            figures.occupancy += b.area;
            if (stands) {
                figures.low = std::min(figures.low, lowest);
                figures.counted = higher(figures.counted, {level + b.rise, b.peak_time});
                figures.counted = higher(figures.counted, {after, b.peak_time});
            }
            level = after;
        }
        if (time_at(instants, instant, &Instant::time) == time) {
            const Level after = level + instants[instant++].net;
            figures.absorbed += above_zero(-after);
            level = above_zero(after);
            if (stands) {
                figures.low = std::min(figures.low, level);
                figures.counted = higher(figures.counted, {level, time});
            }
        }
        if (!stands) {
            level = baselines[baseline++].value;
            if (time == a) {
                figures.opening = figures.low = level;
                figures.counted = {level, a};
            }
            figures.low = std::min(figures.low, level);
            figures.counted = higher(figures.counted, {level, time});
        }
        if (time <= mark) {
            hour.level_at_mark = level;
        }
    }
    figures.occupancy += level * observed_within(frame, since, frame.hour.end);
    figures.closing = level;
    figures.observed = length_of(frame.window_from(), frame.window_to());
    // Movements that came later, where the archived ones are not known one by one, must not make an impossible average.
    figures.occupancy = std::clamp(figures.occupancy, figures.low * figures.observed,
                                   figures.counted.value * figures.observed);
    return hour;
}

std::size_t archive_hour(const HourFrame &frame, std::span<const Block> blocks,
                         std::span<const CountedInstant> instants, std::span<const Baseline> baselines,
                         Block *out) noexcept {
    std::size_t count = 0;
    std::size_t block = 0;
    std::size_t instant = 0;
    std::size_t baseline = 0;
    Level level = frame.level_before;
    for (Micros from = frame.hour.start; from < frame.hour.end;) {
        // A movement at the instant of a baseline belongs before it, and its level never stands: a group of its own.
        const bool overruled = time_at(baselines, baseline, &Baseline::time) == from;
        Micros to = overruled ? from + 1 : std::min(time_at(baselines, baseline, &Baseline::time), frame.hour.end);
        Group group(frame, from, level);
        if (time_at(blocks, block, &Block::from) == from) {
            group.take(blocks[block++]);
        }
        to = std::min(to, time_at(blocks, block, &Block::from));
        for (; time_at(instants, instant, &CountedInstant::time) < to; ++instant) {
            group.take(instants[instant]);
        }
        group.end(overruled ? from : to);
        if (group.changed()) {
            out[count++] = group.block();
        }
        level = overruled ? baselines[baseline++].value : group.level();
        from = to;
    }
    return count;
}

}  // namespace people_counter::core
