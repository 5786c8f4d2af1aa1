// What the background workers share: whose rights they use, and how they give way.
#pragma once

#include "pg/extension.hpp"
#include "pg/prelude.hpp"

namespace people_counter::pg {

// Of this process so far, in microseconds. Waiting for a disk takes nothing from anybody.
int64 processor_time();

// Finds out that the server's clock was set back since it was last asked, by more than a second. What was planned for a
// time by that clock, such as another try, would come as much too late.
class ClockWatch {
  public:
    bool was_set_back();

  private:
    TimestampTz latest_ = DT_NOBEGIN;
};

// Lets DDL end this process as it ends an autovacuum worker: DROP DATABASE, CREATE DATABASE with this one as template
// and ALTER DATABASE terminate it rather than fail because a session is connected, and a command that waits for one of
// our locks longer than deadlock_timeout cancels what we do.
void give_way_to_ddl();

// A worker of the module of deliveries connects, and gives way. `lock_timeout` as in the setting.
void connect_worker(Oid database, const char *lock_timeout);

// A transaction of a worker with the rights of the owner of the extension's tables, who may have put triggers on
// tables. The rights last until the transaction has ended, so that nothing of the owner's ever runs as a superuser. SPI
// is connected, and a snapshot is active.
class OwnerTransaction {
  public:
    void begin(const char *activity);
    bool become_owner(
        Extension &found);  // false, and nothing changed: there is no extension. ERROR: it is later than this library
    void commit();
    // After an ERROR was caught: takes the error's data off the stack and rolls back. palloc'd in `keep`.
    static ErrorData *roll_back(MemoryContext keep);

  private:
    Oid user_;
    int context_;
};

}  // namespace people_counter::pg
