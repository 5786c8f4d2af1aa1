#include "pg/row_form.hpp"

namespace people_counter::pg {

namespace {

// The size that the values cannot exceed, each aligned; 0 if there is one that the server should pack or flatten.
Size largest_size(TupleDesc columns, const Datum *values, const bool *nulls, bool &any_null, bool &any_variable) {
    Size size = 0;
    for (int i = 0; i < columns->natts; ++i) {
        if (nulls[i]) {
            any_null = true;
            continue;
        }
        const FormData_pg_attribute *column = TupleDescAttr(columns, i);
        if (column->attlen > 0) {
            size += column->attlen + MAXIMUM_ALIGNOF - 1;
            continue;
        }
        const void *value = DatumGetPointer(values[i]);
        if (column->attlen != -1 || column->attstorage != TYPSTORAGE_PLAIN || VARATT_IS_EXTENDED(value)) {
            return 0;
        }
        size += VARSIZE(value) + MAXIMUM_ALIGNOF - 1;
        any_variable = true;
    }
    return size;
}

// The next place that is aligned as the column wants; the bytes passed over are zeroed.
char *aligned(char *at, const FormData_pg_attribute *column) {
    auto *next = reinterpret_cast<char *>(att_align_nominal(reinterpret_cast<uintptr_t>(at), column->attalign));
    while (at < next) {
        *at++ = 0;
    }
    return next;
}

char *store(char *at, const FormData_pg_attribute *column, Datum value) {
    if (column->attbyval) {
        store_att_byval(at, value, column->attlen);
        return at + column->attlen;
    }
    const Size size = column->attlen > 0 ? column->attlen : VARSIZE(DatumGetPointer(value));
    memcpy(at, DatumGetPointer(value), size);
    return at + size;
}

}  // namespace

HeapTuple form_row(TupleDesc columns, const Datum *values, const bool *nulls) {
    bool any_null = false;
    bool any_variable = false;
    const Size largest = largest_size(columns, values, nulls, any_null, any_variable);
    if (largest == 0) {
        return heap_form_tuple(columns, const_cast<Datum *>(values), const_cast<bool *>(nulls));
    }
    const int bitmap = any_null ? BITMAPLEN(columns->natts) : 0;
    const Size header = MAXALIGN(SizeofHeapTupleHeader + bitmap);
    auto *row = static_cast<HeapTuple>(palloc(HEAPTUPLESIZE + header + largest));
    row->t_data = reinterpret_cast<HeapTupleHeader>(reinterpret_cast<char *>(row) + HEAPTUPLESIZE);
    row->t_tableOid = InvalidOid;
    ItemPointerSetInvalid(&row->t_self);
    HeapTupleHeader data = row->t_data;
    memset(data, 0, header);
    ItemPointerSetInvalid(&data->t_ctid);
    HeapTupleHeaderSetNatts(data, columns->natts);
    data->t_hoff = header;
    data->t_infomask = (any_null ? HEAP_HASNULL : 0) | (any_variable ? HEAP_HASVARWIDTH : 0);
    char *const begin = reinterpret_cast<char *>(data) + header;
    char *at = begin;
    for (int i = 0; i < columns->natts; ++i) {
        if (nulls[i]) {
            continue;
        }
        if (any_null) {
            data->t_bits[i >> 3] |= 1 << (i & 7);
        }
        const FormData_pg_attribute *column = TupleDescAttr(columns, i);
        at = store(aligned(at, column), column, values[i]);
    }
    row->t_len = header + (at - begin);
    return row;
}

}  // namespace people_counter::pg
