#include "statistics/base_scan.hpp"

#include "pg/compat.hpp"
#include "pg/row_access.hpp"
#include "pg/zone.hpp"
#include "statistics/columns.hpp"
#include "statistics/fold_state.hpp"

#include <algorithm>
#include <cmath>

namespace people_counter::statistics {

namespace {

int32 optional_int(TupleTableSlot *row, int number, int32 none) {
    bool is_null = false;
    const Datum value = slot_getattr(row, number, &is_null);
    return is_null ? none : DatumGetInt32(value);
}

}  // namespace

Event movement_in(TupleTableSlot *row, Oid direction_in) {
    bool no_score = false;
    const Datum score = slot_getattr(row, movements::confidence_score, &no_score);
    // As in SQL's round(score::float8 * 1e9), half to even
    const int32 confidence = no_score ? kNoConfidence
                                      : static_cast<int32>(std::rint(static_cast<double>(DatumGetFloat4(score)) * 1e9));
    const Oid direction = DatumGetObjectId(pg::required(row, movements::movement_direction));
    return {DatumGetTimestampTz(pg::required(row, movements::movement_time)), confidence,
            direction == direction_in ? Kind::kIn : Kind::kOut, 1};
}

Event sample_in(TupleTableSlot *row, Oid detecting, Oid tracking) {
    const Oid status = DatumGetObjectId(pg::required(row, metrics::detection_status));
    const Kind kind = status == detecting ? Kind::kDetecting : status == tracking ? Kind::kTracking : Kind::kWaiting;
    return {DatumGetTimestampTz(pg::required(row, metrics::timestamp)),
            DatumGetInt32(pg::required(row, metrics::current_people_count)), kind, 1};
}

uint32 calendar_id_of(Datum time_zone, TimeADT day_start, TimeADT reset_time) {
    const TimeADT times[] = {day_start, reset_time};
    const text *zone = DatumGetTextPP(time_zone);
    return hash_combine(hash_bytes(reinterpret_cast<const unsigned char *>(VARDATA_ANY(zone)), VARSIZE_ANY_EXHDR(zone)),
                        hash_bytes(reinterpret_cast<const unsigned char *>(times), sizeof times));
}

bool read_config(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot, SessionConfig &out) {
    const Relation table = pg::open_table(relations, relations.sessions, AccessShareLock);
    const Relation key = pg::open_key(table, AccessShareLock);
    TupleTableSlot *row = table_slot_create(table, nullptr);
    ScanKeyData keys[1];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session));
    const IndexScanDesc scan = pg::begin_index_scan(table, key, snapshot, 1);
    index_rescan(scan, keys, 1, nullptr, 0);
    const bool found = index_getnext_slot(scan, ForwardScanDirection, row);
    if (found) {
        bool no_end = false;
        bool no_reset = false;
        const Datum end = slot_getattr(row, sessions::end_time, &no_end);
        const Datum reset = slot_getattr(row, sessions::reset_time, &no_reset);
        out.start_time = DatumGetTimestampTz(pg::required(row, sessions::start_time));
        out.end_time = no_end ? core::kBeginningOfTime : DatumGetTimestampTz(end);
        out.created_at = DatumGetTimestampTz(pg::required(row, sessions::created_at));
        out.false_positives = optional_int(row, sessions::false_positives, FoldState::kNotReported);
        out.false_negatives = optional_int(row, sessions::false_negatives, FoldState::kNotReported);
        const Datum time_zone = pg::required(row, sessions::time_zone);
        const TimeADT day_start = DatumGetTimeADT(pg::required(row, sessions::day_start));
        const TimeADT reset_time = no_reset ? core::Calendar::kNoReset : DatumGetTimeADT(reset);
        out.calendar = core::Calendar(pg::zone_named(TextDatumGetCString(time_zone)), day_start, reset_time);
        out.calendar_id = calendar_id_of(time_zone, day_start, reset_time);
        out.active = DatumGetObjectId(pg::required(row, sessions::status)) == relations.session_active;
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    index_close(key, NoLock);
    table_close(table, NoLock);
    return found;
}

bool read_fold_state(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot, FoldState &out) {
    const Relation table = pg::open_table(relations, relations.session_statistics, AccessShareLock);
    const Relation key = pg::open_key(table, AccessShareLock);
    TupleTableSlot *row = table_slot_create(table, nullptr);
    ScanKeyData keys[1];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session));
    const IndexScanDesc scan = pg::begin_index_scan(table, key, snapshot, 1);
    index_rescan(scan, keys, 1, nullptr, 0);
    const bool found = index_getnext_slot(scan, ForwardScanDirection, row) &&
                       out.take(pg::required(row, session_statistics::fold_state));
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    index_close(key, NoLock);
    table_close(table, NoLock);
    return found;
}

pg_uuid_t *read_session_ids(const pg::Relations &relations, Snapshot snapshot, Size &count) {
    const Relation table = pg::open_table(relations, relations.sessions, AccessShareLock);
    TupleTableSlot *row = table_slot_create(table, nullptr);
    const TableScanDesc scan = pg::begin_table_scan(table, snapshot);
    Size capacity = 256;
    auto *ids = static_cast<pg_uuid_t *>(palloc(capacity * sizeof(pg_uuid_t)));
    count = 0;
    while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
        if (count == capacity) {
            capacity *= 2;
            ids = static_cast<pg_uuid_t *>(repalloc_huge(ids, capacity * sizeof(pg_uuid_t)));
        }
        memcpy(&ids[count++], DatumGetUUIDP(pg::required(row, sessions::id)), UUID_LEN);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    table_close(table, NoLock);
    std::sort(ids, ids + count, [](const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) < 0; });
    return ids;
}

BaseCursor BaseCursor::open(const pg::Relations &relations, Source source, const pg_uuid_t &session,
                            Snapshot snapshot) {
    BaseCursor c{};
    c.source_ = source;
    c.session_ = session;
    const bool movements = source == Source::kMovements;
    c.table_ = pg::open_table(relations, movements ? relations.movements : relations.metrics, AccessShareLock);
    c.key_ = pg::open_key(c.table_, AccessShareLock);
    c.slot_ = table_slot_create(c.table_, nullptr);
    c.scan_ = pg::begin_index_scan(c.table_, c.key_, snapshot, 2);
    c.direction_in_ = relations.direction_in;
    c.detecting_ = relations.status_detecting;
    c.tracking_ = relations.status_tracking;
    return c;
}

void BaseCursor::close() {
    index_endscan(scan_);
    ExecDropSingleTupleTableSlot(slot_);
    index_close(key_, NoLock);
    table_close(table_, NoLock);
}

void BaseCursor::rescan(core::Micros time) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(time));
    index_rescan(scan_, keys, 2, nullptr, 0);
}

void BaseCursor::read_event() {
    CHECK_FOR_INTERRUPTS();
    at_end_ = !index_getnext_slot(scan_, ForwardScanDirection, slot_);
    if (!at_end_) {
        event_ = source_ == Source::kMovements ? movement_in(slot_, direction_in_)
                                               : sample_in(slot_, detecting_, tracking_);
    }
}

void BaseCursor::seek(core::Micros time) {
    const bool there = started_ && time >= position_ && (at_end_ || event_.time >= time);
    if (!there) {
        rescan(time);
        started_ = true;
        read_event();
    }
    position_ = time;
}

void BaseCursor::next() {
    position_ = event_.time;
    read_event();
}

bool BaseCursor::seek_last() {
    started_ = false;
    rescan(DT_NOBEGIN);
    return index_getnext_slot(scan_, BackwardScanDirection, slot_);
}

core::Micros BaseCursor::last_time() {
    return seek_last() ? DatumGetTimestampTz(pg::required(slot_, static_cast<int>(movements::movement_time)))
                       : core::kBeginningOfTime;
}

core::Micros BaseCursor::created_at() {
    const int column = source_ == Source::kMovements ? static_cast<int>(movements::created_at)
                                                     : static_cast<int>(metrics::created_at);
    return DatumGetTimestampTz(pg::required(slot_, column));
}

}  // namespace people_counter::statistics
