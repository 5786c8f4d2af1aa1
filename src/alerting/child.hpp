// Processes that the launcher starts for a database, and when it does so again.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::alerting {

// One process of a database.
struct Child {
    BackgroundWorkerHandle *handle;  // nullptr: does not run
    TimestampTz started;
    TimestampTz not_before;
    int retry;            // ms
    bool said_no_worker;  // since it was last started
};

// Of any worker of ours: what is not said is zero.
void describe_worker(BackgroundWorker &worker, const char *type, const char *library, const char *function);

enum class Role { kAlerts, kDelivery, kStream };

// A worker of a database. If there is no room for it, that is said once, and it may be
// tried again later.
void start_child(Child &child, Oid database, int slot, Role role);

// A child that ended is forgotten, and may come again after a while that grows as long as it ends soon. One that has
// worked was ended by somebody, as CREATE DATABASE does with its template, and need not wait longer each time.
bool reap(Child &child, bool worked);

}  // namespace people_counter::alerting
