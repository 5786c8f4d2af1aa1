// The entries of a hash table of the server, one after the other. The one at hand may be removed.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::alerting {

template <class Entry, class F>
void for_each(HTAB *table, F &&body) {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, table);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&all))) {
        body(*entry);
    }
}

}  // namespace people_counter::alerting
