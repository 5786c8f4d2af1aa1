#include "stream/queue.hpp"

namespace people_counter::stream {

void Queue::add(MessageKind kind, Audience audience, const pg_uuid_t &session, const char *body, size_t size) {
    auto *message = static_cast<Message *>(MemoryContextAllocHuge(context_, offsetof(Message, body) + size));
    message->next = nullptr;
    message->kind = kind;
    message->audience = audience;
    message->session = session;
    message->size = size;
    memcpy(message->body, body, size);
    (tail_ == nullptr ? head_ : tail_->next) = message;
    tail_ = message;
    bytes_of(kind) += size;
}

void Queue::append(Queue &other) {
    if (other.head_ == nullptr) {
        return;
    }
    (tail_ == nullptr ? head_ : tail_->next) = other.head_;
    tail_ = other.tail_;
    bytes_ += other.bytes_;
    alert_bytes_ += other.alert_bytes_;
    other.head_ = other.tail_ = nullptr;
    other.bytes_ = other.alert_bytes_ = 0;
}

void Queue::remove_head() {
    Message *message = head_;
    head_ = message->next;
    tail_ = head_ == nullptr ? nullptr : tail_;
    bytes_of(message->kind) -= message->size;
    pfree(message);
}

void Queue::clear() {
    while (head_ != nullptr) {
        remove_head();
    }
}

}  // namespace people_counter::stream
