// What the last look could see, and which rows are therefore new.
#pragma once

#include "alerting/board.hpp"
#include "core/past_view.hpp"

namespace people_counter::stream {

using alerting::StreamMark;

// True if the snapshot sees all that the transaction did, or that it failed. Only for those that are no subtransaction.
bool has_ended(TransactionId xid, Snapshot snapshot);

class Past {
  public:
    bool is_known() const { return known_; }
    void forget() { known_ = false; }
    void remember(Snapshot snapshot);

    // Whether a row that is visible now was not then, and was no other version of one that was. `marks` are those of
    // its session. What nobody can know is not new.
    bool is_new(TupleTableSlot *row, int created_at, const StreamMark *marks, Size count) const;

  private:
    bool was_made_by(TransactionId xid, TimestampTz created_at, const StreamMark *marks, Size count) const;

    core::PastView view_{};
    bool known_ = false;
    Size capacity_ = 0;
    uint32 *running_ = nullptr;
};

}  // namespace people_counter::stream
