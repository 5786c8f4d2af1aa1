// Processes that the launcher starts for a database, and when it does so again.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::alerting {

// One process of a database.
struct Child {
    BackgroundWorkerHandle *handle;  // nullptr: does not run
    TimestampTz started;
    TimestampTz not_before;
    int retry;  // ms
};

// Of any worker of ours: what is not said is zero.
void describe_worker(BackgroundWorker &worker, const char *type, const char *library, const char *function);

// The alert worker of a database, or its delivery worker. If there is no room for it, that is said once, and it may be
// tried again later.
void start_child(Child &child, Oid database, int slot, bool delivery);

// A child that ended is forgotten, and may come again after a while that grows as long as it ends soon. One that has
// worked was ended by somebody, as CREATE DATABASE does with its template, and need not wait longer each time.
bool reap(Child &child, bool worked);

}  // namespace people_counter::alerting
