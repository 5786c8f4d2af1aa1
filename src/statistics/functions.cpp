// What SQL can ask of the native statistics, and the triggers that protect them.
#include "pg/compat.hpp"
#include "pg/guard.hpp"
#include "statistics/apply.hpp"
#include "statistics/columns.hpp"

#include <algorithm>

namespace people_counter::statistics {

namespace {

bool session_exists(const pg::Relations &relations, const pg_uuid_t &session, Snapshot snapshot) {
    SessionConfig config{};
    return read_config(relations, session, snapshot, config);
}

void report_no_session(const pg_uuid_t &session) {
    char *text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&session)));
    ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("session \"%s\" does not exist", text),
                    errhint("Sessions are the rows of table sessions.")));
}

// Better no number than a wrong one.
void report_no_statistics(const pg_uuid_t &session) {
    char *text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&session)));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("session \"%s\" has no statistics of this version of people_counter", text),
                    errhint("Triggers did not run, as on a subscriber, or the library is a new one: "
                            "rebuild_statistics() makes them.")));
}

void check_may_read(Oid table) {
    const AclResult result = pg_class_aclcheck(table, GetUserId(), ACL_SELECT);
    if (result != ACLCHECK_OK) {
        aclcheck_error(result, OBJECT_TABLE, get_rel_name(table));
    }
}

// L at greatest(now, last movement).
Datum current(FunctionCallInfo fcinfo) {
    const pg::Relations relations = pg::relations_of_function(fcinfo);
    const pg_uuid_t session = *PG_GETARG_UUID_P(0);
    check_may_read(relations.session_statistics);
    const Snapshot snapshot = GetActiveSnapshot();
    FoldState state{};
    if (!read_fold_state(relations, session, snapshot, state)) {
        if (!session_exists(relations, session, snapshot)) {
            report_no_session(session);
        }
        report_no_statistics(session);
    }
    SessionConfig config{};
    if (!read_config(relations, session, snapshot, config)) {
        report_no_session(session);
    }
    const Micros at = std::max<Micros>(GetCurrentTimestamp(), state.last_movement);
    Level level = state.level_at_last_movement;
    core::Baseline last = {core::kBeginningOfTime, 0};
    if (state.last_baseline != core::kBeginningOfTime) {
        // The last row is known; only where it is planned for later are the others looked at.
        last = {state.last_baseline, state.last_baseline_value};
        if (last.time > at) {
            last = last_baseline_at_or_before(relations, session, snapshot, at);
        }
    }
    const Micros reset = config.calendar.reset_before(at + 1);
    if (reset > last.time) {
        last = {reset, 0};
    }
    if (last.time > state.last_movement) {
        level = last.value;
    }
    PG_RETURN_INT32(static_cast<int32>(std::min<Level>(level, PG_INT32_MAX)));
}

// Derived rows of sessions that are gone, as a subscriber to the base tables keeps them: no trigger fired there.
// Under the snapshot that the sessions were read with: a session that came since has rows, too.
void remove_orphans(const pg::Relations &relations, Oid table_id, Snapshot snapshot, const pg_uuid_t *sessions,
                    Size count) {
    pg::DerivedTable table = pg::DerivedTable::open(relations, table_id);
    const TableScanDesc scan = pg::begin_table_scan(table.table, snapshot);
    const auto before = [](const pg_uuid_t &a, const pg_uuid_t &b) { return memcmp(&a, &b, UUID_LEN) < 0; };
    while (table_scan_getnextslot(scan, ForwardScanDirection, table.found)) {
        CHECK_FOR_INTERRUPTS();
        if (!std::binary_search(sessions, sessions + count, *DatumGetUUIDP(table.value(1)), before)) {
            table.remove();
        }
    }
    table_endscan(scan);
    table.close();
}

Datum rebuild(FunctionCallInfo fcinfo) {
    PreventCommandIfReadOnly("rebuild_statistics()");
    const pg::Relations relations = pg::relations_of_function(fcinfo);
    CommandCounterIncrement();
    Size count = 1;
    pg_uuid_t *sessions = nullptr;
    Ledger ledger;
    ledger.open(relations);
    if (PG_ARGISNULL(0)) {
        ledger.rebuild_alone();
    }
    const Snapshot snapshot = take_fresh_snapshot();
    if (PG_ARGISNULL(0)) {
        sessions = read_session_ids(relations, snapshot, count);
        for (const Oid table_id :
             {relations.hourly_statistics, relations.daily_statistics, relations.session_statistics}) {
            remove_orphans(relations, table_id, snapshot, sessions, count);
        }
    } else {
        sessions = PG_GETARG_UUID_P(0);
        if (!session_exists(relations, *sessions, snapshot)) {
            report_no_session(*sessions);
        }
    }
    UnregisterSnapshot(snapshot);
    for (Size i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        with_locked_session(ledger, sessions[i], [](LockedSession &locked) {
            rederive(locked, {{}, true}, {0, 0, 0}, {});
        });
    }
    ledger.close();
    PG_RETURN_INT64(static_cast<int64>(count));
}

// Derived rows change with the base tables only. Rows may go when their session is gone: the cascade of a foreign key
// and TRUNCATE sessions CASCADE come here too.
Datum guard(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" was not called as a trigger", get_func_name(fcinfo->flinfo->fn_oid))));
    }
    const auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    const TriggerEvent event = trigger->tg_event;
    const pg::Relations relations = pg::relations_of_trigger(fcinfo, {&pg::Relations::session_statistics,
                                                                      &pg::Relations::hourly_statistics,
                                                                      &pg::Relations::daily_statistics});
    if (TRIGGER_FIRED_BY_TRUNCATE(event) || (TRIGGER_FIRED_BY_DELETE(event) && TRIGGER_FIRED_FOR_ROW(event))) {
        if (TRIGGER_FIRED_BY_TRUNCATE(event)) {
            Size count = 0;
            const Snapshot snapshot = take_fresh_snapshot();
            read_session_ids(relations, snapshot, count);
            UnregisterSnapshot(snapshot);
            if (count == 0) {
                return Datum{0};
            }
        } else {
            CommandCounterIncrement();
            bool is_null = false;
            const pg_uuid_t session = *DatumGetUUIDP(
                heap_getattr(trigger->tg_trigtuple, 1, RelationGetDescr(trigger->tg_relation), &is_null));
            const Snapshot snapshot = take_fresh_snapshot();
            const bool cascade = !session_exists(relations, session, snapshot);
            UnregisterSnapshot(snapshot);
            if (cascade) {
                return PointerGetDatum(trigger->tg_trigtuple);
            }
        }
    }
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("table \"%s\" is kept by people_counter and cannot be changed directly",
                    RelationGetRelationName(trigger->tg_relation)),
             errhint("Change sessions, people_movements, realtime_metrics or occupancy_baselines: the statistics "
                     "follow in the same transaction. rebuild_statistics() derives them again.")));
    pg_unreachable();
}

}  // namespace

}  // namespace people_counter::statistics

PEOPLE_COUNTER_FUNCTION(current) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::current(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(rebuild) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::rebuild(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(guard) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::guard(fcinfo); });
}
