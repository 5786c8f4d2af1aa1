// One look at what was committed since the last, and the messages that it makes.
#pragma once

#include "stream/alerts.hpp"
#include "stream/marks.hpp"

namespace people_counter::stream {

// A session in one look.
struct Session {
    pg_uuid_t id;
    core::Micros from;  // its earliest change
    uint32 what;
    std::span<const StreamMark> marks;
    const char *name;
    uint32 said;       // of its statistics; 0: nothing new
    core::Micros due;  // when they change without a commit; kEndOfTime: never
    bool owed;         // a message about it was dropped
};

class Observer {
  public:
    void create(alerting::Board *board, int index);

    bool drain() { return marks_.drain() || alerts_due_; }
    const Marks &marks() const { return marks_; }

    // In one short transaction that reads. An ERROR leaves all as it was, but for the transaction. False: there is no
    // extension. What it keeps until settle() is in `scratch`.
    bool look(Outbox &outbox, MemoryContext scratch);
    void settle();  // after it

    // A message about the session could not be sent. Once others can be, its statistics are.
    void owe(const pg_uuid_t &session);
    // When a reset or a planned baseline changes a session without a commit; kEndOfTime: nothing is known of any.
    core::Micros due_at() const { return due_at_; }
    void note_due(core::Micros now);
    bool repay();  // true if there were any

  private:
    void forget();
    std::span<Session> sessions_of(Oid schema, Snapshot snapshot, MemoryContext scratch);
    uint32 said_of(const pg_uuid_t &session) const;
    struct Said *said_entry(const pg_uuid_t &session);

    Marks marks_;
    Past past_;
    Alerts alerts_;
    HTAB *said_;
    Oid extension_;
    bool alerts_due_;
    bool owes_;
    core::Micros due_at_;
    std::span<Session> sessions_;  // of the look
    Past next_past_;
    TransactionId xmin_;
};

}  // namespace people_counter::stream
