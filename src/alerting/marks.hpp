// What a transaction changed that a worker must know when it commits.
//
// A mark costs a few stores. Until the commit it is kept here; a rollback to a savepoint leaves it, since looking at a
// session that did not change harms nothing.
#pragma once

#include "pg/prelude.hpp"

#include "statistics/event.hpp"

#include <span>

namespace people_counter::alerting {

// Sorted by time.
void note_events(const pg_uuid_t &session, std::span<const statistics::Event> events);
void note_session(const pg_uuid_t &session, core::Micros from);  // its row or its baselines, from this time on
// After note_events(): a movement took the people inside from `before` to `after`; or nobody knows where it took them.
void note_levels(const pg_uuid_t &session, int64 before, int64 after);
void note_urgent(const pg_uuid_t &session);
void note_all_sessions();
void note_rules();       // rules, channels, alerts that people changed
void note_alerts();      // alerts that fired or ended, whoever wrote it
void note_deliveries();  // something to send
void note_extension();   // it was created here
void note_databases();   // there are others, or some are gone
// The extension was dropped, or a subscription changed: also for a worker that stands aside.
void note_catalog();

// In a worker: what it writes itself is no news to it.
void ignore_own_changes();

// Once, by _PG_init.
void register_marks();

}  // namespace people_counter::alerting
