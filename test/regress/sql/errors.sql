-- What is refused, with all that a client is told: message, SQLSTATE, detail and hint.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET lc_messages = 'C';
\set VERBOSITY default
\set s '''00000000-0000-7000-8000-0000000000aa'''
INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES (:s, 'door', '2024-05-01 08:00Z', 'UTC');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES (:s, '2024-05-01 10:00Z', 1, 'in');

-- movements
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_x) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 'NaN');
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_y) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 'Infinity');
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, bounding_box_x1) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', '-Infinity');
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, bounding_box_y2) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 'NaN');
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 1.5);
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', -0.25);
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 'NaN');
\echo :SQLSTATE
UPDATE people_movements SET confidence_score = 2;
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES (:s, 'infinity', 1, 'in');
\echo :SQLSTATE
UPDATE people_movements SET movement_time = '-infinity';
\echo :SQLSTATE
UPDATE people_movements SET movement_time = '10000-01-01 00:00Z';
\echo :SQLSTATE
UPDATE people_movements SET movement_time = '0001-12-31 23:59:59.999999Z BC';
\echo :SQLSTATE
UPDATE people_movements SET movement_direction = 'up';
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES ('00000000-0000-7000-8000-0000000000ff', '2024-05-01 10:01Z', 1, 'in');
\echo :SQLSTATE
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, created_at, id) VALUES (NULL, '2024-05-01 10:01Z', 1, 'in', '2024-05-01', '00000000-0000-7000-8000-000000000001');
\echo :SQLSTATE
UPDATE people_movements SET session_id = '00000000-0000-7000-8000-0000000000ff';
\echo :SQLSTATE

-- one bad row refuses the statement, not only the row
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score) VALUES (:s, '2024-05-01 10:01Z', 1, 'in', 1), (:s, '2024-05-01 10:02Z', 1, 'in', 1.01);
\echo :SQLSTATE

-- metrics and baselines
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count) VALUES (:s, '2024-05-01 10:01Z', -1);
\echo :SQLSTATE
INSERT INTO realtime_metrics (session_id, "timestamp", cpu_usage_percentage) VALUES (:s, '2024-05-01 10:01Z', 101);
\echo :SQLSTATE
INSERT INTO realtime_metrics (session_id, "timestamp", fps_current) VALUES (:s, '2024-05-01 10:01Z', 'NaN');
\echo :SQLSTATE
INSERT INTO realtime_metrics (session_id, "timestamp") VALUES (:s, 'infinity');
\echo :SQLSTATE
INSERT INTO realtime_metrics (session_id, "timestamp") VALUES ('00000000-0000-7000-8000-0000000000ff', '2024-05-01 10:01Z');
\echo :SQLSTATE
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (:s, '2024-05-01 10:01Z', -1);
\echo :SQLSTATE
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (:s, '2024-05-01 10:01Z', 10000001);
\echo :SQLSTATE
INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES (:s, '-infinity');
\echo :SQLSTATE
INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES ('00000000-0000-7000-8000-0000000000ff', '2024-05-01 10:01Z');
\echo :SQLSTATE

-- sessions
UPDATE sessions SET time_zone = 'Mars/Olympus';
\echo :SQLSTATE
UPDATE sessions SET time_zone = 'BST';
\echo :SQLSTATE
UPDATE sessions SET time_zone = 'CET';
\echo :SQLSTATE
UPDATE sessions SET time_zone = NULL;
\echo :SQLSTATE
UPDATE sessions SET time_zone = repeat('Z', 10000);
\echo :SQLSTATE
UPDATE sessions SET day_start = '04:30';
\echo :SQLSTATE
UPDATE sessions SET day_start = '24:00';
\echo :SQLSTATE
UPDATE sessions SET reset_time = '24:00';
\echo :SQLSTATE
UPDATE sessions SET session_name = repeat('x', 10 * 1024 * 1024);
\echo :SQLSTATE
UPDATE sessions SET input_source = repeat('ế', 501);
\echo :SQLSTATE
UPDATE sessions SET start_time = 'infinity';
\echo :SQLSTATE
UPDATE sessions SET end_time = '-infinity';
\echo :SQLSTATE
UPDATE sessions SET duration_seconds = -1;
\echo :SQLSTATE
UPDATE sessions SET fps = 0;
\echo :SQLSTATE
UPDATE sessions SET fps = 'NaN';
\echo :SQLSTATE
UPDATE sessions SET fps = 1e7;
\echo :SQLSTATE
UPDATE sessions SET resolution_width = 0;
\echo :SQLSTATE
UPDATE sessions SET max_distance = -1;
\echo :SQLSTATE
UPDATE sessions SET confidence_threshold = 1.01;
\echo :SQLSTATE
UPDATE sessions SET capacity = -1;
\echo :SQLSTATE
UPDATE sessions SET false_positives = -1;
\echo :SQLSTATE
INSERT INTO sessions (session_name, start_time, end_time) VALUES ('short', '2024-05-01 10:00Z', '2024-05-01 09:59:59Z');
\echo :SQLSTATE
UPDATE sessions SET end_time = '2024-05-01 07:00Z';
\echo :SQLSTATE
INSERT INTO sessions (session_name) VALUES (repeat('x', 10 * 1024 * 1024));
\echo :SQLSTATE
SELECT calculate_current_people_inside('00000000-0000-7000-8000-0000000000ff');
\echo :SQLSTATE
SELECT rebuild_statistics('00000000-0000-7000-8000-0000000000ff');
\echo :SQLSTATE

-- rules, alerts and settings
\set SHOW_CONTEXT never
INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES (repeat('x', 10 * 1024 * 1024), 1);
\echo :SQLSTATE
INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES ('unheard_of', 1);
\echo :SQLSTATE
INSERT INTO system_config (config_key) VALUES (repeat('x', 10 * 1024 * 1024));
\echo :SQLSTATE
INSERT INTO system_config (config_key, config_value, config_type) VALUES ('many', 'several', 'integer');
\echo :SQLSTATE
UPDATE system_config SET config_value = 'Mars/Olympus' WHERE config_key = 'default_time_zone';
\echo :SQLSTATE
INSERT INTO alert_logs (id, session_id, alert_type, triggered_at, created_at) VALUES (:s, :s, repeat('x', 10 * 1024 * 1024), '2024-05-01 10:00Z', '2024-05-01 10:00Z');
\echo :SQLSTATE
INSERT INTO alert_logs (id, session_id, threshold_id, alert_type, triggered_at) SELECT :s, :s, id, threshold_name, '2024-05-01 10:00Z' FROM alert_thresholds WHERE threshold_name = 'fps_low';
INSERT INTO alert_logs (session_id, threshold_id, alert_type) SELECT session_id, threshold_id, alert_type FROM alert_logs;
\echo :SQLSTATE
DELETE FROM alert_logs;

-- the derived tables are for the extension only
INSERT INTO session_statistics DEFAULT VALUES;
\echo :SQLSTATE
UPDATE session_statistics SET exits_absorbed = 1;
\echo :SQLSTATE
DELETE FROM session_statistics;
\echo :SQLSTATE
TRUNCATE session_statistics;
\echo :SQLSTATE
INSERT INTO hourly_statistics DEFAULT VALUES;
\echo :SQLSTATE
UPDATE hourly_statistics SET exits_absorbed = 1;
\echo :SQLSTATE
DELETE FROM hourly_statistics;
\echo :SQLSTATE
TRUNCATE hourly_statistics;
\echo :SQLSTATE
INSERT INTO daily_statistics DEFAULT VALUES;
\echo :SQLSTATE
UPDATE daily_statistics SET exits_absorbed = 1;
\echo :SQLSTATE
DELETE FROM daily_statistics;
\echo :SQLSTATE
TRUNCATE daily_statistics;
\echo :SQLSTATE

-- all that was refused left nothing behind
SELECT session_id, total_people_entered, current_people_inside, exits_absorbed FROM session_statistics;
SELECT * FROM verify_statistics();

-- but TRUNCATE of what they are derived from is a change like any other
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count) VALUES (:s, '2024-05-01 11:01Z', 7);
TRUNCATE people_movements;
SELECT session_id, total_people_entered, current_people_inside, peak_people_count FROM session_statistics;
SELECT hour_timestamp, people_entered, peak_people_count FROM hourly_statistics;
SELECT * FROM verify_statistics();
TRUNCATE sessions CASCADE;
SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM realtime_metrics) AS metrics,
       (SELECT count(*) FROM session_statistics) AS session_rows, (SELECT count(*) FROM hourly_statistics) AS hour_rows,
       (SELECT count(*) FROM daily_statistics) AS day_rows;
SELECT * FROM verify_statistics();
