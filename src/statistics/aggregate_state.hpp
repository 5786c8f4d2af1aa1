// The one state of the occupancy aggregates: the movements of a group and the window they are limited to.
#pragma once

#include "pg/prelude.hpp"

#include "core/step_function.hpp"

namespace people_counter::pg {

// What limits the movements to a time window.
struct Window {
    bool present;
    int32 opening;
    core::Interval period;  // half-open
};

struct OccupancyState {
    core::Steps steps;
    Window window;
};

inline constexpr Size kInitialCapacity = 16;

MemoryContext aggregate_context(FunctionCallInfo fcinfo);

inline OccupancyState *state_argument(FunctionCallInfo fcinfo, int index) {
    return PG_ARGISNULL(index) ? nullptr : reinterpret_cast<OccupancyState *>(PG_GETARG_POINTER(index));
}

OccupancyState *new_state(MemoryContext context, const Window &window, Size capacity);

// An ERROR where two rows of a group do not mean the same window.
void check_same_window(const Window &expected, const Window &found);

// Makes room for `more` instants, at least doubling. The memory stays in the context it was first taken from.
void reserve(core::Steps &steps, Size more);

// Many movements may share few instants, so room is first looked for among those already here. Inline, because it runs
// once a row.
inline void add(core::Steps &steps, core::Instant instant) {
    if (unlikely(!steps.add(instant))) {
        CHECK_FOR_INTERRUPTS();
        steps.compact();
        if (steps.size > steps.capacity / 2) {
            reserve(steps, steps.capacity - steps.size + 1);
        }
        steps.add(instant);
    }
}

// The bodies of the functions that CREATE AGGREGATE names for parallel plans.
Datum combine(FunctionCallInfo fcinfo);
Datum serialize(FunctionCallInfo fcinfo);
Datum deserialize(FunctionCallInfo fcinfo);

}  // namespace people_counter::pg
