-- For the alerting figures: thousand places that are full, and rules.
CREATE PROCEDURE bench.fill_places(places integer)
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO ours.sessions (id, session_name)
    SELECT bench.session_id(1000 + n), 'Hall ' || n FROM generate_series(1, places) n;
    INSERT INTO ours.occupancy_baselines (session_id, baseline_time, people_count)
    SELECT bench.session_id(1000 + n), now() - interval '10 s', 5000 FROM generate_series(1, places) n;
END;

-- A hundred rules of all kinds that look at everything and never fire.
CREATE PROCEDURE bench.make_rules()
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO ours.alert_thresholds (threshold_name, metric, comparison, threshold_value, hold_for)
    SELECT 'rule ' || n, m.metric, m.comparison, m.value, n % 5 * interval '10 s'
      FROM generate_series(1, 100) n
      JOIN (VALUES (0, 'current_people_inside', 'above', 1e6), (1, 'current_people_inside', 'above', 2e6),
                   (2, 'people_entered_last_minute', 'above', 1e6), (3, 'detection_accuracy', 'below', 1),
                   (4, 'fps_current', 'below', 1), (5, 'cpu_usage_percentage', 'above', 99.9),
                   (6, 'exits_absorbed', 'above', 1e6), (7, 'silence_seconds', 'above', 86400),
                   (8, 'people_exited_last_minute', 'above', 1e6), (9, 'current_people_inside', 'above', 3e6))
           AS m (kind, metric, comparison, value) ON m.kind = n % 10;
    UPDATE ours.alert_thresholds SET is_active = false WHERE origin <> 'user';
END;

-- From the commit of the movement to the commit of the alert, by the clock of the server.
CREATE FUNCTION bench.alert_latency(OUT alerts bigint, OUT p50 double precision, OUT p99 double precision)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY micros), percentile_cont(0.99) WITHIN GROUP (ORDER BY micros)
      FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(m.xmin)) * 1e6 AS micros
              FROM ours.alert_logs AS l JOIN ours.people_movements AS m ON m.session_id = l.session_id
             WHERE l.alert_type = 'crossing') AS latencies;
END;
