-- What the alert worker writes. Each function is one transition of one alert: the row, the notification and the outbox
-- belong to one transaction. They run with the rights of the extension's owner, and nobody else may call them.
CREATE FUNCTION @extschema@.alert_payload(alert @extschema@.alert_logs, event text) RETURNS jsonb
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT jsonb_build_object(
                   'type', 'people_counter.alert',
                   'event', event,
                   'alert_id', alert.id,
                   'threshold_id', alert.threshold_id,
                   'threshold_name', alert.alert_type,
                   'session_id', alert.session_id,
                   'session_name', (SELECT s.session_name FROM @extschema@.sessions AS s WHERE s.id = alert.session_id),
                   'metric', alert.metric,
                   'comparison', rule.comparison,
                   'value', alert.current_value,
                   'threshold', alert.threshold_value,
                   'clear_value', coalesce(rule.clear_value, rule.threshold_value),
                   'peak_value', alert.peak_value,
                   'severity', alert.severity,
                   'message', alert.alert_message,
                   'triggered_at', to_char(alert.triggered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'resolved_at', to_char(alert.resolved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'reason', alert.resolved_reason,
                   'repeat_count', alert.repeat_count)
          FROM (SELECT) AS one
          LEFT JOIN @extschema@.alert_thresholds AS rule ON rule.id = alert.threshold_id
    $$;
COMMENT ON FUNCTION @extschema@.alert_payload(@extschema@.alert_logs, text) IS
    'What is sent about an alert: one JSON object. event: fired, repeated or resolved. Times are UTC in ISO 8601, values are in the unit of the metric.';

CREATE FUNCTION @extschema@.announce_alert(alert uuid, event text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    logged  @extschema@.alert_logs;
    payload jsonb;
BEGIN
    UPDATE @extschema@.alert_logs SET announced_at = clock_timestamp() WHERE id = alert RETURNING * INTO logged;
    payload := @extschema@.alert_payload(logged, event);
    PERFORM @extschema@.queue_alert_deliveries(logged.id, event, logged.severity, payload);
    -- A notification holds less than 8,000 bytes.
    IF octet_length(payload::text) >= 8000 THEN
        payload := payload || jsonb_build_object('message', left(logged.alert_message, 200), 'truncated', true,
            'session_name', left(payload ->> 'session_name', 200));
    END IF;
    PERFORM pg_notify('people_counter_alert', payload::text);
END
$$;
COMMENT ON FUNCTION @extschema@.announce_alert(uuid, text) IS
    'Notifies channel people_counter_alert and queues a delivery for each alert channel. event: fired, repeated or resolved.';

CREATE FUNCTION @extschema@.raise_alert(threshold uuid, session uuid, at timestamptz, value double precision,
                                        peak double precision) RETURNS uuid
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    raised uuid;
BEGIN
    INSERT INTO @extschema@.alert_logs (session_id, threshold_id, alert_type, alert_message, current_value,
                                        threshold_value, triggered_at, severity, peak_value, metric)
    SELECT session, rule.id, rule.threshold_name, rule.alert_message, value, rule.threshold_value, at, rule.severity,
           peak, rule.metric
      FROM @extschema@.alert_thresholds AS rule
     WHERE rule.id = threshold
    ON CONFLICT (threshold_id, session_id) WHERE NOT is_resolved AND threshold_id IS NOT NULL DO NOTHING
    RETURNING id INTO raised;
    IF raised IS NULL THEN
        RETURN (SELECT id FROM @extschema@.alert_logs
                 WHERE threshold_id = threshold AND session_id = session AND NOT is_resolved);
    END IF;
    PERFORM @extschema@.announce_alert(raised, 'fired');
    RETURN raised;
END
$$;
COMMENT ON FUNCTION @extschema@.raise_alert(uuid, uuid, timestamptz, double precision, double precision) IS
    'Opens the alert of a threshold on a session and announces it. at: the exact instant; value, peak: in the unit of the metric. Returns its id, or that of the one that is open already, which is not announced again; NULL if the threshold is gone.';

CREATE FUNCTION @extschema@.end_alert(alert uuid, at timestamptz, peak double precision, reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM @extschema@.alert_logs WHERE id = alert AND NOT is_resolved FOR UPDATE NOWAIT;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE @extschema@.alert_logs
       SET is_resolved = true, resolved_at = greatest(at, triggered_at), peak_value = coalesce(peak, peak_value),
           resolved_reason = reason
     WHERE id = alert;
    PERFORM @extschema@.announce_alert(alert, 'resolved');
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.end_alert(uuid, timestamptz, double precision, text) IS
    'Resolves an open alert and announces that. at: the exact instant; peak: worst value, NULL: as stored; reason: as in alert_logs.resolved_reason. False if it is not open. ERROR lock_not_available while somebody has the row locked.';

CREATE FUNCTION @extschema@.repeat_alert(alert uuid, peak double precision) RETURNS boolean
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM @extschema@.alert_logs
     WHERE id = alert AND NOT is_resolved AND acknowledged_at IS NULL FOR UPDATE NOWAIT;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE @extschema@.alert_logs
       SET repeat_count = repeat_count + 1, peak_value = coalesce(peak, peak_value)
     WHERE id = alert;
    PERFORM @extschema@.announce_alert(alert, 'repeated');
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.repeat_alert(uuid, double precision) IS
    'Announces an open alert again that nobody acknowledged. False if there is nothing to announce.';

CREATE FUNCTION @extschema@.acknowledge_alert(id uuid, by text DEFAULT NULL, note text DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    acknowledged timestamptz;
BEGIN
    UPDATE @extschema@.alert_logs AS alert
       SET acknowledged_at = coalesce(alert.acknowledged_at, clock_timestamp()),
           acknowledged_by = coalesce(acknowledge_alert.by, alert.acknowledged_by, current_user),
           note = coalesce(acknowledge_alert.note, alert.note)
     WHERE alert.id = acknowledge_alert.id
    RETURNING alert.acknowledged_at INTO acknowledged;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'alert "%" does not exist', acknowledge_alert.id
            USING ERRCODE = 'no_data_found', HINT = 'Alerts are the rows of alert_logs.';
    END IF;
    RETURN acknowledged;
END
$$;
COMMENT ON FUNCTION @extschema@.acknowledge_alert(uuid, text, text) IS
    'Takes notice of an alert: it stays open until it is resolved, but is not announced again while it lasts. by: who does, by default the current role; note: what they have to say. Returns when it was first acknowledged. Needs UPDATE on alert_logs. ERROR no_data_found if there is no such alert.';

CREATE FUNCTION @extschema@.resolve_alert(id uuid, by text DEFAULT NULL, note text DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    resolved timestamptz;
BEGIN
    UPDATE @extschema@.alert_logs AS alert
       SET is_resolved = true, resolved_at = coalesce(alert.resolved_at, greatest(clock_timestamp(), alert.triggered_at)),
           resolved_reason = coalesce(alert.resolved_reason, 'by_hand'),
           acknowledged_at = coalesce(alert.acknowledged_at, clock_timestamp()),
           acknowledged_by = coalesce(resolve_alert.by, alert.acknowledged_by, current_user),
           note = coalesce(resolve_alert.note, alert.note)
     WHERE alert.id = resolve_alert.id
    RETURNING alert.resolved_at INTO resolved;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'alert "%" does not exist', resolve_alert.id
            USING ERRCODE = 'no_data_found', HINT = 'Alerts are the rows of alert_logs.';
    END IF;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_alert(uuid, text, text) IS
    'Ends an alert by hand, without announcing it. The rule fires again at the next movement or sample that is beyond its threshold. by, note: as for acknowledge_alert(). Returns when it was resolved. Needs UPDATE on alert_logs. ERROR no_data_found if there is no such alert.';

CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.alert_thresholds
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.alerts_changed();
COMMENT ON TRIGGER rules_changed ON @extschema@.alert_thresholds IS 'Tells the alert worker, so that an edit takes effect at once.';
CREATE TRIGGER alerts_changed AFTER UPDATE OR DELETE OR TRUNCATE ON @extschema@.alert_logs
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.alerts_changed();
COMMENT ON TRIGGER alerts_changed ON @extschema@.alert_logs IS 'Tells the alert worker that somebody acknowledged, resolved or removed an alert.';

CREATE FUNCTION @extschema@.start_alert_worker() RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_start_alert_worker';
COMMENT ON FUNCTION @extschema@.start_alert_worker() IS
    'Starts the alert worker of this database where the library was not preloaded; it runs until the server stops or stop_alert_worker() ends it. Returns its process id. If it runs already, only that. ERROR insufficient_resources if there is no free background worker.';

CREATE FUNCTION @extschema@.stop_alert_worker() RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_stop_alert_worker';
COMMENT ON FUNCTION @extschema@.stop_alert_worker() IS
    'Ends the alert worker that start_alert_worker() started in this database. False if there is none. A preloaded one is switched off by people_counter.alert_enabled instead.';

-- It works with the rights of the extension's owner, so no operator of the caller's may come in between.
CREATE FUNCTION @extschema@.evaluate_alerts() RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'people_counter_evaluate_alerts';
COMMENT ON FUNCTION @extschema@.evaluate_alerts() IS
    'Looks at all sessions once, as the alert worker does: for servers where no worker can run, to be called by a scheduler. Returns how many alerts fired or were resolved. Where a worker runs it is only woken, and the result is 0.';

CREATE FUNCTION @extschema@.alert_worker_report(OUT state text, OUT pid integer, OUT started_at timestamptz,
        OUT last_evaluation timestamptz, OUT next_due timestamptz, OUT evaluations bigint, OUT sessions_evaluated bigint,
        OUT transitions bigint, OUT wakeups bigint, OUT backlog bigint, OUT errors bigint, OUT last_error text,
        OUT last_error_at timestamptz, OUT delivery_pid integer, OUT stream_pid integer, OUT stream_sent bigint,
        OUT stream_dropped bigint, OUT stream_last_error text)
    RETURNS record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_alert_worker_report';
COMMENT ON FUNCTION @extschema@.alert_worker_report() IS
    'What alert_worker_status shows.';

CREATE VIEW @extschema@.alert_worker_status AS
    SELECT pg_catalog.current_database() AS database, r.* FROM @extschema@.alert_worker_report() AS r;
COMMENT ON VIEW @extschema@.alert_worker_status IS
    'The alert worker of this database: one row.';
COMMENT ON COLUMN @extschema@.alert_worker_status.database IS 'This database.';
COMMENT ON COLUMN @extschema@.alert_worker_status.state IS 'running; starting; failing (the last look ended with last_error, and is tried again); disabled (by people_counter.alert_enabled); subscriber (the tables are replicated into this database, where the publisher raises the alerts); standby (works once it is promoted); not running.';
COMMENT ON COLUMN @extschema@.alert_worker_status.pid IS 'Its process id.';
COMMENT ON COLUMN @extschema@.alert_worker_status.started_at IS 'When the process started. The figures below count from then.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_evaluation IS 'When it last looked at sessions.';
COMMENT ON COLUMN @extschema@.alert_worker_status.next_due IS 'When it will look again if nothing happens: the end of hold_for, keep_firing_for, repeat_interval or a silence, a reset, a planned baseline. NULL: only when woken.';
COMMENT ON COLUMN @extschema@.alert_worker_status.evaluations IS 'How often it looked.';
COMMENT ON COLUMN @extschema@.alert_worker_status.sessions_evaluated IS 'How many sessions it looked at in all.';
COMMENT ON COLUMN @extschema@.alert_worker_status.transitions IS 'How many alerts it raised and resolved.';
COMMENT ON COLUMN @extschema@.alert_worker_status.wakeups IS 'How often it was woken or something was due.';
COMMENT ON COLUMN @extschema@.alert_worker_status.backlog IS 'Sessions that changed since it last looked.';
COMMENT ON COLUMN @extschema@.alert_worker_status.errors IS 'How many looks, or rules on a session, failed.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_error IS 'The last failure: which rule on which session, and why.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_error_at IS 'When that was.';
COMMENT ON COLUMN @extschema@.alert_worker_status.delivery_pid IS 'Process id of the delivery worker, which runs while there is something to send.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_pid IS 'Process id of the stream worker, which runs where people_counter.stream_url is set. The figures below count from its start.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_sent IS 'How many messages of the live stream were taken.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_dropped IS 'How many were dropped, because there were too many at once, nobody took them for so long or they were refused; at least, for after one that has no room no more are made.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_last_error IS 'Why the last one that was not taken was not, or the last look failed.';

-- Who the extension belongs to may call them, see 85-owner.sql.
REVOKE ALL ON FUNCTION @extschema@.start_alert_worker(), @extschema@.stop_alert_worker(), @extschema@.evaluate_alerts() FROM PUBLIC;
SELECT @extschema@.announce_extension();
