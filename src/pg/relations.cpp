#include "pg/relations.hpp"

namespace people_counter::pg {

namespace {

struct Entry {
    const char *table;
    Oid Relations::*table_id;
    Oid Relations::*key_id;
};

constexpr Entry kTables[] = {
    {"sessions", &Relations::sessions, &Relations::sessions_key},
    {"people_movements", &Relations::movements, &Relations::movements_key},
    {"realtime_metrics", &Relations::metrics, &Relations::metrics_key},
    {"occupancy_baselines", &Relations::baselines, &Relations::baselines_key},
    {"session_statistics", &Relations::session_statistics, &Relations::session_statistics_key},
    {"hourly_statistics", &Relations::hourly_statistics, &Relations::hourly_statistics_key},
    {"daily_statistics", &Relations::daily_statistics, &Relations::daily_statistics_key},
};

Relations cached;
bool cached_valid = false;
bool watching = false;

void forget_relation(Datum, Oid relation) {
    if (!cached_valid) {
        return;
    }
    bool ours = relation == InvalidOid;
    for (const Entry &entry : kTables) {
        ours = ours || relation == cached.*entry.table_id || relation == cached.*entry.key_id;
    }
    cached_valid = !ours;
}

void forget_types(Datum, int, uint32) { cached_valid = false; }

Oid enum_value(Oid schema, const char *type_name, const char *label) {
    const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(type_name),
                                     ObjectIdGetDatum(schema));
    const Oid value = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type), CStringGetDatum(label));
    if (!OidIsValid(value)) {
        elog(ERROR, "value \"%s\" of type \"%s\" is missing from the people_counter schema", label, type_name);
    }
    return value;
}

}  // namespace

const Relations &relations_of(Oid schema) {
    if (cached_valid && cached.schema == schema) {
        return cached;
    }
    if (!watching) {
        CacheRegisterRelcacheCallback(forget_relation, 0);
        CacheRegisterSyscacheCallback(ENUMTYPOIDNAME, forget_types, 0);
        CacheRegisterSyscacheCallback(TYPENAMENSP, forget_types, 0);
        watching = true;
    }
    cached_valid = false;
    Relations found{};
    found.schema = schema;
    for (const Entry &entry : kTables) {
        const Oid table_id = get_relname_relid(entry.table, schema);
        if (!OidIsValid(table_id)) {
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_TABLE),
                     errmsg("table \"%s\" is missing from schema \"%s\"", entry.table, get_namespace_name(schema)),
                     errhint("The schema is not the one of extension people_counter, or the extension is "
                             "being dropped.")));
        }
        const Relation table = table_open(table_id, AccessShareLock);
        found.*entry.table_id = table_id;
        found.*entry.key_id = RelationGetPrimaryKeyIndex(table
#if PG_VERSION_NUM >= 180000
                                                         ,
                                                         false
#endif
        );
        table_close(table, AccessShareLock);
        if (!OidIsValid(found.*entry.key_id)) {
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("table \"%s\" has lost its primary key", entry.table),
                     errhint("Create the primary key of extension people_counter again.")));
        }
    }
    found.direction_in = enum_value(schema, "movement_direction", "in");
    found.status_detecting = enum_value(schema, "detection_status", "detecting");
    found.status_tracking = enum_value(schema, "detection_status", "tracking");
    cached = found;
    cached_valid = true;
    return cached;
}

const Relations &relations_of_function(const FunctionCallInfo fcinfo) {
    return relations_of(get_func_namespace(fcinfo->flinfo->fn_oid));
}

const Relations &relations_of_trigger(const FunctionCallInfo fcinfo) {
    const Relations &relations = relations_of_function(fcinfo);
    const Relation table = reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation;
    bool ours = false;
    for (const Entry &entry : kTables) {
        ours = ours || relations.*entry.table_id == RelationGetRelid(table);
    }
    if (!ours) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" is not for table \"%s\"", get_func_name(fcinfo->flinfo->fn_oid),
                               RelationGetRelationName(table)),
                        errhint("It serves the tables of extension people_counter only.")));
    }
    return relations;
}

}  // namespace people_counter::pg
