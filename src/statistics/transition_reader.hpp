// Reads a statement's transition tables as events, and refuses rows that no device can have meant.
#pragma once

#include "pg/relations.hpp"
#include "statistics/event.hpp"

namespace people_counter::statistics {

// One transition table, row by row, any number of times.
class TransitionTable {
  public:
    static TransitionTable open(Tuplestorestate *rows, TupleDesc columns);
    void close() { ExecDropSingleTupleTableSlot(row_); }
    void rewind();
    TupleTableSlot *next();  // nullptr at the end

  private:
    Tuplestorestate *rows_;
    TupleTableSlot *row_;
    int pointer_;
};

// The movements or metrics samples that a statement inserted, updated or deleted. A row that an update left as it was,
// as far as statistics are concerned, is passed over.
class TransitionReader {
  public:
    static TransitionReader open(TriggerData *trigger, const pg::Relations &relations);
    void close();
    void rewind();
    bool next(SessionEvent &event);

  private:
    SessionEvent event_in(TupleTableSlot *row, int8 sign);

    TransitionTable old_rows_;
    TransitionTable new_rows_;
    bool has_old_;
    bool has_new_;
    bool movements_;
    bool checked_;  // every row was checked in an earlier pass
    bool has_pending_;
    SessionEvent pending_;
    Oid direction_in_;
    Oid detecting_;
    Oid tracking_;
};

}  // namespace people_counter::statistics
