// Settings of the delivery, which people_counter.so defines: the prefix is its own.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::delivery {

struct Settings {
    bool enabled;
    int connect_timeout;  // ms
    int timeout;          // ms
    int max_backoff;      // s
    int give_up_after;    // s
    const char *allowed_hosts;
    const char *ca_file;  // empty: the system's
};

// As they are now. The texts are good until the configuration is read again.
Settings current_settings();

}  // namespace people_counter::delivery
