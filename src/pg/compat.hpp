// Every difference between the supported server versions, one shim each.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include <utils/jsonb.h>
}

namespace people_counter::pg {

// PG 16 (19d8e2308bc): heap_update tells which indexes want the new version instead of whether any does.
#if PG_VERSION_NUM >= 160000
using IndexUpdate = TU_UpdateIndexes;
inline bool wants_index_entries(IndexUpdate update) { return update != TU_None; }
inline bool only_summarizing(IndexUpdate update) { return update == TU_Summarizing; }
#else
using IndexUpdate = bool;
inline bool wants_index_entries(IndexUpdate update) { return update; }
inline bool only_summarizing(IndexUpdate) { return false; }
#endif

// What heapam_tuple_update does, for a row that is a heap tuple already.
inline TM_Result update_row(Relation table, ItemPointerData *place, HeapTuple row, TM_FailureData *failure,
                            LockTupleMode *lock_mode, IndexUpdate *index_update) {
#if PG_VERSION_NUM >= 190000  // takes options
    return heap_update(table, place, row, GetCurrentCommandId(true), 0, InvalidSnapshot, true, failure, lock_mode,
                       index_update);
#elif PG_VERSION_NUM >= 160000
    return heap_update(table, place, row, GetCurrentCommandId(true), InvalidSnapshot, true, failure, lock_mode,
                       index_update);
#else
    const TM_Result result = heap_update(table, place, row, GetCurrentCommandId(true), InvalidSnapshot, true, failure,
                                         lock_mode);
    *index_update = result == TM_Ok && !HeapTupleIsHeapOnly(row);
    return result;
#endif
}

// PG 19 has options for what was whether the row goes to another partition.
inline TM_Result delete_row(Relation table, ItemPointerData *place, TM_FailureData *failure) {
#if PG_VERSION_NUM >= 190000
    return table_tuple_delete(table, place, GetCurrentCommandId(true), 0, InvalidSnapshot, InvalidSnapshot, true,
                              failure);
#else
    return table_tuple_delete(table, place, GetCurrentCommandId(true), InvalidSnapshot, InvalidSnapshot, true, failure,
                              false);
#endif
}

// PG 16 (19d8e2308bc) added onlySummarizing.
inline void insert_index_entries(ResultRelInfo *target, TupleTableSlot *slot, EState *estate, bool is_update,
                                 [[maybe_unused]] bool summarizing) {
#if PG_VERSION_NUM >= 190000
    uint32 flags = (is_update ? EIIT_IS_UPDATE : 0) | (summarizing ? EIIT_ONLY_SUMMARIZING : 0);
    list_free(ExecInsertIndexTuples(target, estate, flags, slot, NIL, nullptr));
#elif PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(target, slot, estate, is_update, false, nullptr, NIL, summarizing));
#else
    list_free(ExecInsertIndexTuples(target, slot, estate, is_update, false, nullptr, NIL));
#endif
}

// PG 18 (0fbceae841c) lets scans report to EXPLAIN, PG 19 has flags for what will be done with the rows.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 190000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

inline TableScanDesc begin_table_scan(Relation table, Snapshot snapshot) {
#if PG_VERSION_NUM >= 190000
    return table_beginscan(table, snapshot, 0, nullptr, SO_NONE);
#else
    return table_beginscan(table, snapshot, 0, nullptr);
#endif
}

// PG 19 keeps a page of the visibility map for the next call, if there is one.
inline void prune_page(Relation table, Buffer buffer) {
#if PG_VERSION_NUM >= 190000
    Buffer map = InvalidBuffer;
    heap_page_prune_opt(table, buffer, &map, false);
    if (BufferIsValid(map)) {
        ReleaseBuffer(map);
    }
#else
    heap_page_prune_opt(table, buffer);
#endif
}

// PG 19 gave the caches a type.
#if PG_VERSION_NUM >= 190000
using CacheId = SysCacheIdentifier;
#else
using CacheId = int;
#endif

// PG 18 asks whether a deferrable one will do.
inline Oid primary_key_of(Relation table) {
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(table, false);
#else
    return RelationGetPrimaryKeyIndex(table);
#endif
}

// Pins the buffer if it still holds the block. PG 16 (b0a55e43299) renamed the relation's physical name.
inline bool read_recent_buffer(Relation table, const ItemPointerData *place, Buffer buffer) {
#if PG_VERSION_NUM >= 160000
    return BufferIsValid(buffer) &&
           ReadRecentBuffer(table->rd_locator, MAIN_FORKNUM, ItemPointerGetBlockNumber(place), buffer);
#else
    return BufferIsValid(buffer) &&
           ReadRecentBuffer(table->rd_node, MAIN_FORKNUM, ItemPointerGetBlockNumber(place), buffer);
#endif
}

// PG 19 keeps the result where the state is.
#if PG_VERSION_NUM >= 190000
using JsonbBuild = JsonbInState;
inline void push_jsonb(JsonbBuild *build, JsonbIteratorToken token, JsonbValue *value) {
    pushJsonbValue(build, token, value);
}
#else
struct JsonbBuild {
    JsonbParseState *state;
    JsonbValue *result;
};
inline void push_jsonb(JsonbBuild *build, JsonbIteratorToken token, JsonbValue *value) {
    build->result = pushJsonbValue(&build->state, token, value);
}
#endif

}  // namespace people_counter::pg
