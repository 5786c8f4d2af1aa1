#include "alerting/look.hpp"

#include "alerting/query.hpp"
#include "pg/compat.hpp"
#include "statistics/columns.hpp"
#include "statistics/derived_rows.hpp"

#include <algorithm>
#include <cmath>

namespace people_counter::alerting {

namespace {

using statistics::BaseCursor;

int column_of(Metric metric) {
    switch (metric) {
        case Metric::kFps:
            return statistics::metrics::fps_current;
        case Metric::kCpu:
            return statistics::metrics::cpu_usage_percentage;
        case Metric::kMemory:
            return statistics::metrics::memory_usage_mb;
        default:
            return statistics::metrics::processing_latency_ms;
    }
}

constexpr Metric kSampled[] = {Metric::kFps, Metric::kCpu, Metric::kMemory, Metric::kLatency};

void add_sample(const Look &look, TupleTableSlot *row, Micros time, bool live, bool carried, uint32 metrics,
                Series *all) {
    for (const Metric metric : kSampled) {
        bool is_null = true;
        const Datum value = (metrics & bit(metric)) != 0 ? slot_getattr(row, column_of(metric), &is_null) : 0;
        if (!is_null) {
            Series &series = all[static_cast<int>(metric)];
            series.add({live      ? time
                        : carried ? look.carried_at(time)
                                  : time,
                        static_cast<double>(DatumGetFloat4(value)), live});
            series.current = DatumGetFloat4(value);
            series.has_current = time >= look.now - look.lag;
            series.valid_for = look.lag;
            series.due_to = time + look.lag;
            series.known_to = std::min(look.now, series.due_to);
        }
    }
}

// The row of a derived table with this second key column, through its primary key. Calls take(slot) if there is one.
template <class F>
void with_derived_row(const Look &look, Oid table_id, Datum second, RegProcedure equal, F &&take) {
    const Relation table = pg::open_table(look.relations, table_id, AccessShareLock);
    const Relation key = pg::open_key(table, AccessShareLock);
    TupleTableSlot *row = table_slot_create(table, nullptr);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&look.session));
    ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, equal, second);
    const IndexScanDesc scan = pg::begin_index_scan(table, key, look.snapshot, 2);
    index_rescan(scan, keys, 2, nullptr, 0);
    if (index_getnext_slot(scan, ForwardScanDirection, row)) {
        take(row);
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    index_close(key, NoLock);
    table_close(table, NoLock);
}

// A figure of the open hour or its day, as the last movement left it.
void add_at_last_movement(const Look &look, Series &series, double value) {
    const Micros time = look.fold.last_movement;
    const bool live = look.is_live(time);
    series.add({live ? time : look.carried_at(time), value, live});
    series.known_to = look.now;
    series.due_to = core::kEndOfTime;
    series.has_current = look.fold.last_movement >= look.now - look.lag;
    series.current = value;
}

}  // namespace

void Series::add(const core::Observation &observation) {
    if (count == capacity) {
        capacity = capacity == 0 ? 16 : capacity * 2;
        const Size bytes = capacity * sizeof(core::Observation);
        observations = static_cast<core::Observation *>(observations == nullptr ? palloc(bytes)
                                                                                : repalloc_huge(observations, bytes));
    }
    least = count == 0 ? observation.value : std::min(least, observation.value);
    greatest = count == 0 ? observation.value : std::max(greatest, observation.value);
    observations[count++] = observation;
}

bool Look::read(const statistics::SessionConfig *known) {
    if (known != nullptr) {
        config = *known;
    }
    return (known != nullptr || statistics::read_config(relations, session, snapshot, config)) &&
           statistics::read_fold_state(relations, session, snapshot, fold);
}

void read_samples(Look &look, uint32 metrics, Series *all) {
    if (look.fold.last_activity == core::kBeginningOfTime) {
        return;
    }
    BaseCursor samples = BaseCursor::open(look.relations, BaseCursor::Source::kMetrics, look.session, look.snapshot);
    bool any = false;
    if (look.live_from != core::kEndOfTime) {
        for (samples.seek(look.live_from); const statistics::Event *event = samples.peek(); samples.next()) {
            add_sample(look, samples.row(), event->time, look.is_live(event->time, samples.created_at()), false,
                       metrics, all);
            any = true;
        }
    }
    if (!any && samples.seek_last()) {
        const Micros time = DatumGetTimestampTz(
            pg::required(samples.row(), static_cast<int>(statistics::metrics::timestamp)));
        add_sample(look, samples.row(), time, false, true, metrics, all);
    }
    samples.close();
}

Series exits_absorbed(Look &look) {
    Series series{};
    if (look.fold.has_hour() && look.fold.last_movement != core::kBeginningOfTime) {
        const int32 day = look.config.calendar.day_of(look.fold.last_movement);
        with_derived_row(look, look.relations.daily_statistics, DateADTGetDatum(day), F_DATE_EQ, [&](auto *row) {
            add_at_last_movement(look, series,
                                 DatumGetInt32(pg::required(row, statistics::daily_statistics::exits_absorbed)));
        });
    }
    return series;
}

Series detection_accuracy(Look &look) {
    Series series{};
    if (look.fold.has_hour() && look.fold.last_movement != core::kBeginningOfTime) {
        const Micros hour = look.config.calendar.hour_of(look.fold.last_movement).start;
        with_derived_row(look, look.relations.hourly_statistics, TimestampTzGetDatum(hour), F_TIMESTAMPTZ_EQ,
                         [&](auto *row) {
                             const auto sum = static_cast<double>(
                                 DatumGetInt64(pg::required(row, statistics::hourly_statistics::confidence_sum)));
                             const int32 count = DatumGetInt32(
                                 pg::required(row, statistics::hourly_statistics::confidence_count));
                             if (count > 0) {
                                 add_at_last_movement(look, series, sum / count / 1e7);
                             }
                         });
    }
    return series;
}

namespace {

// Nobody could be heard before the server ran.
Micros heard_until(const Look &look) {
    return std::max(
        {look.fold.last_activity, look.config.start_time, static_cast<Micros>(PgStartTime), look.installed});
}

Micros threshold_of(const core::AlertRule &rule) {
    const double micros = std::min(rule.threshold, 1e9) * core::kSecond;
    return static_cast<Micros>(micros) + 1;  // beyond is more than the threshold
}

// One that somebody resolved by hand is not raised again before the next sign of life, whoever was restarted meanwhile.
Query resolved_by_hand(
    "SELECT FROM $S.alert_logs WHERE session_id = $1 AND threshold_id = $2 AND triggered_at > $3 AND is_resolved"
    "                            AND resolved_reason = 'by_hand' LIMIT 1");

bool is_resolved_by_hand(const Look &look, const Rule &rule) {
    const uint64 rows = resolved_by_hand.run(look.relations.schema,
                                             {uuid_argument(look.session), uuid_argument(rule.id),
                                              time_argument(look.fold.last_activity)},
                                             true);
    SPI_freetuptable(SPI_tuptable);
    return rows > 0;
}

}  // namespace

Series silence(Look &look, const Rule &rule, const core::AlertState &state) {
    Series series{};
    const Micros heard = heard_until(look);
    const Micros too_long = heard + threshold_of(rule.core);
    const auto lasted_since = [&](Micros time) { return static_cast<double>(look.now - time) / core::kSecond; };
    if (state.phase == core::AlertPhase::kFiring || state.phase == core::AlertPhase::kRecovering) {
        // Only that something was heard ends it, not that the server was restarted.
        const double lasted = lasted_since(std::max(look.fold.last_activity, look.config.start_time));
        if (look.fold.last_activity != core::kBeginningOfTime && rule.core.is_clear(lasted)) {
            series.add({std::max(look.fold.last_activity, state.barrier), 0, false});
        } else {
            series.add({look.now, std::max(lasted, rule.core.threshold), false});
        }
    } else if (too_long <= look.now) {
        const bool live = too_long > state.barrier && !is_resolved_by_hand(look, rule);
        series.add({too_long, lasted_since(heard), live});
    } else {
        series.add({look.carried_at(std::min(heard, look.now)), 0, false});
    }
    series.known_to = look.now;
    series.due_to = core::kEndOfTime;
    series.has_current = true;  // of a rule that was edited meanwhile
    series.current = std::max(0.0, lasted_since(heard));
    return series;
}

Micros silence_due(const Look &look, const core::AlertRule &rule) {
    const Micros too_long = heard_until(look) + threshold_of(rule);
    return too_long > look.now ? too_long : core::kEndOfTime;
}

}  // namespace people_counter::alerting
