// Sorts a statement's events by session and applies them, chunk by chunk where they are too many for one array.
#include "statistics/large_statement.hpp"

#include "alerting/marks.hpp"
#include "statistics/apply.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

bool session_before(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) < 0; }

// A statement of so many rows that they are not held in memory at once.
class LargeStatement {
  public:
    static constexpr Size kChunk = 32768;

    LargeStatement(Ledger &ledger, TransitionReader &reader, EarlierTriggers earlier)
        : ledger_{ledger}, reader_{reader}, earlier_{earlier} {}

    void run(SessionEvent *chunk);

  private:
    struct Entry {
        pg_uuid_t session;  // the hash key
        bool late;          // from some event on, the rest of the statement is derived from the base table
        bool samples;
        core::Interval times;
        int64 sample_changes[3];
    };

    void collect_sessions();
    void apply_chunk(SessionEvent *chunk, Size count);
    void apply_part(Entry &entry, std::span<const Event> events);

    Ledger &ledger_;
    TransitionReader &reader_;
    const EarlierTriggers earlier_;
    HTAB *entries_ = nullptr;
    pg_uuid_t *sessions_ = nullptr;
    Size session_count_ = 0;
    Event *events_ = nullptr;
};

void LargeStatement::collect_sessions() {
    HASHCTL control{};
    control.keysize = UUID_LEN;
    control.entrysize = sizeof(Entry);
    control.hcxt = CurrentMemoryContext;
    entries_ = hash_create("people_counter sessions of a statement", 256, &control,
                           HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    SessionEvent e;
    Size capacity = 256;
    sessions_ = static_cast<pg_uuid_t *>(palloc(capacity * sizeof(pg_uuid_t)));
    reader_.rewind();
    for (Size n = 0; reader_.next(e); ++n) {
        if (n % kChunk == 0) {
            CHECK_FOR_INTERRUPTS();
        }
        if (session_count_ > 0 && same_session(sessions_[session_count_ - 1], e.session)) {
            continue;
        }
        bool found = false;
        auto *entry = static_cast<Entry *>(hash_search(entries_, &e.session, HASH_ENTER, &found));
        if (found) {
            continue;
        }
        entry->late = earlier_.rederived;
        entry->samples = false;
        entry->times = {core::kEndOfTime, core::kBeginningOfTime};
        memset(entry->sample_changes, 0, sizeof entry->sample_changes);
        if (session_count_ == capacity) {
            capacity *= 2;
            sessions_ = static_cast<pg_uuid_t *>(repalloc_huge(sessions_, capacity * sizeof(pg_uuid_t)));
        }
        sessions_[session_count_++] = e.session;
    }
    std::sort(sessions_, sessions_ + session_count_, session_before);
}

void LargeStatement::apply_part(Entry &entry, std::span<const Event> events) {
    if (!entry.late && append_to_open_hour(ledger_, entry.session, events)) {
        return;
    }
    if (!entry.late) {
        bool done = false;
        with_locked_session(ledger_, entry.session,
                            [&](LockedSession &locked) { done = append_across_hours(locked, events); });
        if (done) {
            return;
        }
        entry.late = true;
    }
    entry.times.from = std::min(entry.times.from, events.front().time);
    entry.times.to = std::max(entry.times.to, events.back().time);
    for (const Event &event : events) {
        if (!is_movement(event.kind)) {
            entry.sample_changes[event.status()] += event.sign;
            entry.samples = true;
        }
    }
}

void sort_events(SessionEvent *events, Size count) {
    const auto before = [](const SessionEvent &a, const SessionEvent &b) {
        const int order = memcmp(&a.session, &b.session, UUID_LEN);
        return order != 0 ? order < 0 : a.event.time < b.event.time;
    };
    if (!std::is_sorted(events, events + count, before)) {
        std::sort(events, events + count, before);
    }
}

// Calls apply(session, events) for each session of a sorted chunk.
template <class F>
void for_each_session(const SessionEvent *chunk, Size count, Event *buffer, F &&apply) {
    for (Size from = 0; from < count;) {
        Size n = 0;
        while (from + n < count && same_session(chunk[from].session, chunk[from + n].session)) {
            buffer[n] = chunk[from + n].event;
            ++n;
        }
        apply(chunk[from].session, std::span<const Event>(buffer, n));
        from += n;
    }
}

void LargeStatement::apply_chunk(SessionEvent *chunk, Size count) {
    CHECK_FOR_INTERRUPTS();
    CommandCounterIncrement();
    sort_events(chunk, count);
    for_each_session(chunk, count, events_, [&](const pg_uuid_t &session, std::span<const Event> events) {
        auto *entry = static_cast<Entry *>(hash_search(entries_, &session, HASH_FIND, nullptr));
        alerting::note_events(session, events);
        alerting::note_urgent(session);
        apply_part(*entry, events);
    });
}

void LargeStatement::run(SessionEvent *chunk) {
    // Locks before changes, in id order like every other statement.
    collect_sessions();
    for (Size i = 0; i < session_count_; ++i) {
        with_locked_session(ledger_, sessions_[i], [](LockedSession &) {});
    }
    events_ = static_cast<Event *>(palloc(kChunk * sizeof(Event)));
    reader_.rewind();
    // Rows are read outside of the scratch context: the tuple store hands out tuples that its next row frees.
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "people_counter chunk", ALLOCSET_DEFAULT_SIZES);
    const auto in_scratch = [&](auto &&body) {
        MemoryContext outer = MemoryContextSwitchTo(scratch);
        body();
        MemoryContextSwitchTo(outer);
        MemoryContextReset(scratch);
    };
    Size count = 0;
    while (reader_.next(chunk[count])) {
        if (++count == kChunk) {
            in_scratch([&] { apply_chunk(chunk, count); });
            count = 0;
        }
    }
    in_scratch([&] { apply_chunk(chunk, count); });
    CommandCounterIncrement();
    for (Size i = 0; i < session_count_; ++i) {
        const auto *entry = static_cast<Entry *>(hash_search(entries_, &sessions_[i], HASH_FIND, nullptr));
        if (entry->late) {
            in_scratch([&] {
                with_locked_session(ledger_, entry->session, [&](LockedSession &locked) {
                    rederive(locked, {{&entry->times, 1}, earlier_.rederived_whole && entry->samples},
                             entry->sample_changes, {});
                });
            });
        }
    }
}

}  // namespace

void apply_statement(const pg::Relations &relations, TransitionReader &reader) {
    const EarlierTriggers earlier = earlier_triggers_of_command();
    Size capacity = 64;
    Size count = 0;
    auto *chunk = static_cast<SessionEvent *>(palloc(capacity * sizeof(SessionEvent)));
    while (reader.next(chunk[count])) {
        if (++count == capacity) {
            if (capacity == LargeStatement::kChunk) {
                Ledger ledger;
                ledger.open(relations);
                LargeStatement(ledger, reader, earlier).run(chunk);
                ledger.close();
                return;
            }
            capacity *= 2;
            chunk = static_cast<SessionEvent *>(repalloc(chunk, capacity * sizeof(SessionEvent)));
        }
    }
    if (count == 0) {
        return;
    }
    CommandCounterIncrement();
    sort_events(chunk, count);
    Ledger ledger;
    ledger.open(relations);
    auto *events = static_cast<Event *>(palloc(count * sizeof(Event)));
    for_each_session(chunk, count, events, [&](const pg_uuid_t &session, std::span<const Event> of_session) {
        alerting::note_events(session, of_session);
        apply_events(ledger, session, of_session, earlier);
    });
    ledger.close();
}

}  // namespace people_counter::statistics
