// The derived rows of one session while a statement changes them.
//
// Hour rows are written as they change; what that means for their day and the session is kept as differences and
// written by finish(). A peak that fell is the one thing a difference cannot tell: it is read again from the rows
// below.
#pragma once

#include "pg/relations.hpp"
#include "statistics/derived_rows.hpp"

namespace people_counter::statistics {

// What changed in the hours of a day, or of the session.
struct Difference {
    Counts counts;
    int64 absorbed;
    int64 occupancy;
    Micros observed;
    Peak highest;  // of the rows that came or changed
    Peak lost;     // the highest peak that fell or went
    bool row_removed;

    void note(const HourFigures *before, const HourFigures *after);
};

class Ledger {
  public:
    void open(const pg::Relations &relations);
    void close();

    // Positions on the session's row; false if there is none. Without `lock` the row is read as it is now, and
    // store_session(false) later tells whether somebody was faster.
    bool load_session(const pg_uuid_t &session, bool lock);
    // Two writers may find a session without its row; the one who has this lock makes it. After a few hundred of them
    // it is one lock for all that are still to come: the table of locks holds only so many.
    void lock_creation(const pg_uuid_t &session);
    // Rebuilds of everything come one after another.
    void rebuild_alone();
    // Waits for those who wait for the session already. Only for one who holds nothing of the session: whoever has its
    // row must not wait for those who wait for it.
    void queue_for(const pg_uuid_t &session);
    // Makes the row of a session that has none (a new one, or one replicated without its statistics).
    void create_session(const pg_uuid_t &session, Micros created_at);

    // Writes figures as the session's row. False: another transaction changed it, load again.
    bool store_session();

    // Hour rows. `read_hour` and `scan` below position on a row that `replace_hour` then overwrites or removes.
    bool read_hour(Micros start, HourFigures &out);
    void replace_hour(const HourFigures *before, const HourFigures &after, int32 day);
    void remove_hour(const HourFigures &before, int32 day);

    // Writes the days and the sums of the session; `calendar` and the state's start_time and horizon must be final.
    void finish(core::Calendar &calendar);

    // The short path: one open hour, nothing but additions (append.cpp).
    void add_to_open_hour(const Counts &counts, int64 absorbed, Peak reported);

    // For what lives no longer than one row; reset by its user.
    MemoryContext scratch();

    pg::DerivedTable &hours() { return hours_; }
    const pg_uuid_t &session() const { return session_; }
    const pg::Relations &relations() const { return relations_; }

    SessionFigures figures;

  private:
    static constexpr int kMaxDays = 8;
    struct Day {
        int32 date;
        Difference difference;
    };

    enum class LockKind : uint16 { kCreation = 3, kAnyCreation = 4, kQueue = 5, kRebuild = 6 };
    static constexpr int kCreationLocks = 256;

    Snapshot row_snapshot() const;
    void lock(LockKind kind, uint64 what, LOCKMODE mode);
    uint64 hash_of(const pg_uuid_t &session) const;
    void note_change(const HourFigures *before, const HourFigures *after, int32 day);
    Day &pending_day(int32 date);
    void note_days_in_pieces(core::Calendar &calendar);
    void flush_day(const Day &day, core::Calendar &calendar);
    bool aggregate_day(int32 date, core::Calendar &calendar, Difference &sum);
    void read_session_peak();

    pg::Relations relations_;
    pg::DerivedTable sessions_;
    pg::DerivedTable hours_;
    pg::DerivedTable days_;
    MemoryContext scratch_;
    pg_uuid_t session_;
    bool session_found_;
    int created_;            // rows that lacked, up to one more than kCreationLocks
    Micros loaded_horizon_;  // of the row as it was loaded
    Difference total_;
    Day *pending_days_;
    int pending_count_;
    int pending_capacity_;
};

}  // namespace people_counter::statistics
