#include "stream/look.hpp"

#include "alerting/query.hpp"
#include "pg/worker.hpp"
#include "stream/visit.hpp"

#include <algorithm>

namespace people_counter::stream {

struct Said {
    pg_uuid_t session;  // the hash key
    uint32 what;        // a hash of its statistics; 0: nothing
    bool owed;
    core::Micros due;
};

namespace {

constexpr long kMostSaid = 20'000;  // sessions
// In a zone's lost hour a reset is a little later than this reckons, and is found by the next look.
constexpr core::Micros kGrace = 10'000;

// In the order of SessionColumn.
alerting::Query rows_of_sessions(
    "SELECT s.id, s.session_name, s.status::text, s.capacity, st.total_people_entered, st.total_people_exited,"
    "       st.peak_people_count, st.exits_absorbed, st.last_movement_time,"
    "       $S.calculate_current_people_inside(s.id),"
    "       CASE WHEN s.status = 'active' THEN"
    "           least((SELECT min(b.baseline_time) FROM $S.occupancy_baselines AS b"
    "                   WHERE b.session_id = s.id AND b.baseline_time > now()),"
    "                 ((now() AT TIME ZONE s.time_zone - s.reset_time)::date + 1 + s.reset_time) AT TIME ZONE "
    "s.time_zone)"
    "       END"
    "  FROM $S.sessions AS s JOIN $S.session_statistics AS st ON st.session_id = s.id"
    " WHERE s.id = ANY ($1) ORDER BY s.id");

// That are active; $1: or may still have news.
alerting::Query all_sessions(
    "SELECT id FROM $S.sessions WHERE status = 'active' OR ($1 AND end_time > now() - interval '1 day') ORDER BY id");

bool is_before(const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) < 0; }

HTAB *new_said() {
    HASHCTL control{};
    control.keysize = UUID_LEN;
    control.entrysize = sizeof(Said);
    control.hcxt = TopMemoryContext;
    return hash_create("people_counter streamed sessions", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

Datum ids_of(std::span<const Session> sessions) {
    auto *ids = static_cast<Datum *>(palloc(sessions.size() * sizeof(Datum)));
    std::transform(sessions.begin(), sessions.end(), ids, [](const Session &s) { return UUIDPGetDatum(&s.id); });
    return PointerGetDatum(
        construct_array(ids, static_cast<int>(sessions.size()), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

}  // namespace

void Observer::create(alerting::Board *board, int index) {
    marks_.open(board, index);
    said_ = new_said();
    forget();
}

void Observer::forget() {
    marks_.forget();
    past_.forget();
    alerts_.forget();
    hash_destroy(said_);
    said_ = new_said();
    alerts_due_ = owes_ = false;
    due_at_ = core::kEndOfTime;
}

Said *Observer::said_entry(const pg_uuid_t &session) {
    bool found = false;
    auto *entry = static_cast<Said *>(hash_search(said_, &session, HASH_ENTER, &found));
    if (!found) {
        entry->what = 0;
        entry->owed = false;
        entry->due = core::kEndOfTime;
    }
    return entry;
}

uint32 Observer::said_of(const pg_uuid_t &session) const {
    const auto *entry = static_cast<Said *>(hash_search(said_, &session, HASH_FIND, nullptr));
    return entry == nullptr ? 0 : entry->what;
}

void Observer::owe(const pg_uuid_t &session) {
    Said *entry = said_entry(session);
    entry->owed = true;
    entry->what = 0;
    owes_ = true;
}

bool Observer::repay() {
    if (!owes_) {
        return false;
    }
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, said_);
    while (auto *entry = static_cast<Said *>(hash_seq_search(&all))) {
        if (entry->owed) {
            marks_.add({entry->session, core::kEndOfTime, 0, InvalidTransactionId, alerting::kRowChanged});
            entry->owed = false;
        }
    }
    owes_ = false;
    return true;
}

void Observer::note_due(core::Micros now) {
    if (now < due_at_) {
        return;
    }
    due_at_ = core::kEndOfTime;
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, said_);
    while (auto *entry = static_cast<Said *>(hash_seq_search(&all))) {
        if (entry->due <= now) {
            marks_.add({entry->session, core::kEndOfTime, 0, InvalidTransactionId, alerting::kRowChanged});
            entry->due = core::kEndOfTime;
        }
        due_at_ = std::min(due_at_, entry->due);
    }
}

// Those with marks of transactions that have ended; all if that is what was marked, or nothing is known yet.
std::span<Session> Observer::sessions_of(Oid schema, Snapshot snapshot, MemoryContext scratch) {
    const std::span<StreamMark> ended = marks_.ended(snapshot);
    bool all = !past_.is_known() || marks_.overrun;
    core::Micros from = marks_.overrun ? marks_.overrun_from : core::kEndOfTime;
    for (const StreamMark &mark : ended) {
        if ((mark.what & alerting::kAllSessions) != 0) {
            all = true;
            from = std::min(from, mark.from);
        }
    }
    const bool ended_too = past_.is_known() && from != core::kEndOfTime;
    const uint64 rows = all ? all_sessions.run(schema, {{BOOLOID, BoolGetDatum(ended_too)}}, true) : 0;
    // SPI has left us in a context of its own, which ends with the transaction.
    auto *sessions = static_cast<Session *>(
        MemoryContextAllocExtended(scratch, (ended.size() + rows + 1) * sizeof(Session), MCXT_ALLOC_HUGE));
    Size count = 0;
    for (Size i = 0; i < ended.size();) {
        Session session{ended[i].session, from, ended[i].what, {}, nullptr, 0, core::kEndOfTime, false};
        Size to = i;
        for (; to < ended.size() && memcmp(&ended[to].session, &session.id, UUID_LEN) == 0; ++to) {
            session.from = std::min(session.from, ended[to].from);
            session.what |= ended[to].what;
        }
        session.marks = all ? std::span<const StreamMark>(ended) : ended.subspan(i, to - i);
        if ((session.what & alerting::kAllSessions) == 0) {
            sessions[count++] = session;
        }
        i = to;
    }
    const Size marked = count;
    for (uint64 row = 0; row < rows; ++row) {
        const pg_uuid_t id = *DatumGetUUIDP(alerting::required_column(row, 1));
        const Session *found = std::lower_bound(sessions, sessions + marked, id,
                                                [](const Session &s, const pg_uuid_t &i) {
                                                    return is_before(s.id, i);
                                                });
        if (found == sessions + marked || is_before(id, found->id)) {
            sessions[count++] = {id, from, alerting::kAnythingChanged, ended, nullptr, 0, core::kEndOfTime, false};
        }
    }
    std::sort(sessions, sessions + count, [](const Session &a, const Session &b) { return is_before(a.id, b.id); });
    return {sessions, count};
}

bool Observer::look(Outbox &outbox, MemoryContext scratch) {
    marks_.drain();
    alerts_due_ = alerts_due_ || marks_.alerts || !past_.is_known();
    marks_.alerts = false;  // what comes from now on may not be visible in this look
    pg::OwnerTransaction transaction;
    transaction.begin("people_counter: looking for what to stream");
    pg::Extension extension;
    if (!transaction.become_owner(extension)) {
        transaction.commit();
        return false;
    }
    if (extension.id != extension_) {
        if (extension_ != InvalidOid) {
            forget();
        }
        extension_ = extension.id;
        alerts_due_ = true;
    }
    const Snapshot snapshot = GetActiveSnapshot();
    marks_.drain();  // of all whose changes the snapshot sees
    xmin_ = snapshot->xmin;
    next_past_.remember(snapshot);
    MemoryContext const outer = MemoryContextSwitchTo(scratch);
    sessions_ = sessions_of(extension.schema, snapshot, scratch);
    if (!sessions_.empty()) {
        Tables tables = Tables::open(extension.schema, snapshot);
        const uint64 rows = rows_of_sessions.run(extension.schema, {{UUIDARRAYOID, ids_of(sessions_)}}, true);
        Size at = 0;
        for (uint64 row = 0; row < rows; ++row) {
            const pg_uuid_t id = *DatumGetUUIDP(alerting::required_column(row, kSessionId));
            while (is_before(sessions_[at].id, id)) {
                ++at;
            }
            visit(tables, sessions_[at], row, said_of(id), past_, outbox);
            bool never = false;
            const Datum due = alerting::column(row, kDue, &never);
            sessions_[at].due = never ? core::kEndOfTime : DatumGetTimestampTz(due) + kGrace;
        }
        SPI_freetuptable(SPI_tuptable);
        tables.close();
    }
    if (alerts_due_) {
        alerts_.look(extension.schema, outbox);
    }
    MemoryContextSwitchTo(outer);
    transaction.commit();
    return true;
}

void Observer::settle() {
    marks_.settle(xmin_);
    std::swap(past_, next_past_);
    alerts_.settle();
    alerts_due_ = false;
    if (hash_get_num_entries(said_) > kMostSaid && !owes_) {
        hash_destroy(said_);
        said_ = new_said();
    }
    for (const Session &session : sessions_) {
        if (session.name == nullptr) {
            continue;  // it is gone
        }
        Said *entry = said_entry(session.id);
        entry->what = session.said != 0 ? session.said : entry->what;
        entry->due = session.due;
        due_at_ = std::min(due_at_, session.due);
        if (session.owed) {
            owe(session.id);
        }
    }
    sessions_ = {};
}

}  // namespace people_counter::stream
