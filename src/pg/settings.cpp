#include "pg/settings.hpp"

#include "pg/prelude.hpp"

#include <algorithm>

namespace people_counter::pg {

Settings settings = {true, LOG, 0, 300'000, 8, nullptr};

namespace {

// Only the delivery worker reads these, by name.
bool delivery_enabled = true;
char *delivery_allowed_hosts = nullptr;
char *delivery_ca_file = nullptr;
int delivery_connect_timeout = 5'000;
int delivery_give_up_after = 3 * 24 * 3600;
int delivery_max_backoff = 600;
int delivery_timeout = 15'000;

// And only the stream worker these.
char *stream_socket = nullptr;
int stream_interval = 100;

const config_enum_entry log_levels[] = {
    {"debug", DEBUG1, false}, {"notice", NOTICE, false}, {"warning", WARNING, false},
    {"log", LOG, false},      {nullptr, 0, false},
};

constexpr int kDay = 24 * 3600;

bool check_stream_url(char **value, void **, GucSource) {
    const char *url = *value;
    const bool has_scheme = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    const bool plain = std::all_of(url, url + strlen(url), [](char c) { return c > ' ' && c <= '~'; });
    if (url[0] != '\0' && (!has_scheme || !plain)) {
        GUC_check_errdetail("It must begin with http:// or https:// and be of printable ASCII.");
        return false;
    }
    return true;
}

bool check_stream_socket(char **value, void **, GucSource) {
    constexpr size_t kLongest = 107;  // of sockaddr_un
    if ((*value)[0] != '\0' && ((*value)[0] != '/' || strlen(*value) > kLongest)) {
        GUC_check_errdetail("It must be an absolute path of at most 107 bytes.");
        return false;
    }
    return true;
}

}  // namespace

void define_settings() {
    DefineCustomBoolVariable("people_counter.alert_enabled", "Watches the alert thresholds of a database.",
                             "Off, the worker stays but raises and resolves nothing. May be set for single databases.",
                             &settings.alert_enabled, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("people_counter.alert_log_level", "Level at which alerts are written to the server's log.",
                             "Each alert that fires or is resolved is one line.", &settings.alert_log_level, LOG,
                             log_levels, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("people_counter.alert_max_interval", "Longest time between two looks at all sessions.",
                            "0: only sessions that changed or have something due are looked at. Worth setting where "
                            "rows arrive without triggers, as on a logical replication subscriber.",
                            &settings.alert_max_interval, 0, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("people_counter.alert_max_lag", "Age from which on arriving data is too late for an alert.",
                            "Older movements and samples change statistics and may resolve an alert, but fire none.",
                            &settings.alert_max_lag, 300'000, 1'000, kDay * 1'000, PGC_SUSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    if (process_shared_preload_libraries_in_progress) {  // it can only be set before the server starts
        DefineCustomIntVariable("people_counter.alert_workers", "Number of databases that can be watched at once.",
                                "Each takes one of max_worker_processes, and one more while it has alerts to deliver.",
                                &settings.alert_workers, 8, 0, 256, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    }

    DefineCustomStringVariable("people_counter.delivery_allowed_hosts", "Hosts that alerts may be sent to.",
                               "Names or addresses separated by commas; *.example.org is every host below "
                               "example.org, * is any.",
                               &delivery_allowed_hosts, "*", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("people_counter.delivery_ca_file", "File of certificates to trust when alerts are sent.",
                               "Empty: those of the system.", &delivery_ca_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
                               nullptr, nullptr, nullptr);
    DefineCustomIntVariable("people_counter.delivery_connect_timeout", "Longest time to wait for a connection.",
                            nullptr, &delivery_connect_timeout, 5'000, 100, 600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomBoolVariable("people_counter.delivery_enabled", "Sends alerts to their channels.",
                             "Off, deliveries wait in alert_deliveries.", &delivery_enabled, true, PGC_SIGHUP, 0,
                             nullptr, nullptr, nullptr);
    DefineCustomIntVariable("people_counter.delivery_give_up_after", "Age at which a delivery is given up.", nullptr,
                            &delivery_give_up_after, 3 * kDay, 1, 365 * kDay, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("people_counter.delivery_max_backoff", "Longest time between two tries of a delivery.",
                            nullptr, &delivery_max_backoff, 600, 1, kDay, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("people_counter.delivery_timeout", "Longest time that one try may take.", nullptr,
                            &delivery_timeout, 15'000, 100, 3'600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("people_counter.stream_interval",
                            "Shortest time between two messages of the live stream about one session.", nullptr,
                            &stream_interval, 100, 20, 5'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("people_counter.stream_socket",
                               "Path of the unix socket through which people_counter.stream_url is reached.",
                               "Empty: over the network.", &stream_socket, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
                               check_stream_socket, nullptr, nullptr);
    DefineCustomStringVariable("people_counter.stream_url", "Where the messages of the live stream are posted.",
                               "Empty: there is none.", &settings.stream_url, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
                               check_stream_url, nullptr, nullptr);
    MarkGUCPrefixReserved("people_counter");
}

}  // namespace people_counter::pg
