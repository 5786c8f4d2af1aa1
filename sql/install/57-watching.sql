-- What a DBA looks at. Sizes and use of indexes are the catalog's, which everybody may read; what slow_queries shows of the
-- statements of others is up to pg_stat_statements.

-- pg_stat_statements may come, go, and be of any version and in any schema, so that it is looked up at each call.
CREATE FUNCTION @extschema@.slow_query_report(
        OUT queryid bigint, OUT user_name name, OUT uses_people_counter boolean, OUT calls bigint, OUT total_ms double precision,
        OUT mean_ms double precision, OUT max_ms double precision, OUT share_percent numeric, OUT rows bigint,
        OUT cache_hit_percent numeric, OUT blocks_read bigint, OUT temp_blocks_written bigint, OUT query text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    source text;
    suffix text;
    names  text;
BEGIN
    -- Until version 1.8 the times had no exec_ in their names.
    SELECT format('%I.%I', n.nspname, c.relname), CASE WHEN a.attname IS NULL THEN 'time' ELSE 'exec_time' END INTO source, suffix
      FROM pg_extension AS e
      JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                         AND d.classid = 'pg_class'::regclass
      JOIN pg_class AS c ON c.oid = d.objid AND c.relname = 'pg_stat_statements' AND c.relkind = 'v'
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'total_exec_time'
     WHERE e.extname = 'pg_stat_statements';
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- PostgREST's statements have the schema of the API in them.
    SELECT '\m(people_counter_api|people_counter_rest|' || string_agg(DISTINCT m.name, '|') || ')\M' INTO names
      FROM pg_extension AS e
      JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
     CROSS JOIN LATERAL (SELECT relname::text FROM pg_class WHERE d.classid = 'pg_class'::regclass AND oid = d.objid
                         UNION ALL
                         SELECT proname FROM pg_proc WHERE d.classid = 'pg_proc'::regclass AND oid = d.objid) AS m(name)
     WHERE e.extname = 'people_counter';
    RETURN QUERY EXECUTE format(
        'SELECT s.queryid, pg_get_userbyid(s.userid), s.query ~ $1, s.calls, s.total_%1$s, s.mean_%1$s, s.max_%1$s,
                round((100 * s.total_%1$s / nullif(sum(s.total_%1$s) OVER (), 0))::numeric, 1), s.rows,
                round(100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0), 1), s.shared_blks_read,
                s.temp_blks_written, s.query
           FROM %2$s AS s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())', suffix, source)
        USING names;
END
$$;
COMMENT ON FUNCTION @extschema@.slow_query_report() IS
    'What slow_queries shows. Without pg_stat_statements no row; where that is not in shared_preload_libraries, its error (55000).';

CREATE VIEW @extschema@.slow_queries AS
    SELECT r.* FROM @extschema@.slow_query_report() AS r
     ORDER BY r.uses_people_counter DESC NULLS LAST, r.total_ms DESC, r.queryid;
COMMENT ON VIEW @extschema@.slow_queries IS
    'Statements in this database that took most time, those on tables, views and functions of people_counter first. From pg_stat_statements, since its last reset; empty in a database without that extension. Others'' statements are shown as pg_stat_statements shows them: with their text only to members of pg_read_all_stats.';
COMMENT ON COLUMN @extschema@.slow_queries.queryid IS 'Number of the statement, the same for any constants in it.';
COMMENT ON COLUMN @extschema@.slow_queries.user_name IS 'Role that ran it.';
COMMENT ON COLUMN @extschema@.slow_queries.uses_people_counter IS 'Whether its text has the name of a table, view or function of people_counter, or of the schema of its API.';
COMMENT ON COLUMN @extschema@.slow_queries.calls IS 'How often it ran.';
COMMENT ON COLUMN @extschema@.slow_queries.total_ms IS 'Time of all runs, in milliseconds.';
COMMENT ON COLUMN @extschema@.slow_queries.mean_ms IS 'Mean time of a run, in milliseconds.';
COMMENT ON COLUMN @extschema@.slow_queries.max_ms IS 'Longest run, in milliseconds.';
COMMENT ON COLUMN @extschema@.slow_queries.share_percent IS 'Its part of the time of all statements in this database, in percent.';
COMMENT ON COLUMN @extschema@.slow_queries.rows IS 'Rows that it returned or changed, in all runs.';
COMMENT ON COLUMN @extschema@.slow_queries.cache_hit_percent IS 'Blocks that were in shared_buffers, in percent of those it needed. NULL: none were needed.';
COMMENT ON COLUMN @extschema@.slow_queries.blocks_read IS 'Blocks that were not.';
COMMENT ON COLUMN @extschema@.slow_queries.temp_blocks_written IS 'Blocks of temporary files that it wrote, for want of work_mem.';
COMMENT ON COLUMN @extschema@.slow_queries.query IS 'Its text, with $1 and so on for constants.';

-- Rows are estimated as the planner does it: as dense as at the last VACUUM or ANALYZE, in the file as large as it is now.
CREATE VIEW @extschema@.table_sizes AS
    SELECT n.nspname AS table_schema,
           c.relname AS table_name,
           r.estimate AS row_estimate,
           size.all_forks - size.toast AS heap_bytes,
           size.indexes AS index_bytes,
           size.toast AS toast_bytes,
           size.all_forks + size.indexes AS total_bytes,
           round((size.all_forks - size.toast)::numeric / nullif(r.estimate, 0), 1) AS heap_bytes_per_row,
           round((size.all_forks + size.indexes)::numeric / nullif(max(r.estimate)
               FILTER (WHERE c.oid = '@extschema@.people_movements'::regclass) OVER (), 0), 1) AS bytes_per_movement,
           s.n_dead_tup AS dead_rows,
           s.n_tup_upd AS updates,
           round(100.0 * s.n_tup_hot_upd / nullif(s.n_tup_upd, 0), 2) AS hot_update_percent,
           s.last_vacuum,
           s.last_autovacuum,
           s.last_analyze,
           s.last_autoanalyze
      FROM pg_extension AS e
      JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                         AND d.classid = 'pg_class'::regclass
      JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'r'
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_stat_all_tables AS s ON s.relid = c.oid
     CROSS JOIN LATERAL (SELECT pg_table_size(c.oid) AS all_forks, pg_indexes_size(c.oid) AS indexes,
                                coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast OFFSET 0) AS size
     CROSS JOIN LATERAL (SELECT CASE WHEN c.reltuples >= 0 AND c.relpages > 0
                                     THEN round(c.reltuples::float8 / c.relpages * pg_relation_size(c.oid)
                                                / current_setting('block_size')::float8)::bigint
                                     WHEN pg_relation_size(c.oid) = 0 THEN 0
                                     ELSE nullif(s.n_live_tup, 0) END AS estimate OFFSET 0) AS r
     WHERE e.extname IN ('people_counter', 'people_counter_rest')
     ORDER BY size.all_forks + size.indexes DESC, n.nspname, c.relname;
COMMENT ON VIEW @extschema@.table_sizes IS
    'Tables of people_counter and people_counter_rest, the largest first: space, and how vacuum keeps up. Sizes are exact; rows are an estimate; updates and dead rows are counted since the statistics of the server were last reset.';
COMMENT ON COLUMN @extschema@.table_sizes.table_schema IS 'Schema of the table.';
COMMENT ON COLUMN @extschema@.table_sizes.table_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.table_sizes.row_estimate IS 'Rows: as many a page as at the last VACUUM or ANALYZE, in as many pages as there are now; before the first of these, those that the server counted. NULL: not known.';
COMMENT ON COLUMN @extschema@.table_sizes.heap_bytes IS 'Bytes of the table itself, with its maps of free and visible space.';
COMMENT ON COLUMN @extschema@.table_sizes.index_bytes IS 'Bytes of its indexes.';
COMMENT ON COLUMN @extschema@.table_sizes.toast_bytes IS 'Bytes of long values that are stored apart, with their index.';
COMMENT ON COLUMN @extschema@.table_sizes.total_bytes IS 'All of these.';
COMMENT ON COLUMN @extschema@.table_sizes.heap_bytes_per_row IS 'heap_bytes / row_estimate. Much more than at first: dead rows, or room that they left.';
COMMENT ON COLUMN @extschema@.table_sizes.bytes_per_movement IS 'total_bytes / row_estimate of people_movements: what a movement costs here. The sum over all tables is what it costs in all.';
COMMENT ON COLUMN @extschema@.table_sizes.dead_rows IS 'Versions of rows that nobody will see any more, as far as the server counted, and that are not yet removed.';
COMMENT ON COLUMN @extschema@.table_sizes.updates IS 'Updates of rows.';
COMMENT ON COLUMN @extschema@.table_sizes.hot_update_percent IS 'Updates that stayed in their page and touched no index, in percent. NULL without updates.';
COMMENT ON COLUMN @extschema@.table_sizes.last_vacuum IS 'Last VACUUM by hand.';
COMMENT ON COLUMN @extschema@.table_sizes.last_autovacuum IS 'Last one by autovacuum.';
COMMENT ON COLUMN @extschema@.table_sizes.last_analyze IS 'Last ANALYZE by hand.';
COMMENT ON COLUMN @extschema@.table_sizes.last_autoanalyze IS 'Last one by autovacuum.';

-- What REINDEX would make is computed from the layout of a B-tree: an entry is its keys, 8 bytes before and a pointer of 4;
-- leaves are filled by the fillfactor, inner pages by 70 percent. Equal keys share an entry, so only unique ones are told, and
-- only those of fixed length.
CREATE VIEW @extschema@.index_usage AS
    SELECT t.table_schema,
           t.table_name,
           c.relname AS index_name,
           i.indisunique AS is_unique,
           i.indisvalid AS is_valid,
           s.idx_scan AS scans,
           s.idx_tup_read AS entries_read,
           size.bytes AS index_bytes,
           round(size.bytes / nullif(entry.number, 0)::numeric, 1) AS bytes_per_entry,
           rebuilt.bytes AS rebuilt_bytes,
           bloat.bytes AS bloat_bytes,
           round(100.0 * bloat.bytes / nullif(size.bytes, 0), 1) AS bloat_percent,
           format('REINDEX INDEX CONCURRENTLY %I.%I', t.table_schema, c.relname) AS reindex_command
      FROM @extschema@.table_sizes AS t
      JOIN pg_stat_all_indexes AS s ON s.schemaname = t.table_schema AND s.relname = t.table_name
      JOIN pg_index AS i ON i.indexrelid = s.indexrelid
      JOIN pg_class AS c ON c.oid = s.indexrelid
      JOIN pg_am AS a ON a.oid = c.relam
     CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) AS bytes, current_setting('block_size')::bigint AS page OFFSET 0) AS size
     CROSS JOIN LATERAL (SELECT CASE WHEN i.indpred IS NULL THEN t.row_estimate
                                     WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS number,
                                (SELECT CASE WHEN a.amname = 'btree' AND i.indisunique AND bool_and(k.attlen > 0)
                                             THEN (8 + sum(k.attlen) + 7) / 8 * 8 + 4 END
                                   FROM pg_attribute AS k WHERE k.attrelid = c.oid) AS bytes,
                                coalesce((SELECT o.option_value::integer FROM pg_options_to_table(c.reloptions) AS o
                                           WHERE o.option_name = 'fillfactor'), 90) AS fillfactor OFFSET 0) AS entry
     CROSS JOIN LATERAL (SELECT ceil(entry.number::numeric
                                     / floor((size.page * entry.fillfactor / 100 - 40 - entry.bytes)::numeric / entry.bytes)) AS leaves
                                OFFSET 0) AS tree
     CROSS JOIN LATERAL (SELECT (1 + tree.leaves + CASE WHEN tree.leaves > 1
                                     THEN ceil(tree.leaves / floor(size.page * 0.7 / entry.bytes)) ELSE 0 END)::bigint * size.page
                                AS bytes OFFSET 0) AS rebuilt
     CROSS JOIN LATERAL (SELECT CASE WHEN rebuilt.bytes IS NOT NULL THEN greatest(size.bytes - rebuilt.bytes, 0) END AS bytes) AS bloat
     ORDER BY size.bytes DESC, t.table_schema, c.relname;
COMMENT ON VIEW @extschema@.index_usage IS
    'Indexes of the tables of people_counter and people_counter_rest, the largest first: how much they are used, and what REINDEX would give back. An estimate, as good as row_estimate of table_sizes.';
COMMENT ON COLUMN @extschema@.index_usage.table_schema IS 'Schema of table and index.';
COMMENT ON COLUMN @extschema@.index_usage.table_name IS 'Table.';
COMMENT ON COLUMN @extschema@.index_usage.index_name IS 'Index.';
COMMENT ON COLUMN @extschema@.index_usage.is_unique IS 'Whether it keeps something unique; then it is needed even if it is never read.';
COMMENT ON COLUMN @extschema@.index_usage.is_valid IS 'False: what an interrupted REINDEX or CREATE INDEX CONCURRENTLY left; drop it.';
COMMENT ON COLUMN @extschema@.index_usage.scans IS 'Searches in it since the statistics of the server were last reset.';
COMMENT ON COLUMN @extschema@.index_usage.entries_read IS 'Entries that these returned.';
COMMENT ON COLUMN @extschema@.index_usage.index_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN @extschema@.index_usage.bytes_per_entry IS 'index_bytes for each row that is in it.';
COMMENT ON COLUMN @extschema@.index_usage.rebuilt_bytes IS 'Its estimated size after REINDEX. NULL where it cannot be told: not unique, not a B-tree, or keys that are texts.';
COMMENT ON COLUMN @extschema@.index_usage.bloat_bytes IS 'What REINDEX would give back, in bytes.';
COMMENT ON COLUMN @extschema@.index_usage.bloat_percent IS 'The same in percent of index_bytes.';
COMMENT ON COLUMN @extschema@.index_usage.reindex_command IS 'The statement that does it without stopping anybody.';

-- All hours come from one range of an index, whatever the number of movements.
CREATE VIEW @extschema@.ingest_rate AS
    SELECT s.id AS session_id,
           s.session_name,
           max(s.last_movement_time) AS last_movement_time,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp >= s.hour), 0) AS this_hour,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp < s.hour
                                                      AND h.hour_timestamp >= s.hour - interval '1 hour'), 0) AS last_hour,
           round(coalesce(sum(h.total_detections * 60 / extract(epoch FROM now() - s.hour + interval '1 hour'))
                          FILTER (WHERE h.hour_timestamp >= s.hour - interval '1 hour'), 0), 2) AS per_minute,
           round(coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp < s.hour
                                                            AND h.hour_timestamp >= s.hour - interval '24 hours'), 0) / 24.0, 2) AS per_hour,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp >= s.today), 0) AS today,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp < s.today
                                                      AND h.hour_timestamp >= s.yesterday), 0) AS yesterday,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp < s.hour
                                                      AND h.hour_timestamp >= s.today), 0) AS today_full_hours,
           coalesce(sum(h.total_detections) FILTER (WHERE h.hour_timestamp < s.hour_yesterday
                                                      AND h.hour_timestamp >= s.yesterday), 0) AS yesterday_same_hours
      FROM (SELECT n.id, n.session_name, n.last_movement_time, n.hour,
                   (n.day + n.day_start) AT TIME ZONE n.time_zone AS today,
                   (n.day - 1 + n.day_start) AT TIME ZONE n.time_zone AS yesterday,
                   ((n.hour AT TIME ZONE n.time_zone) - interval '1 day') AT TIME ZONE n.time_zone AS hour_yesterday
              FROM (SELECT s.id, s.session_name, s.time_zone, s.day_start, st.last_movement_time,
                           date_trunc('hour', now(), s.time_zone) AS hour,
                           ((now() AT TIME ZONE s.time_zone) - s.day_start)::date AS day
                      FROM @extschema@.sessions AS s
                      JOIN @extschema@.session_statistics AS st ON st.session_id = s.id
                     WHERE s.status = 'active' OR st.last_movement_time >= now() - interval '50 hours') AS n) AS s
      LEFT JOIN @extschema@.hourly_statistics AS h
             ON h.session_id = s.id AND h.hour_timestamp >= now() - interval '50 hours' AND h.hour_timestamp <= now()
     GROUP BY GROUPING SETS ((), (s.id, s.session_name))
     ORDER BY grouping(s.id) DESC, 7 DESC, s.id;
COMMENT ON VIEW @extschema@.ingest_rate IS
    'Movements by the hour and minute, now and today against yesterday: one row for all sessions, then one for each that is active or moved since yesterday, the busiest first. From hourly_statistics, so by the time of the movements: what arrives late counts in its hour. Reads no movement.';
COMMENT ON COLUMN @extschema@.ingest_rate.session_id IS 'Session. NULL: all sessions together, each by the hours and days of its own zone.';
COMMENT ON COLUMN @extschema@.ingest_rate.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.ingest_rate.last_movement_time IS 'Time of the latest movement.';
COMMENT ON COLUMN @extschema@.ingest_rate.this_hour IS 'Movements of the hour that runs, so far.';
COMMENT ON COLUMN @extschema@.ingest_rate.last_hour IS 'Movements of the hour before it.';
COMMENT ON COLUMN @extschema@.ingest_rate.per_minute IS 'Movements a minute since the beginning of the last hour.';
COMMENT ON COLUMN @extschema@.ingest_rate.per_hour IS 'Movements an hour in the 24 hours before the one that runs.';
COMMENT ON COLUMN @extschema@.ingest_rate.today IS 'Movements of the business day that runs, so far.';
COMMENT ON COLUMN @extschema@.ingest_rate.yesterday IS 'Movements of the whole day before.';
COMMENT ON COLUMN @extschema@.ingest_rate.today_full_hours IS 'Movements of this day without the hour that runs.';
COMMENT ON COLUMN @extschema@.ingest_rate.yesterday_same_hours IS 'Movements of the same hours of the day before, to compare with.';
