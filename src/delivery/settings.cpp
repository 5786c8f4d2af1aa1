#include "delivery/settings.hpp"

namespace people_counter::delivery {

namespace {

// A setting is not there if an older people_counter.so was loaded when the server started.
int number(const char *name, int otherwise) {
    const char *value = GetConfigOption(name, true, false);
    return value == nullptr ? otherwise : atoi(value);
}

const char *text(const char *name, const char *otherwise) {
    const char *value = GetConfigOption(name, true, false);
    return value == nullptr ? otherwise : value;
}

}  // namespace

Settings current_settings() {
    Settings s{};
    s.enabled = strcmp(text("people_counter.delivery_enabled", "on"), "off") != 0;
    s.connect_timeout = number("people_counter.delivery_connect_timeout", 5'000);
    s.timeout = number("people_counter.delivery_timeout", 15'000);
    s.max_backoff = number("people_counter.delivery_max_backoff", 600);
    s.give_up_after = number("people_counter.delivery_give_up_after", 3 * SECS_PER_DAY);
    s.allowed_hosts = text("people_counter.delivery_allowed_hosts", "*");
    s.ca_file = text("people_counter.delivery_ca_file", "");
    return s;
}

}  // namespace people_counter::delivery
