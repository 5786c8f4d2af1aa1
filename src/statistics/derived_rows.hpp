// The rows of the three derived tables as figures, and back.
#pragma once

#include "pg/row_access.hpp"
#include "statistics/event.hpp"
#include "statistics/fold_state.hpp"

namespace people_counter::statistics {

using core::Counts;
using core::HourFigures;
using core::Level;
using core::Micros;
using core::Peak;

inline constexpr Peak kNoPeak{-1, 0};

struct SessionFigures {
    Counts counts;
    Peak peak;  // kNoPeak without an hour
    int64 samples[3];
    int64 absorbed;
    Micros created_at;
    Micros updated_at;
    FoldState state;
};

// Statistics of the same hour or day in two tables have the same columns under other numbers.
struct SumColumns {
    int entered, exited, peak, average, detections, accuracy, peak_time, occupancy, observed, absorbed, confidence_sum,
        confidence_count;
};

extern const SumColumns kHourSums;
extern const SumColumns kDaySums;

// What hour and day rows have in common.
struct Sums {
    Counts counts;
    int64 absorbed;
    int64 occupancy;
    Micros observed;
    Peak peak;
};

Datum int4(int64 value);  // saturated
Datum time_of(Micros time);

void set_sums(pg::DerivedTable &table, const SumColumns &columns, const Sums &sums);
// All but the seconds, which are costly to read and often known.
Sums get_counts(pg::DerivedTable &table, const SumColumns &columns);
void get_seconds(pg::DerivedTable &table, const SumColumns &columns, Sums &sums);

bool row_is_of(pg::DerivedTable &table, const pg_uuid_t &session);

HourFigures read_hour_row(pg::DerivedTable &table);
void write_hour_row(pg::DerivedTable &table, const pg_uuid_t &session, const HourFigures &hour);

void read_session_row(pg::DerivedTable &table, SessionFigures &figures);
void write_session_row(pg::DerivedTable &table, const pg_uuid_t &session, const SessionFigures &figures);

}  // namespace people_counter::statistics
