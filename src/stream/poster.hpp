// Posts messages, one after the other over one connection. No function here raises an ERROR; none waits longer than it
// is told.
#pragma once

#include "stream/queue.hpp"
#include "stream/settings.hpp"

namespace people_counter::stream {

enum class Answer : uint8 {
    kNone,  // it is on its way, or there is nothing
    kTaken,
    kRefused,  // for what it is: it would be again
    kFailed,   // may be tried again
};

// Once. False: curl does not work in this process.
bool start_poster();
void configure_poster(const Settings &settings);

// Gives it to curl, which reads the body until there is an answer. False: it could not be given.
bool post(const Message &message, const Settings &settings);
bool is_posting();
// Lets what is on its way go on, for at most `milliseconds` if nothing happens.
Answer carry_on(int milliseconds);
const char *last_error();

}  // namespace people_counter::stream
