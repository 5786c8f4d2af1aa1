-- Roles that may only insert, and the row-level security of docs/administration.md. Roles go with the rollback.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(63);

CREATE FUNCTION s(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid
$$;
-- What comes of a statement of a role: NULL if it is accepted, otherwise SQLSTATE and message.
CREATE FUNCTION pg_temp.as(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    RESET ROLE;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN  -- the role is set back with all else
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN state || ' ' || message;
END
$$;
CREATE FUNCTION pg_temp.may(role name, statement text, name text) RETURNS text LANGUAGE sql AS $$
    SELECT is(pg_temp.as(role, statement), NULL, role || ': ' || name)
$$;
CREATE FUNCTION pg_temp.may_not(role name, statement text, state text, name text) RETURNS text LANGUAGE sql AS $$
    SELECT is(left(pg_temp.as(role, statement), 5), state, role || ': ' || name || ' is refused')
$$;
INSERT INTO sessions (id, session_name, start_time, reset_time) VALUES
    (s(1), 'one', '2024-05-01 08:00', '12:00'), (s(2), 'two', '2024-05-01 08:00', NULL), (s(7), 'seven', '2024-05-01 08:00', NULL);
CREATE ROLE mover;
CREATE ROLE meter;
CREATE ROLE counter;
GRANT INSERT ON people_movements TO mover;
GRANT INSERT ON realtime_metrics TO meter;
GRANT INSERT ON occupancy_baselines TO counter;

-- INSERT and nothing else

SELECT pg_temp.may('mover', $$ INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (s(1), '2024-05-01 10:00', 1, 'in'), (s(2), '2024-05-01 10:00', 1, 'in'), (s(1), '2024-05-01 09:00', 2, 'in') $$,
    'movements of several sessions');
SELECT pg_temp.may('mover', $$ INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (s(1), '2024-05-01 08:30', 3, 'in'), (s(2), '2023-05-01 08:30', 3, 'out') $$, 'late ones');
SELECT pg_temp.may('mover', $$ INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction)
    SELECT s(2), '2024-05-01 10:30', s(1), 4, 'in' FROM generate_series(1, 2) ON CONFLICT DO NOTHING $$, 'a repeated one');
SELECT pg_temp.may('meter', $$ INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
    VALUES (s(1), '2024-05-01 10:10', 9), (s(2), '2024-05-01 09:30', 5), (s(1), '2024-05-01 08:10', 4) $$, 'samples, late ones too');
SELECT pg_temp.may('meter', $$ INSERT INTO realtime_metrics (session_id) VALUES (s(7)) $$, 'a sample of defaults');
SELECT pg_temp.may('meter', $$ INSERT INTO realtime_metrics (session_id, "timestamp", id)
    SELECT s(2), '2024-05-01 10:30', s(1) FROM generate_series(1, 2) ON CONFLICT DO NOTHING $$, 'a repeated one');
SELECT pg_temp.may('counter', $$ INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES (s(1), '2024-05-01 09:30', 20), (s(2), '2024-05-01 09:59', 3) $$, 'baselines between movements');
SELECT pg_temp.may('counter', $$ INSERT INTO occupancy_baselines (session_id, people_count) VALUES (s(7), 3) $$, 'one for now');
SELECT pg_temp.may('counter', $$ INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES (s(1), '2024-05-01 09:30', 99) ON CONFLICT DO NOTHING $$, 'a repeated one');
SELECT results_eq(
    'SELECT session_id, total_people_entered, total_people_exited, current_people_inside, peak_people_count, waiting_frames
       FROM session_statistics ORDER BY session_id',
    'VALUES (s(1), 3, 0, 21, 21, 2), (s(2), 2, 1, 5, 5, 2), (s(7), 0, 0, 3, 3, 1)', 'all of it is counted, what is repeated once');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');

SELECT pg_temp.may_not(role, format('INSERT INTO %I (session_id%s) VALUES (%s%s)', own, cols, session, vals), state, name)
  FROM (VALUES ('mover', 'people_movements', ', person_id, movement_direction', ', 1, ''in'''), ('meter', 'realtime_metrics', '', ''),
               ('counter', 'occupancy_baselines', '', '')) AS v (role, own, cols, vals),
       (VALUES ('s(9)', '23503', 'an unknown session'), ('NULL', '23502', 'no session')) AS w (session, state, name);
SELECT pg_temp.may_not('meter', $$ INSERT INTO realtime_metrics (session_id, cpu_usage_percentage) VALUES (s(1), 101) $$, '22003',
                       'a bad sample');
SELECT pg_temp.may_not('counter', $$ INSERT INTO occupancy_baselines (session_id, people_count) VALUES (s(1), -1) $$, '22003',
                       'a bad baseline');
SELECT pg_temp.may_not(role, format(statement, own, other), '42501', name)
  FROM (VALUES ('mover', 'people_movements', 'realtime_metrics'), ('meter', 'realtime_metrics', 'occupancy_baselines'),
               ('counter', 'occupancy_baselines', 'people_movements')) AS v (role, own, other),
       (VALUES ('SELECT FROM %I', 'reading what it wrote'), ('UPDATE %I SET created_at = now()', 'UPDATE'),
               ('DELETE FROM %I', 'DELETE'), ('TRUNCATE %I', 'TRUNCATE'),
               ('INSERT INTO %I (session_id) VALUES (s(1)) RETURNING created_at', 'RETURNING'),
               ('INSERT INTO %2$I (session_id) VALUES (s(1))', 'INSERT into another table'),
               ('SELECT FROM session_statistics', 'reading statistics'),
               ('UPDATE hourly_statistics SET peak_people_count = 0', 'changing statistics'),
               ('SELECT calculate_current_people_inside(s(1))', 'asking who is inside'),
               ('SELECT FROM verify_statistics()', 'verify_statistics()'),
               ('SELECT rebuild_statistics(s(1))', 'rebuild_statistics()')) AS w (statement, name);

-- A device held to its own session by a policy

CREATE ROLE camera_7;
GRANT INSERT ON people_movements TO camera_7;
ALTER TABLE people_movements ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_session ON people_movements FOR INSERT TO camera_7 WITH CHECK (session_id = '00000000-0000-7000-8000-000000000007');
SELECT pg_temp.may('camera_7', $$ INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (s(7), '2024-05-01 10:00', 1, 'in'), (s(7), '2024-05-01 10:05', 2, 'in') $$, 'its own session');
SELECT pg_temp.may('camera_7', $$ INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (s(7), '2024-05-01 09:00', 3, 'out'), (s(7), '2024-05-01 10:02', 4, 'in') $$, 'late, between movements that it cannot see');
SELECT pg_temp.may_not('camera_7', $$ INSERT INTO people_movements (session_id, person_id, movement_direction)
    VALUES (s(1), 1, 'in') $$, '42501', 'another session');
SELECT pg_temp.may_not('camera_7', $$ INSERT INTO people_movements (session_id, person_id, movement_direction)
    VALUES (s(7), 1, 'in'), (s(1), 1, 'in') $$, '42501', 'both in one statement');
SELECT is(pg_temp.as('camera_7', $$ INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES (s(1), 1, 'in') $$),
          '42501 new row violates row-level security policy for table "people_movements"', 'by the policy, not for want of rights');
SELECT pg_temp.may_not('mover', $$ INSERT INTO people_movements (session_id, person_id, movement_direction)
    VALUES (s(1), 1, 'in') $$, '42501', 'a role without a policy, now that there are some,');
CREATE ROLE viewer;
GRANT SELECT ON people_movements, session_statistics, recent_movements TO viewer;
GRANT INSERT ON occupancy_baselines TO viewer;
SELECT is(pg_temp.as('viewer', $$ DO 'BEGIN IF EXISTS (SELECT FROM people_movements) THEN RAISE ''seen''; END IF; END' $$), NULL,
          'who has no policy sees no movement');
SELECT is(pg_temp.as('viewer', $$ DO 'BEGIN ASSERT calculate_current_people_inside(s(7)) = 3; END' $$), NULL,
          'but the statistics follow all of them');
SELECT pg_temp.may('viewer', $$ INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES (s(7), '2024-05-01 10:01', 10) $$, 'a baseline among movements that it cannot see');
SELECT results_eq('SELECT people_entered, people_exited, closing_count, exits_absorbed FROM hourly_statistics
                    WHERE session_id = s(7) ORDER BY hour_timestamp LIMIT 2',
                  'VALUES (0, 1, 0, 1), (3, 0, 12, 0)', 'hours are derived from all movements, whoever writes');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
