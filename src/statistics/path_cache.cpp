#include "statistics/path_cache.hpp"

#include <algorithm>
#include <iterator>

namespace people_counter::statistics {

namespace {

HourPath entries[PathCache::kEntries];
MemoryContext context = nullptr;

HourPath &slot_of(const pg_uuid_t &session, core::Micros hour) {
    const uint32 hash = hash_combine(hash_bytes(session.data, UUID_LEN),
                                     hash_bytes(reinterpret_cast<const unsigned char *>(&hour), sizeof hour));
    return entries[hash % PathCache::kEntries];
}

bool is_for(const HourPath &path, const pg_uuid_t &session, core::Micros hour) {
    return path.used && path.hour == hour && memcmp(&path.session, &session, UUID_LEN) == 0;
}

// Gives the path room for `count` instants and drops what it held. The budget is kept by starting anew, which costs a
// scan an hour and needs no bookkeeping.
void reserve(HourPath &path, uint32 count) {
    if (count <= path.capacity) {
        return;
    }
    const uint32 capacity = std::max<uint32>(64, count + count / 2);
    if (MemoryContextMemAllocated(context, false) + capacity * sizeof(core::Instant) > PathCache::kBudget) {
        MemoryContextReset(context);
        std::fill(std::begin(entries), std::end(entries), HourPath{});
    } else if (path.instants != nullptr) {
        pfree(path.instants);
    }
    path = HourPath{};  // should the allocation fail
    path.instants = static_cast<core::Instant *>(MemoryContextAlloc(context, capacity * sizeof(core::Instant)));
    path.capacity = capacity;
}

}  // namespace

HourPath *PathCache::find(const pg_uuid_t &session, core::Micros hour, const RowVersion &version) {
    HourPath &path = slot_of(session, hour);
    const bool holds = is_for(path, session, hour) && path.version.table == version.table &&
                       path.version.xmin == version.xmin && path.version.cmin == version.cmin &&
                       memcmp(&path.version.place, &version.place, sizeof version.place) == 0;
    return holds ? &path : nullptr;
}

HourPath *PathCache::keep(const pg_uuid_t &session, core::Micros hour, std::span<const core::Instant> instants) {
    if (context == nullptr) {
        context = AllocSetContextCreate(TopMemoryContext, "people_counter hour paths", ALLOCSET_DEFAULT_SIZES);
    }
    HourPath &path = slot_of(session, hour);
    path.used = false;
    if (instants.size() > kLargestHour) {
        return nullptr;
    }
    reserve(path, instants.size());
    std::copy(instants.begin(), instants.end(), path.instants);
    path.count = instants.size();
    path.session = session;
    path.hour = hour;
    path.version = RowVersion{};
    path.used = true;
    return &path;
}

bool PathCache::add(HourPath &path, core::Instant instant) {
    core::Instant *end = path.instants + path.count;
    core::Instant *place = std::lower_bound(path.instants, end, instant.time,
                                            [](const core::Instant &i, core::Micros t) { return i.time < t; });
    if (place != end && place->time == instant.time) {
        place->net += instant.net;
        return true;
    }
    if (path.count == path.capacity) {
        path.used = false;  // the next scan gives it more room
        return false;
    }
    std::copy_backward(place, end, end + 1);
    *place = instant;
    ++path.count;
    return true;
}

void PathCache::forget(const pg_uuid_t &session, core::Micros hour) {
    HourPath &path = slot_of(session, hour);
    if (is_for(path, session, hour)) {
        path.used = false;
    }
}

}  // namespace people_counter::statistics
