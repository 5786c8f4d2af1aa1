// Sends: the only place that knows curl. No function here raises an ERROR; none waits longer than it is told.
#pragma once

#include "delivery/flight.hpp"
#include "delivery/settings.hpp"

namespace people_counter::delivery {

// Once. False: curl does not work in this process.
bool start_courier();

// Takes a flight that is ready. It may be done at once, without an attempt over the network.
void send(Flight &flight, const Settings &settings);

// Lets what is on its way go on, for at most `milliseconds` if nothing happens.
void carry_on(Flight *flights, int milliseconds);

}  // namespace people_counter::delivery
