// Messages that wait to be sent, in order.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::stream {

enum class MessageKind : uint8 { kMovement, kStatistics, kMetrics, kAlert };

// Who gets it. An alert is not for a device, and is posted to one audience after the other: of several channels at once
// a gateway whose memory is full may fill one and say that all is well.
enum class Audience : uint8 {
    kSession,  // of a session: who hears all, who hears this session, and the device that it belongs to
    kAll,      // who hears all
    kReaders,  // who hears this session and may see its alerts
};

struct Message {
    Message *next;
    MessageKind kind;
    Audience audience;
    pg_uuid_t session;  // unless it is for kAll
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
    void add(MessageKind kind, Audience audience, const pg_uuid_t &session, const char *body, size_t size);
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
