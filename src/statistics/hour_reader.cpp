#include "statistics/hour_reader.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

RowVersion version_found(pg::DerivedTable &hours) {
    bool is_null = false;
    const Datum xmin = slot_getsysattr(hours.found, MinTransactionIdAttributeNumber, &is_null);
    const Datum cmin = slot_getsysattr(hours.found, MinCommandIdAttributeNumber, &is_null);
    return {RelationGetRelid(hours.table), hours.found->tts_tid, DatumGetTransactionId(xmin), DatumGetCommandId(cmin)};
}

RowVersion version_stored(pg::DerivedTable &hours) {
    return {RelationGetRelid(hours.table), hours.stored, GetCurrentTransactionId(), GetCurrentCommandId(true)};
}

}  // namespace

HourReader HourReader::open(Ledger &ledger, Snapshot snapshot, std::span<const Event> events) {
    HourReader reader{};
    reader.ledger_ = &ledger;
    reader.movements_ = BaseCursor::open(ledger.relations(), BaseCursor::Source::kMovements, ledger.session(),
                                         snapshot);
    reader.samples_ = BaseCursor::open(ledger.relations(), BaseCursor::Source::kMetrics, ledger.session(), snapshot);
    reader.archive_ = ArchiveCursor::open(ledger.relations(), ledger.session(), snapshot);
    reader.events_ = events;
    return reader;
}

void HourReader::close() {
    archive_.close();
    samples_.close();
    movements_.close();
}

core::Micros HourReader::next_after(core::Micros from) {
    movements_.seek(from);
    samples_.seek(from);
    core::Micros next = archive_.next_after(from);
    if (const Event *event = movements_.peek()) {
        next = std::min(next, event->time);
    }
    if (const Event *event = samples_.peek()) {
        next = std::min(next, event->time);
    }
    return next;
}

HourPath *HourReader::path_of_row(const core::Hour &hour) {
    return PathCache::find(ledger_->session(), hour.start, version_found(ledger_->hours()));
}

void HourReader::note_stored(const core::Hour &hour) {
    if (events_.empty()) {
        return;
    }
    if (HourPath *path = PathCache::find(ledger_->session(), hour.start, {})) {
        note_shifted(path);
    }
}

void HourReader::note_shifted(HourPath *path) {
    if (path != nullptr) {
        path->version = version_stored(ledger_->hours());
    }
}

void HourReader::note_removed(const core::Hour &hour) { PathCache::forget(ledger_->session(), hour.start); }

// The hour's instants from memory, with this statement's events added; the counts from its row likewise.
bool HourReader::read_remembered(const core::Hour &hour, const HourFigures *row, HourContent &content) {
    if (events_.empty() || row == nullptr) {
        return false;
    }
    HourPath *path = path_of_row(hour);
    if (path == nullptr) {
        return false;
    }
    const auto by_time = [](const Event &e, Micros t) { return e.time < t; };
    const auto first = std::lower_bound(events_.begin(), events_.end(), hour.start, by_time);
    const auto last = std::lower_bound(first, events_.end(), hour.end, by_time);
    if (!std::all_of(first, last, [](const Event &e) { return is_movement(e.kind) && e.sign > 0; })) {
        return false;
    }
    path->version = RowVersion{};  // until the row is stored
    Counts counts = row->counts;
    for (auto event = first; event != last; ++event) {
        if (!PathCache::add(*path, {event->time, event->net()})) {
            return false;
        }
        counts += event->counts();
    }
    content.instants = {path->instants, path->count};
    content.counts = counts;
    content.reported = row->reported;
    content.samples[0] = row->reported.value == core::kNothingReported ? 0 : 1;
    return true;
}

HourContent HourReader::read(const core::Hour &hour, const HourFigures *row) {
    const ArchivedContent archived = archive_.read(hour);
    HourContent content{{}, {}, archived.reported, {0, 0, 0}, archived.blocks, archived.present};
    std::copy_n(archived.samples, 3, content.samples);
    if (!archived.present && read_remembered(hour, row, content)) {
        return content;
    }
    Size count = 0;
    movements_.seek(hour.start);
    for (const Event *event = movements_.peek(); event != nullptr && event->time < hour.end;
         movements_.next(), event = movements_.peek()) {
        content.counts += event->counts();
        if (count > 0 && buffer_[count - 1].time == event->time) {
            buffer_[count - 1].net += event->net();
            continue;
        }
        if (count == capacity_) {
            capacity_ = capacity_ == 0 ? 256 : capacity_ * 2;
            const Size bytes = capacity_ * sizeof(core::Instant);
            buffer_ = static_cast<core::Instant *>(buffer_ == nullptr ? palloc(bytes) : repalloc_huge(buffer_, bytes));
        }
        buffer_[count++] = {event->time, event->net()};
    }
    content.instants = {buffer_, count};
    samples_.seek(hour.start);
    for (const Event *event = samples_.peek(); event != nullptr && event->time < hour.end;
         samples_.next(), event = samples_.peek()) {
        const Peak sample{event->value, event->time};
        content.reported = content.reported.value == core::kNothingReported ? sample
                                                                            : core::higher(content.reported, sample);
        ++content.samples[event->status()];
    }
    if (!events_.empty() && !archived.present) {
        PathCache::keep(ledger_->session(), hour.start, content.instants);
    }
    return content;
}

}  // namespace people_counter::statistics
