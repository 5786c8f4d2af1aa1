-- A house with seven doors, for the tests of the dashboard and their pictures. The days are those of the CalIt2 door, moved by
-- whole weeks so that the present is within them. Variables of psql: zone, the time zone of the sessions; and csv, as text in
-- the setting demo.csv.
\set QUIET on
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE TEMP TABLE slots (slot timestamp PRIMARY KEY, entered integer, exited integer);
INSERT INTO slots
SELECT split_part(line, ',', 1)::timestamp, nullif(split_part(line, ',', 2), '')::integer, nullif(split_part(line, ',', 3), '')::integer
  FROM string_to_table(current_setting('demo.csv'), E'\n') AS line WHERE line ~ '^2005';

-- The busiest whole week of the file is this week; the eight before it are the weeks before.
CREATE TEMP TABLE moved AS
SELECT (slot + (SELECT make_interval(days => ((now() AT TIME ZONE :'zone')::date - date '2005-10-12') / 7 * 7))) AT TIME ZONE :'zone' AS slot,
       entered, exited
  FROM slots WHERE slot >= '2005-08-14';

CREATE FUNCTION pg_temp.fill(session uuid, share double precision, until timestamptz, since interval, skip_from timestamptz, skip_to timestamptz)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
    SELECT session, at, row_number() OVER (ORDER BY at), way, 0.8 + 0.19 * (extract(second FROM at)::integer % 10) / 10
      FROM (SELECT m.slot + (k - 0.5) / n * interval '30 minutes' + d.shift AS at, d.way
              FROM moved AS m
             CROSS JOIN LATERAL (VALUES ('in'::movement_direction, round(m.entered * share)::integer, interval '0'),
                                        ('out', round(m.exited * share)::integer, interval '7.5 seconds')) AS d(way, n, shift)
             CROSS JOIN LATERAL generate_series(1, d.n) AS k
             WHERE m.slot >= until - since) AS movement
     WHERE at <= until AND NOT (at >= skip_from AND at < skip_to)
     ORDER BY at;
    INSERT INTO realtime_metrics (session_id, "timestamp", detection_status, fps_current)
    SELECT session, m.slot + interval '29 minutes 59 seconds', 'tracking', 12
      FROM moved AS m
     WHERE m.entered IS NOT NULL AND m.slot >= until - since AND m.slot < until - interval '30 minutes'
       AND NOT (m.slot >= skip_from AND m.slot < skip_to)
$$;

-- Somebody counted, and then as many passed as it takes to have that many inside.
CREATE FUNCTION pg_temp.bring(session uuid, people integer, last interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO occupancy_baselines (session_id, baseline_time, people_count, kind, note)
    VALUES (session, now() - interval '55 minutes', greatest(people - 9, 0), 'manual', 'counted at the round');
    DELETE FROM people_movements WHERE session_id = session AND movement_time > now() - interval '55 minutes';
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
    SELECT session, now() - last - i * (interval '54 minutes' - last) / 40, 9000 + i, CASE WHEN i % 3 = 2 AND i < 36 THEN 'out' ELSE 'in' END::movement_direction, 0.95
      FROM generate_series(0, least(people, 9) + 2 * 9 - 1) AS i WHERE people >= 9;
$$;

INSERT INTO sessions (session_name, input_source, start_time, time_zone, reset_time, day_start, capacity, status)
SELECT v.name, 'rtsp://camera.example/' || v.n, (now() AT TIME ZONE :'zone')::date::timestamp AT TIME ZONE :'zone' - v.age, :'zone', '04:00', '04:00',
       v.capacity, v.status::session_status
  FROM (VALUES (1, 'CalIt2, main door', interval '60 days', 80, 'active'), (2, 'Library, reading room', '60 days', 60, 'active'),
               (3, 'Swimming pool', '21 days', 40, 'active'), (4, 'Canteen', '21 days', 150, 'active'),
               (5, 'Museum, gallery 2', '21 days', 90, 'active'), (6, 'North entrance', '10 days', NULL, 'active'),
               (7, 'Exhibition hall, spring fair', '40 days', 500, 'active')) AS v(n, name, age, capacity, status);

SELECT set_config('demo.noise', (date_trunc('day', now() AT TIME ZONE :'zone') AT TIME ZONE :'zone')::text, false) \gset ignored_
DO $$
DECLARE
    today timestamptz := current_setting('demo.noise')::timestamptz;
    s record;
BEGIN
    FOR s IN SELECT * FROM sessions WHERE input_source LIKE 'rtsp://camera.example/%' ORDER BY input_source LOOP
        PERFORM CASE right(s.input_source, 1)
            WHEN '1' THEN pg_temp.fill(s.id, 1.6, now(), '60 days', today + interval '9 hours', today + interval '11 hours')
            WHEN '2' THEN pg_temp.fill(s.id, 0.8, now(), '60 days', today - interval '9 days', today - interval '7 days')
            WHEN '3' THEN pg_temp.fill(s.id, 0.7, now(), '21 days', today, today)
            WHEN '4' THEN pg_temp.fill(s.id, 1.4, now(), '21 days', today, today)
            WHEN '5' THEN pg_temp.fill(s.id, 0.9, now() - interval '47 minutes', '21 days', today, today)
            WHEN '6' THEN pg_temp.fill(s.id, 0.5, now(), '10 days', today, today)
            ELSE pg_temp.fill(s.id, 2.2, today - interval '20 days', '20 days', today, today) END;
        PERFORM CASE right(s.input_source, 1)
            WHEN '1' THEN pg_temp.bring(s.id, 47, '12 seconds') WHEN '2' THEN pg_temp.bring(s.id, 53, '48 seconds')
            WHEN '3' THEN pg_temp.bring(s.id, 42, '21 seconds') WHEN '4' THEN pg_temp.bring(s.id, 71, '5 seconds')
            WHEN '6' THEN pg_temp.bring(s.id, 17, '90 seconds') END;
    END LOOP;
END $$;
UPDATE sessions SET status = 'completed', end_time = start_time + interval '22 days' WHERE input_source = 'rtsp://camera.example/7';

INSERT INTO alert_logs (session_id, alert_type, severity, alert_message, metric, current_value, threshold_value, peak_value, triggered_at,
                        is_resolved, resolved_at, resolved_reason, acknowledged_at, acknowledged_by, note)
SELECT s.id, v.name, v.severity, v.message, v.metric, v.value, v.threshold, v.peak, now() - v.since, v.lasted IS NOT NULL, now() - v.since + v.lasted,
       CASE WHEN v.lasted IS NOT NULL THEN 'cleared' END, now() - v.since + v.seen, v.who, v.note
  FROM (VALUES ('3', 'pool full', 'critical', 'Close the turnstile until people have left', 'current_people_inside', 41, 40, 42,
                interval '11 minutes', NULL::interval, NULL::interval, NULL, NULL),
               ('5', 'gallery silent', 'warning', 'The camera of gallery 2 does not report', 'silence_seconds', 900, 900, 2820,
                interval '32 minutes', NULL, interval '4 minutes', 'Minh', 'Electrician is on the way'),
               ('2', 'max_people_count', 'warning', 'Maximum number of people exceeded', 'current_people_inside', 61, 60, 64,
                interval '1 day 2 hours', interval '38 minutes', interval '3 minutes', 'Lan', NULL),
               ('4', 'queue at the till', 'info', 'Open the second till', 'people_entered_last_hour', 121, 120, 149,
                interval '2 days 3 hours', interval '52 minutes', NULL, NULL, NULL)
       ) AS v(n, name, severity, message, metric, value, threshold, peak, since, lasted, seen, who, note)
  JOIN sessions AS s ON s.input_source = 'rtsp://camera.example/' || v.n;
