#include "delivery/pauses.hpp"

#include <algorithm>

namespace people_counter::delivery {

namespace {

constexpr int kMost = 64;      // channels that are watched; others are just tried
constexpr int kPatience = 3;   // attempts in a row without an answer
constexpr int kDoublings = 5;  // up to 32 s
constexpr TimestampTz kShortest = USECS_PER_SEC;

struct Pause {
    pg_uuid_t channel;
    int failures;  // 0: free
    TimestampTz until;
};
Pause pauses[kMost];

Pause *find(const pg_uuid_t &channel) {
    Pause *const end = pauses + kMost;
    Pause *const found = std::find_if(pauses, end, [&](const Pause &pause) {
        return pause.failures > 0 && memcmp(&pause.channel, &channel, UUID_LEN) == 0;
    });
    return found == end ? nullptr : found;
}

}  // namespace

void note_attempt(const Flight &flight) {
    Pause *pause = find(flight.channel);
    if (flight.outcome.delivered || flight.outcome.status != 0) {
        if (pause != nullptr) {
            pause->failures = 0;
        }
        return;
    }
    if (pause == nullptr) {
        Pause *const end = pauses + kMost;
        pause = std::find_if(pauses, end, [](const Pause &free) { return free.failures == 0; });
        if (pause == end) {
            return;
        }
        *pause = Pause{flight.channel, 0, DT_NOBEGIN};
    }
    ++pause->failures;
    if (pause->failures >= kPatience) {
        pause->until = flight.outcome.ended_at + (kShortest << std::min(pause->failures - kPatience, kDoublings));
    }
}

void shorten_pauses() {
    const TimestampTz soon = GetCurrentTimestamp() + kShortest;
    for (Pause &pause : pauses) {
        pause.until = std::min(pause.until, soon);
    }
}

int paused_channels(Datum *channels, int room, TimestampTz &until) {
    const TimestampTz now = GetCurrentTimestamp();
    int count = 0;
    until = DT_NOEND;
    for (Pause &pause : pauses) {
        if (pause.failures >= kPatience && pause.until > now && count < room) {
            channels[count++] = UUIDPGetDatum(&pause.channel);
            until = std::min(until, pause.until);
        }
    }
    return count;
}

}  // namespace people_counter::delivery
