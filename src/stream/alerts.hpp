// Alerts that fired, were repeated or ended, told by what they were at the last look.
#pragma once

#include "stream/outbox.hpp"

namespace people_counter::stream {

class Alerts {
  public:
    void forget();
    // In a transaction. Without an earlier look, nothing is news.
    void look(Oid schema, Outbox &outbox);
    void settle();  // after it was committed

  private:
    HTAB *begin();
    void tell(Oid schema, const pg_uuid_t &alert, const char *event, Outbox &outbox);

    HTAB *known_ = nullptr;
    HTAB *next_ = nullptr;
};

}  // namespace people_counter::stream
