// The settings of people_counter.*, of both modules: the prefix is reserved, so one place defines them all.
#pragma once

namespace people_counter::pg {

struct Settings {
    bool alert_enabled;
    int alert_log_level;     // elevel
    int alert_max_interval;  // ms; 0: only when woken or due
    int alert_max_lag;       // ms
    int alert_workers;
    char *stream_url;  // empty: nobody listens
};

extern Settings settings;

void define_settings();

}  // namespace people_counter::pg
