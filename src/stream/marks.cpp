#include "stream/marks.hpp"

#include <algorithm>

namespace people_counter::stream {

namespace {

constexpr Size kMost = 16 * 1024;
constexpr int kLongestOverrun = 10'000;  // ms: somebody's long transaction is not waited for

}  // namespace

void Marks::open(alerting::Board *board, int index) {
    board_ = board;
    index_ = index;
    marks_ = static_cast<StreamMark *>(
        MemoryContextAlloc(TopMemoryContext, (kMost + board->entries) * sizeof(StreamMark)));
    forget();
}

void Marks::forget() {
    count_ = ended_ = 0;
    running = prepared = alerts = overrun = false;
    look_at_all(core::kEndOfTime);
}

void Marks::look_at_all(core::Micros from) {
    overrun_from = overrun ? std::min(overrun_from, from) : from;
    overrun = true;
    overrun_until_ = XidFromFullTransactionId(ReadNextFullTransactionId());
    overrun_at_ = GetCurrentTimestamp();
}

bool Marks::drain() {
    const alerting::StreamTaken taken = alerting::take_stream_marks(board_, index_, marks_ + count_);
    count_ += taken.count;
    alerts = alerts || taken.alerts;
    core::Micros from = taken.overrun_from;
    bool lost = taken.overrun;
    for (; count_ > kMost; --count_) {
        lost = true;
        from = std::min(from, marks_[count_ - 1].from);
    }
    if (lost) {
        look_at_all(from);
    }
    return lost || taken.count > 0 || taken.alerts;
}

void Marks::add(const StreamMark &mark) {
    if (count_ < kMost) {
        marks_[count_++] = mark;
    }
}

std::span<StreamMark> Marks::ended(Snapshot snapshot) {
    StreamMark *end = std::partition(marks_, marks_ + count_,
                                     [&](const StreamMark &mark) { return has_ended(mark.xid, snapshot); });
    ended_ = end - marks_;
    std::sort(marks_, end,
              [](const StreamMark &a, const StreamMark &b) { return memcmp(&a.session, &b.session, UUID_LEN) < 0; });
    return {marks_, ended_};
}

void Marks::settle(TransactionId xmin) {
    std::move(marks_ + ended_, marks_ + count_, marks_);
    count_ -= ended_;
    ended_ = 0;
    prepared = std::any_of(marks_, marks_ + count_,
                           [](const StreamMark &mark) { return (mark.what & alerting::kPreparedToo) != 0; });
    running = std::any_of(marks_, marks_ + count_,
                          [](const StreamMark &mark) { return (mark.what & alerting::kPreparedToo) == 0; });
    overrun = overrun && TransactionIdPrecedes(xmin, overrun_until_) &&
              !TimestampDifferenceExceeds(overrun_at_, GetCurrentTimestamp(), kLongestOverrun);
    running = running || overrun;
}

}  // namespace people_counter::stream
