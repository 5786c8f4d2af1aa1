// Rows of the derived tables, found, updated and inserted through the table and index access methods: no SPI, no
// planner, no executor. This is what logical replication's apply worker does (src/backend/executor/execReplication.c).
//
// All of it is plain data: an ERROR leaves the clean-up to the transaction.
#pragma once

#include "pg/relations.hpp"

namespace people_counter::pg {

[[noreturn]] void report_null(TupleTableSlot *row, int column);

// A column that is never NULL, unless somebody altered the table.
inline Datum required(TupleTableSlot *row, int column) {
    bool is_null = false;
    const Datum value = slot_getattr(row, column, &is_null);
    if (unlikely(is_null)) {
        report_null(row, column);
    }
    return value;
}

// The key of a derived row: its session, and the hour or day where there is one.
struct RowKey {
    const pg_uuid_t *session;
    Datum second;      // timestamptz or date
    Oid second_equal;  // its equality function, InvalidOid where the session is the whole key
};

// Where the index entry of a row leads to, the buffer that had it, and how large the row was.
struct RowPlace {
    ItemPointerData root;
    uint16 size;
    Buffer buffer;

    void forget() {
        ItemPointerSetInvalid(&root);
        buffer = InvalidBuffer;
    }
};

struct DerivedTable {
    Relation table;
    Relation key_index;     // opened when first needed
    TupleTableSlot *found;  // the row of the last successful search
    Datum *values;          // what will be stored, by column
    bool *nulls;
    ItemPointerData stored;  // where the last update() or insert() put it

    static DerivedTable open(const Relations &relations, Oid table_id);
    void close();

    // The row with this key, and the place from which its index entry leads to it.
    bool find(const RowKey &key, Snapshot snapshot, RowPlace *place);
    // The row version that a place leads to, without an index, if its page is still in the buffer it was in. The
    // caller compares the key: the place may have been reused.
    bool find_at(const RowPlace &place, Snapshot snapshot);
    // Whether this transaction made the version that was found.
    bool found_is_own() const;
    // After update(): where the row is now.
    void follow(RowPlace &place) const;

    // Starts what will be stored as a copy of `found`, or all NULL.
    void begin_change(bool copy_found);
    void set(AttrNumber column, Datum value) {
        values[column - 1] = value;
        nulls[column - 1] = false;
    }
    void set_null(AttrNumber column) { nulls[column - 1] = true; }
    Datum get(AttrNumber column, bool *is_null) { return slot_getattr(found, column, is_null); }
    Datum value(AttrNumber column) { return required(found, column); }

    // Writes the new values over `found`. TM_Ok or TM_Updated/TM_Deleted where another transaction was faster; under
    // REPEATABLE READ and above that is a serialization failure (ERROR 40001).
    TM_Result update();
    bool moved;            // whether the last update() gave the row a new place
    void update_locked();  // where the caller holds the session's lock and nobody else can have been there
    void insert();
    void remove();

  private:
    void ensure_key_index();
    HeapTuple form(bool is_insert);
    void insert_index_entries(HeapTuple row, bool is_update, bool summarizing);
    void complete_user_columns(bool is_insert);
};

// Ends a DerivedTable search loop under a transaction-wide snapshot.
[[noreturn]] void report_serialization_failure();

}  // namespace people_counter::pg
