// The statement triggers: which sessions did this statement touch, and what of them.
#include "pg/guard.hpp"
#include "statistics/large_statement.hpp"
#include "statistics/ledger.hpp"
#include "statistics/touched_sessions.hpp"
#include "statistics/transition_reader.hpp"

namespace people_counter::statistics {

namespace {

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
    const TriggerEvent event = trigger->tg_event;
    const bool needs_old = TRIGGER_FIRED_BY_UPDATE(event) || TRIGGER_FIRED_BY_DELETE(event);
    const bool needs_new = TRIGGER_FIRED_BY_UPDATE(event) || TRIGGER_FIRED_BY_INSERT(event);
    if ((needs_old && trigger->tg_oldtable == nullptr) || (needs_new && trigger->tg_newtable == nullptr)) {
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                 errmsg("function \"%s\" must see the rows of the statement", get_func_name(fcinfo->flinfo->fn_oid)),
                 errhint("Create the trigger with REFERENCING and the old and new tables that its event has.")));
    }
    return trigger;
}

Datum events_changed(FunctionCallInfo fcinfo, Oid pg::Relations::*table) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of_trigger(fcinfo, {table});
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        rederive_all(relations);
        return Datum{0};
    }
    TransitionReader reader = TransitionReader::open(trigger, relations);
    apply_statement(relations, reader);
    reader.close();
    return Datum{0};
}

Datum baselines_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of_trigger(fcinfo, {&pg::Relations::baselines});
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        rederive_all(relations);
        return Datum{0};
    }
    TouchedSessions touched;
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    add_baselines(trigger->tg_oldtable, columns, false, touched);
    add_baselines(trigger->tg_newtable, columns, true, touched);
    touched.rederive_each(relations);
    return Datum{0};
}

Datum archive_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of_trigger(fcinfo, {&pg::Relations::archived_hours});
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        rederive_all(relations);
        return Datum{0};
    }
    TouchedSessions touched;
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    add_archived_hours(trigger->tg_oldtable, columns, -1, touched);
    add_archived_hours(trigger->tg_newtable, columns, 1, touched);
    touched.rederive_each(relations);
    return Datum{0};
}

Datum sessions_changed(FunctionCallInfo fcinfo) {
    TriggerData *trigger = statement_trigger(fcinfo);
    const pg::Relations relations = pg::relations_of_trigger(fcinfo, {&pg::Relations::sessions});
    if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("sessions_changed() must be a trigger of INSERT or UPDATE")));
    }
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
    return Datum{0};
}

}  // namespace

}  // namespace people_counter::statistics

PEOPLE_COUNTER_FUNCTION(movements_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum {
        return people_counter::statistics::events_changed(fcinfo, &people_counter::pg::Relations::movements);
    });
}

PEOPLE_COUNTER_FUNCTION(metrics_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum {
        return people_counter::statistics::events_changed(fcinfo, &people_counter::pg::Relations::metrics);
    });
}

PEOPLE_COUNTER_FUNCTION(baselines_changed) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return people_counter::statistics::baselines_changed(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(archive_changed) {
    return people_counter::pg::pg_entry([&]() -> Datum { return people_counter::statistics::archive_changed(fcinfo); });
}

PEOPLE_COUNTER_FUNCTION(sessions_changed) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return people_counter::statistics::sessions_changed(fcinfo); });
}
