// What a statement did to one session: movements and metrics samples that came or went.
#pragma once

#include "pg/prelude.hpp"

#include "core/occupancy.hpp"

namespace people_counter::statistics {

enum class Kind : uint8 { kIn, kOut, kDetecting, kTracking, kWaiting };

inline bool is_movement(Kind kind) { return kind == Kind::kIn || kind == Kind::kOut; }

inline constexpr int32 kNoConfidence = -1;

struct Event {
    core::Micros time;
    int32 value;  // of a movement its confidence in 1e-9 or kNoConfidence, of a sample the people it reports
    Kind kind;
    int8 sign;  // +1 came, -1 went

    int64 net() const { return kind == Kind::kIn ? sign : kind == Kind::kOut ? -sign : 0; }

    // Of a sample, its place among counters by detection status.
    int status() const { return static_cast<int>(kind) - static_cast<int>(Kind::kDetecting); }

    core::Counts counts() const {
        core::Counts c;
        if (is_movement(kind)) {
            c.entered = kind == Kind::kIn ? sign : 0;
            c.exited = kind == Kind::kOut ? sign : 0;
            c.confidence_sum = value == kNoConfidence ? 0 : sign * static_cast<int64>(value);
            c.confidence_count = value == kNoConfidence ? 0 : sign;
        }
        return c;
    }
};

inline bool same_session(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) == 0; }

struct SessionEvent {
    pg_uuid_t session;
    Event event;
};

}  // namespace people_counter::statistics
