-- The views: their columns, their order, one row for each thing, and the people inside now.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(33);

-- Columns: clients read these by name and by number.

CREATE FUNCTION pg_temp.columns_of(regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
$$;
SELECT is(pg_temp.columns_of('current_session_overview'),
    'id uuid, session_name character varying, status session_status, input_source character varying, '
    'start_time timestamp with time zone, end_time timestamp with time zone, duration_seconds numeric(14,2), '
    'time_zone text, total_people_entered integer, total_people_exited integer, current_people_inside integer, '
    'capacity integer, free_places integer, peak_people_count integer, peak_time timestamp with time zone, '
    'average_people_count numeric(14,4), total_detections integer, exits_absorbed integer, '
    'accuracy_percentage numeric(5,2), last_movement_time timestamp with time zone', 'columns of current_session_overview');
SELECT is(pg_temp.columns_of('recent_movements'),
    'id uuid, session_id uuid, session_name character varying, person_id integer, '
    'movement_direction movement_direction, movement_time timestamp with time zone, centroid_x real, centroid_y real, '
    'bounding_box_x1 real, bounding_box_y1 real, bounding_box_x2 real, bounding_box_y2 real, confidence_score real, '
    'frame_number integer', 'columns of recent_movements');
SELECT is(pg_temp.columns_of('hourly_analytics'),
    'session_id uuid, session_name character varying, hour_timestamp timestamp with time zone, '
    'local_hour timestamp without time zone, people_entered integer, people_exited integer, peak_people_count integer, '
    'peak_time timestamp with time zone, average_people_count numeric(14,4), low_people_count integer, '
    'opening_count integer, closing_count integer, total_detections integer, detection_accuracy numeric(5,2), '
    'exits_absorbed integer, occupancy_seconds numeric(20,6), observed_seconds numeric(20,6)', 'columns of hourly_analytics');
SELECT is(pg_temp.columns_of('daily_analytics'),
    'session_id uuid, session_name character varying, date_timestamp date, total_people_entered integer, '
    'total_people_exited integer, peak_people_count integer, peak_time timestamp with time zone, '
    'average_people_count numeric(14,4), total_detections integer, total_session_duration numeric(20,6), '
    'detection_accuracy numeric(5,2), exits_absorbed integer, occupancy_seconds numeric(20,6), '
    'observed_seconds numeric(20,6)', 'columns of daily_analytics');
SELECT is_empty($$ SELECT * FROM current_session_overview UNION ALL SELECT * FROM current_session_overview $$,
                'without a session there is nothing to see');

-- Sessions by their number, made in an order that is not the one to be shown. 3 and 4 begin together.

CREATE FUNCTION s(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid
$$;
CREATE FUNCTION move(session integer, at timestamptz, direction text, n integer DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT s(session), at, i, direction::movement_direction FROM generate_series(1, n) AS i
$$;
INSERT INTO sessions (id, session_name, start_time, capacity, input_source) VALUES
    (s(2), 'two', now() - interval '2 days', 10, 'rtsp://two'), (s(4), 'four', now() - interval '3 hours', NULL, NULL),
    (s(1), 'one', now() - interval '1 day', 3, NULL), (s(3), 'three', now() - interval '3 hours', 0, NULL);
SELECT results_eq(
    $$ SELECT id, session_name::text, status, total_people_entered, current_people_inside, peak_people_count,
              average_people_count, last_movement_time FROM current_session_overview $$,
    $$ VALUES (s(4), 'four', 'active'::session_status, 0, 0, 0, NULL::numeric, NULL::timestamptz),
              (s(3), 'three', 'active', 0, 0, 0, NULL, NULL), (s(1), 'one', 'active', 0, 0, 0, NULL, NULL),
              (s(2), 'two', 'active', 0, 0, 0, NULL, NULL) $$,
    'a session is there from its first moment, newest start first, the later id first of two that began together');

SELECT move(1, now() - interval '2 hours', 'in', 5), move(1, now() - interval '90 minutes', 'out', 1),
       move(2, now() - interval '3 hours', 'in', 4), move(2, now() - interval '2 hours', 'out', 6),
       move(3, now() - interval '2 hours', 'in', 1) \g /dev/null
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
SELECT s(2), now() - n * interval '10 minutes', n FROM generate_series(1, 5) AS n;
SELECT results_eq(
    $$ SELECT session_name::text, current_people_inside, capacity, free_places FROM current_session_overview $$,
    $$ VALUES ('four', 0, NULL::integer, NULL::integer), ('three', 1, 0, -1), ('one', 4, 3, -1), ('two', 0, 10, 10) $$,
    'free places: unlimited, no room at all, too many, all free; one row a session');
SELECT results_eq(
    $$ SELECT total_people_entered, total_people_exited, total_detections, exits_absorbed, peak_people_count, peak_time,
              last_movement_time, input_source::text, time_zone
         FROM current_session_overview WHERE id = s(2) $$,
    $$ VALUES (4, 6, 10, 2, 5, now() - interval '50 minutes', now() - interval '2 hours', 'rtsp://two', 'UTC') $$,
    'the figures are those of the session');

-- People inside now: what happened behind the last movement counts.

INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(1), now() - interval '1 hour', 2);
CREATE FUNCTION inside(session integer) RETURNS TABLE (inside integer, free integer) LANGUAGE sql AS $$
    SELECT current_people_inside, free_places FROM current_session_overview WHERE id = s(session)
$$;
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (2, 1)', 'a baseline behind the last movement');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(1), now() + interval '1 hour', 9);
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (2, 1)', 'one that is planned does not count yet');
SELECT move(1, now() - interval '30 minutes', 'in', 1) \g /dev/null
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (3, 0)', 'a movement behind the baseline is added to it');
SELECT move(1, now() - interval '70 minutes', 'in', 8) \g /dev/null
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (3, 0)', 'one before it is not');
UPDATE sessions SET reset_time = (now() - interval '10 minutes')::time WHERE id = s(1);
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (0, 3)', 'nobody is inside after the daily reset');
SELECT is((SELECT current_people_inside FROM session_statistics WHERE session_id = s(1)), 9,
          'while session_statistics still has the last change, here a planned one');
SELECT move(1, now() - interval '5 minutes', 'in', 2) \g /dev/null
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (2, 1)', 'two came after it');
UPDATE sessions SET reset_time = (now() + interval '10 minutes')::time WHERE id = s(1);
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (5, -2)', 'a reset that is still to come does not count');
SELECT is(calculate_current_people_inside(s(1)), (SELECT inside FROM inside(1)), 'as the function says');
DELETE FROM occupancy_baselines WHERE baseline_time > now();
SELECT results_eq('SELECT * FROM inside(1)', 'VALUES (5, -2)', 'nor does one that is no longer planned');

-- Recent movements: those of the last hour to the microsecond, and those of clocks that run ahead.

DELETE FROM people_movements;
SELECT is_empty('TABLE recent_movements', 'no movement, nothing recent');
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, centroid_x, centroid_y,
                              bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
VALUES (s(1), now() - interval '1 hour', s(1), 11, 'in', 1, 2, 3, 4, 5, 6, 0.5, 7);
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction) VALUES
    (s(1), now() - interval '1 hour' - interval '1 microsecond', s(2), 12, 'in'), (s(1), now() - interval '1 day', s(3), 13, 'in'),
    (s(2), now(), s(4), 21, 'out'), (s(2), now(), s(5), 22, 'in'),
    (s(3), now() + interval '2 hours', s(6), 31, 'in'), (s(3), now() - interval '2 hours', s(7), 32, 'in'),
    (s(4), now() - interval '61 minutes', s(8), 41, 'in');
SELECT results_eq(
    'SELECT session_name::text, person_id, movement_direction, movement_time - now(), id, session_id FROM recent_movements',
    $$ VALUES ('three', 31, 'in'::movement_direction, interval '2 hours', s(6), s(3)), ('two', 22, 'in', '0', s(5), s(2)),
              ('two', 21, 'out', '0', s(4), s(2)), ('one', 11, 'in', '-1 hour', s(1), s(1)) $$,
    'newest first, the later id first at one instant; a session with older movements alone is not there');
SELECT results_eq(
    $$ SELECT centroid_x, centroid_y, bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2,
              confidence_score, frame_number FROM recent_movements WHERE person_id = 11 $$,
    $$ VALUES (1::real, 2::real, 3::real, 4::real, 5::real, 6::real, 0.5::real, 7) $$, 'each column is what it is called');
UPDATE people_movements SET movement_time = now() - interval '2 hours' WHERE session_id = s(2);
SELECT results_eq('SELECT person_id FROM recent_movements', 'VALUES (31), (11)', 'what is moved into the past is no longer recent');
DELETE FROM people_movements WHERE person_id = 31;
SELECT results_eq('SELECT person_id FROM recent_movements', 'VALUES (11)',
                  'a session whose last movement is deleted is as old as the one before');

-- Hours and days, in zones of their own

DELETE FROM sessions;
INSERT INTO sessions (id, session_name, start_time, time_zone, day_start) VALUES
    (s(1), 'Kathmandu', '2024-05-01 06:00', 'Asia/Kathmandu', '00:00'), (s(2), 'UTC', '2024-05-01 06:00', 'UTC', '04:00');
SELECT move(n, t, 'in', n) FROM unnest('{2,1}'::integer[]) AS n,
       unnest('{2024-05-02 03:15,2024-05-01 18:15,2024-05-02 04:15}'::timestamptz[]) AS t \g /dev/null
SELECT results_eq(
    'SELECT session_id, session_name::text, hour_timestamp, local_hour, people_entered FROM hourly_analytics',
    $$ VALUES (s(1), 'Kathmandu', timestamptz '2024-05-02 04:15', timestamp '2024-05-02 10:00', 1),
              (s(2), 'UTC', '2024-05-02 04:00', '2024-05-02 04:00', 2),
              (s(1), 'Kathmandu', '2024-05-02 03:15', '2024-05-02 09:00', 1),
              (s(2), 'UTC', '2024-05-02 03:00', '2024-05-02 03:00', 2),
              (s(1), 'Kathmandu', '2024-05-01 18:15', '2024-05-02 00:00', 1),
              (s(2), 'UTC', '2024-05-01 18:00', '2024-05-01 18:00', 2) $$,
    'hours: newest first, with the hour on the clock of the session');
SELECT results_eq(
    'SELECT session_id, session_name::text, date_timestamp, total_people_entered FROM daily_analytics',
    $$ VALUES (s(1), 'Kathmandu', date '2024-05-02', 3), (s(2), 'UTC', '2024-05-02', 2), (s(2), 'UTC', '2024-05-01', 4) $$,
    'days: newest first, then by session; the business day is that of the session');
SELECT set_eq(
    $$ SELECT to_jsonb(h) - '{session_name,local_hour}'::text[] FROM hourly_analytics h $$,
    $$ SELECT to_jsonb(h) - '{counted_peak,counted_peak_time,reported_peak,reported_peak_time,confidence_sum,confidence_count}'::text[]
         FROM hourly_statistics h $$, 'each column of an hour is that of hourly_statistics');
SELECT set_eq(
    $$ SELECT to_jsonb(d) - 'session_name' FROM daily_analytics d $$,
    $$ SELECT to_jsonb(d) - '{confidence_sum,confidence_count}'::text[] FROM daily_statistics d $$,
    'each column of a day is that of daily_statistics');
UPDATE sessions SET session_name = 'renamed' WHERE id = s(2);
SELECT is((SELECT count(*) FROM hourly_analytics WHERE session_name = 'renamed'), 3::bigint, 'hours follow the name');
SELECT is((SELECT count(*) FROM daily_analytics WHERE session_name = 'renamed'), 2::bigint, 'and so do days');
DELETE FROM sessions WHERE id = s(2);
SELECT results_eq('SELECT session_name::text FROM hourly_analytics UNION ALL SELECT session_name FROM daily_analytics',
                  $$ VALUES ('Kathmandu'), ('Kathmandu'), ('Kathmandu'), ('Kathmandu') $$, 'a deleted session has none');
SELECT throws_ok('DELETE FROM ' || name, '55000', NULL, name || ' is not for writing')
  FROM unnest('{hourly_analytics,daily_analytics}'::text[]) AS name;
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
