#include "stream/visit.hpp"

#include "alerting/query.hpp"
#include "statistics/columns.hpp"
#include "stream/json.hpp"

#include <algorithm>

namespace people_counter::stream {

namespace {

namespace movements = statistics::movements;
namespace metrics = statistics::metrics;

constexpr uint32 kMostMovements = 500;  // in a message
constexpr core::Micros kOldest = 3600 * USECS_PER_SEC;

Datum value_of(TupleTableSlot *row, int column) {
    bool is_null = false;
    return slot_getattr(row, column, &is_null);
}

// False if there was no room for it. Then there is none for more of them.
bool end_movements(Session &session, StringInfo body, uint32 &count, Outbox &outbox) {
    bool fits = true;
    if (count > 0) {
        appendStringInfo(body, "],\"count\":%u}", count);
        fits = outbox.put(MessageKind::kMovement, Audience::kSession, session.id, *body);
        session.owed = session.owed || !fits;
        resetStringInfo(body);
        count = 0;
    }
    return fits;
}

// True if there were any, as far as is known.
bool tell_movements(Tables &tables, Session &session, const Past &past, Outbox &outbox) {
    if (!outbox.has_room(MessageKind::kMovement)) {
        ++outbox.dropped;
        session.owed = true;
        return true;
    }
    StringInfo body = &tables.body;
    resetStringInfo(body);
    uint32 count = 0;
    bool any = false;
    const core::Micros from = std::max(session.from, tables.oldest);
    tables.movements.for_each_new(past, session.id, from, session.marks, [&](TupleTableSlot *row) {
        if (count == 0) {
            begin_message(body, "movement", session.id, session.name, tables.now);
            append(body, ",\"movements\":[");
        } else {
            appendStringInfoChar(body, ',');
        }
        const Oid direction = DatumGetObjectId(value_of(row, movements::movement_direction));
        append_movement(body, row, direction == tables.relations.direction_in);
        any = true;
        return ++count < kMostMovements || end_movements(session, body, count, outbox);
    });
    end_movements(session, body, count, outbox);
    return any;
}

void append_column(StringInfo out, const char *name, uint64 row, int column) {
    bool is_null = false;
    const Datum value = alerting::column(row, column, &is_null);
    if (is_null) {
        appendStringInfo(out, ",\"%s\":null", name);
    } else {
        appendStringInfo(out, ",\"%s\":%d", name, DatumGetInt32(value));
    }
}

void tell_statistics(Tables &tables, Session &session, uint64 row, uint32 said, bool moved, Outbox &outbox) {
    StringInfo body = &tables.body;
    resetStringInfo(body);
    begin_message(body, "statistics", session.id, session.name, tables.now);
    const int start = body->len;
    append_column(body, "current_people_inside", row, kInside);
    append_column(body, "total_people_entered", row, kEntered);
    append_column(body, "total_people_exited", row, kExited);
    append_column(body, "peak_people_count", row, kPeak);
    append_column(body, "exits_absorbed", row, kAbsorbed);
    append_column(body, "capacity", row, kCapacity);
    bool is_null = false;
    const Datum last = alerting::column(row, kLastMovement, &is_null);
    appendStringInfoString(body, ",\"last_movement_time\":");
    append_time(body, is_null ? DT_NOBEGIN : DatumGetTimestampTz(last));
    appendStringInfoString(body, ",\"status\":");
    append_text(body, TextDatumGetCString(alerting::required_column(row, kStatus)));
    appendStringInfoChar(body, '}');
    const uint32 hash = std::max<uint32>(1,
                                         hash_combine(hash_bytes(reinterpret_cast<unsigned char *>(body->data + start),
                                                                 body->len - start),
                                                      hash_bytes(reinterpret_cast<const unsigned char *>(session.name),
                                                                 static_cast<int>(strlen(session.name)))));
    if (moved || hash != said) {
        session.said = hash;
        session.owed = !outbox.put(MessageKind::kStatistics, Audience::kSession, session.id, *body) || session.owed;
    }
}

void tell_sample(Tables &tables, Session &session, const Past &past, Outbox &outbox) {
    StringInfo body = &tables.body;
    resetStringInfo(body);
    const core::Micros from = std::max(session.from, tables.oldest);
    const pg::Relations &relations = tables.relations;
    // The last one stays.
    tables.samples.for_each_new(past, session.id, from, session.marks, [&](TupleTableSlot *row) {
        resetStringInfo(body);
        const Oid status = DatumGetObjectId(value_of(row, metrics::detection_status));
        begin_message(body, "metrics", session.id, session.name,
                      DatumGetTimestampTz(value_of(row, metrics::timestamp)));
        append_sample(body, row,
                      status == relations.status_detecting  ? "detecting"
                      : status == relations.status_tracking ? "tracking"
                                                            : "waiting");
        appendStringInfoChar(body, '}');
        return true;
    });
    if (body->len > 0) {
        outbox.put(MessageKind::kMetrics, Audience::kSession, session.id, *body);
    }
}

}  // namespace

Tables Tables::open(Oid schema, Snapshot snapshot) {
    const pg::Relations &relations = pg::relations_of(schema);
    const TimestampTz now = GetCurrentTimestamp();
    Tables tables{relations,
                  Rows::open(relations, relations.movements, movements::created_at, snapshot),
                  Rows::open(relations, relations.metrics, metrics::created_at, snapshot),
                  now,
                  now - kOldest,
                  {}};
    initStringInfo(&tables.body);
    return tables;
}

void Tables::close() {
    movements.close();
    samples.close();
}

void visit(Tables &tables, Session &session, uint64 row, uint32 said, const Past &past, Outbox &outbox) {
    session.name = TextDatumGetCString(alerting::required_column(row, kName));
    const bool has_news = past.is_known() && session.from != core::kEndOfTime;
    const bool moved = has_news && (session.what & alerting::kMovementsChanged) != 0 &&
                       tell_movements(tables, session, past, outbox);
    tell_statistics(tables, session, row, said, moved, outbox);
    if (has_news && (session.what & alerting::kSamplesChanged) != 0) {
        tell_sample(tables, session, past, outbox);
    }
}

}  // namespace people_counter::stream
