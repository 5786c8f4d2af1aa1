-- Figures for Prometheus that tell a DBA how the server does, against what the server says otherwise.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(19);

CREATE FUNCTION figure(wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT min(split_part(line, ' ', 2)) FROM regexp_split_to_table(get('reader', 'prometheus_metrics'), E'\n') AS line
     WHERE split_part(line, ' ', 1) = wanted
$$;
SELECT is(figure('people_counter_alert_deliveries_pending'), '0', 'nothing waits');
SELECT is(figure('people_counter_alert_deliveries_oldest_timestamp_seconds'), NULL, 'so nothing is the oldest');
SELECT is(figure('people_counter_alert_deliveries_abandoned'), '0', 'nothing was given up');
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('c', 'webhook', 'https://hooks.example.com/');
INSERT INTO alert_deliveries (channel_id, event, payload, created_at, delivered_at, abandoned_at)
SELECT id, 'test', '{}', t, d, a
  FROM alert_channels, (VALUES (timestamptz '2025-01-01 00:00+00', now(), NULL), ('2025-01-02 00:00+00', NULL, now()),
                               ('2025-01-03 00:00:00.5+00', NULL, NULL), ('2025-01-04 00:00+00', NULL, NULL)) AS v(t, d, a);
SELECT is(figure('people_counter_alert_deliveries_pending'), '2', 'deliveries that wait');
SELECT is(figure('people_counter_alert_deliveries_oldest_timestamp_seconds')::numeric,
          extract(epoch FROM timestamptz '2025-01-03 00:00:00.5+00'), 'since when the oldest does, neither delivered nor given up');
SELECT is(figure('people_counter_alert_deliveries_abandoned'), '1', 'and one that was given up');
SELECT is(figure('people_counter_alert_worker_running'), '0', 'no worker runs here');
SELECT is(figure('people_counter_alert_worker_backlog'), '0', 'and it is behind with nothing');
SELECT is(figure('people_counter_stream_' || n || '_total'), NULL, 'nor does a stream worker: ' || n) FROM unnest('{sent,dropped}'::text[]) AS n;
SELECT is(figure('people_counter_database_bytes'), pg_database_size(current_database())::text, 'size of the database');
SELECT is(figure('people_counter_database_xid_age'), (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())::text,
          'age of its oldest transaction');
SELECT is(figure('people_counter_server_connections_max'), current_setting('max_connections'), 'connections that there may be');
SELECT ok(figure('people_counter_server_connections')::integer BETWEEN 1 AND current_setting('max_connections')::integer, 'and are');
SELECT is(figure(format('people_counter_table_bytes{table="%s"}', t)), pg_total_relation_size(t::regclass)::text, 'size of ' || t)
  FROM unnest('{session_statistics,people_movements}'::text[]) AS t;
SELECT is(figure('people_counter_table_bytes{table="api_keys"}'), pg_total_relation_size('people_counter_rest.api_keys')::text,
          'tables of the API are among them');
SELECT is((SELECT count(*) FROM regexp_matches(get('reader', 'prometheus_metrics'), '^people_counter_table_bytes', 'gn')),
          (SELECT count(*) FROM table_sizes), 'all tables');
SELECT is((SELECT count(*) FROM regexp_matches(get('reader', 'prometheus_metrics'), '^people_counter_table_dead_rows\{table="[a-z_]+"\} [0-9]+$', 'gn')),
          (SELECT count(*) FROM table_sizes), 'and their dead rows');

SELECT * FROM finish();
ROLLBACK;
