// People who entered or left within the last minute or hour, at every movement and every second between.
#include "alerting/look.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

using core::FlowRing;
using core::second_of;
using statistics::BaseCursor;

struct Passages {
    Passage *rows = nullptr;
    Size count = 0;
};

void append(Passages &passages, Size &capacity, const Passage &passage) {
    if (passages.count == capacity) {
        capacity = capacity == 0 ? 64 : capacity * 2;
        const Size bytes = capacity * sizeof(Passage);
        passages.rows = static_cast<Passage *>(passages.rows == nullptr ? palloc(bytes)
                                                                        : repalloc_huge(passages.rows, bytes));
    }
    passages.rows[passages.count++] = passage;
}

// Counts movements from `second` on again. Those of the last second that came before the change are known.
Passages fill(const Look &look, FlowRing &ring, const LastSecond &last, int64 second) {
    Passages passages;
    Size capacity = 0;
    Micros from = second * core::kSecond;
    ring.restart_at(second);
    if (last.count > 0 && last.second == second && !look.cold && look.live_from > from) {
        from = look.live_from;
        for (Size i = 0; i < last.count && last.rows[i].time < from; ++i) {
            append(passages, capacity, {last.rows[i].time, last.rows[i].entered, false});
            ring.add(last.rows[i].time, last.rows[i].entered);
        }
    }
    BaseCursor movements = BaseCursor::open(look.relations, BaseCursor::Source::kMovements, look.session,
                                            look.snapshot);
    for (movements.seek(from); const statistics::Event *event = movements.peek(); movements.next()) {
        const bool entered = event->kind == statistics::Kind::kIn;
        ring.add(event->time, entered);
        append(passages, capacity, {event->time, entered, look.is_live(event->time, movements.created_at())});
    }
    movements.close();
    return passages;
}

// What the next look may know already.
void keep_last_second(const FlowRing &ring, const Passages &passages, LastSecond &last, MemoryContext context) {
    Size first = passages.count;
    while (first > 0 && second_of(passages.rows[first - 1].time) == ring.newest) {
        --first;
    }
    const Size count = passages.count - first;
    if (count > last.capacity) {
        if (last.rows != nullptr) {
            pfree(last.rows);
        }
        last = {};
        last.rows = static_cast<Passage *>(MemoryContextAllocHuge(context, 2 * count * sizeof(Passage)));
        last.capacity = 2 * count;
    }
    std::copy_n(passages.rows + first, count, last.rows);
    last.count = count;
    last.second = ring.newest;
}

// One observation an instant, as of the level inside: who enters at the very second at which others leave the window
// does not meet it without them.
void observe(Series &series, Micros time, int64 people, bool live) {
    const auto value = static_cast<double>(people);
    if (series.count > 1 && series.observations[series.count - 1].time == time) {
        core::Observation &same = series.observations[series.count - 1];
        same = {time, value, same.live || live};
        series.least = std::min(series.least, value);
        series.greatest = std::max(series.greatest, value);
    } else {
        series.add({time, value, live});
    }
}

// From `first` on. The value there is what it was, and so not live. What leaves the window later than `measured_to` was
// not to be seen before: nobody knew then that nobody came.
Series flow(const Look &look, const FlowRing &ring, const Passages &passages, bool entered, int64 width, int64 first,
            int64 measured_to) {
    Series series{};
    const int64 last = second_of(look.fold.last_activity);
    const auto leaving_is_live = [&](int64 second) {
        const Micros time = second * core::kSecond;
        return look.is_live(time) || (second > measured_to && time >= look.now - look.lag && time >= look.installed);
    };
    int64 people = ring.sum(entered, first - 1, width);
    series.add({first * core::kSecond, static_cast<double>(people), false});
    Size next = 0;
    while (next < passages.count && second_of(passages.rows[next].time) < first) {
        ++next;
    }
    for (int64 second = first; second <= last; ++second) {
        const int64 before = people;
        people -= ring.at(entered, second - width);
        if (people != before) {
            observe(series, second * core::kSecond, people, leaving_is_live(second));
        }
        for (; next < passages.count && second_of(passages.rows[next].time) == second; ++next) {
            if (passages.rows[next].entered == entered) {
                ++people;
                observe(series, passages.rows[next].time, people, passages.rows[next].live);
            }
        }
        if (people == 0 && second < last) {  // nothing happens before the next movement
            second = next < passages.count ? std::min(second_of(passages.rows[next].time), last) - 1 : last - 1;
        }
    }
    series.known_to = series.due_to = look.fold.last_activity;
    series.has_current = look.fold.last_activity >= look.now - look.lag;
    series.current = static_cast<double>(people);
    return series;
}

}  // namespace

void read_flows(Look &look, uint32 metrics, FlowRing &ring, LastSecond &last_second, MemoryContext context,
                Series *all) {
    if (look.fold.last_activity == core::kBeginningOfTime) {
        return;
    }
    const int64 last = second_of(look.fold.last_activity);
    const bool anew = look.cold || look.late || look.live_from == core::kEndOfTime || ring.newest == 0;
    const int64 measured_to = ring.newest;
    const int64 changed = look.live_from == core::kEndOfTime ? last : std::min(second_of(look.live_from), last);
    // What leaves a window after the last measurement is to be seen as well.
    const int64 from = look.cold || measured_to == 0 ? changed : std::min(changed, measured_to);
    last_second.count = anew ? 0 : last_second.count;
    const Passages passages = fill(look, ring, last_second, anew ? last - ring.size + 1 : from);
    keep_last_second(ring, passages, last_second, context);
    const int64 first = std::max(from, last - ring.size / 2);
    const auto measure = [&](Metric metric, bool entered, int64 width) {
        if ((metrics & bit(metric)) != 0) {
            all[static_cast<int>(metric)] = flow(look, ring, passages, entered, width, first, measured_to);
        }
    };
    measure(Metric::kEnteredMinute, true, 60);
    measure(Metric::kExitedMinute, false, 60);
    measure(Metric::kEnteredHour, true, 3600);
    measure(Metric::kExitedHour, false, 3600);
}

}  // namespace people_counter::alerting
