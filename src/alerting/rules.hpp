// The active rows of alert_thresholds, as the worker wants them.
#pragma once

#include "pg/prelude.hpp"

#include "core/alert.hpp"

#include <span>

namespace people_counter::alerting {

enum class Metric : uint8 {
    kPeopleInside,
    kEnteredMinute,
    kExitedMinute,
    kEnteredHour,
    kExitedHour,
    kAbsorbed,
    kAccuracy,
    kFps,
    kCpu,
    kMemory,
    kLatency,
    kSilence,
};
inline constexpr int kMetrics = 12;

constexpr uint32 bit(Metric metric) { return 1u << static_cast<int>(metric); }
inline constexpr uint32 kFlows = bit(Metric::kEnteredMinute) | bit(Metric::kExitedMinute) | bit(Metric::kEnteredHour) |
                                 bit(Metric::kExitedHour);
inline constexpr uint32 kHourFlows = bit(Metric::kEnteredHour) | bit(Metric::kExitedHour);
inline constexpr uint32 kSamples = bit(Metric::kFps) | bit(Metric::kCpu) | bit(Metric::kMemory) | bit(Metric::kLatency);

struct Rule {
    pg_uuid_t id;
    pg_uuid_t session;  // where for_one
    bool for_one;
    Metric metric;
    core::AlertRule core;
    core::Micros repeat_interval;  // 0: never
    core::Micros updated_at;
    int64 edition;            // in which it was last edited; 0: not while this worker watches
    core::Micros barrier;     // when that was: what was observed before is not judged by the rule as it is
    char name[64];            // for messages
    core::Micros not_before;  // while it rests, since to write an alert of it took too long
    core::Micros rest;        // the last time

    bool watches(const pg_uuid_t &which) const { return !for_one || memcmp(&session, &which, UUID_LEN) == 0; }
};

// Reads them with SPI into `context`, in order of id.
std::span<Rule> read_rules(Oid schema, MemoryContext context);

// Whether a rule that was `before` says something else now.
bool same_terms(const Rule &before, const Rule &rule);
const Rule *find_rule(std::span<const Rule> rules, const pg_uuid_t &id);

}  // namespace people_counter::alerting
