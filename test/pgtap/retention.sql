-- Retention: what goes, what stays, and that no figure of the statistics is touched by it, whatever comes late.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(50);

-- The settings

SELECT is((SELECT count(*) FROM retention_status WHERE days IS NOT NULL OR next_run_at IS NOT NULL), 0::bigint,
    'nothing is removed unless somebody says so');
SELECT is(apply_retention_batch(), false, 'a run without settings ends at once');
SELECT throws_ok($$ UPDATE system_config SET config_value = '1' WHERE config_key = 'retention_movements_days' $$, '22023',
    'config_value "1" of "retention_movements_days" is out of range', 'movements are kept for two days at least');
SELECT throws_ok($$ UPDATE system_config SET config_value = '0' WHERE config_key = 'retention_alerts_days' $$, '22023',
    'config_value "0" of "retention_alerts_days" is out of range', 'everything else for one');
SELECT throws_ok($$ UPDATE system_config SET config_value = '7.5' WHERE config_key = 'retention_persons_days' $$, '22023',
    'config_value "7.5" of "retention_persons_days" is not of type integer', 'days are whole');
SELECT throws_ok($$ UPDATE system_config SET config_type = 'string' , config_value = '30 days'
                     WHERE config_key = 'retention_persons_days' $$, '22023',
    'config_value "30 days" of "retention_persons_days" is out of range', 'and numbers');
SELECT throws_ok($$ UPDATE system_config SET config_value = '24:00' WHERE config_key = 'retention_time' $$, '22023',
    'config_value "24:00" of "retention_time" is no time of day', 'the time of the run is one of the day');
SELECT throws_ok($$ SELECT apply_retention_batch(0) $$, '22023', 'batch_rows "0" is out of range', 'a batch has rows');
UPDATE system_config SET config_value = 'Asia/Ho_Chi_Minh' WHERE config_key = 'default_time_zone';
UPDATE system_config SET config_value = '30' WHERE config_key = 'retention_movements_days';
SELECT is((SELECT to_char(next_run_at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'HH24:MI') FROM retention_status LIMIT 1), '03:30',
    'the worker comes at retention_time of the default zone');
SELECT ok((SELECT next_run_at > now() AND next_run_at <= now() + interval '1 day' FROM retention_status LIMIT 1),
    'within a day');
UPDATE system_config SET is_active = false WHERE config_key = 'retention_movements_days';
SELECT is(next_retention_run(), NULL, 'never, if the setting is switched off');
UPDATE system_config SET is_active = true, config_value = NULL WHERE config_key = 'retention_movements_days';
SELECT is(retention_days('movements'), NULL, 'or has no value');

-- A door with everything that an hour can have: absorbed exits, resets, counts by hand, in the hour and at its edges

SELECT setseed(0.31) AS ignored \gset
INSERT INTO sessions (id, session_name, start_time, time_zone, day_start, reset_time) VALUES
    ('00000000-0000-7000-8000-00000000000a', 'door', '2025-06-01 08:20', 'Asia/Ho_Chi_Minh', '04:00', '04:10'),
    ('00000000-0000-7000-8000-00000000000b', 'Howe', '2025-04-03 08:00', 'Australia/Lord_Howe', '00:00', NULL),
    ('00000000-0000-7000-8000-00000000000c', 'ended', '2025-06-01 08:00', 'America/St_Johns', '00:00', '00:00');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_x, bounding_box_y2,
                              confidence_score, frame_number)
SELECT s.id, s.start_time + random() * interval '4 days', 1 + n, CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END::movement_direction,
       n, n, CASE WHEN n % 4 > 0 THEN random() END, n
  FROM sessions s, generate_series(1, 700) n;
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
SELECT m.session_id, m.movement_time + g * interval '1 microsecond', (random() * 12)::integer
  FROM (SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY id) AS n FROM people_movements) m
  CROSS JOIN generate_series(-1, 1) g WHERE m.n <= 4
ON CONFLICT DO NOTHING;
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
SELECT session_id, hour_timestamp, 4 FROM hourly_statistics ORDER BY random() LIMIT 12
ON CONFLICT DO NOTHING;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT session_id, baseline_time, 9, CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END::movement_direction FROM occupancy_baselines;
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status)
SELECT s.id, s.start_time + random() * interval '4 days', (random() * 15)::integer,
       (ARRAY['detecting', 'tracking', 'waiting']::detection_status[])[1 + n % 3]
  FROM sessions s, generate_series(1, 60) n;
UPDATE sessions SET status = 'completed', end_time = '2025-06-06' WHERE session_name = 'ended';

CREATE FUNCTION figures() RETURNS TABLE (row_text text) LANGUAGE sql AS $$
    SELECT (to_jsonb(s) - 'fold_state')::text FROM session_statistics s
    UNION ALL SELECT h::text FROM hourly_statistics h UNION ALL SELECT d::text FROM daily_statistics d
$$;
CREATE FUNCTION run(batch integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer := 1;
BEGIN
    WHILE apply_retention_batch(batch) LOOP n := n + 1; END LOOP;
    RETURN n;
END $$;
CREATE TABLE before AS SELECT * FROM figures();
CREATE FUNCTION is_unchanged(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT set_eq('SELECT * FROM figures()', 'TABLE before', 'every figure is as it was: ' || what);
    RETURN NEXT is_empty('SELECT * FROM verify_statistics()', 'and the independent computation agrees: ' || what);
END $$;

UPDATE system_config SET config_value = '30' WHERE config_key IN ('retention_movements_days', 'retention_metrics_days');
SELECT cmp_ok(run(50), '>', 20, 'a run goes in batches');
SELECT is((SELECT count(*) FROM people_movements), 0::bigint, 'old movements are gone');
SELECT is((SELECT count(*) FROM realtime_metrics), 0::bigint, 'so are old samples');
SELECT is_unchanged('everything archived');
SELECT is((SELECT sum(people_entered + people_exited) FROM archived_hours),
          (SELECT sum(total_detections) FROM session_statistics), 'the sums are in archived_hours');
SELECT is((SELECT rows_done FROM retention_status WHERE kind = 'movements'),
          (SELECT sum(total_detections) FROM session_statistics)::bigint, 'retention_status tells how many rows went');
SELECT ok((SELECT bool_and(finished_at IS NOT NULL) FROM retention_status WHERE days IS NOT NULL), 'and that it is done');
SELECT cmp_ok(rebuild_statistics(), '=', 3::bigint, 'statistics can be made again');
SELECT is_unchanged('rebuilt');

-- What comes late is counted

INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
SELECT s.id, s.start_time + random() * interval '4 days', 7, CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END::movement_direction, 0.5
  FROM sessions s, generate_series(1, 60) n;
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status)
SELECT s.id, s.start_time + random() * interval '4 days', 14, 'waiting' FROM sessions s, generate_series(1, 10) n;
SELECT is((SELECT sum(total_detections) FROM session_statistics), (SELECT sum(people_entered + people_exited) + 180 FROM archived_hours),
    'a late movement of an archived hour is added');
SELECT is_empty('SELECT * FROM verify_statistics()', 'exactly');
TRUNCATE before;
INSERT INTO before SELECT * FROM figures();
SELECT cmp_ok(run(10), '>', 3, 'the next run takes the late ones');
SELECT is((SELECT count(*) FROM people_movements), 0::bigint, 'they are gone');
SELECT is_unchanged('late ones archived');

-- What an archive must bear

DELETE FROM occupancy_baselines WHERE session_id = '00000000-0000-7000-8000-00000000000a';
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
SELECT session_id, hour_timestamp + interval '17 minutes', 6 FROM hourly_statistics ORDER BY random() LIMIT 10;
SELECT is_empty('SELECT * FROM verify_statistics()', 'other baselines');
UPDATE sessions SET time_zone = 'Asia/Kathmandu', reset_time = '03:00', day_start = '05:00', start_time = start_time + interval '90 minutes';
SELECT is_empty('SELECT * FROM verify_statistics()', 'another calendar');
UPDATE archived_hours SET people_entered = people_entered + 2 WHERE extract(day FROM hour_timestamp) = 3;
DELETE FROM archived_hours WHERE extract(hour FROM hour_timestamp) = 11;
SELECT is_empty('SELECT * FROM verify_statistics()', 'a change by hand');
DELETE FROM sessions WHERE session_name = 'Howe';
SELECT is((SELECT count(*) FROM archived_hours WHERE session_id = '00000000-0000-7000-8000-00000000000b'), 0::bigint,
    'it goes with its session');

-- History of another system

INSERT INTO sessions (id, session_name, start_time) VALUES ('00000000-0000-7000-8000-00000000000d', 'old system', '2024-01-01');
INSERT INTO archived_hours (session_id, hour_timestamp, people_entered, people_exited) VALUES
    ('00000000-0000-7000-8000-00000000000d', '2024-01-01 09:00', 30, 10),
    ('00000000-0000-7000-8000-00000000000d', '2024-01-01 10:00', 0, 0),
    ('00000000-0000-7000-8000-00000000000d', '2024-01-01 11:00', 5, 40);
SELECT results_eq($$ SELECT people_entered, people_exited, opening_count, closing_count, peak_people_count, exits_absorbed,
                            average_people_count, observed_seconds::integer FROM hourly_statistics
                      WHERE session_id = '00000000-0000-7000-8000-00000000000d' ORDER BY hour_timestamp $$,
    $$ VALUES (30, 10, 0, 20, 20, 0, 10.0000, 3600), (0, 0, 20, 20, 20, 0, 20.0000, 3600), (5, 40, 20, 0, 20, 15, 17.5000, 3600) $$,
    'hourly sums alone are enough');
SELECT is_empty('SELECT * FROM verify_statistics()', 'and count like any other hour');
SELECT throws_ok($$ INSERT INTO archived_hours (session_id, hour_timestamp, people_entered)
                    VALUES ('00000000-0000-7000-8000-00000000000d', '2024-01-02', -1) $$, '22003',
    'people_entered "-1" is out of range', 'a negative sum is refused');
SELECT throws_ok($$ INSERT INTO archived_hours (session_id, hour_timestamp, people_entered, last_movement_time)
                    VALUES ('00000000-0000-7000-8000-00000000000d', '2024-01-02', 1, '2024-01-02 01:00') $$, '22008',
    'last_movement_time "2024-01-02 01:00:00+00" is not within the hour from "2024-01-02 00:00:00+00" on', 'so is another time');
SELECT throws_ok($$ INSERT INTO archived_hours (session_id, hour_timestamp, people_exited, level_fall)
                    VALUES ('00000000-0000-7000-8000-00000000000d', '2024-01-02', 3, 2) $$, '22023',
    'level_fall "2" is less than 3 exits and 0 entries allow', 'and what cannot be');

-- Statistics that are not what the rows say are not taken for right

INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES ('00000000-0000-7000-8000-00000000000d', '2024-01-05', 5, 'in');
SET LOCAL session_replication_role = replica;
UPDATE hourly_statistics SET people_entered = 2 WHERE hour_timestamp = '2024-01-05';
SET LOCAL session_replication_role = origin;
SELECT ok(apply_retention_batch(), 'a run begins');
SELECT throws_ok($$ SELECT apply_retention_batch() $$, '55000', NULL, 'a batch that would change a figure is refused');
SELECT is((SELECT count(*) FROM people_movements), 1::bigint, 'and removes nothing');
SELECT rebuild_statistics() AS ignored \gset

-- Persons, alerts, messages

UPDATE system_config SET config_value = NULL WHERE config_key LIKE 'retention\_%\_days';
SELECT run(100) AS ignored \gset
UPDATE system_config SET config_value = '10' WHERE config_key = 'retention_persons_days';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_x, frame_number, confidence_score)
SELECT '00000000-0000-7000-8000-00000000000a', now() - n * interval '23 hours', n, 'in', n, n, 0.5 FROM generate_series(1, 20) n;
TRUNCATE before;
INSERT INTO before SELECT * FROM figures();
SELECT cmp_ok(run(10000), '>=', 2, 'a run for persons ends');
SELECT is((SELECT count(*) FROM people_movements WHERE person_id = 0 AND centroid_x IS NULL AND frame_number IS NULL
                                                   AND confidence_score IS NOT NULL), 10::bigint, 'old movements are made anonymous');
SELECT is((SELECT count(*) FROM people_movements WHERE person_id > 0 AND centroid_x IS NOT NULL), 10::bigint, 'newer ones are not');
SELECT is_unchanged('anonymous');
UPDATE system_config SET config_value = '10' WHERE config_key IN ('retention_alerts_days', 'retention_deliveries_days');
INSERT INTO alert_channels (id, channel_name, kind, url) VALUES ('00000000-0000-7000-8000-0000000000c1', 'hook', 'webhook', 'http://127.0.0.1:1/');
INSERT INTO alert_logs (id, alert_type, triggered_at, resolved_at, is_resolved)
SELECT ('00000000-0000-7000-8000-0000000000' || 10 + n)::uuid, 'max_people_count', now() - interval '40 days',
       CASE n WHEN 1 THEN NULL WHEN 2 THEN now() - interval '9 days' ELSE now() - interval '11 days' END, n > 1
  FROM generate_series(1, 4) n;
INSERT INTO alert_deliveries (channel_id, alert_id, event, payload, delivered_at, abandoned_at) VALUES
    ('00000000-0000-7000-8000-0000000000c1', '00000000-0000-7000-8000-000000000012', 'fired', '{}', now() - interval '11 days', NULL),
    ('00000000-0000-7000-8000-0000000000c1', '00000000-0000-7000-8000-000000000012', 'fired', '{}', NULL, now() - interval '9 days'),
    ('00000000-0000-7000-8000-0000000000c1', '00000000-0000-7000-8000-000000000014', 'fired', '{}', NULL, NULL);
SELECT cmp_ok(run(1), '>', 1, 'alerts and messages go in batches, too');
SELECT set_eq($$ SELECT right(id::text, 2) FROM alert_logs $$, ARRAY['11', '12', '14'],
    'an alert goes once it was resolved long ago and nothing waits to be sent');
SELECT set_eq($$ SELECT right(alert_id::text, 2) FROM alert_deliveries $$, ARRAY['12', '14'], 'a message once it was sent long ago');

-- Whose affair it is

CREATE ROLE retention_nobody;
SET LOCAL ROLE retention_nobody;
SELECT throws_ok($$ SELECT apply_retention_batch() $$, '42501', NULL, 'retention is not for everybody');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
