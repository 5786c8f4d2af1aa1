#include "pg/row_access.hpp"

#include "pg/compat.hpp"

namespace people_counter::pg {

namespace {

constexpr Size kPruneBelow = 1200;  // bytes

}  // namespace

void report_null(TupleTableSlot *row, int column) {
    ereport(ERROR,
            (errcode(ERRCODE_NOT_NULL_VIOLATION),
             errmsg("%s must not be null", NameStr(TupleDescAttr(row->tts_tupleDescriptor, column - 1)->attname)),
             errhint("The column was NOT NULL when people_counter made it.")));
    pg_unreachable();
}

DerivedTable DerivedTable::open(Oid table_id, Oid key_index_id) {
    DerivedTable t{};
    t.table = table_open(table_id, RowExclusiveLock);
    t.key_index_id = key_index_id;
    t.found = table_slot_create(t.table, nullptr);
    t.changed = MakeSingleTupleTableSlot(RelationGetDescr(t.table), &TTSOpsVirtual);
    return t;
}

void DerivedTable::close() {
    ExecDropSingleTupleTableSlot(found);
    ExecDropSingleTupleTableSlot(changed);
    if (key_index != nullptr) {
        index_close(key_index, NoLock);
    }
    table_close(table, NoLock);  // the lock is the transaction's
}

void DerivedTable::ensure_key_index() {
    if (key_index == nullptr) {
        key_index = index_open(key_index_id, RowExclusiveLock);
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
                place->buffer = reinterpret_cast<BufferHeapTupleTableSlot *>(found)->buffer;
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
    if (PageGetHeapFreeSpace(BufferGetPage(buffer)) < kPruneBelow) {
        heap_page_prune_opt(table, buffer);
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

void DerivedTable::follow(RowPlace &place) const {
    if (moved) {
        place.root = changed->tts_tid;
        place.buffer = InvalidBuffer;  // the next search finds it
    }
}

void DerivedTable::begin_change(bool copy_found) {
    ExecClearTuple(changed);
    const int columns = RelationGetDescr(table)->natts;
    if (copy_found) {
        slot_getallattrs(found);
        memcpy(changed->tts_values, found->tts_values, columns * sizeof(Datum));
        memcpy(changed->tts_isnull, found->tts_isnull, columns * sizeof(bool));
    } else {
        memset(changed->tts_values, 0, columns * sizeof(Datum));
        memset(changed->tts_isnull, true, columns * sizeof(bool));
    }
}

// Any index will do here, also one that a user added: this is the rare path, where a page was full.
void DerivedTable::insert_index_entries(bool is_update, bool summarizing) {
    EState *estate = CreateExecutorState();
    ResultRelInfo *target = makeNode(ResultRelInfo);
    InitResultRelInfo(target, table, 0, nullptr, 0);  // in no range table
    ExecOpenIndices(target, false);
    ExprContext *context = GetPerTupleExprContext(estate);
    context->ecxt_scantuple = changed;
    pg::insert_index_entries(target, changed, estate, is_update, summarizing);
    ExecCloseIndices(target);
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
        if (column->attisdropped || column->attgenerated != 0 || !column->atthasdef || !changed->tts_isnull[i]) {
            continue;
        }
        MemoryContextSwitchTo(estate->es_query_cxt);
        auto *expression = reinterpret_cast<Expr *>(build_column_default(table, i + 1));
        ExprState *state = ExecInitExpr(expression_planner(expression), nullptr);
        bool is_null = false;
        const Datum value = ExecEvalExpr(state, context, &is_null);
        MemoryContextSwitchTo(outer);
        changed->tts_isnull[i] = is_null;
        changed->tts_values[i] = is_null ? 0 : datumCopy(value, column->attbyval, column->attlen);
    }
    if (constraints->has_generated_stored) {
        context->ecxt_scantuple = changed;
        ExecComputeStoredGenerated(target, estate, changed, is_insert ? CMD_INSERT : CMD_UPDATE);
        for (int i = 0; i < columns->natts; ++i) {  // what was computed lives in the executor's memory
            const FormData_pg_attribute *column = TupleDescAttr(columns, i);
            if (column->attgenerated != 0 && !changed->tts_isnull[i]) {
                changed->tts_values[i] = datumCopy(changed->tts_values[i], column->attbyval, column->attlen);
            }
        }
    }
    FreeExecutorState(estate);
}

TM_Result DerivedTable::update() {
    ExecStoreVirtualTuple(changed);
    complete_user_columns(false);
    changed->tts_tableOid = RelationGetRelid(table);
    TM_FailureData failure{};
    LockTupleMode lock_mode{};
    IndexUpdate index_update{};
    const TM_Result result = table_tuple_update(table, &found->tts_tid, changed, GetCurrentCommandId(true),
                                                InvalidSnapshot, InvalidSnapshot, true, &failure, &lock_mode,
                                                &index_update);
    switch (result) {
        case TM_Ok:
            moved = wants_index_entries(index_update);
            if (moved) {
                insert_index_entries(true, only_summarizing(index_update));
            }
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
    ExecStoreVirtualTuple(changed);
    complete_user_columns(true);
    changed->tts_tableOid = RelationGetRelid(table);
    table_tuple_insert(table, changed, GetCurrentCommandId(true), 0, nullptr);
    insert_index_entries(false, false);
}

void DerivedTable::remove() {
    TM_FailureData failure{};
    const TM_Result result = table_tuple_delete(table, &found->tts_tid, GetCurrentCommandId(true), InvalidSnapshot,
                                                InvalidSnapshot, true, &failure, false);
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
