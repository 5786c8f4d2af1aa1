-- How many are inside now. All times are relative to the present, so only counts are shown.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
\set s '''00000000-0000-7000-8000-0000000000aa'''
CREATE FUNCTION move(ago interval, direction text, n integer DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT '00000000-0000-7000-8000-0000000000aa', now() - ago, i, direction::movement_direction FROM generate_series(1, n) AS i
$$;
CREATE FUNCTION baseline(ago interval, n integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES ('00000000-0000-7000-8000-0000000000aa', now() - ago, n)
$$;
CREATE VIEW inside AS
    SELECT calculate_current_people_inside(session_id) AS now, current_people_inside AS after_last_change FROM session_statistics;

INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES (:s, 'door', now() - interval '30 hours', 'UTC');
TABLE inside;

-- seen inside the transaction that writes, and gone with what is rolled back
BEGIN;
SELECT move('5 hours', 'in', 4);
TABLE inside;
SAVEPOINT here;
SELECT move('4 hours', 'in', 3);
TABLE inside;
ROLLBACK TO here;
TABLE inside;
SELECT move('3 hours', 'out', 1);
TABLE inside;
SAVEPOINT again;
DELETE FROM people_movements;
TABLE inside;
ROLLBACK TO again;
TABLE inside;
SELECT * FROM verify_statistics();
COMMIT;
TABLE inside;

-- a baseline that holds, one that is planned, and one that is planned for before a movement of a clock that runs ahead
SELECT baseline('2 hours', 10);
TABLE inside;
SELECT baseline('-2 hours', 50);
TABLE inside;
SELECT move('1 hour', 'in', 2);
TABLE inside;
SELECT move('-1 hour', 'in', 5);
TABLE inside;
SELECT move('-3 hours', 'out', 1);
TABLE inside;
SELECT * FROM verify_statistics();
DELETE FROM people_movements WHERE movement_time > now() + interval '2 hours';
TABLE inside;
DELETE FROM occupancy_baselines WHERE baseline_time > now();
TABLE inside;
DELETE FROM people_movements WHERE movement_time > now();
TABLE inside;

-- the daily reset: half an hour ago, then half an hour from now, then never
UPDATE sessions SET reset_time = (now() - interval '30 minutes')::time;
TABLE inside;
SELECT move('10 minutes', 'in', 3);
TABLE inside;
-- a baseline row wins over the schedule at its instant
UPDATE occupancy_baselines SET people_count = 20,
       baseline_time = date_trunc('day', now() - interval '30 minutes') + (SELECT reset_time FROM sessions);
TABLE inside;
DELETE FROM occupancy_baselines;
TABLE inside;
UPDATE sessions SET reset_time = (now() + interval '30 minutes')::time;
TABLE inside;
-- a movement ahead of the clock, behind the coming reset
SELECT move('-1 hour', 'in', 1);
TABLE inside;
UPDATE sessions SET reset_time = NULL;
TABLE inside;
SELECT * FROM verify_statistics();
DELETE FROM sessions;

-- 300 late movements in one hour, one by one and ascending, then everything else that may touch that hour
INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES (:s, 'door', '2024-05-01 08:00Z', 'UTC');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES (:s, '2024-05-01 08:30Z', 1, 'in'), (:s, '2024-05-01 10:30Z', 2, 'out'), (:s, '2024-05-01 12:30Z', 3, 'in');
DO $$
BEGIN
    FOR i IN 1..300 LOOP
        INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
        VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:00Z'::timestamptz + i * interval '10 seconds', i,
                CASE WHEN i % 3 = 0 THEN 'out' ELSE 'in' END::movement_direction, 0.5);
    END LOOP;
END
$$;
CREATE VIEW hours AS
    SELECT hour_timestamp AS hour, people_entered AS entered, people_exited AS exited, opening_count AS opening,
           closing_count AS closing, low_people_count AS low, peak_people_count AS peak, to_char(peak_time, 'HH24:MI:SS') AS peak_time,
           average_people_count AS average, detection_accuracy AS accuracy, exits_absorbed AS absorbed
      FROM hourly_statistics ORDER BY hour_timestamp;
TABLE hours;
TABLE inside;
SELECT * FROM verify_statistics();
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count) VALUES (:s, '2024-05-01 10:20Z', 500);
TABLE hours;
SELECT * FROM verify_statistics();
UPDATE people_movements SET movement_direction = 'out' WHERE person_id = 100 AND confidence_score = 0.5;
TABLE hours;
SELECT * FROM verify_statistics();
UPDATE people_movements SET movement_time = '2024-05-01 10:10:01Z' WHERE person_id = 200 AND confidence_score = 0.5;
TABLE hours;
SELECT * FROM verify_statistics();
DELETE FROM people_movements WHERE movement_time >= '2024-05-01 10:40Z' AND movement_time < '2024-05-01 11:00Z';
TABLE hours;
SELECT * FROM verify_statistics();
DELETE FROM realtime_metrics;
TABLE hours;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES (:s, '2024-05-01 10:45Z', 400, 'in');
TABLE hours;
TABLE inside;
SELECT * FROM verify_statistics();
DROP VIEW hours, inside;
DROP FUNCTION move, baseline;
DELETE FROM sessions;
