-- A night out in Zurich, over the autumn change of 2024: at 03:00 CEST (01:00 UTC) the clock goes back to 02:00 CET, so
-- that the hour from 02:00 is there twice. The business day begins, and the door is empty, at 04:00.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
\set s '''00000000-0000-7000-8000-0000000000aa'''
CREATE VIEW hours AS
    SELECT to_char(hour_timestamp, 'DD HH24:MI') AS hour, people_entered AS entered, people_exited AS exited,
           peak_people_count AS peak, average_people_count AS average, total_detections AS detections, detection_accuracy AS accuracy,
           opening_count AS opening, closing_count AS closing, low_people_count AS low, to_char(peak_time, 'HH24:MI') AS peak_time,
           occupancy_seconds, observed_seconds, exits_absorbed AS absorbed, counted_peak, to_char(counted_peak_time, 'HH24:MI') AS counted_at,
           reported_peak, to_char(reported_peak_time, 'HH24:MI') AS reported_at, confidence_sum, confidence_count
      FROM hourly_statistics ORDER BY session_id, hour_timestamp;
CREATE VIEW days AS
    SELECT date_timestamp AS day, total_people_entered AS entered, total_people_exited AS exited, peak_people_count AS peak,
           average_people_count AS average, total_detections AS detections, total_session_duration AS duration,
           detection_accuracy AS accuracy, to_char(peak_time, 'DD HH24:MI') AS peak_time, occupancy_seconds, observed_seconds,
           exits_absorbed AS absorbed, confidence_sum, confidence_count
      FROM daily_statistics ORDER BY session_id, date_timestamp;
CREATE VIEW totals AS
    SELECT total_people_entered AS entered, total_people_exited AS exited, current_people_inside AS inside, peak_people_count AS peak,
           average_people_count AS average, detection_frames, tracking_frames, waiting_frames, total_detections AS detections,
           false_positives, false_negatives, accuracy_percentage AS accuracy, net_people_count AS net, exits_absorbed AS absorbed,
           to_char(peak_time, 'DD HH24:MI') AS peak_time, to_char(last_movement_time, 'DD HH24:MI') AS last_movement
      FROM session_statistics ORDER BY session_id;

INSERT INTO sessions (id, session_name, start_time, time_zone, day_start, reset_time)
VALUES (:s, 'door', '2024-10-26 20:00Z', 'Europe/Zurich', '04:00', '04:00');

-- an exit first: nobody was inside, so it is counted and absorbed
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, confidence_score)
VALUES (:s, '2024-10-26 20:15Z', '00000000-0000-7000-8000-000000000001', 1, 'out', 0.5);
SELECT * FROM hours \gx
SELECT * FROM totals \gx

-- in and out, in order; 00:30 and 01:30 UTC are both half past two
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, confidence_score)
SELECT :s, t, ('00000000-0000-7000-8000-0000000001' || to_char(n, 'FM00'))::uuid, n, d::movement_direction, c
  FROM (VALUES (1, '2024-10-26 20:30Z'::timestamptz, 'in', 0.9), (2, '2024-10-26 20:30Z', 'in', 0.8), (3, '2024-10-26 23:10Z', 'in', NULL),
               (4, '2024-10-27 00:30Z', 'in', 0.7), (5, '2024-10-27 01:30Z', 'out', 0.6), (6, '2024-10-27 02:15Z', 'in', 1),
               (7, '2024-10-27 03:30Z', 'in', 0)) AS v (n, t, d, c);
SELECT * FROM hours;
SELECT * FROM days;
SELECT * FROM totals;

-- late, into an hour that had none and into one that had some: the level reaches as far as the reset
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction)
VALUES (:s, '2024-10-26 22:00Z', '00000000-0000-7000-8000-000000000201', 21, 'in'),
       (:s, '2024-10-27 00:45Z', '00000000-0000-7000-8000-000000000202', 22, 'out');
SELECT * FROM hours;
SELECT * FROM days;
SELECT * FROM totals;

-- UPDATE: another time, another direction
UPDATE people_movements SET movement_time = '2024-10-26 21:30Z' WHERE id = '00000000-0000-7000-8000-000000000103';
UPDATE people_movements SET movement_direction = 'in' WHERE id = '00000000-0000-7000-8000-000000000001';
SELECT * FROM hours;
-- DELETE, which takes an hour with it
DELETE FROM people_movements WHERE id IN ('00000000-0000-7000-8000-000000000201', '00000000-0000-7000-8000-000000000107');
SELECT * FROM hours;
SELECT * FROM days;
SELECT * FROM totals;

-- a count by hand, at an instant that has a movement: the movement comes first
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (:s, '2024-10-27 00:30Z', 40);
SELECT hour, opening, closing, low, peak, peak_time, average, absorbed FROM hours;
SELECT inside, peak, peak_time, absorbed FROM totals;
UPDATE occupancy_baselines SET people_count = 2, baseline_time = '2024-10-27 00:00Z';
SELECT hour, opening, closing, low, peak, peak_time, average, absorbed FROM hours;

-- a hundred exits, none of which is refused
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT :s, '2024-10-27 02:20Z'::timestamptz + n * interval '1 second', n, 'out' FROM generate_series(1, 100) AS n;
SELECT hour, entered, exited, opening, closing, low, peak, average, absorbed FROM hours;
SELECT * FROM totals;
SELECT * FROM verify_statistics();
DELETE FROM people_movements WHERE movement_time > '2024-10-27 02:20Z';

-- upsert: one row is new, one changes, one is refused by the WHERE
INSERT INTO people_movements AS m (session_id, movement_time, id, person_id, movement_direction, confidence_score) VALUES
    (:s, '2024-10-26 20:40Z', '00000000-0000-7000-8000-000000000301', 31, 'in', 0.4),
    (:s, '2024-10-26 20:30Z', '00000000-0000-7000-8000-000000000101', 1, 'out', 0.4),
    (:s, '2024-10-26 20:30Z', '00000000-0000-7000-8000-000000000102', 2, 'in', 0.4)
ON CONFLICT (session_id, movement_time, id) DO UPDATE
    SET movement_direction = excluded.movement_direction, confidence_score = excluded.confidence_score
  WHERE m.movement_direction <> excluded.movement_direction;
SELECT * FROM hours;
SELECT * FROM verify_statistics();

-- MERGE: inserts, updates and deletes
MERGE INTO people_movements AS m
USING (VALUES ('00000000-0000-7000-8000-000000000301'::uuid, '2024-10-26 20:40Z'::timestamptz, NULL),
              ('00000000-0000-7000-8000-000000000101', '2024-10-26 20:30Z', 'in'),
              ('00000000-0000-7000-8000-000000000401', '2024-10-26 23:59Z', 'in')) AS r (id, t, d)
   ON m.id = r.id AND m.movement_time = r.t AND m.session_id = :s
 WHEN MATCHED AND r.d IS NULL THEN DELETE
 WHEN MATCHED THEN UPDATE SET movement_direction = r.d::movement_direction
 WHEN NOT MATCHED THEN INSERT (session_id, movement_time, id, person_id, movement_direction)
      VALUES (:s, r.t, r.id, 41, r.d::movement_direction);
SELECT * FROM hours;
SELECT * FROM verify_statistics();

-- a writable CTE: movements and metrics are inserted, updated and deleted by one statement
INSERT INTO realtime_metrics (session_id, "timestamp", id, current_people_count, people_entered_last_minute, detection_status) VALUES
    (:s, '2024-10-26 20:50Z', '00000000-0000-7000-8000-000000000501', 9, 1, 'detecting'),
    (:s, '2024-10-26 21:50Z', '00000000-0000-7000-8000-000000000502', 5, 1, 'tracking');
SELECT hour, peak, peak_time, reported_peak, reported_at FROM hours;
WITH gone AS (DELETE FROM people_movements WHERE id = '00000000-0000-7000-8000-000000000106' RETURNING session_id),
     moved AS (UPDATE people_movements SET movement_time = '2024-10-27 00:50Z' WHERE id = '00000000-0000-7000-8000-000000000401'
               RETURNING session_id),
     came AS (INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, confidence_score)
              VALUES (:s, '2024-10-26 20:20Z', '00000000-0000-7000-8000-000000000601', 61, 'in', 1),
                     (:s, '2024-10-27 04:10Z', '00000000-0000-7000-8000-000000000602', 62, 'in', 1) RETURNING session_id),
     silent AS (DELETE FROM realtime_metrics WHERE id = '00000000-0000-7000-8000-000000000501' RETURNING session_id),
     other AS (UPDATE realtime_metrics SET current_people_count = 30 WHERE id = '00000000-0000-7000-8000-000000000502'
               RETURNING session_id),
     sampled AS (INSERT INTO realtime_metrics (session_id, "timestamp", id, current_people_count, detection_status)
                 VALUES (:s, '2024-10-27 05:30Z', '00000000-0000-7000-8000-000000000503', 4, 'waiting') RETURNING session_id)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM came) AS came,
       (SELECT count(*) FROM silent) AS silent, (SELECT count(*) FROM other) AS other, (SELECT count(*) FROM sampled) AS sampled;
SELECT * FROM hours;
SELECT * FROM days;
SELECT * FROM verify_statistics();

-- the end of the session, and an audit of it
UPDATE sessions SET end_time = '2024-10-27 06:00Z', status = 'completed', false_positives = 1, false_negatives = 2;
SELECT * FROM hours;
SELECT * FROM days;
SELECT * FROM totals \gx
SELECT * FROM verify_statistics();

-- written anew, it is the same
CREATE TEMPORARY TABLE before AS SELECT h::text FROM hourly_statistics AS h UNION ALL SELECT d::text FROM daily_statistics AS d;
SELECT rebuild_statistics() > 0 AS rebuilt;
SELECT * FROM before EXCEPT (SELECT h::text FROM hourly_statistics AS h UNION ALL SELECT d::text FROM daily_statistics AS d);
SELECT * FROM verify_statistics();
DROP VIEW hours, days, totals;
DELETE FROM sessions;
