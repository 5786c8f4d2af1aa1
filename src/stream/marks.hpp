// Marks of transactions, from the board until they have been looked after.
#pragma once

#include "stream/past.hpp"

namespace people_counter::stream {

class Marks {
  public:
    void open(alerting::Board *board, int index);
    void forget();  // all that were taken; whoever runs now may have left one before anybody asked for them

    // Takes what is on the board. True if there was anything.
    bool drain();
    void add(const StreamMark &mark);

    // Puts those whose transactions have ended first, in order of their sessions, and returns them. A snapshot sees all
    // that they did, or has seen them fail.
    std::span<StreamMark> ended(Snapshot snapshot);
    // Those are looked after.
    void settle(TransactionId xmin);  // of that snapshot

    bool running;   // of what is kept, a transaction is about to commit
    bool prepared;  // or may, and tells nobody
    bool alerts;    // some fired or ended
    // More was marked than there was room for, or nobody asked for marks yet: whoever it was is looked for in all
    // sessions, until all have ended that may have left a mark.
    bool overrun;
    core::Micros overrun_from;  // kEndOfTime: only their statistics may have changed

  private:
    void look_at_all(core::Micros from);

    alerting::Board *board_;
    int index_;
    StreamMark *marks_;
    Size count_;
    Size ended_;
    TransactionId overrun_until_;
    TimestampTz overrun_at_;
};

}  // namespace people_counter::stream
