// Messages that wait to be sent, in order.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::stream {

enum class MessageKind : uint8 { kMovement, kStatistics, kMetrics, kAlert };

struct Message {
    Message *next;
    MessageKind kind;
    bool has_session;
    pg_uuid_t session;
    uint32 rows;  // movements in it
    size_t size;
    char body[FLEXIBLE_ARRAY_MEMBER];
};

// A list in one memory context. Alerts wait however long it takes, as far as there is any sense in it; the others are
// not kept beyond a few megabytes.
class Queue {
  public:
    static constexpr size_t kMostBytes = 8 * 1024 * 1024;
    static constexpr size_t kMostAlertBytes = 4 * 1024 * 1024;

    void open(MemoryContext context) { context_ = context; }
    // With `more` behind it.
    bool has_room(MessageKind kind, const Queue &more) const {
        return kind == MessageKind::kAlert ? alert_bytes_ + more.alert_bytes_ < kMostAlertBytes
                                           : bytes_ + more.bytes_ < kMostBytes;
    }
    // `body` is copied.
    void add(MessageKind kind, const pg_uuid_t *session, uint32 rows, const char *body, size_t size);
    void append(Queue &other);  // takes all of it
    Message *head() const { return head_; }
    void remove_head();
    void clear();

  private:
    size_t &bytes_of(MessageKind kind) { return kind == MessageKind::kAlert ? alert_bytes_ : bytes_; }

    MemoryContext context_ = nullptr;
    Message *head_ = nullptr;
    Message *tail_ = nullptr;
    size_t bytes_ = 0;
    size_t alert_bytes_ = 0;
};

}  // namespace people_counter::stream
