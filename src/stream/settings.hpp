// Settings of the live stream, which people_counter.so defines.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::stream {

struct Settings {
    const char *url;     // empty: off
    const char *socket;  // empty: over the network
    int interval;        // ms
};

// As they are now. The texts are good until the configuration is read again.
inline Settings current_settings() {
    const auto text = [](const char *name) {
        const char *value = GetConfigOption(name, true, false);
        return value == nullptr ? "" : value;
    };
    const char *interval = text("people_counter.stream_interval");
    return {text("people_counter.stream_url"), text("people_counter.stream_socket"),
            interval[0] == '\0' ? 100 : atoi(interval)};
}

}  // namespace people_counter::stream
