-- include: install/57-watching.sql
-- They belong to the one who owns the extension's tables, whoever updates.
DO $$
DECLARE
    owner pg_catalog.regrole := (SELECT relowner FROM pg_catalog.pg_class WHERE oid = '@extschema@.sessions'::pg_catalog.regclass);
BEGIN
    EXECUTE pg_catalog.format('ALTER VIEW @extschema@.slow_queries OWNER TO %s', owner);
    EXECUTE pg_catalog.format('ALTER VIEW @extschema@.table_sizes OWNER TO %s', owner);
    EXECUTE pg_catalog.format('ALTER VIEW @extschema@.index_usage OWNER TO %s', owner);
    EXECUTE pg_catalog.format('ALTER VIEW @extschema@.ingest_rate OWNER TO %s', owner);
    EXECUTE pg_catalog.format('ALTER FUNCTION @extschema@.slow_query_report() OWNER TO %s', owner);
END $$;
GRANT SELECT ON @extschema@.slow_queries, @extschema@.table_sizes, @extschema@.index_usage TO PUBLIC;
