// New rows of one table, by session, as they are in its primary key.
#pragma once

#include "pg/compat.hpp"
#include "pg/relations.hpp"
#include "stream/past.hpp"

namespace people_counter::stream {

struct Rows {
    Relation table;
    Relation key;
    TupleTableSlot *row;
    IndexScanDesc scan;
    int created_at;

    static Rows open(const pg::Relations &relations, Oid table_id, int created_at, Snapshot snapshot) {
        Rows rows{};
        rows.table = pg::open_table(relations, table_id, AccessShareLock);
        rows.key = pg::open_key(rows.table, AccessShareLock);
        rows.row = table_slot_create(rows.table, nullptr);
        rows.scan = pg::begin_index_scan(rows.table, rows.key, snapshot, 2);
        rows.created_at = created_at;
        return rows;
    }

    void close() {
        index_endscan(scan);
        ExecDropSingleTupleTableSlot(row);
        index_close(key, NoLock);
        table_close(table, NoLock);
    }

    // Calls take(row) for each that is new, in order of time, until it says no.
    template <class F>
    void for_each_new(const Past &past, const pg_uuid_t &session, core::Micros from, std::span<const StreamMark> marks,
                      F &&take) {
        ScanKeyData keys[2];
        ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session));
        ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(from));
        index_rescan(scan, keys, 2, nullptr, 0);
        while (index_getnext_slot(scan, ForwardScanDirection, row)) {
            CHECK_FOR_INTERRUPTS();
            if (past.is_new(row, created_at, marks.data(), marks.size()) && !take(row)) {
                break;
            }
        }
    }
};

}  // namespace people_counter::stream
