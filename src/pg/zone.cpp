#include "pg/prelude.hpp"

#include "pg/zone.hpp"

#include <cerrno>

namespace people_counter::pg {

namespace {

constexpr int64 kUnixOffset = (static_cast<int64>(POSTGRES_EPOCH_JDATE) - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

core::OffsetSpan span_at(const void *rules, core::Micros time) noexcept {
    const auto *zone = static_cast<const pg_tz *>(rules);
    const pg_time_t at = core::floor_to(time, core::kSecond) / core::kSecond + kUnixOffset;
    pg_time_t from = at - 2 * SECS_PER_DAY;  // or a transition after it
    bool transition = false;
    long offset = 0;
    for (pg_time_t probe = from;;) {
        long before = 0;
        long after = 0;
        int before_is_dst = 0;
        int after_is_dst = 0;
        pg_time_t boundary = 0;
        const int found = pg_next_dst_boundary(&probe, &before, &before_is_dst, &boundary, &after, &after_is_dst, zone);
        offset = before;
        if (found != 1) {
            return {(from - kUnixOffset) * core::kSecond, core::kEndOfTime, offset * core::kSecond, transition};
        }
        if (before != after) {
            if (boundary > at) {
                return {(from - kUnixOffset) * core::kSecond, (boundary - kUnixOffset) * core::kSecond,
                        offset * core::kSecond, transition};
            }
            from = boundary;
            transition = true;
        }
        probe = boundary;
    }
}

// The server asks malloc() for room to load a zone, and takes one that there is none for as one that does not exist.
pg_tz *load_zone(const char *name) {
    errno = 0;
    pg_tz *zone = pg_tzset(name);
    if (zone == nullptr && errno == ENOMEM) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                        errdetail("Failed while loading a time zone.")));
    }
    return zone;
}

}  // namespace

bool zone_exists(const char *name) {
    if (name[0] == '\0' || strlen(name) > TZ_STRLEN_MAX) {
        return false;
    }
    pg_tz *zone = load_zone(name);
    return zone != nullptr && pg_tz_acceptable(zone);
}

core::Zone zone_named(const char *name) {
    if (!zone_exists(name)) {
        const int shown = pg_mbcliplen(name, static_cast<int>(strlen(name)), 64);
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown time_zone \"%.*s\"", shown, name),
                 errhint(
                     "Give a name such as Asia/Ho_Chi_Minh; pg_timezone_names lists those that this server knows.")));
    }
    return {pg_tzset(name), span_at};
}

}  // namespace people_counter::pg
