#include "alerting/rules.hpp"

#include "alerting/query.hpp"

#include <algorithm>

namespace people_counter::alerting {

namespace {

constexpr const char *kNames[kMetrics] = {"current_people_inside",     "people_entered_last_minute",
                                          "people_exited_last_minute", "people_entered_last_hour",
                                          "people_exited_last_hour",   "exits_absorbed",
                                          "detection_accuracy",        "fps_current",
                                          "cpu_usage_percentage",      "memory_usage_mb",
                                          "processing_latency_ms",     "silence_seconds"};

Query active_rules(
    "SELECT id, session_id, metric, comparison = 'above', threshold_value, coalesce(clear_value, threshold_value),"
    "       (extract(epoch FROM hold_for) * 1000000)::int8, (extract(epoch FROM keep_firing_for) * 1000000)::int8,"
    "       coalesce((extract(epoch FROM repeat_interval) * 1000000)::int8, 0), updated_at, threshold_name"
    "  FROM $S.alert_thresholds WHERE is_active ORDER BY id");

// A metric that this library does not know is of a later version of the extension: nobody watches it here.
bool metric_of(Datum name, Metric &metric) {
    const char *wanted = TextDatumGetCString(name);
    const auto *found = std::find_if(std::begin(kNames), std::end(kNames),
                                     [&](const char *known) { return strcmp(known, wanted) == 0; });
    metric = static_cast<Metric>(found - kNames);
    return found != std::end(kNames);
}

bool read_rule(uint64 row, Rule &rule) {
    memset(&rule, 0, sizeof rule);
    rule.barrier = core::kBeginningOfTime;
    bool no_session = false;
    memcpy(&rule.id, DatumGetUUIDP(required_column(row, 1)), UUID_LEN);
    const Datum session = column(row, 2, &no_session);
    rule.for_one = !no_session;
    if (rule.for_one) {
        memcpy(&rule.session, DatumGetUUIDP(session), UUID_LEN);
    }
    if (!metric_of(required_column(row, 3), rule.metric)) {
        return false;
    }
    rule.core = {DatumGetBool(required_column(row, 4)), DatumGetFloat8(required_column(row, 5)),
                 DatumGetFloat8(required_column(row, 6)), DatumGetInt64(required_column(row, 7)),
                 DatumGetInt64(required_column(row, 8))};
    rule.repeat_interval = DatumGetInt64(required_column(row, 9));
    rule.updated_at = DatumGetTimestampTz(required_column(row, 10));
    const char *name = TextDatumGetCString(required_column(row, 11));
    const int length = pg_mbcliplen(name, static_cast<int>(strlen(name)), sizeof rule.name - 1);
    memcpy(rule.name, name, length);
    return true;
}

}  // namespace

std::span<Rule> read_rules(Oid schema, MemoryContext context) {
    const uint64 rows = active_rules.run(schema, {}, true);
    auto *rules = static_cast<Rule *>(MemoryContextAllocHuge(context, std::max<uint64>(1, rows) * sizeof(Rule)));
    Size count = 0;
    for (uint64 row = 0; row < rows; ++row) {
        count += read_rule(row, rules[count]) ? 1 : 0;
    }
    SPI_freetuptable(SPI_tuptable);
    return {rules, count};
}

const Rule *find_rule(std::span<const Rule> rules, const pg_uuid_t &id) {
    const auto found = std::lower_bound(rules.begin(), rules.end(), id, [](const Rule &rule, const pg_uuid_t &wanted) {
        return memcmp(&rule.id, &wanted, UUID_LEN) < 0;
    });
    return found != rules.end() && memcmp(&found->id, &id, UUID_LEN) == 0 ? &*found : nullptr;
}

bool same_terms(const Rule &before, const Rule &rule) {
    return before.metric == rule.metric && before.core.above == rule.core.above &&
           before.core.threshold == rule.core.threshold && before.core.clear == rule.core.clear &&
           before.for_one == rule.for_one && memcmp(&before.session, &rule.session, UUID_LEN) == 0;
}

}  // namespace people_counter::alerting
