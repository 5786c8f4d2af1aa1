#include "statistics/archive_scan.hpp"

#include "pg/compat.hpp"
#include "pg/numeric.hpp"
#include "pg/row_access.hpp"
#include "statistics/columns.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

core::Micros optional_time(TupleTableSlot *row, int column) {
    bool is_null = false;
    const Datum value = slot_getattr(row, column, &is_null);
    return is_null ? core::kBeginningOfTime : DatumGetTimestampTz(value);
}

}  // namespace

ArchivedRow archived_row_in(TupleTableSlot *row) {
    namespace c = archived_hours;
    const auto integer = [&](int column) { return DatumGetInt32(pg::required(row, column)); };
    ArchivedRow found{};
    core::Block &block = found.block;
    block.from = DatumGetTimestampTz(pg::required(row, c::hour_timestamp));
    block.counts.entered = integer(c::people_entered);
    block.counts.exited = integer(c::people_exited);
    block.counts.confidence_sum = DatumGetInt64(pg::required(row, c::confidence_sum));
    block.counts.confidence_count = integer(c::confidence_count);
    block.fall = integer(c::level_fall);
    block.rise = integer(c::level_rise);
    block.peak_time = DatumGetTimestampTz(pg::required(row, c::peak_time));
    block.area = pg::micros_from_seconds(pg::required(row, c::occupancy_correction));
    block.last_movement = optional_time(row, c::last_movement_time);
    found.last_sample = optional_time(row, c::last_sample_time);
    found.samples[0] = integer(c::detecting_frames);
    found.samples[1] = integer(c::tracking_frames);
    found.samples[2] = integer(c::waiting_frames);
    bool none = false;
    const Datum reported = slot_getattr(row, c::reported_peak, &none);
    found.reported = none ? core::Peak{core::kNothingReported, 0}
                          : core::Peak{DatumGetInt32(reported),
                                       DatumGetTimestampTz(pg::required(row, c::reported_peak_time))};
    return found;
}

ArchiveCursor ArchiveCursor::open(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot) {
    ArchiveCursor c{};
    if (!OidIsValid(relations.archived_hours)) {
        return c;
    }
    c.session_ = session;
    c.table_ = pg::open_table(relations, relations.archived_hours, AccessShareLock);
    c.key_ = pg::open_key(c.table_, AccessShareLock);
    c.slot_ = table_slot_create(c.table_, nullptr);
    c.scan_ = pg::begin_index_scan(c.table_, c.key_, snapshot, 2);
    c.rescan(BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, DT_NOBEGIN);
    c.any_ = index_getnext_slot(c.scan_, ForwardScanDirection, c.slot_);
    if (!c.any_) {
        c.close();
    }
    return c;
}

void ArchiveCursor::close() {
    if (table_ == nullptr) {
        return;
    }
    index_endscan(scan_);
    ExecDropSingleTupleTableSlot(slot_);
    index_close(key_, NoLock);
    table_close(table_, NoLock);
    table_ = nullptr;
    any_ = false;
}

void ArchiveCursor::rescan(StrategyNumber strategy, Oid comparison, core::Micros time) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session_));
    ScanKeyInit(&keys[1], 2, strategy, comparison, TimestampTzGetDatum(time));
    index_rescan(scan_, keys, 2, nullptr, 0);
}

bool ArchiveCursor::step(ScanDirection direction, ArchivedRow &row) {
    CHECK_FOR_INTERRUPTS();
    if (!index_getnext_slot(scan_, direction, slot_)) {
        return false;
    }
    row = archived_row_in(slot_);
    return true;
}

core::Micros ArchiveCursor::next_after(core::Micros from) {
    core::Micros next = core::kEndOfTime;
    if (!any_) {
        return next;
    }
    rescan(BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
           from < DT_NOBEGIN + kLongest ? static_cast<core::Micros>(DT_NOBEGIN) : from - kLongest);
    ArchivedRow row;
    while (step(ForwardScanDirection, row) && row.block.from < next) {
        for (const core::Micros time : {row.block.from, row.block.last_movement, row.last_sample}) {
            if (time >= from && time != core::kBeginningOfTime) {
                next = std::min(next, time);
            }
        }
    }
    return next;
}

template <class F>
core::Micros ArchiveCursor::last(F &&of) {
    core::Micros last = core::kBeginningOfTime;
    if (!any_) {
        return last;
    }
    rescan(BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, DT_NOBEGIN);
    ArchivedRow row;
    while (step(BackwardScanDirection, row) && (last == core::kBeginningOfTime || row.block.from >= last - kLongest)) {
        last = std::max(last, of(row));
    }
    return last;
}

core::Micros ArchiveCursor::last_movement() {
    return last([](const ArchivedRow &row) { return row.block.last_movement; });
}

core::Micros ArchiveCursor::last_sample() {
    return last([](const ArchivedRow &row) { return row.last_sample; });
}

ArchivedContent ArchiveCursor::read(const core::Hour &hour) {
    ArchivedContent content{{}, {core::kNothingReported, 0}, {0, 0, 0}, false};
    if (!any_) {
        return content;
    }
    Size count = 0;
    rescan(BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, hour.start - kLongest);
    ArchivedRow row;
    while (step(ForwardScanDirection, row) && row.block.from < hour.end) {
        for (const core::Micros time : {row.block.from, row.block.last_movement, row.last_sample}) {
            content.present = content.present || (time >= hour.start && time < hour.end);
        }
        if (row.block.from < hour.start) {
            continue;
        }
        if (count == capacity_) {
            capacity_ = capacity_ == 0 ? 8 : capacity_ * 2;
            const Size bytes = capacity_ * sizeof(core::Block);
            blocks_ = static_cast<core::Block *>(blocks_ == nullptr ? palloc(bytes) : repalloc(blocks_, bytes));
        }
        blocks_[count++] = row.block;
        for (int i = 0; i < 3; ++i) {
            content.samples[i] += row.samples[i];
        }
        if (row.reported.value != core::kNothingReported) {
            content.reported = content.reported.value == core::kNothingReported
                                   ? row.reported
                                   : core::higher(content.reported, row.reported);
        }
    }
    content.blocks = {blocks_, count};
    return content;
}

}  // namespace people_counter::statistics
