#include "pg/extension.hpp"

#include <cstdlib>

namespace people_counter::pg {

namespace {

// Versions are numbers with dots between them.
bool is_later(const char *version, const char *than) {
    while (*version != '\0') {
        char *rest = nullptr;
        char *than_rest = nullptr;
        const long number = strtol(version, &rest, 10);
        const long than_number = strtol(than, &than_rest, 10);
        if (number != than_number || rest == version) {
            return number > than_number;
        }
        version = *rest == '.' ? rest + 1 : rest;
        than = *than_rest == '.' ? than_rest + 1 : than_rest;
    }
    return false;
}

// pg_upgrade makes the extension its own, a superuser's, and leaves the tables to whom they belong.
void find_owner(Extension &found) {
    const Oid table_id = get_relname_relid("alert_logs", found.schema);
    const HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table_id));
    if (HeapTupleIsValid(row)) {
        found.owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
        ReleaseSysCache(row);
    }
}

}  // namespace

// From the catalog and not from a cache, as get_extension_oid() of PG 18 has it: a commit calls the workers before it
// tells caches what is no longer so.
bool find_extension(Extension &found) {
    const Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("people_counter"));
    const SysScanDesc scan = systable_beginscan(catalog, ExtensionNameIndexId, true, nullptr, 1, &key);
    const HeapTuple row = systable_getnext(scan);
    const bool exists = HeapTupleIsValid(row);
    if (exists) {
        const auto *form = reinterpret_cast<Form_pg_extension>(GETSTRUCT(row));
        found = Extension{form->oid, form->extnamespace, form->extowner, {}};
        bool is_null = false;
        const Datum version = heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(catalog), &is_null);
        text_to_cstring_buffer(DatumGetTextPP(version), found.version, sizeof found.version);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    if (exists) {
        find_owner(found);
    }
    return exists;
}

void check_library(const Extension &extension) {
    if (is_later(extension.version, PEOPLE_COUNTER_VERSION)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("extension people_counter is of version %s in this database, and the library only of "
                               "version %s",
                               extension.version, PEOPLE_COUNTER_VERSION),
                        errhint("Install the library of version %s or later; then restart the server if it preloads "
                                "people_counter, and reconnect.",
                                extension.version)));
    }
}

}  // namespace people_counter::pg
