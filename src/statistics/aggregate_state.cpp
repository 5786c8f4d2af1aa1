// How the state of the occupancy aggregates grows, is combined with another and travels between processes.
#include "statistics/aggregate_state.hpp"

namespace people_counter::pg {

namespace {

using core::Instant;
using core::Interval;
using core::Steps;

// A serialised state: a version, whether there is a window, in big-endian 64 bits its opening count and bounds and the
// number of instants, then these as the core encodes them.
constexpr char kVersion = 1;
constexpr Size kHeaderBytes = 2 + 4 * sizeof(int64);

char *put(char *to, int64 value) {
    const uint64 ordered = pg_hton64(static_cast<uint64>(value));
    memcpy(to, &ordered, sizeof ordered);
    return to + sizeof ordered;
}

int64 take(const char *&from) {
    uint64 ordered;
    memcpy(&ordered, from, sizeof ordered);
    from += sizeof ordered;
    return static_cast<int64>(pg_ntoh64(ordered));
}

// "[a, b)" for a message.
const char *to_text(Interval period) {
    char *from = pstrdup(timestamptz_to_str(period.from));
    return psprintf("[%s, %s)", from, timestamptz_to_str(period.to));
}

[[noreturn]] void report_invalid_state() {
    ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid serialized occupancy state")));
    pg_unreachable();
}

}  // namespace

MemoryContext aggregate_context(FunctionCallInfo fcinfo) {
    MemoryContext context;
    if (!AggCheckCallContext(fcinfo, &context)) {
        elog(ERROR, "occupancy aggregate function called outside of an aggregate");
    }
    return context;
}

OccupancyState *new_state(MemoryContext context, const Window &window, Size capacity) {
    auto *state = static_cast<OccupancyState *>(MemoryContextAllocZero(context, sizeof(OccupancyState)));
    state->steps.data = static_cast<Instant *>(MemoryContextAllocHuge(context, capacity * sizeof(Instant)));
    state->steps.capacity = capacity;
    state->window = window;
    return state;
}

void check_same_window(const Window &expected, const Window &found) {
    if (expected.opening != found.opening) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("opening count must be the same for all rows of a group, but is \"%d\" and \"%d\"",
                               Min(expected.opening, found.opening), Max(expected.opening, found.opening))));
    }
    if (expected.period.from != found.period.from || expected.period.to != found.period.to) {
        const bool swap = found.period.from < expected.period.from ||
                          (found.period.from == expected.period.from && found.period.to < expected.period.to);
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("period must be the same for all rows of a group, but is %s and %s",
                               to_text(swap ? found.period : expected.period),
                               to_text(swap ? expected.period : found.period))));
    }
}

void reserve(Steps &steps, Size more) {
    constexpr Size kMost = MaxAllocHugeSize / sizeof(Instant);
    if (more > kMost - steps.size) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many movements in one group")));
    }
    const Size needed = steps.size + more;
    if (needed > steps.capacity) {
        const Size capacity = Max(needed, Min(steps.capacity, kMost / 2) * 2);
        steps.data = static_cast<Instant *>(repalloc_huge(steps.data, capacity * sizeof(Instant)));
        steps.capacity = capacity;
    }
}

Datum combine(FunctionCallInfo fcinfo) {
    MemoryContext context = aggregate_context(fcinfo);
    OccupancyState *state = state_argument(fcinfo, 0);
    OccupancyState *other = state_argument(fcinfo, 1);
    if (other == nullptr) {
        if (state == nullptr) {
            PG_RETURN_NULL();
        }
        PG_RETURN_POINTER(state);
    }
    if (state == nullptr) {
        state = new_state(context, other->window, Max(other->steps.size, kInitialCapacity));
    } else if (state->window.present) {
        check_same_window(state->window, other->window);
    }
    CHECK_FOR_INTERRUPTS();
    state->steps.compact();
    other->steps.compact();
    reserve(state->steps, other->steps.size);
    state->steps.merge(other->steps.instants());
    PG_RETURN_POINTER(state);
}

Datum serialize(FunctionCallInfo fcinfo) {
    aggregate_context(fcinfo);
    OccupancyState *state = state_argument(fcinfo, 0);
    state->steps.compact();
    const auto instants = state->steps.instants();
    const Size length = VARHDRSZ + kHeaderBytes + core::encoded_size(instants);
    if (length > MaxAllocSize) {
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many movements in one group of a parallel query"),
                 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
    }
    auto *bytes = static_cast<bytea *>(palloc(length));
    SET_VARSIZE(bytes, length);
    char *to = VARDATA(bytes);
    *to++ = kVersion;
    *to++ = state->window.present ? 1 : 0;
    to = put(to, state->window.opening);
    to = put(to, state->window.period.from);
    to = put(to, state->window.period.to);
    to = put(to, static_cast<int64>(instants.size()));
    core::encode(instants, reinterpret_cast<uint8 *>(to));
    PG_RETURN_BYTEA_P(bytes);
}

Datum deserialize(FunctionCallInfo fcinfo) {
    aggregate_context(fcinfo);
    const bytea *bytes = PG_GETARG_BYTEA_PP(0);
    const char *from = VARDATA_ANY(bytes);
    const Size length = VARSIZE_ANY_EXHDR(bytes);
    if (length < kHeaderBytes || from[0] != kVersion) {
        report_invalid_state();
    }
    const Size rest = length - kHeaderBytes;
    Window window{};
    window.present = from[1] != 0;
    from += 2;
    window.opening = static_cast<int32>(take(from));
    window.period.from = take(from);
    window.period.to = take(from);
    const int64 count = take(from);
    if (count < (window.present ? 0 : 1) || static_cast<uint64>(count) > rest / 2) {  // two bytes each at least
        report_invalid_state();
    }
    // The state lives until it is combined with another one, so it goes where the caller wants it.
    const Size size = static_cast<Size>(count);
    OccupancyState *state = new_state(CurrentMemoryContext, window, Max(size, Size{1}));
    state->steps.size = state->steps.sorted = size;
    if (!core::decode({reinterpret_cast<const uint8 *>(from), rest}, {state->steps.data, size})) {
        report_invalid_state();
    }
    PG_RETURN_POINTER(state);
}

}  // namespace people_counter::pg
