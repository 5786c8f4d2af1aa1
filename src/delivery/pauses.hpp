// Channels that do not answer: each delivery waits for its own next attempt, but a channel that is down is not tried
// once for each of thousands that wait.
#pragma once

#include "delivery/flight.hpp"

namespace people_counter::delivery {

// What an attempt says of its channel.
void note_attempt(const Flight &flight);

// Something was queued, or a channel was changed: no pause lasts much longer.
void shorten_pauses();

// Channels to leave alone now, at most `room`, and when the first of them may be tried again (DT_NOEND: none).
int paused_channels(Datum *channels, int room, TimestampTz &until);

}  // namespace people_counter::delivery
