-- As in rest/70-health.sql: owner and grants stay.
CREATE OR REPLACE FUNCTION people_counter_api.prometheus_metrics() RETURNS people_counter_api."text/plain"
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN (
        WITH sizes AS (
            SELECT c.relname AS name, coalesce(pg_total_relation_size(c.oid), 0) AS bytes, pg_stat_get_dead_tuples(c.oid) AS dead
              FROM pg_extension AS e
              JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                                 AND d.classid = 'pg_class'::regclass
              JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'r'
             WHERE e.extname IN ('people_counter', 'people_counter_rest')),
        figure(position, name, kind, help, labels, value) AS (
            SELECT 1, 'people_counter_movements_total', 'counter', 'Movements of all sessions, by direction.',
                   format('direction="%s"', d.direction), d.total::text
              FROM (SELECT coalesce(sum(total_people_entered), 0) AS entered, coalesce(sum(total_people_exited), 0) AS exited,
                           coalesce(sum(exits_absorbed), 0) AS absorbed,
                           coalesce(sum(detection_frames::bigint + tracking_frames + waiting_frames), 0) AS samples
                      FROM people_counter_rest.session_statistics) AS t
             CROSS JOIN LATERAL (VALUES ('in', t.entered), ('out', t.exited)) AS d(direction, total)
            UNION ALL
            SELECT 2, 'people_counter_metrics_samples_total', 'counter', 'Metrics samples of all sessions.', '',
                   coalesce(sum(detection_frames::bigint + tracking_frames + waiting_frames), 0)::text
              FROM people_counter_rest.session_statistics
            UNION ALL
            SELECT 3, 'people_counter_exits_absorbed_total', 'counter', 'Exits that found nobody inside: entries that counters missed.', '',
                   coalesce(sum(exits_absorbed), 0)::text FROM people_counter_rest.session_statistics
            UNION ALL
            SELECT 4, 'people_counter_sessions', 'gauge', 'Sessions, by status.', format('status="%s"', status), count(*)::text
              FROM people_counter_rest.sessions GROUP BY status
            UNION ALL
            SELECT 5, 'people_counter_people_inside', 'gauge', 'People inside now, of each active session.',
                   format('session_id="%s",session_name="%s"', id, people_counter_rest.label(session_name)),
                   people_counter_rest.calculate_current_people_inside(id)::text
              FROM people_counter_rest.sessions WHERE status = 'active'
            UNION ALL
            SELECT 6, 'people_counter_last_movement_timestamp_seconds', 'gauge', 'Time of the last movement of each active session.',
                   format('session_id="%s",session_name="%s"', s.id, people_counter_rest.label(s.session_name)),
                   extract(epoch FROM st.last_movement_time)::text
              FROM people_counter_rest.sessions AS s JOIN people_counter_rest.session_statistics AS st ON st.session_id = s.id
             WHERE s.status = 'active' AND st.last_movement_time IS NOT NULL
            UNION ALL
            SELECT 7, 'people_counter_alerts_open', 'gauge', 'Alerts that are not resolved, by severity.', format('severity="%s"', v.severity),
                   count(l.id)::text
              FROM (VALUES ('info'), ('warning'), ('critical')) AS v(severity)
              LEFT JOIN people_counter_rest.alert_logs AS l ON l.severity = v.severity AND NOT l.is_resolved GROUP BY v.severity
            UNION ALL
            SELECT 8, 'people_counter_alert_deliveries_pending', 'gauge', 'Alert deliveries that wait to be sent.', '', count(*)::text
              FROM people_counter_rest.alert_deliveries WHERE delivered_at IS NULL AND abandoned_at IS NULL
            UNION ALL
            SELECT 9, 'people_counter_alert_worker_running', 'gauge', 'Whether the alert worker of this database runs.', '',
                   (state = 'running')::integer::text FROM people_counter_rest.alert_worker_status
            UNION ALL
            SELECT 10, 'people_counter_alert_worker_errors_total', 'counter', 'Looks of the alert worker that failed, since it started.', '',
                   coalesce(errors, 0)::text FROM people_counter_rest.alert_worker_status
            UNION ALL
            SELECT 11, 'people_counter_alert_worker_backlog', 'gauge', 'Sessions that changed since the alert worker last looked.', '',
                   coalesce(backlog, 0)::text FROM people_counter_rest.alert_worker_status
            UNION ALL
            SELECT 12, 'people_counter_alert_deliveries_oldest_timestamp_seconds', 'gauge',
                   'Since when the oldest alert delivery waits that waits to be sent; not there if none does.', '',
                   extract(epoch FROM min(created_at))::text
              FROM people_counter_rest.alert_deliveries WHERE delivered_at IS NULL AND abandoned_at IS NULL HAVING count(*) > 0
            UNION ALL
            SELECT 13, 'people_counter_alert_deliveries_abandoned', 'gauge', 'Alert deliveries that were given up, as long as they are kept.', '',
                   count(*)::text FROM people_counter_rest.alert_deliveries WHERE abandoned_at IS NOT NULL
            UNION ALL
            SELECT 14, 'people_counter_stream_sent_total', 'counter',
                   'Messages of the live stream that were taken, since its worker started; not there if none runs.', '', stream_sent::text
              FROM people_counter_rest.alert_worker_status WHERE stream_pid IS NOT NULL
            UNION ALL
            SELECT 15, 'people_counter_stream_dropped_total', 'counter',
                   'Messages of the live stream that were dropped, since its worker started; not there if none runs.', '', stream_dropped::text
              FROM people_counter_rest.alert_worker_status WHERE stream_pid IS NOT NULL
            UNION ALL
            SELECT 16, 'people_counter_database_bytes', 'gauge', 'Size of the database.', '', pg_database_size(current_database())::text
            UNION ALL
            SELECT 17, 'people_counter_database_xid_age', 'gauge', 'Transactions since the oldest one that is not frozen; 2 billion is the end.', '',
                   age(datfrozenxid)::text FROM pg_database WHERE datname = current_database()
            UNION ALL
            SELECT 18, 'people_counter_server_connections', 'gauge', 'Connections to all databases of the server.', '', count(*)::text
              FROM pg_stat_activity WHERE datname IS NOT NULL
            UNION ALL
            SELECT 19, 'people_counter_server_connections_max', 'gauge', 'max_connections of the server.', '', current_setting('max_connections')
            UNION ALL
            SELECT 20, 'people_counter_table_bytes', 'gauge', 'Size of each table with its indexes.', format('table="%s"', t.name), t.bytes::text
              FROM sizes AS t
            UNION ALL
            SELECT 21, 'people_counter_table_dead_rows', 'gauge', 'Versions of rows of each table that wait for vacuum.',
                   format('table="%s"', t.name), t.dead::text FROM sizes AS t),
        line AS (
            SELECT position, 0 AS part, format(E'# HELP %s %s\n# TYPE %1$s %3$s\n', name, min(help), min(kind)) AS text FROM figure GROUP BY position, name
            UNION ALL
            SELECT position, 1, format(E'%s%s %s\n', name, CASE labels WHEN '' THEN '' ELSE '{' || labels || '}' END, value) FROM figure)
        SELECT string_agg(text, '' ORDER BY position, part, text COLLATE "C") FROM line);
END $$;
COMMENT ON FUNCTION people_counter_api.prometheus_metrics() IS
    'GET /metrics

Figures in the text format of Prometheus: movements and samples, sessions, people inside and time of the last movement of each active session, open alerts, deliveries that wait or were given up, the alert worker and the live stream; of the server its connections, of the database its size and the age of its oldest transaction, and size and dead rows of each table. For readers.';
