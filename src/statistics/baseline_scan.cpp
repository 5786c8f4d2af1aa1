// Reads the baselines of a session, from the one that holds at some time.
#include "pg/compat.hpp"
#include "pg/row_access.hpp"
#include "statistics/base_scan.hpp"
#include "statistics/columns.hpp"

namespace people_counter::statistics {

namespace {

// Rows of occupancy_baselines of one session.
class BaselineCursor {
  public:
    static BaselineCursor open(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot);
    void close();

    core::Baseline last_at_or_before(core::Micros time);
    std::span<const core::Baseline> from(core::Micros time);

  private:
    void rescan(StrategyNumber strategy, Oid comparison, core::Micros time);
    core::Baseline found();

    pg_uuid_t session_;
    Relation table_;
    Relation key_;
    TupleTableSlot *row_;
    IndexScanDesc scan_;
};

BaselineCursor BaselineCursor::open(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot) {
    BaselineCursor c{};
    c.session_ = session;
    c.table_ = pg::open_table(relations, relations.baselines, AccessShareLock);
    c.key_ = pg::open_key(c.table_, AccessShareLock);
    c.row_ = table_slot_create(c.table_, nullptr);
    c.scan_ = pg::begin_index_scan(c.table_, c.key_, snapshot, 2);
    return c;
}

void BaselineCursor::close() {
    index_endscan(scan_);
    ExecDropSingleTupleTableSlot(row_);
    index_close(key_, NoLock);
    table_close(table_, NoLock);
}

void BaselineCursor::rescan(StrategyNumber strategy, Oid comparison, core::Micros time) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    ScanKeyInit(&keys[1], 2, strategy, comparison, TimestampTzGetDatum(time));
    index_rescan(scan_, keys, 2, nullptr, 0);
}

core::Baseline BaselineCursor::found() {
    return {DatumGetTimestampTz(pg::required(row_, baselines::baseline_time)),
            DatumGetInt32(pg::required(row_, baselines::people_count))};
}

core::Baseline BaselineCursor::last_at_or_before(core::Micros time) {
    rescan(BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, time);
    return index_getnext_slot(scan_, BackwardScanDirection, row_) ? found() : core::Baseline{core::kBeginningOfTime, 0};
}

std::span<const core::Baseline> BaselineCursor::from(core::Micros time) {
    const core::Baseline before = last_at_or_before(time);
    Size count = 0;
    Size capacity = 16;
    auto *rows = static_cast<core::Baseline *>(palloc(capacity * sizeof(core::Baseline)));
    if (before.time != core::kBeginningOfTime) {
        rows[count++] = before;
    }
    rescan(BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT, time);
    while (index_getnext_slot(scan_, ForwardScanDirection, row_)) {
        if (count == capacity) {
            capacity *= 2;
            rows = static_cast<core::Baseline *>(repalloc_huge(rows, capacity * sizeof(core::Baseline)));
        }
        rows[count++] = found();
    }
    return {rows, count};
}

}  // namespace

core::Baseline last_baseline_at_or_before(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot,
                                          core::Micros time) {
    BaselineCursor cursor = BaselineCursor::open(relations, session, snapshot);
    const core::Baseline last = cursor.last_at_or_before(time);
    cursor.close();
    return last;
}

std::span<const core::Baseline> read_baselines(const pg::Relations &relations, const pg_uuid_t &session,
                                               Snapshot snapshot, core::Micros time) {
    BaselineCursor cursor = BaselineCursor::open(relations, session, snapshot);
    const std::span<const core::Baseline> rows = cursor.from(time);
    cursor.close();
    return rows;
}

}  // namespace people_counter::statistics
