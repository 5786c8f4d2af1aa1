// Where a look puts its messages: behind those that wait, if there is room.
#pragma once

#include "delivery/encode.hpp"
#include "stream/queue.hpp"

namespace people_counter::stream {

struct Outbox {
    const Queue &waiting;
    Queue messages;
    uint32 dropped;

    bool has_room(MessageKind kind) const { return waiting.has_room(kind, messages); }

    // False: there was no room.
    bool put(MessageKind kind, Audience audience, const pg_uuid_t &session, const StringInfoData &text) {
        if (!has_room(kind)) {
            ++dropped;
            return false;
        }
        if (GetDatabaseEncoding() == PG_UTF8) {
            messages.add(kind, audience, session, text.data, text.len);
        } else {
            const char *body = delivery::to_utf8(text.data);
            messages.add(kind, audience, session, body, strlen(body));
        }
        return true;
    }
};

}  // namespace people_counter::stream
