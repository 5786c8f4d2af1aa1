// The messages about one session.
#pragma once

#include "stream/look.hpp"
#include "stream/rows.hpp"

namespace people_counter::stream {

// What is open during a look.
struct Tables {
    const pg::Relations &relations;
    Rows movements;
    Rows samples;
    TimestampTz now;
    core::Micros oldest;  // what was observed before only changes statistics
    StringInfoData body;  // of a message that is being made

    static Tables open(Oid schema, Snapshot snapshot);
    void close();
};

// Columns of the row that is known of it, see look.cpp.
enum SessionColumn {
    kSessionId = 1,
    kName,
    kStatus,
    kCapacity,
    kEntered,
    kExited,
    kPeak,
    kAbsorbed,
    kLastMovement,
    kInside,
    kDue,
};

// `row` of the last query; `said`: what was last said of its statistics.
void visit(Tables &tables, Session &session, uint64 row, uint32 said, const Past &past, Outbox &outbox);

}  // namespace people_counter::stream
