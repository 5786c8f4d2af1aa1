// occupancy_peak, occupancy_peak_time, occupancy_average and occupancy_closing: one state for all of them, so that a
// query that asks for several collects and sorts its movements once.
#include "statistics/aggregate_state.hpp"

#include "core/step_function.hpp"
#include "pg/guard.hpp"

#include <limits>

namespace people_counter::pg {

namespace {

using core::Instant;
using core::Interval;
using core::Level;
using core::StepFigures;

// What a transition function remembers between rows, in fn_extra.
struct TransitionCache {
    Oid in;
    Oid out;
    TypeCacheEntry *range;
};

constexpr int64 kAverageScale = 10000;
constexpr int kAverageDecimals = 4;

TransitionCache *transition_cache(FunctionCallInfo fcinfo) {
    if (fcinfo->flinfo->fn_extra == nullptr) {
        fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(TransitionCache));
    }
    return static_cast<TransitionCache *>(fcinfo->flinfo->fn_extra);
}

// By label, so that the order of the enum's values does not matter. Looks a value up once a query.
int64 learn_direction(TransitionCache *cache, Oid direction) {
    HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(direction));
    if (!HeapTupleIsValid(tuple)) {
        elog(ERROR, "cache lookup failed for enum value %u", direction);
    }
    NameData label = reinterpret_cast<Form_pg_enum>(GETSTRUCT(tuple))->enumlabel;
    ReleaseSysCache(tuple);
    if (strcmp(NameStr(label), "in") == 0) {
        cache->in = direction;
        return 1;
    }
    if (strcmp(NameStr(label), "out") == 0) {
        cache->out = direction;
        return -1;
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("movement direction \"%s\" is neither \"in\" nor \"out\"", NameStr(label))));
    pg_unreachable();
}

// Arguments 1 and 2. False where one of them is NULL: such a row holds no movement.
bool movement_argument(FunctionCallInfo fcinfo, Instant &movement) {
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2)) {
        return false;
    }
    const TimestampTz time = PG_GETARG_TIMESTAMPTZ(1);
    if (TIMESTAMP_NOT_FINITE(time)) {
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("movement time must be finite, not \"%s\"", timestamptz_to_str(time))));
    }
    const Oid direction = PG_GETARG_OID(2);
    TransitionCache *cache = transition_cache(fcinfo);
    int64 net;
    if (direction == cache->in) {
        net = 1;
    } else if (direction == cache->out) {
        net = -1;
    } else {
        net = learn_direction(cache, direction);
    }
    movement = Instant{time, net};
    return true;
}

Interval period_argument(FunctionCallInfo fcinfo, int index) {
    TransitionCache *cache = transition_cache(fcinfo);
    if (cache->range == nullptr) {
        cache->range = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);
    }
    RangeBound lower;
    RangeBound upper;
    bool empty;
    range_deserialize(cache->range, PG_GETARG_RANGE_P(index), &lower, &upper, &empty);
    if (empty) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("period must not be empty")));
    }
    const Interval period{DatumGetTimestampTz(lower.val), DatumGetTimestampTz(upper.val)};
    if (lower.infinite || upper.infinite || TIMESTAMP_NOT_FINITE(period.from) || TIMESTAMP_NOT_FINITE(period.to)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("period %s must have two finite bounds",
                               OidOutputFunctionCall(F_RANGE_OUT, PG_GETARG_DATUM(index)))));
    }
    if (!lower.inclusive || upper.inclusive) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("period %s must include its lower and exclude its upper bound",
                               OidOutputFunctionCall(F_RANGE_OUT, PG_GETARG_DATUM(index))),
                        errhint("Use tstzrange(lower, upper) with its default bounds '[)'.")));
    }
    return period;
}

// Arguments 3 and 4.
Window window_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(3) || PG_ARGISNULL(4)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s must not be null", PG_ARGISNULL(3) ? "opening count" : "period"),
                        errhint("Every row of a group must have it, also one without a movement.")));
    }
    const int32 opening = PG_GETARG_INT32(3);
    if (opening < 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("opening count must not be negative, but is \"%d\"", opening)));
    }
    return Window{true, opening, period_argument(fcinfo, 4)};
}

Datum transition(FunctionCallInfo fcinfo) {
    MemoryContext context = aggregate_context(fcinfo);
    OccupancyState *state = state_argument(fcinfo, 0);
    Instant movement;
    if (movement_argument(fcinfo, movement)) {
        if (state == nullptr) {
            state = new_state(context, Window{}, kInitialCapacity);
        }
        add(state->steps, movement);
    }
    if (state == nullptr) {
        PG_RETURN_NULL();
    }
    PG_RETURN_POINTER(state);
}

// A row without a movement still says which window is meant, so an outer join yields the figures of a quiet one.
Datum transition_within(FunctionCallInfo fcinfo) {
    MemoryContext context = aggregate_context(fcinfo);
    OccupancyState *state = state_argument(fcinfo, 0);
    const Window window = window_argument(fcinfo);
    if (state == nullptr) {
        state = new_state(context, window, kInitialCapacity);
    } else {
        check_same_window(state->window, window);
    }
    Instant movement;
    if (movement_argument(fcinfo, movement) && movement.time >= window.period.from &&
        movement.time < window.period.to) {
        add(state->steps, movement);
    }
    PG_RETURN_POINTER(state);
}

// Whether the group has a level at all, and then its figures. Sorting leaves the meaning of the state as it is, so a
// final function may be called again, also after further rows.
bool figures_of(FunctionCallInfo fcinfo, StepFigures &figures) {
    aggregate_context(fcinfo);
    OccupancyState *state = state_argument(fcinfo, 0);
    if (state == nullptr) {
        return false;
    }
    state->steps.compact();
    const Window &window = state->window;
    figures = window.present ? core::walk_within(state->steps.instants(), window.opening, window.period)
                             : core::walk(state->steps.instants());
    return true;
}

Datum level_result(Level level) {
    if (level > std::numeric_limits<int32>::max()) {
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("occupancy \"%lld\" is out of range for type integer", static_cast<long long>(level))));
    }
    return Int32GetDatum(static_cast<int32>(level));
}

// One of the four results; `result` is called only where the group has figures.
template <class F>
Datum final_result(FunctionCallInfo fcinfo, F result) {
    StepFigures figures;
    if (!figures_of(fcinfo, figures)) {
        PG_RETURN_NULL();
    }
    return result(figures);
}

}  // namespace

}  // namespace people_counter::pg

using namespace people_counter;

PEOPLE_COUNTER_FUNCTION(occupancy_transition) {
    return pg::pg_entry([&]() -> Datum { return pg::transition(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(occupancy_transition_within) {
    return pg::pg_entry([&]() -> Datum { return pg::transition_within(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(occupancy_combine) {
    return pg::pg_entry([&]() -> Datum { return pg::combine(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(occupancy_serialize) {
    return pg::pg_entry([&]() -> Datum { return pg::serialize(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(occupancy_deserialize) {
    return pg::pg_entry([&]() -> Datum { return pg::deserialize(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(occupancy_peak_final) {
    return pg::pg_entry([&]() -> Datum {
        return pg::final_result(fcinfo, [](const core::StepFigures &f) { return pg::level_result(f.peak.value); });
    });
}

PEOPLE_COUNTER_FUNCTION(occupancy_peak_time_final) {
    return pg::pg_entry([&]() -> Datum {
        return pg::final_result(fcinfo, [](const core::StepFigures &f) { return TimestampTzGetDatum(f.peak.time); });
    });
}

PEOPLE_COUNTER_FUNCTION(occupancy_average_final) {
    return pg::pg_entry([&]() -> Datum {
        return pg::final_result(fcinfo, [&](const core::StepFigures &f) -> Datum {
            if (f.length == 0) {
                PG_RETURN_NULL();
            }
            return NumericGetDatum(int64_div_fast_to_numeric(f.average(pg::kAverageScale), pg::kAverageDecimals));
        });
    });
}

PEOPLE_COUNTER_FUNCTION(occupancy_closing_final) {
    return pg::pg_entry([&]() -> Datum {
        return pg::final_result(fcinfo, [](const core::StepFigures &f) { return pg::level_result(f.closing); });
    });
}
