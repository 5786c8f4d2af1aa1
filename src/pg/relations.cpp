#include "pg/relations.hpp"

#include "pg/compat.hpp"
#include "pg/extension.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace people_counter::pg {

namespace {

// Stand for the extension's own types among the column types.
constexpr Oid kSessionStatus = 1;
constexpr Oid kDetectionStatus = 2;
constexpr Oid kMovementDirection = 3;
constexpr const char *kOwnTypes[] = {"", "session_status", "detection_status", "movement_direction"};

// The columns as sql/install/ makes them. Users may add others behind.
constexpr Oid kSessions[] = {UUIDOID,    VARCHAROID,     VARCHAROID, VARCHAROID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                             NUMERICOID, kSessionStatus, NUMERICOID, INT4OID,    INT4OID,        INT4OID,
                             NUMERICOID, INT4OID,        INT4OID,    INT4OID,    TIMESTAMPTZOID, TIMESTAMPTZOID,
                             TEXTOID,    TIMEOID,        TIMEOID,    INT4OID,    INT4OID,        INT4OID};
constexpr Oid kMovements[] = {UUIDOID,   TIMESTAMPTZOID, UUIDOID,   INT4OID,       kMovementDirection,
                              FLOAT4OID, FLOAT4OID,      FLOAT4OID, FLOAT4OID,     FLOAT4OID,
                              FLOAT4OID, FLOAT4OID,      INT4OID,   TIMESTAMPTZOID};
constexpr Oid kMetrics[] = {UUIDOID,          TIMESTAMPTZOID, UUIDOID,   INT4OID,   INT4OID,   INT4OID,
                            kDetectionStatus, FLOAT4OID,      FLOAT4OID, FLOAT4OID, FLOAT4OID, TIMESTAMPTZOID};
constexpr Oid kBaselines[] = {UUIDOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
constexpr Oid kArchivedHours[] = {UUIDOID,        TIMESTAMPTZOID, INT4OID,    INT4OID,       INT4OID,
                                  INT4OID,        TIMESTAMPTZOID, NUMERICOID, INT8OID,       INT4OID,
                                  TIMESTAMPTZOID, INT4OID,        INT4OID,    INT4OID,       INT4OID,
                                  TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,    TIMESTAMPTZOID};
constexpr Oid kSessionStatistics[] = {UUIDOID,    INT4OID, INT4OID,        INT4OID,        INT4OID,
                                      NUMERICOID, INT4OID, INT4OID,        INT4OID,        INT4OID,
                                      INT4OID,    INT4OID, NUMERICOID,     TIMESTAMPTZOID, TIMESTAMPTZOID,
                                      INT4OID,    INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BYTEAOID};
constexpr Oid kHourlyStatistics[] = {UUIDOID,        TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID,        NUMERICOID,
                                     INT4OID,        NUMERICOID,     INT4OID, INT4OID, INT4OID,        TIMESTAMPTZOID,
                                     NUMERICOID,     NUMERICOID,     INT4OID, INT4OID, TIMESTAMPTZOID, INT4OID,
                                     TIMESTAMPTZOID, INT8OID,        INT4OID};
constexpr Oid kDailyStatistics[] = {UUIDOID,    DATEOID,    INT4OID,    INT4OID,    INT4OID,
                                    NUMERICOID, INT4OID,    NUMERICOID, NUMERICOID, TIMESTAMPTZOID,
                                    NUMERICOID, NUMERICOID, INT4OID,    INT8OID,    INT4OID};

struct Entry {
    const char *table;
    Oid Relations::*id;
    std::span<const Oid> types;
    int key_columns;         // the first of the table, in order
    bool since_1_1 = false;  // the library also serves the SQL objects of 1.0
};

constexpr Entry kTables[] = {
    {"sessions", &Relations::sessions, kSessions, 1},
    {"people_movements", &Relations::movements, kMovements, 3},
    {"realtime_metrics", &Relations::metrics, kMetrics, 3},
    {"occupancy_baselines", &Relations::baselines, kBaselines, 2},
    {"session_statistics", &Relations::session_statistics, kSessionStatistics, 1},
    {"hourly_statistics", &Relations::hourly_statistics, kHourlyStatistics, 2},
    {"daily_statistics", &Relations::daily_statistics, kDailyStatistics, 2},
    {"archived_hours", &Relations::archived_hours, kArchivedHours, 2, true},
};

Relations cached;
bool cached_valid = false;
bool watching = false;
uint64 invalidations = 0;  // also those that come while the tables are being looked at

bool is_among(const Relations &relations, Oid table_id) {
    return std::any_of(std::begin(kTables), std::end(kTables),
                       [&](const Entry &entry) { return relations.*entry.id == table_id; });
}

void forget_relation(Datum, Oid relation) {
    ++invalidations;
    cached_valid = cached_valid && relation != InvalidOid && !is_among(cached, relation);
}

void forget_types(Datum, CacheId, uint32) {
    ++invalidations;
    cached_valid = false;
}

Oid own_type(Oid schema, const char *name) {
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name), ObjectIdGetDatum(schema));
}

Oid enum_value(Oid schema, const char *type_name, const char *label) {
    const Oid type = own_type(schema, type_name);
    const Oid value = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type), CStringGetDatum(label));
    if (!OidIsValid(value)) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("type \"%s\" is not as people_counter made it: it has no value \"%s\"", type_name, label),
                 errhint("Undo the change.")));
    }
    return value;
}

[[noreturn]] void report_changed(Relation table, const char *what) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" is not as people_counter made it: %s", RelationGetRelationName(table), what),
                    errhint("Undo the change. Columns, indexes and triggers of your own may be added.")));
    pg_unreachable();
}

// Rows are read by column number and as the types they were made with, so a table that somebody altered must not be.
void check_columns(Relation table, const Entry &entry, Oid schema) {
    if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_tableam != GetHeapamTableAmRoutine()) {
        report_changed(table, "it is no plain heap table");
    }
    const TupleDesc columns = RelationGetDescr(table);
    const int count = static_cast<int>(entry.types.size());
    for (int i = 0; i < count; ++i) {
        Oid type = entry.types[i];
        type = type < lengthof(kOwnTypes) ? own_type(schema, kOwnTypes[type]) : type;
        if (i >= columns->natts || TupleDescAttr(columns, i)->attisdropped ||
            TupleDescAttr(columns, i)->atttypid != type) {
            report_changed(table, psprintf("column %d must be of type %s", i + 1, format_type_be(type)));
        }
    }
}

void check_key(Relation table, const Entry &entry) {
    const Oid key_id = primary_key_of(table);
    if (!OidIsValid(key_id)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("table \"%s\" has lost its primary key", entry.table),
                        errhint("Create the primary key of extension people_counter again.")));
    }
    const Relation key = index_open(key_id, AccessShareLock);
    bool same = key->rd_index->indnkeyatts == entry.key_columns;
    for (int i = 0; same && i < entry.key_columns; ++i) {
        same = key->rd_index->indkey.values[i] == i + 1;
    }
    index_close(key, AccessShareLock);
    if (!same) {
        report_changed(table, "it has another primary key");
    }
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
    const uint64 before = invalidations;
    Extension extension{};
    if (find_extension(extension) && extension.schema == schema) {
        check_library(extension);
    }
    Relations found{};
    found.schema = schema;
    for (const Entry &entry : kTables) {
        const Oid table_id = get_relname_relid(entry.table, schema);
        if (!OidIsValid(table_id)) {
            if (entry.since_1_1) {
                continue;
            }
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_TABLE),
                     errmsg("table \"%s\" is missing from schema \"%s\"", entry.table, get_namespace_name(schema)),
                     errhint("The schema is not the one of extension people_counter, or the extension is "
                             "being dropped.")));
        }
        const Relation table = table_open(table_id, AccessShareLock);
        check_columns(table, entry, schema);
        check_key(table, entry);
        found.*entry.id = table_id;
        table_close(table, AccessShareLock);
    }
    found.direction_in = enum_value(schema, "movement_direction", "in");
    found.status_detecting = enum_value(schema, "detection_status", "detecting");
    found.status_tracking = enum_value(schema, "detection_status", "tracking");
    found.session_active = enum_value(schema, "session_status", "active");
    cached = found;
    cached_valid = invalidations == before;  // otherwise good for this once
    return cached;
}

const Relations &relations_of_function(const FunctionCallInfo fcinfo) {
    return relations_of(get_func_namespace(fcinfo->flinfo->fn_oid));
}

const Relations &relations_of_trigger(const FunctionCallInfo fcinfo, std::initializer_list<Oid Relations::*> tables) {
    const Relations &relations = relations_of_function(fcinfo);
    const Relation table = reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation;
    const bool ours = std::any_of(tables.begin(), tables.end(),
                                  [&](Oid Relations::*id) { return relations.*id == RelationGetRelid(table); });
    if (!ours) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" is not for table \"%s\"", get_func_name(fcinfo->flinfo->fn_oid),
                               RelationGetRelationName(table)),
                        errhint("It serves its own table of extension people_counter only.")));
    }
    return relations;
}

Relation open_table(const Relations &relations, Oid table_id, LOCKMODE mode) {
    const Relation table = table_open(table_id, mode);
    if (unlikely(!cached_valid) && !is_among(relations_of(relations.schema), table_id)) {
        report_changed(table, "another one took its place");
    }
    return table;
}

Relation open_key(Relation table, LOCKMODE mode) { return index_open(primary_key_of(table), mode); }

}  // namespace people_counter::pg
