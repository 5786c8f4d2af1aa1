// The outbox: which deliveries are due, and what became of them. Each function is a transaction of its own and may
// raise an ERROR.
#pragma once

#include "delivery/flight.hpp"
#include "delivery/settings.hpp"

namespace people_counter::delivery {

struct Look {
    bool has_extension;
    bool is_empty;        // nothing waits on an active channel, but for the flights
    TimestampTz next_at;  // when the next one is due that there was room for; DT_NOEND: none
};

// Fills free flights with what is due: of each channel that has none on its way the delivery that is due first, if no
// earlier one about the same alert waits. They are ready then. After an ERROR the new ones are to be cleared.
Look take_due(Flight *flights, const Settings &settings);

// Writes down the outcome of a flight. False: the extension is gone.
bool record_outcome(const Flight &flight, const Settings &settings);

}  // namespace people_counter::delivery
