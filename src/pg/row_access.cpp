#include "pg/row_access.hpp"

#include "pg/compat.hpp"
#include "pg/row_form.hpp"

namespace people_counter::pg {

void report_null(TupleTableSlot *row, int column) {
    ereport(ERROR,
            (errcode(ERRCODE_NOT_NULL_VIOLATION),
             errmsg("%s must not be null", NameStr(TupleDescAttr(row->tts_tupleDescriptor, column - 1)->attname)),
             errhint("The column was NOT NULL when people_counter made it.")));
    pg_unreachable();
}

DerivedTable DerivedTable::open(const Relations &relations, Oid table_id) {
    DerivedTable t{};
    t.table = open_table(relations, table_id, RowExclusiveLock);
    t.found = table_slot_create(t.table, nullptr);
    const int columns = RelationGetDescr(t.table)->natts;
    t.values = static_cast<Datum *>(palloc(columns * (sizeof(Datum) + sizeof(bool))));
    t.nulls = reinterpret_cast<bool *>(t.values + columns);
    return t;
}

void DerivedTable::close() {
    ExecDropSingleTupleTableSlot(found);
    pfree(values);
    if (key_index != nullptr) {
        index_close(key_index, NoLock);
    }
    table_close(table, NoLock);  // the lock is the transaction's
}

void DerivedTable::ensure_key_index() {
    if (key_index == nullptr) {
        key_index = open_key(table, RowExclusiveLock);
    }
}

bool DerivedTable::find(const RowKey &key, Snapshot snapshot, RowPlace *place) {
    ensure_key_index();
    ScanKeyData keys[2];
    int count = 1;
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(key.session));
    if (OidIsValid(key.second_equal)) {
        ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, key.second_equal, key.second);
        count = 2;
    }
    const IndexScanDesc scan = begin_index_scan(table, key_index, snapshot, count);
    index_rescan(scan, keys, count, nullptr, 0);
    bool hit = false;
    while (const ItemPointer tid = index_getnext_tid(scan, ForwardScanDirection)) {
        const ItemPointerData root = *tid;
        if (index_fetch_heap(scan, found)) {
            hit = true;
            if (place != nullptr) {
                place->root = root;
                const auto *slot = reinterpret_cast<BufferHeapTupleTableSlot *>(found);
                place->size = static_cast<uint16>(slot->base.tuple->t_len);
                place->buffer = slot->buffer;
            }
            break;
        }
    }
    index_endscan(scan);  // the slot keeps its own pin
    return hit;
}

bool DerivedTable::find_at(const RowPlace &place, Snapshot snapshot) {
    if (!ItemPointerIsValid(&place.root) || !read_recent_buffer(table, &place.root, place.buffer)) {
        return false;
    }
    ExecClearTuple(found);
    const Buffer buffer = place.buffer;
    // The server prunes as soon as less is free than the fill factor leaves, which here would be at every access.
    // Once the page cannot take two more versions is soon enough.
    if (PageGetHeapFreeSpace(BufferGetPage(buffer)) < 2 * (MAXALIGN(place.size) + sizeof(ItemIdData))) {
        prune_page(table, buffer);
    }
    auto *slot = reinterpret_cast<BufferHeapTupleTableSlot *>(found);
    ItemPointerData tid = place.root;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const bool hit = heap_hot_search_buffer(&tid, table, buffer, snapshot, &slot->base.tupdata, nullptr, true);
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    if (!hit) {
        ReleaseBuffer(buffer);
        return false;
    }
    slot->base.tupdata.t_self = tid;
    slot->base.tupdata.t_tableOid = RelationGetRelid(table);
    ExecStorePinnedBufferHeapTuple(&slot->base.tupdata, found, buffer);
    return true;
}

bool DerivedTable::found_is_own() const {
    const auto *slot = reinterpret_cast<const BufferHeapTupleTableSlot *>(found);
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(slot->base.tuple->t_data));
}

void DerivedTable::follow(RowPlace &place) const {
    if (moved) {
        place.root = stored;
        place.buffer = InvalidBuffer;  // the next search finds it
    }
}

void DerivedTable::begin_change(bool copy_found) {
    const int columns = RelationGetDescr(table)->natts;
    if (copy_found) {
        slot_getallattrs(found);
        memcpy(values, found->tts_values, columns * sizeof(Datum));
        memcpy(nulls, found->tts_isnull, columns * sizeof(bool));
    } else {
        memset(values, 0, columns * sizeof(Datum));
        memset(nulls, true, columns * sizeof(bool));
    }
}

// Any index will do here, also one that a user added: this is the rare path, where a page was full.
void DerivedTable::insert_index_entries(HeapTuple row, bool is_update, bool summarizing) {
    EState *estate = CreateExecutorState();
    ResultRelInfo *target = makeNode(ResultRelInfo);
    InitResultRelInfo(target, table, 0, nullptr, 0);  // in no range table
    ExecOpenIndices(target, false);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(row, slot, false);
    slot->tts_tid = row->t_self;
    ExprContext *context = GetPerTupleExprContext(estate);
    context->ecxt_scantuple = slot;
    pg::insert_index_entries(target, slot, estate, is_update, summarizing);
    ExecCloseIndices(target);
    ExecDropSingleTupleTableSlot(slot);
    FreeExecutorState(estate);
}

// Columns that a user added to a derived table: their defaults in a new row, and whatever they generate.
void DerivedTable::complete_user_columns(bool is_insert) {
    const TupleDesc columns = RelationGetDescr(table);
    const TupleConstr *constraints = columns->constr;
    if (constraints == nullptr ||
        (!constraints->has_generated_stored && (!is_insert || constraints->num_defval == 0))) {
        return;
    }
    EState *estate = CreateExecutorState();
    ResultRelInfo *target = makeNode(ResultRelInfo);
    InitResultRelInfo(target, table, 0, nullptr, 0);
    ExprContext *context = GetPerTupleExprContext(estate);
    const MemoryContext outer = CurrentMemoryContext;
    for (int i = 0; is_insert && i < columns->natts; ++i) {
        const FormData_pg_attribute *column = TupleDescAttr(columns, i);
        if (column->attisdropped || column->attgenerated != 0 || !column->atthasdef || !nulls[i]) {
            continue;
        }
        MemoryContextSwitchTo(estate->es_query_cxt);
        auto *expression = reinterpret_cast<Expr *>(build_column_default(table, i + 1));
        ExprState *state = ExecInitExpr(expression_planner(expression), nullptr);
        const Datum value = ExecEvalExpr(state, context, &nulls[i]);
        MemoryContextSwitchTo(outer);
        values[i] = nulls[i] ? 0 : datumCopy(value, column->attbyval, column->attlen);
    }
    if (constraints->has_generated_stored) {
        TupleTableSlot *slot = MakeSingleTupleTableSlot(columns, &TTSOpsVirtual);
        memcpy(slot->tts_values, values, columns->natts * sizeof(Datum));
        memcpy(slot->tts_isnull, nulls, columns->natts * sizeof(bool));
        ExecStoreVirtualTuple(slot);
        context->ecxt_scantuple = slot;
        ExecComputeStoredGenerated(target, estate, slot, is_insert ? CMD_INSERT : CMD_UPDATE);
        for (int i = 0; i < columns->natts; ++i) {  // what was computed lives in the executor's memory
            const FormData_pg_attribute *column = TupleDescAttr(columns, i);
            if (column->attgenerated != 0) {
                nulls[i] = slot->tts_isnull[i];
                values[i] = nulls[i] ? 0 : datumCopy(slot->tts_values[i], column->attbyval, column->attlen);
            }
        }
        ExecDropSingleTupleTableSlot(slot);
    }
    FreeExecutorState(estate);
}

HeapTuple DerivedTable::form(bool is_insert) {
    complete_user_columns(is_insert);
    HeapTuple row = form_row(RelationGetDescr(table), values, nulls);
    row->t_tableOid = RelationGetRelid(table);
    return row;
}

TM_Result DerivedTable::update() {
    HeapTuple row = form(false);
    TM_FailureData failure{};
    LockTupleMode lock_mode{};
    IndexUpdate index_update{};
    const TM_Result result = update_row(table, &found->tts_tid, row, &failure, &lock_mode, &index_update);
    switch (result) {
        case TM_Ok:
            stored = row->t_self;
            moved = wants_index_entries(index_update);
            if (moved) {
                insert_index_entries(row, true, only_summarizing(index_update));
            }
            heap_freetuple(row);
            return result;
        case TM_Updated:
        case TM_Deleted:
            if (IsolationUsesXactSnapshot()) {
                report_serialization_failure();
            }
            return result;
        default:
            elog(ERROR, "unexpected result %d of updating a row of \"%s\"", static_cast<int>(result),
                 RelationGetRelationName(table));
    }
    pg_unreachable();
}

void DerivedTable::update_locked() {
    const TM_Result result = update();
    if (result != TM_Ok) {
        elog(ERROR, "row of \"%s\" was changed by someone who does not hold the session's lock",
             RelationGetRelationName(table));
    }
}

void DerivedTable::insert() {
    HeapTuple row = form(true);
    heap_insert(table, row, GetCurrentCommandId(true), 0, nullptr);
    stored = row->t_self;
    insert_index_entries(row, false, false);
    heap_freetuple(row);
}

void DerivedTable::remove() {
    TM_FailureData failure{};
    const TM_Result result = delete_row(table, &found->tts_tid, &failure);
    if (result == TM_Ok) {
        return;
    }
    if (IsolationUsesXactSnapshot() && (result == TM_Updated || result == TM_Deleted)) {
        report_serialization_failure();
    }
    elog(ERROR, "row of \"%s\" was changed by someone who does not hold the session's lock",
         RelationGetRelationName(table));
}

void report_serialization_failure() {
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("could not serialize access due to concurrent update"),
             errhint("The transaction might succeed if retried.")));
    pg_unreachable();
}

}  // namespace people_counter::pg
