-- Hours, business days and daily resets where clocks do something remarkable. What is expected was worked out by hand.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(32);

-- A session by its name: an entrance at every step of a stretch of time.
CREATE FUNCTION passes(name text, zone text, first timestamptz, last timestamptz, step interval,
                       day_start time DEFAULT '00:00', reset_time time DEFAULT NULL) RETURNS void
    LANGUAGE sql AS $$
    WITH door AS (INSERT INTO sessions (session_name, time_zone, start_time, day_start, reset_time)
                  VALUES (name, zone, first, day_start, reset_time) RETURNING id)
    SELECT;
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT s.id, t, 1, 'in' FROM sessions s, generate_series(first, last, step) t WHERE s.session_name = name
$$;
-- Its hours: local label, first instant, entrances, observed minutes.
CREATE FUNCTION hours(name text) RETURNS TABLE (label text, begins text, entered integer, minutes integer)
    LANGUAGE sql AS $$
    SELECT to_char(local_hour, 'DD HH24:MI'), to_char(hour_timestamp, 'DD HH24:MI'), people_entered,
           (observed_seconds / 60)::integer
      FROM hourly_analytics WHERE session_name = name ORDER BY hour_timestamp
$$;
-- Its days: date, hours with a row, entrances, hours that the session lasted.
CREATE FUNCTION days(name text) RETURNS TABLE (day date, entered integer, lasted numeric)
    LANGUAGE sql AS $$
    SELECT date_timestamp, total_people_entered, round(total_session_duration / 3600, 4)
      FROM daily_analytics WHERE session_name = name ORDER BY date_timestamp
$$;
CREATE FUNCTION level(name text, minute text) RETURNS integer
    LANGUAGE sql AS $$
    SELECT closing_count FROM hourly_analytics WHERE session_name = name AND to_char(hour_timestamp, 'DD HH24:MI') = minute
$$;

-- Europe/Zurich, clocks forward: 02:00 does not exist, the day has 23 hours

SELECT passes('spring', 'Europe/Zurich', '2025-03-29 23:00', '2025-03-30 22:00', '30 min');
SELECT results_eq($$ SELECT * FROM hours('spring') LIMIT 4 $$,
    $$ VALUES ('30 00:00', '29 23:00', 2, 60), ('30 01:00', '30 00:00', 2, 60), ('30 03:00', '30 01:00', 2, 60),
              ('30 04:00', '30 02:00', 2, 60) $$, 'clocks forward: 03:00 follows 01:00');
SELECT is((SELECT count(*)::integer FROM hours('spring')), 24, 'clocks forward: 23 hours, and one of the next day');
SELECT results_eq($$ SELECT * FROM days('spring') $$,
    $$ VALUES ('2025-03-30'::date, 46, 23.0000), ('2025-03-31', 1, 0) $$, 'clocks forward: a day of 23 hours');

-- Clocks back: 02:00 twice, 25 hours

SELECT passes('autumn', 'Europe/Zurich', '2025-10-25 22:00', '2025-10-26 23:00', '30 min');
SELECT results_eq($$ SELECT * FROM hours('autumn') OFFSET 1 LIMIT 4 $$,
    $$ VALUES ('26 01:00', '25 23:00', 2, 60), ('26 02:00', '26 00:00', 2, 60), ('26 02:00', '26 01:00', 2, 60),
              ('26 03:00', '26 02:00', 2, 60) $$, 'clocks back: 02:00 comes twice');
SELECT results_eq($$ SELECT * FROM days('autumn') $$,
    $$ VALUES ('2025-10-26'::date, 50, 25.0000), ('2025-10-27', 1, 0) $$, 'clocks back: a day of 25 hours');

-- The business day begins at 04:00: the change belongs to the day before

SELECT passes('spring night', 'Europe/Zurich', '2025-03-29 03:00', '2025-03-30 03:00', '1 hour', '04:00');
SELECT results_eq($$ SELECT * FROM days('spring night') $$,
    $$ VALUES ('2025-03-29'::date, 23, 23.0000), ('2025-03-30', 2, 1.0000) $$, 'from 04:00, clocks forward');
SELECT passes('autumn night', 'Europe/Zurich', '2025-10-25 02:00', '2025-10-26 04:00', '1 hour', '04:00');
SELECT results_eq($$ SELECT * FROM days('autumn night') $$,
    $$ VALUES ('2025-10-25'::date, 25, 25.0000), ('2025-10-26', 2, 1.0000) $$, 'from 04:00, clocks back');
SELECT is((SELECT ((timestamptz '2025-10-26 02:59:59.999999+00' AT TIME ZONE 'Europe/Zurich') - interval '4 hours')::date),
    date '2025-10-25', 'as its definition says');

-- A daily reset on both days, at a time that does not exist, and at one that comes twice

SELECT passes('spring reset', 'Europe/Zurich', '2025-03-30 00:10', '2025-03-30 03:10', '20 min', '00:00', '02:30');
SELECT is(level('spring reset', '30 00:00'), 3, 'before the skipped reset');
SELECT is(level('spring reset', '30 01:00'), 1, 'a reset at a time that is skipped comes as much later: 03:30 is 01:30 UTC');
SELECT is(level('spring reset', '30 02:00'), 4, 'and once only');
SELECT passes('autumn reset', 'Europe/Zurich', '2025-10-26 00:10', '2025-10-26 03:10', '20 min', '00:00', '02:30');
SELECT is(level('autumn reset', '26 00:00'), 3, 'not at the first 02:30');
SELECT is(level('autumn reset', '26 01:00'), 1, 'a reset at a time that comes twice is at the second');
SELECT is(level('autumn reset', '26 02:00'), 4, 'and once only');
SELECT passes('spring four', 'Europe/Zurich', '2025-03-30 01:10', '2025-03-30 03:10', '20 min', '04:00', '04:00');
SELECT is(level('spring four', '30 01:00'), 3, 'at 04:00, clocks forward: the hour before');
SELECT is(level('spring four', '30 02:00'), 3, 'at 04:00, clocks forward: 02:00 UTC');
SELECT passes('autumn four', 'Europe/Zurich', '2025-10-26 02:10', '2025-10-26 04:10', '20 min', '04:00', '04:00');
SELECT is(level('autumn four', '26 02:00'), 3, 'at 04:00, clocks back: the hour before');
SELECT is(level('autumn four', '26 03:00'), 3, 'at 04:00, clocks back: 03:00 UTC');

-- Offsets that are no whole hours

SELECT passes('Kathmandu', 'Asia/Kathmandu', '2025-06-14 17:45', '2025-06-14 19:15', '15 min');
SELECT results_eq($$ SELECT * FROM hours('Kathmandu') $$,
    $$ VALUES ('14 23:00', '14 17:15', 2, 30), ('15 00:00', '14 18:15', 4, 60), ('15 01:00', '14 19:15', 1, 0) $$, '+05:45');
SELECT results_eq($$ SELECT * FROM days('Kathmandu') $$,
    $$ VALUES ('2025-06-14'::date, 2, 0.5000), ('2025-06-15', 5, 1.0000) $$, '+05:45: midnight is at a quarter past');
SELECT passes('St Johns', 'America/St_Johns', '2025-01-15 03:00', '2025-01-15 04:30', '15 min');
SELECT results_eq($$ SELECT * FROM hours('St Johns') $$,
    $$ VALUES ('14 23:00', '15 02:30', 2, 30), ('15 00:00', '15 03:30', 4, 60), ('15 01:00', '15 04:30', 1, 0) $$, '-03:30');

-- Lord Howe Island changes its clocks by half an hour: no two hours overlap

SELECT passes('Lord Howe back', 'Australia/Lord_Howe', '2025-04-05 14:00', '2025-04-05 16:30', '15 min');
SELECT results_eq($$ SELECT * FROM hours('Lord Howe back') $$,
    $$ VALUES ('06 01:00', '05 14:00', 4, 60), ('06 01:30', '05 15:00', 2, 30), ('06 02:00', '05 15:30', 4, 60),
              ('06 03:00', '05 16:30', 1, 0) $$, 'Lord Howe, back from 02:00 to 01:30: the second 01:30 is half an hour of its own');
SELECT passes('Lord Howe forward', 'Australia/Lord_Howe', '2025-10-04 14:30', '2025-10-04 16:00', '15 min');
SELECT results_eq($$ SELECT * FROM hours('Lord Howe forward') $$,
    $$ VALUES ('05 01:00', '04 14:30', 4, 60), ('05 02:30', '04 15:30', 2, 30), ('05 03:00', '04 16:00', 1, 0) $$,
    'Lord Howe, forward from 02:00 to 02:30: 02:00 is half an hour');

-- 1970, and 2100, by the rules as they are now

SELECT passes('1970', 'Europe/Zurich', '1969-12-31 22:00', '1970-01-01 00:00', '30 min');
SELECT results_eq($$ SELECT * FROM days('1970') $$,
    $$ VALUES ('1969-12-31'::date, 2, 1.0000), ('1970-01-01', 3, 1.0000) $$, 'the year 1970 begins at 23:00 UTC');
SELECT passes('2100', 'Europe/Zurich', '2100-03-27 23:00', '2100-03-28 22:00', '30 min');
SELECT results_eq($$ SELECT * FROM days('2100') $$,
    $$ VALUES ('2100-03-28'::date, 46, 23.0000), ('2100-03-29', 1, 0) $$, 'clocks forward in 2100');
SELECT passes('2100 February', 'UTC', '2100-02-28 23:00', '2100-03-01 01:00', '1 hour');
SELECT results_eq($$ SELECT * FROM days('2100 February') $$,
    $$ VALUES ('2100-02-28'::date, 1, 1.0000), ('2100-03-01', 2, 1.0000) $$, '2100 is no leap year');

-- St John's set its clocks back at 00:01 until 2011: 30 October 2005 began, ended after a minute, and came again. What the
-- session lasts into the second piece counts for a day whose only movement was in the first.

SELECT passes('pieces', 'America/St_Johns', '2005-10-30 02:15', '2005-10-30 02:30', '15 min');
SELECT results_eq($$ SELECT * FROM days('pieces') $$,
    $$ VALUES ('2005-10-29'::date, 1, 0.2500), ('2005-10-30', 1, 0) $$, 'the first minute of a day in two pieces');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, '2005-10-30 02:45', 1, 'in' FROM sessions WHERE session_name = 'pieces';
SELECT results_eq($$ SELECT * FROM days('pieces') $$,
    $$ VALUES ('2005-10-29'::date, 2, 0.4833), ('2005-10-30', 1, 0.0167) $$, 'the day before goes on');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, '2005-11-01 12:00', 1, 'in' FROM sessions WHERE session_name = 'pieces';
SELECT results_eq($$ SELECT * FROM days('pieces') $$,
    $$ VALUES ('2005-10-29'::date, 2, 1.2333), ('2005-10-30', 1, 24.0167), ('2005-11-01', 1, 8.5000) $$,
    'the second piece counts, though nobody came in it');
DELETE FROM people_movements WHERE movement_time = '2005-11-01 12:00';
SELECT results_eq($$ SELECT * FROM days('pieces') $$,
    $$ VALUES ('2005-10-29'::date, 2, 0.4833), ('2005-10-30', 1, 0.0167) $$, 'and no longer once the movement is gone');
UPDATE sessions SET end_time = '2005-10-30 04:30' WHERE session_name = 'pieces';
SELECT results_eq($$ SELECT * FROM days('pieces') $$,
    $$ VALUES ('2005-10-29'::date, 2, 1.2333), ('2005-10-30', 1, 1.0167) $$, 'an end counts likewise');

SELECT is_empty('SELECT * FROM verify_statistics()', 'and all of it is what the base tables say');
SELECT * FROM finish();
ROLLBACK;
