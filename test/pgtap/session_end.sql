-- The end of a session: what the extension fills in, what it leaves to the client, and how the statistics follow.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(52);

CREATE FUNCTION end_of(name text) RETURNS TABLE (status session_status, end_time timestamptz, duration_seconds numeric)
    LANGUAGE sql AS $$
    SELECT status, end_time, duration_seconds FROM sessions WHERE session_name = name
$$;
-- Hours of a session: label, observed and occupied minutes.
CREATE FUNCTION observed(name text) RETURNS TABLE (hour text, observed numeric, occupied numeric, average numeric)
    LANGUAGE sql AS $$
    SELECT to_char(hour_timestamp, 'DD HH24'), observed_seconds / 60, occupancy_seconds / 60, average_people_count
      FROM hourly_analytics WHERE session_name = name ORDER BY hour_timestamp
$$;
CREATE FUNCTION lasted(name text) RETURNS TABLE (day text, minutes numeric)
    LANGUAGE sql AS $$
    SELECT to_char(date_timestamp, 'DD'), total_session_duration / 60
      FROM daily_analytics WHERE session_name = name ORDER BY date_timestamp
$$;

-- Nothing is filled in while a session goes on.

INSERT INTO sessions (session_name, start_time) SELECT name, now() - interval '90 minutes'
  FROM unnest('{completed,error,cancelled,running}'::text[]) AS name;
SELECT results_eq($$ SELECT * FROM end_of('running') $$,
    $$ VALUES ('active'::session_status, NULL::timestamptz, NULL::numeric) $$, 'a new session is active and has no end');
UPDATE sessions SET duration_seconds = 12.5, total_frames = 300 WHERE session_name = 'running';
SELECT results_eq($$ SELECT * FROM end_of('running') $$,
    $$ VALUES ('active'::session_status, NULL::timestamptz, 12.50) $$, 'it may say how long it has lasted so far');

-- Each of the three states that end it

UPDATE sessions SET status = session_name::session_status WHERE session_name IN ('completed', 'error', 'cancelled');
SELECT results_eq(format('SELECT * FROM end_of(%L)', name), format('VALUES (%L::session_status, now(), 5400.00)', name),
                  format('%s: the end is now, and the duration follows', name))
  FROM unnest('{completed,error,cancelled}'::text[]) AS name;
UPDATE sessions SET status = 'completed' WHERE session_name = 'running';
SELECT results_eq($$ SELECT * FROM end_of('running') $$, $$ VALUES ('completed'::session_status, now(), 5400.00) $$,
                  'what it had lasted so far gives way to what it lasted');
UPDATE sessions SET status = 'error' WHERE session_name = 'completed';
SELECT results_eq($$ SELECT * FROM end_of('completed') $$, $$ VALUES ('error'::session_status, now(), 5400.00) $$,
                  'from one of them to another: the end stays');
UPDATE sessions SET end_time = NULL WHERE session_name = 'completed';
SELECT results_eq($$ SELECT * FROM end_of('completed') $$, $$ VALUES ('error'::session_status, now(), 5400.00) $$,
                  'a session that is over cannot lose its end');

-- Inserted when it is over

INSERT INTO sessions (session_name, start_time, status) SELECT 'ended ' || status, now() - interval '10 seconds', status
  FROM unnest('{completed,error,cancelled}'::session_status[]) AS status;
SELECT results_eq(format('SELECT * FROM end_of(%L)', 'ended ' || name), format('VALUES (%L::session_status, now(), 10.00)', name),
                  format('inserted as %s', name))
  FROM unnest('{completed,error,cancelled}'::text[]) AS name;
INSERT INTO sessions (session_name, start_time, status) VALUES ('ahead', now() + interval '1 hour', 'completed');
SELECT results_eq($$ SELECT * FROM end_of('ahead') $$,
    $$ VALUES ('completed'::session_status, now() + interval '1 hour', 0.00) $$,
    'a session that is over before it began ends with its beginning');

-- The client's word

INSERT INTO sessions (session_name, start_time, end_time, duration_seconds, status) VALUES
    ('said', '2024-05-01 10:00', '2024-05-01 11:00', 3590.25, 'completed'),
    ('said the end', '2024-05-01 10:00', '2024-05-01 10:00:01.005', NULL, 'completed'),
    ('planned', '2024-05-01 10:00', '2024-05-01 18:00', NULL, 'active'),
    ('no time at all', '2024-05-01 10:00', '2024-05-01 10:00', NULL, 'completed'),
    ('ages', '0001-01-01', '9999-12-31 23:59:59.999999', NULL, 'completed');
INSERT INTO sessions (session_name, start_time, duration_seconds, status)
    VALUES ('said the duration', now() - interval '1 hour', 7.5, 'cancelled');
SELECT results_eq($$ SELECT * FROM end_of('said') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 11:00', 3590.25) $$, 'end and duration are kept');
SELECT results_eq($$ SELECT * FROM end_of('said the end') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 10:00:01.005', 1.01) $$,
    'the end is kept, the duration follows in hundredths of a second, half a hundredth up');
SELECT results_eq($$ SELECT * FROM end_of('said the duration') $$,
    $$ VALUES ('cancelled'::session_status, now(), 7.50) $$, 'the duration is kept, the end filled in');
SELECT results_eq($$ SELECT * FROM end_of('planned') $$,
    $$ VALUES ('active'::session_status, timestamptz '2024-05-01 18:00', 28800.00) $$,
    'an active session may know its end beforehand');
SELECT results_eq($$ SELECT * FROM end_of('no time at all') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 10:00', 0.00) $$, 'an end at the start is none before it');
SELECT results_eq($$ SELECT * FROM end_of('ages') $$,
    $$ VALUES ('completed'::session_status, timestamptz '9999-12-31 23:59:59.999999', 315537897600.00) $$,
    'the longest session has a duration');
UPDATE sessions SET status = 'completed', end_time = '2024-05-01 12:00' WHERE session_name = 'planned';
SELECT results_eq($$ SELECT * FROM end_of('planned') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 12:00', 7200.00) $$, 'the end that comes with the status counts');
UPDATE sessions SET session_name = 'said again', fps = 25, updated_at = '2001-01-01' WHERE session_name = 'said';
SELECT results_eq($$ SELECT * FROM end_of('said again') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 11:00', 3590.25) $$,
    'a change of something else leaves a duration that the client gave');
SELECT is((SELECT updated_at FROM sessions WHERE session_name = 'said again'), now(), 'updated_at is kept by the extension');

-- A duration that is no longer right

UPDATE sessions SET end_time = '2024-05-01 11:30' WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 5400.00, 'another end: the duration follows');
UPDATE sessions SET start_time = '2024-05-01 11:00' WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 1800.00, 'another start: the duration follows');
UPDATE sessions SET start_time = '2024-05-01 10:30', end_time = '2024-05-01 11:00' WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 1800.00, 'both, with the same length');
UPDATE sessions SET end_time = '2024-05-01 12:00', duration_seconds = 5000 WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 5000.00, 'unless the client says another one with it');
UPDATE sessions SET duration_seconds = NULL WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 5400.00, 'NULL asks for it');
UPDATE sessions SET duration_seconds = 1 WHERE session_name = 'said again';
SELECT is((SELECT duration_seconds FROM end_of('said again')), 1.00, 'and the client may correct it');

-- An end before the start

PREPARE ends_early AS UPDATE sessions SET end_time = '2024-05-01 10:29:59.999999' WHERE session_name = 'said again';
SELECT throws_ok('ends_early', '23514',
    'end_time "2024-05-01 10:29:59.999999+00" is before start_time "2024-05-01 10:30:00+00"', 'an end before the start');
PREPARE starts_late AS UPDATE sessions SET start_time = '2024-05-01 12:00:00.000001' WHERE session_name = 'said again';
SELECT throws_ok('starts_late', '23514',
    'end_time "2024-05-01 12:00:00+00" is before start_time "2024-05-01 12:00:00.000001+00"', 'a start behind the end');
SELECT throws_ok($$ INSERT INTO sessions (start_time, end_time, status) VALUES ('2024-05-02', '2024-05-01', 'error') $$, '23514',
    'end_time "2024-05-01 00:00:00+00" is before start_time "2024-05-02 00:00:00+00"', 'a new one, whatever its status');
SELECT results_eq($$ SELECT * FROM end_of('said again') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 12:00', 1.00) $$, 'what was refused changed nothing');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');

-- The statistics: the last hour is observed to the end, not only to the last movement.

INSERT INTO sessions (session_name, start_time) VALUES ('door', '2024-05-01 09:30');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, t, 1, 'in' FROM sessions, unnest('{2024-05-01 09:45,2024-05-01 10:20}'::timestamptz[]) AS t
 WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 30::numeric, 15::numeric, 0.5000), ('01 10', 20, 20, 1.0000) $$, 'observed to the last movement');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 50::numeric) $$, 'and so lasted the day');
UPDATE sessions SET status = 'completed', end_time = '2024-05-01 10:50' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 30::numeric, 15::numeric, 0.5000), ('01 10', 50, 80, 1.6000) $$, 'the end extends the last hour');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 80::numeric) $$, 'and the day');
SELECT results_eq(
    $$ SELECT average_people_count, duration_seconds, current_people_inside
         FROM current_session_overview WHERE session_name = 'door' $$,
    $$ VALUES (1.1875, 4800.00, 2) $$, 'and the average of the session');
UPDATE sessions SET end_time = '2024-05-02 02:00' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 30::numeric, 15::numeric, 0.5000), ('01 10', 60, 100, 1.6667) $$,
    'an end on the next day fills the last hour and makes no other');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 870::numeric) $$, 'the day lasts to midnight');
UPDATE sessions SET end_time = '2024-05-01 10:05' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 30::numeric, 15::numeric, 0.5000), ('01 10', 20, 20, 1.0000) $$,
    'an end before the last movement is none: what moves is observed');
UPDATE sessions SET start_time = '2024-05-01 09:50', end_time = '2024-05-01 11:00' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 10::numeric, 10::numeric, 1.0000), ('01 10', 60, 100, 1.6667) $$, 'start and end move together');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 70::numeric) $$, 'and so does the day');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, '2024-05-01 11:15', 1, 'out' FROM sessions WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM observed('door') $$,
    $$ VALUES ('01 09', 10::numeric, 10::numeric, 1.0000), ('01 10', 60, 100, 1.6667), ('01 11', 15, 30, 2.0000) $$,
    'a movement behind the end is counted, and observed');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');

-- It goes on after all: a session that is active again has no end but the one that comes with the change.

UPDATE sessions SET status = 'active', end_time = '2024-05-01 18:00' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM end_of('door') $$,
    $$ VALUES ('active'::session_status, timestamptz '2024-05-01 18:00', 29400.00) $$, 'active again, with a planned end');
UPDATE sessions SET end_time = NULL WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM end_of('door') $$,
    $$ VALUES ('active'::session_status, NULL::timestamptz, NULL::numeric) $$,
    'an end that is taken back takes the duration along, which was filled in');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 85::numeric) $$,
    'without an end the day lasts to the last movement');
UPDATE sessions SET status = 'completed', end_time = '2024-05-01 11:30' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM end_of('door') $$,
    $$ VALUES ('completed'::session_status, timestamptz '2024-05-01 11:30', 6000.00) $$, 'the next end counts anew');
UPDATE sessions SET status = 'active' WHERE session_name = 'door';
SELECT results_eq($$ SELECT * FROM end_of('door') $$,
    $$ VALUES ('active'::session_status, NULL::timestamptz, NULL::numeric) $$, 'active again: the end was none');
SELECT results_eq($$ SELECT * FROM lasted('door') $$, $$ VALUES ('01', 85::numeric) $$, 'and no longer counts');
UPDATE sessions SET status = 'completed' WHERE session_name = 'door';
SELECT is((SELECT end_time FROM end_of('door')), now(), 'completed again: it ends now, not when it ended first');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
