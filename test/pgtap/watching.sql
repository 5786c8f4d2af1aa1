-- What a DBA looks at: columns, values against what the server says otherwise, and who may see what.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SELECT plan(57);

CREATE FUNCTION pg_temp.columns_of(regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
$$;
SELECT is(pg_temp.columns_of('slow_queries'),
    'queryid bigint, user_name name, uses_people_counter boolean, calls bigint, total_ms double precision, '
    'mean_ms double precision, max_ms double precision, share_percent numeric, rows bigint, cache_hit_percent numeric, '
    'blocks_read bigint, temp_blocks_written bigint, query text', 'columns of slow_queries');
SELECT is(pg_temp.columns_of('table_sizes'),
    'table_schema name, table_name name, row_estimate bigint, heap_bytes bigint, index_bytes bigint, toast_bytes bigint, '
    'total_bytes bigint, heap_bytes_per_row numeric, bytes_per_movement numeric, dead_rows bigint, updates bigint, '
    'hot_update_percent numeric, last_vacuum timestamp with time zone, last_autovacuum timestamp with time zone, '
    'last_analyze timestamp with time zone, last_autoanalyze timestamp with time zone', 'columns of table_sizes');
SELECT is(pg_temp.columns_of('index_usage'),
    'table_schema name, table_name name, index_name name, is_unique boolean, is_valid boolean, scans bigint, '
    'entries_read bigint, index_bytes bigint, bytes_per_entry numeric, rebuilt_bytes bigint, bloat_bytes bigint, '
    'bloat_percent numeric, reindex_command text', 'columns of index_usage');
SELECT is(pg_temp.columns_of('ingest_rate'),
    'session_id uuid, session_name character varying, last_movement_time timestamp with time zone, this_hour bigint, '
    'last_hour bigint, per_minute numeric, per_hour numeric, today bigint, yesterday bigint, today_full_hours bigint, '
    'yesterday_same_hours bigint', 'columns of ingest_rate');
SELECT volatility_is('slow_query_report', '{}'::name[], 'volatile');
SELECT isnt_definer('slow_query_report', '{}'::name[]);

-- Sizes

SELECT set_eq('SELECT table_name::text FROM table_sizes',
    $$ SELECT c.relname::text FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
         JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        WHERE d.classid = 'pg_class'::regclass AND e.extname = 'people_counter' $$, 'every table is in table_sizes, and no other');
SELECT set_eq('SELECT index_name::text FROM index_usage',
    $$ SELECT i.indexrelid::regclass::text FROM pg_index i
        WHERE i.indrelid IN (SELECT format('%I.%I', table_schema, table_name)::regclass FROM table_sizes) $$,
    'every index of these is in index_usage, and no other');

INSERT INTO sessions (id, session_name, start_time)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'door ' || n, '2025-01-01 00:00+00' FROM generate_series(1, 8) n;
-- Doors side by side in order of time, which leaves the pages of the key half empty.
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT ('00000000-0000-7000-8000-' || lpad((n % 8 + 1)::text, 12, '0'))::uuid,
       timestamptz '2025-01-01 00:00+00' + n * interval '5 seconds', n, 'in'
  FROM generate_series(1, 20000) n;
ANALYZE people_movements, session_statistics, hourly_statistics;
SELECT is((SELECT row_estimate FROM table_sizes WHERE table_name = 'people_movements'), 20000::bigint, 'rows after ANALYZE');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT '00000000-0000-7000-8000-000000000001', timestamptz '2025-01-03 00:00+00' + n * interval '5 seconds', n, 'out'
  FROM generate_series(1, 10000) n;
SELECT ok((SELECT row_estimate BETWEEN 29900 AND 30100 FROM table_sizes WHERE table_name = 'people_movements'),
          'and, without another, when the table has grown by half');
SELECT is((SELECT array_agg(total_bytes - pg_total_relation_size(format('%I.%I', table_schema, table_name)::regclass)) FROM table_sizes),
          array_fill(0::bigint, ARRAY[(SELECT count(*)::integer FROM table_sizes)]), 'total_bytes is what the server says');
SELECT is_empty('SELECT table_name FROM table_sizes WHERE total_bytes <> heap_bytes + index_bytes + toast_bytes', 'the parts add up');
SELECT is_empty('SELECT table_name FROM table_sizes WHERE heap_bytes < 0 OR toast_bytes < 0 OR index_bytes <= 0', 'none is negative');
SELECT ok((SELECT toast_bytes > 0 FROM table_sizes WHERE table_name = 'alert_logs'), 'a table with long values has toast_bytes');
SELECT is((SELECT toast_bytes FROM table_sizes WHERE table_name = 'people_movements'), 0::bigint, 'movements have none');
SELECT ok((SELECT heap_bytes_per_row BETWEEN 60 AND 140 FROM table_sizes WHERE table_name = 'people_movements'), 'bytes of a movement');
SELECT ok((SELECT bytes_per_movement > heap_bytes_per_row + 40 FROM table_sizes WHERE table_name = 'people_movements'),
          'with its entry in the key');
SELECT is((SELECT bytes_per_movement FROM table_sizes WHERE table_name = 'hourly_statistics'),
          (SELECT round(h.total_bytes::numeric / m.row_estimate, 1) FROM table_sizes h, table_sizes m
            WHERE h.table_name = 'hourly_statistics' AND m.table_name = 'people_movements'), 'what the hours cost, by movement');
SELECT is((SELECT table_name FROM table_sizes LIMIT 1), 'people_movements'::name, 'the largest is first');

-- Indexes

SELECT is((SELECT (is_unique, is_valid)::text FROM index_usage WHERE index_name = 'people_movements_pkey'), '(t,t)', 'the key is unique and valid');
SELECT ok((SELECT bloat_percent BETWEEN 20 AND 55 FROM index_usage WHERE index_name = 'people_movements_pkey'),
          'movements of doors side by side leave room in the key');
SELECT is((SELECT index_bytes FROM index_usage WHERE index_name = 'people_movements_pkey'),
          pg_relation_size('people_movements_pkey'), 'its size is what the server says');
CREATE TEMP TABLE expected AS SELECT rebuilt_bytes FROM index_usage WHERE index_name = 'people_movements_pkey';
REINDEX INDEX people_movements_pkey;
SELECT ok((SELECT abs(pg_relation_size('people_movements_pkey') - rebuilt_bytes) <= rebuilt_bytes * 0.03 FROM expected),
          'REINDEX makes it as large as was said, within 3 percent');
SELECT ok((SELECT bloat_percent < 3 FROM index_usage WHERE index_name = 'people_movements_pkey'), 'and then nothing is to be had');
ALTER INDEX people_movements_pkey SET (fillfactor = 50);
REINDEX INDEX people_movements_pkey;
SELECT ok((SELECT bloat_percent < 3 AND index_bytes > rebuilt_bytes * 0.97 FROM index_usage WHERE index_name = 'people_movements_pkey'),
          'with another fillfactor, too');
SELECT is((SELECT (rebuilt_bytes, bloat_bytes, bloat_percent)::text FROM index_usage WHERE index_name = i), '(,,)', 'nothing is said of ' || i)
  FROM unnest('{hourly_statistics_hour_timestamp_idx,system_config_pkey}'::text[]) AS i;
SELECT is((SELECT reindex_command FROM index_usage WHERE index_name = 'people_movements_pkey'),
          'REINDEX INDEX CONCURRENTLY public.people_movements_pkey', 'the statement that rebuilds it');
CREATE INDEX "of a user" ON people_movements (created_at) WHERE person_id = 0;
SELECT is((SELECT reindex_command FROM index_usage WHERE index_name = 'of a user'), 'REINDEX INDEX CONCURRENTLY public."of a user"',
          'an index of the user''s is there, quoted');

-- Rates: by hours, so that the test holds at any time of the hour.

CREATE FUNCTION pg_temp.move(session text, at timestamptz, n integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, at, i, 'in' FROM sessions, generate_series(1, n) AS i WHERE session_name = session
$$;
CREATE FUNCTION pg_temp.rate(session text) RETURNS text LANGUAGE sql AS $$
    SELECT format('this %s, last %s, today %s of %s, yesterday %s of %s', this_hour, last_hour, today_full_hours, today,
                  yesterday_same_hours, yesterday)
      FROM ingest_rate WHERE session_name IS NOT DISTINCT FROM session
$$;
DELETE FROM sessions;
SELECT is((SELECT count(*) FROM ingest_rate), 1::bigint, 'without a session there is one row');
SELECT is(pg_temp.rate(NULL), 'this 0, last 0, today 0 of 0, yesterday 0 of 0', 'of zeros');
-- A business day that began five hours ago, whatever the clock says.
INSERT INTO sessions (session_name, start_time, time_zone, day_start)
SELECT 'day', now() - interval '9 days', 'UTC', date_trunc('hour', now() AT TIME ZONE 'UTC' - interval '5 hours')::time;
SELECT is(pg_temp.rate('day'), 'this 0, last 0, today 0 of 0, yesterday 0 of 0', 'an active session is there before it moves');
SELECT pg_temp.move('day', date_trunc('hour', now()), 3), pg_temp.move('day', date_trunc('hour', now()) - interval '1 hour', 5),
       pg_temp.move('day', date_trunc('hour', now()) - interval '5 hours', 7),
       pg_temp.move('day', date_trunc('hour', now()) - interval '6 hours', 11),
       pg_temp.move('day', date_trunc('hour', now()) - interval '25 hours', 13),
       pg_temp.move('day', date_trunc('hour', now()) - interval '24 hours', 17),
       pg_temp.move('day', date_trunc('hour', now()) - interval '29 hours', 19),
       pg_temp.move('day', date_trunc('hour', now()) - interval '30 hours', 23),
       pg_temp.move('day', now() + interval '2 days', 29) \g /dev/null
SELECT is(pg_temp.rate('day'), 'this 3, last 5, today 12 of 15, yesterday 32 of 60', 'hours and days of a session');
SELECT is((SELECT per_minute FROM ingest_rate WHERE session_name = 'day'),
          round(8 * 60 / extract(epoch FROM now() - date_trunc('hour', now()) + interval '1 hour'), 2), 'a minute');
SELECT is((SELECT per_hour FROM ingest_rate WHERE session_name = 'day'), round((5 + 7 + 11 + 17) / 24.0, 2), 'an hour');
-- The same instants in zones where the hour begins elsewhere, or the day is another one.
INSERT INTO sessions (session_name, start_time, time_zone, day_start)
SELECT 'Kathmandu', now() - interval '9 days', 'Asia/Kathmandu',
       date_trunc('hour', now() AT TIME ZONE 'Asia/Kathmandu' - interval '1 hour')::time;
SELECT pg_temp.move('Kathmandu', date_trunc('hour', now(), 'Asia/Kathmandu'), 2),
       pg_temp.move('Kathmandu', date_trunc('hour', now(), 'Asia/Kathmandu') - interval '1 hour', 4),
       pg_temp.move('Kathmandu', date_trunc('hour', now(), 'Asia/Kathmandu') - interval '2 hours', 6),
       pg_temp.move('Kathmandu', date_trunc('hour', now(), 'Asia/Kathmandu') - interval '1 second', 8),
       pg_temp.move('Kathmandu', date_trunc('hour', now(), 'Asia/Kathmandu') - interval '25 hours', 10) \g /dev/null
SELECT is(pg_temp.rate('Kathmandu'), 'this 2, last 12, today 12 of 14, yesterday 10 of 16', 'where the hour begins at :15 or :45');
SELECT is((SELECT (this_hour, last_hour, today, yesterday)::text FROM ingest_rate WHERE session_id IS NULL), '(5,17,29,76)',
          'all together');
SELECT is((SELECT array_agg(session_name::text) FROM ingest_rate), '{NULL,day,Kathmandu}'::text[], 'all, then the busiest first');
UPDATE sessions SET status = 'completed' WHERE session_name = 'Kathmandu';
INSERT INTO sessions (session_name, start_time, status) VALUES ('long ago', now() - interval '90 days', 'completed');
SELECT is((SELECT array_agg(session_name::text) FROM ingest_rate), '{NULL,day,Kathmandu}'::text[],
          'a session that has ended stays for the days that are shown, another one is not there');
SELECT is(pg_temp.rate(NULL), 'this 5, last 17, today 24 of 29, yesterday 42 of 76', 'and the sum is that of the rows');
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN ' || query;
END $$;
SELECT ok(string_agg(line, ' ') LIKE '%hourly_statistics%' AND string_agg(line, ' ') NOT LIKE '%people_movements%', 'it reads hours and no movement')
  FROM pg_temp.plan('SELECT * FROM ingest_rate') AS line;

-- pg_stat_statements that is not there, or is not preloaded; the rest is test/server/t/050_slow_queries.pl.

SELECT is_empty('SELECT * FROM slow_queries', 'without pg_stat_statements there are no rows');
CREATE SCHEMA elsewhere;
CREATE EXTENSION pg_stat_statements SCHEMA elsewhere;
SELECT throws_ok('SELECT * FROM slow_queries', '55000', NULL, 'where it is not preloaded its error says so');
DROP EXTENSION pg_stat_statements;
SELECT is_empty('SELECT * FROM slow_queries', 'after it was dropped there are no rows again');

-- Rights

CREATE ROLE watching_reader;
CREATE TEMP TABLE seen AS SELECT (SELECT array_agg(t::text) FROM table_sizes AS t) AS tables, (SELECT array_agg(i::text) FROM index_usage AS i) AS indexes;
GRANT SELECT ON seen TO watching_reader;
SET LOCAL ROLE watching_reader;
SELECT is((SELECT array_agg(t::text) FROM table_sizes AS t), tables, 'who has no rights sees sizes all the same') FROM seen;
SELECT is((SELECT array_agg(i::text) FROM index_usage AS i), indexes, 'and indexes') FROM seen;
SELECT is_empty('SELECT * FROM slow_queries', 'and may ask for slow queries');
SELECT throws_ok('SELECT * FROM ingest_rate', '42501', 'permission denied for view ingest_rate', 'but not for rates');
RESET ROLE;
GRANT SELECT ON ingest_rate TO watching_reader;
SET LOCAL ROLE watching_reader;
SELECT is(pg_temp.rate(NULL), 'this 5, last 17, today 24 of 29, yesterday 42 of 76', 'unless it was granted: no right on tables is needed');
RESET ROLE;

-- Autovacuum

CREATE FUNCTION pg_temp.options_of(regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(option_name || '=' || option_value, ' ' ORDER BY option_name) FROM pg_class, pg_options_to_table(reloptions) WHERE oid = $1
$$;
SELECT is(pg_temp.options_of(t::regclass), o, 'settings of ' || t)
  FROM (VALUES ('people_movements', 'autovacuum_analyze_scale_factor=0.02 autovacuum_analyze_threshold=1000 autovacuum_vacuum_insert_scale_factor=0.05 '
                'autovacuum_vacuum_insert_threshold=10000 autovacuum_vacuum_scale_factor=0.05'),
               ('session_statistics', 'autovacuum_analyze_scale_factor=0.1 autovacuum_analyze_threshold=1000 autovacuum_vacuum_cost_delay=0 '
                'autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=200 fillfactor=30'),
               ('hourly_statistics', 'autovacuum_analyze_scale_factor=0.1 autovacuum_analyze_threshold=1000 autovacuum_vacuum_cost_delay=0 '
                'autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=200 fillfactor=50'),
               ('alert_logs', 'autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=200')) AS v(t, o);
SELECT is(pg_temp.options_of(a::regclass), pg_temp.options_of(b::regclass), a || ' has the settings of ' || b)
  FROM (VALUES ('realtime_metrics', 'people_movements'), ('daily_statistics', 'hourly_statistics'), ('alert_states', 'alert_logs'),
               ('alert_deliveries', 'alert_logs')) AS v(a, b);

SELECT * FROM finish();
ROLLBACK;
