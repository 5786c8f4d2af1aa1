-- Of manage_db.sh status.
SELECT format('database:      %s, %s, PostgreSQL %s, up since %s%s', current_database(), pg_size_pretty(pg_database_size(current_database())),
              current_setting('server_version'), date_trunc('second', pg_postmaster_start_time()),
              CASE WHEN pg_is_in_recovery() THEN ', standby' ELSE '' END);
SELECT format('connections:   %s of %s, %s of them active', count(*), current_setting('max_connections'), count(*) FILTER (WHERE state = 'active'))
  FROM pg_stat_activity WHERE backend_type = 'client backend';
SELECT format('encryption:    this connection %s', CASE WHEN ssl THEN 'by ' || version ELSE 'is not encrypted' END)
  FROM pg_stat_ssl WHERE pid = pg_backend_pid();
SELECT nspname AS schema FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'people_counter' \gset
\if :{?schema}
SELECT format('alert worker:  %s%s', state, coalesce(', last error at ' || date_trunc('second', last_error_at) || ': ' || last_error, ''))
  FROM :"schema".alert_worker_status;
SELECT format('sessions:      %s, %s of them active', count(*), count(*) FILTER (WHERE status = 'active')) FROM :"schema".sessions;
\endif
