// The statement triggers: which sessions did this statement touch, and what of them.
#include "pg/guard.hpp"
#include "statistics/apply.hpp"
#include "statistics/check.hpp"
#include "statistics/columns.hpp"
#include "statistics/transition_reader.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

bool session_before(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) < 0; }

bool same_session(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) == 0; }

TriggerData *statement_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" was not called as a trigger", get_func_name(fcinfo->flinfo->fn_oid))));
    }
    auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" must be an AFTER trigger FOR EACH STATEMENT",
                               get_func_name(fcinfo->flinfo->fn_oid))));
    }
    return trigger;
}

// A statement of so many rows that they are not held in memory at once.
class LargeStatement {
  public:
    static constexpr Size kChunk = 32768;

    LargeStatement(Ledger &ledger, TransitionReader &reader) : ledger_{ledger}, reader_{reader} {}

    void run(SessionEvent *chunk);

  private:
    struct Entry {
        pg_uuid_t session;  // the hash key
        bool late;          // from some event on, the rest of the statement is derived from the base table
        core::Interval times;
        int64 sample_changes[3];
    };

    void collect_sessions();
    void apply_chunk(SessionEvent *chunk, Size count);
    void apply_part(Entry &entry, std::span<const Event> events);

    Ledger &ledger_;
    TransitionReader &reader_;
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
        entry->late = false;
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
        entry.times = {core::kEndOfTime, core::kBeginningOfTime};
    }
    entry.times.from = std::min(entry.times.from, events.front().time);
    entry.times.to = std::max(entry.times.to, events.back().time);
    for (const Event &event : events) {
        if (!is_movement(event.kind)) {
            entry.sample_changes[static_cast<int>(event.kind) - static_cast<int>(Kind::kDetecting)] += event.sign;
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
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "people_counter chunk", ALLOCSET_DEFAULT_SIZES);
    MemoryContext outer = MemoryContextSwitchTo(scratch);
    Size count = 0;
    while (reader_.next(chunk[count])) {
        if (++count == kChunk) {
            apply_chunk(chunk, count);
            MemoryContextReset(scratch);
            count = 0;
        }
    }
    apply_chunk(chunk, count);
    CommandCounterIncrement();
    for (Size i = 0; i < session_count_; ++i) {
        const auto *entry = static_cast<Entry *>(hash_search(entries_, &sessions_[i], HASH_FIND, nullptr));
        if (entry->late) {
            MemoryContextReset(scratch);
            with_locked_session(ledger_, entry->session, [&](LockedSession &locked) {
                rederive(locked, {{&entry->times, 1}, false}, entry->sample_changes, {});
            });
        }
    }
    MemoryContextSwitchTo(outer);
}

// The events of one statement. Few of them are the rule and take no more than an array.
void apply_statement(const pg::Relations &relations, TransitionReader &reader) {
    Size capacity = 64;
    Size count = 0;
    auto *chunk = static_cast<SessionEvent *>(palloc(capacity * sizeof(SessionEvent)));
    while (reader.next(chunk[count])) {
        if (++count == capacity) {
            if (capacity == LargeStatement::kChunk) {
                Ledger ledger;
                ledger.open(relations);
                LargeStatement(ledger, reader).run(chunk);
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
        apply_events(ledger, session, of_session);
    });
    ledger.close();
}

// Derives every session again that has statistics or should have.
void rederive_all(const pg::Relations &relations) {
    CommandCounterIncrement();
    Size count = 0;
    pg_uuid_t *sessions = read_session_ids(relations, count);
    Ledger ledger;
    ledger.open(relations);
    for (Size i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        with_locked_session(ledger, sessions[i], [](LockedSession &locked) {
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        });
    }
    ledger.close();
}

Datum events_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of(RelationGetNamespace(trigger->tg_relation));
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        rederive_all(relations);
        return PointerGetDatum(nullptr);
    }
    TransitionReader reader = TransitionReader::open(trigger, relations);
    apply_statement(relations, reader);
    reader.close();
    return PointerGetDatum(nullptr);
}

struct TouchedSession {
    enum class Extent {
        kFacts,  // no hour but the last: what the session's row says of itself
        kTimes,
        kToNextBaseline,  // from times.from on
        kEverything,
    };

    pg_uuid_t session;
    core::Interval times;
    Extent extent;
};

// Rows of a small table that each touch a stretch of their session's time.
class TouchedSessions {
  public:
    void add(const TouchedSession &touched) {
        if (count_ == capacity_) {
            capacity_ = capacity_ == 0 ? 16 : capacity_ * 2;
            const Size bytes = capacity_ * sizeof(TouchedSession);
            rows_ = static_cast<TouchedSession *>(rows_ == nullptr ? palloc(bytes) : repalloc_huge(rows_, bytes));
        }
        rows_[count_++] = touched;
    }

    void rederive_each(const pg::Relations &relations) {
        if (count_ == 0) {
            return;
        }
        CommandCounterIncrement();
        std::sort(rows_, rows_ + count_, [](const TouchedSession &a, const TouchedSession &b) {
            const int order = memcmp(&a.session, &b.session, UUID_LEN);
            return order != 0 ? order < 0 : a.times.from < b.times.from;
        });
        auto *times = static_cast<core::Interval *>(palloc_extended(count_ * sizeof(core::Interval), MCXT_ALLOC_HUGE));
        Ledger ledger;
        ledger.open(relations);
        for (Size from = 0; from < count_;) {
            Size to = from;
            while (to < count_ && same_session(rows_[from].session, rows_[to].session)) {
                ++to;
            }
            with_locked_session(ledger, rows_[from].session, [&](LockedSession &locked) {
                Size n = 0;
                bool everything = false;
                for (Size i = from; i < to; ++i) {
                    everything = everything || rows_[i].extent == TouchedSession::Extent::kEverything;
                    if (rows_[i].extent == TouchedSession::Extent::kToNextBaseline) {
                        rows_[i].times.to = locked.baselines.at_or_after(rows_[i].times.from + 1).time;
                    }
                    if (rows_[i].extent != TouchedSession::Extent::kFacts) {
                        times[n++] = rows_[i].times;
                    }
                }
                rederive(locked, {{times, n}, everything}, {0, 0, 0}, {});
            });
            from = to;
        }
        ledger.close();
    }

  private:
    TouchedSession *rows_ = nullptr;
    Size count_ = 0;
    Size capacity_ = 0;
};

void add_baselines(Tuplestorestate *rows, TupleDesc columns, bool check, TouchedSessions &touched) {
    if (rows == nullptr) {
        return;
    }
    TransitionTable table = TransitionTable::open(rows, columns);
    while (TupleTableSlot *row = table.next()) {
        bool is_null = false;
        if (check) {
            check_baseline(row);
        }
        TouchedSession t{};
        memcpy(&t.session, DatumGetUUIDP(slot_getattr(row, baselines::session_id, &is_null)), UUID_LEN);
        t.times.from = DatumGetTimestampTz(slot_getattr(row, baselines::baseline_time, &is_null));
        t.extent = TouchedSession::Extent::kToNextBaseline;
        touched.add(t);
    }
    table.close();
}

Datum baselines_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of(RelationGetNamespace(trigger->tg_relation));
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        rederive_all(relations);
        return PointerGetDatum(nullptr);
    }
    TouchedSessions touched;
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    add_baselines(trigger->tg_oldtable, columns, false, touched);
    add_baselines(trigger->tg_newtable, columns, true, touched);
    touched.rederive_each(relations);
    return PointerGetDatum(nullptr);
}

// What of a session's row its statistics depend on.
struct SessionRow {
    pg_uuid_t id;
    core::Micros start_time;
    core::Micros end_time;
    core::Micros created_at;
    int32 false_positives;
    int32 false_negatives;
    Datum time_zone, day_start, reset_time;
    bool no_reset;

    static SessionRow read(TupleTableSlot *row) {
        SessionRow s{};
        bool is_null = false;
        memcpy(&s.id, DatumGetUUIDP(slot_getattr(row, sessions::id, &is_null)), UUID_LEN);
        s.start_time = DatumGetTimestampTz(slot_getattr(row, sessions::start_time, &is_null));
        const Datum end = slot_getattr(row, sessions::end_time, &is_null);
        s.end_time = is_null ? core::kBeginningOfTime : DatumGetTimestampTz(end);
        s.created_at = DatumGetTimestampTz(slot_getattr(row, sessions::created_at, &is_null));
        const Datum positives = slot_getattr(row, sessions::false_positives, &is_null);
        s.false_positives = is_null ? FoldState::kNotReported : DatumGetInt32(positives);
        const Datum negatives = slot_getattr(row, sessions::false_negatives, &is_null);
        s.false_negatives = is_null ? FoldState::kNotReported : DatumGetInt32(negatives);
        s.time_zone = slot_getattr(row, sessions::time_zone, &is_null);
        s.day_start = slot_getattr(row, sessions::day_start, &is_null);
        s.reset_time = slot_getattr(row, sessions::reset_time, &s.no_reset);
        return s;
    }

    bool same_calendar(const SessionRow &other) const {
        return DatumGetBool(DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID, time_zone, other.time_zone)) &&
               DatumGetTimeADT(day_start) == DatumGetTimeADT(other.day_start) && no_reset == other.no_reset &&
               (no_reset || DatumGetTimeADT(reset_time) == DatumGetTimeADT(other.reset_time));
    }
};

void create_statistics(Ledger &ledger, const SessionRow &session) {
    ledger.create_session(session.id, session.created_at);
    FoldState &state = ledger.figures.state;
    state.start_time = session.start_time;
    state.end_time = session.end_time;
    state.false_positives = session.false_positives;
    state.false_negatives = session.false_negatives;
    ledger.store_session();
}

// Rows come in the same order in both transition tables, but an update may change the id, so they are paired by it.
void touch_changed(const SessionRow &before, const SessionRow &after, TouchedSessions &touched) {
    TouchedSession t{};
    t.session = after.id;
    if (!before.same_calendar(after)) {
        t.extent = TouchedSession::Extent::kEverything;
        touched.add(t);
        return;
    }
    if (before.start_time != after.start_time) {
        // Days count the session's duration whether or not an hour of theirs lies between the two starts.
        t.times = {std::min(before.start_time, after.start_time) - 2 * core::kDay,
                   std::max(before.start_time, after.start_time) + 2 * core::kDay};
        t.extent = TouchedSession::Extent::kTimes;
        touched.add(t);
    } else if (before.end_time != after.end_time || before.created_at != after.created_at ||
               before.false_positives != after.false_positives || before.false_negatives != after.false_negatives) {
        t.extent = TouchedSession::Extent::kFacts;  // the walk itself finds what the new horizon touches
        touched.add(t);
    }
}

Datum sessions_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of(RelationGetNamespace(trigger->tg_relation));
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    TransitionTable after = TransitionTable::open(trigger->tg_newtable, columns);
    if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
        CommandCounterIncrement();
        Ledger ledger;
        ledger.open(relations);
        while (TupleTableSlot *row = after.next()) {
            create_statistics(ledger, SessionRow::read(row));
        }
        ledger.close();
    } else {
        TransitionTable before = TransitionTable::open(trigger->tg_oldtable, columns);
        TouchedSessions touched;
        for (;;) {
            TupleTableSlot *old_row = before.next();
            TupleTableSlot *new_row = after.next();
            if (old_row == nullptr || new_row == nullptr) {
                break;
            }
            touch_changed(SessionRow::read(old_row), SessionRow::read(new_row), touched);
        }
        touched.rederive_each(relations);
        before.close();
    }
    after.close();
    return PointerGetDatum(nullptr);
}

}  // namespace

}  // namespace people_counter::statistics

PEOPLE_COUNTER_FUNCTION(movements_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::events_changed(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(metrics_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::events_changed(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(baselines_changed) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return people_counter::statistics::baselines_changed(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(sessions_changed) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return people_counter::statistics::sessions_changed(fcinfo); });
}
