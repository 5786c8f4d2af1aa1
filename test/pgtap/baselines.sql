-- Which baselines an hour stands on: those before it, at its edges and in it, for movements in order, late ones, and the first
-- of a session; among few baselines and among many.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(12);

CREATE FUNCTION door(name text, baselines text[]) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO sessions (session_name, start_time) VALUES (name, '2025-06-01');
    INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    SELECT id, ('2025-06-16 ' || split_part(b, '=', 1))::timestamptz, split_part(b, '=', 2)::integer
      FROM sessions, unnest(baselines) b WHERE session_name = name
$$;
CREATE FUNCTION enters(name text, at text) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, ('2025-06-16 ' || at)::timestamptz, 1, 'in' FROM sessions WHERE session_name = name
$$;
CREATE FUNCTION hours(name text) RETURNS TABLE (hour text, opening integer, low integer, peak integer, closing integer)
    LANGUAGE sql AS $$
    SELECT to_char(hour_timestamp, 'HH24:MI'), opening_count, low_people_count, peak_people_count, closing_count
      FROM hourly_analytics WHERE session_name = name ORDER BY hour_timestamp
$$;

-- The first movement of a session

SELECT door('before and in', '{07:10=18,09:15=1}'), enters('before and in', '09:20');
SELECT results_eq($$ SELECT * FROM hours('before and in') $$, $$ VALUES ('09:00', 18, 1, 18, 2) $$,
    'one before the hour is carried to its beginning, also where another comes in it');
SELECT door('at the beginning', '{07:10=18,09:00=5}'), enters('at the beginning', '09:20');
SELECT results_eq($$ SELECT * FROM hours('at the beginning') $$, $$ VALUES ('09:00', 5, 5, 6, 6) $$,
    'one exactly at the beginning is the opening count');
SELECT door('behind', '{07:10=18,09:30=5,10:00=7}'), enters('behind', '09:20');
SELECT results_eq($$ SELECT * FROM hours('behind') $$, $$ VALUES ('09:00', 18, 5, 19, 5) $$,
    'one later in the hour closes it, one at its end does not');

-- In order, across hours

SELECT enters('before and in', '11:30');
SELECT results_eq($$ SELECT * FROM hours('before and in') OFFSET 1 $$, $$ VALUES ('11:00', 2, 2, 3, 3) $$, 'nothing in between');
SELECT door('between', '{07:10=18,10:10=4,10:50=9}'), enters('between', '09:20'), enters('between', '11:30');
SELECT results_eq($$ SELECT * FROM hours('between') $$, $$ VALUES ('09:00', 18, 18, 19, 19), ('11:00', 9, 9, 10, 10) $$,
    'the last of those in between');
SELECT door('at the end', '{07:10=18,10:00=4}'), enters('at the end', '09:20'), enters('at the end', '10:30');
SELECT results_eq($$ SELECT * FROM hours('at the end') $$, $$ VALUES ('09:00', 18, 18, 19, 19), ('10:00', 4, 4, 5, 5) $$,
    'one where an hour ends and the next begins');

-- Late

SELECT enters('between', '08:30');
SELECT results_eq($$ SELECT * FROM hours('between') $$,
    $$ VALUES ('08:00', 18, 18, 19, 19), ('09:00', 19, 19, 20, 20), ('11:00', 9, 9, 10, 10) $$,
    'a late one is felt up to the next baseline');
SELECT enters('between', '10:30');
SELECT results_eq($$ SELECT * FROM hours('between') OFFSET 2 $$,
    $$ VALUES ('10:00', 20, 4, 20, 9), ('11:00', 9, 9, 10, 10) $$, 'and one between two baselines up to the second');
SELECT enters('at the beginning', '06:30'), enters('at the beginning', '08:00');
SELECT results_eq($$ SELECT * FROM hours('at the beginning') $$,
    $$ VALUES ('06:00', 0, 0, 1, 1), ('08:00', 18, 18, 19, 19), ('09:00', 5, 5, 6, 6) $$, 'before any baseline');

-- Counted by hand ten times a day for ten years

SELECT door('by hand', '{}');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
SELECT id, timestamptz '2015-06-16 00:05' + n * interval '144 minutes', n % 40 FROM sessions, generate_series(0, 36525) n
 WHERE session_name = 'by hand';
SELECT enters('by hand', '09:20'), enters('by hand', '08:20'), enters('by hand', '13:20');  -- behind the last
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, timestamptz '2018-01-01 12:30' + n * interval '7 hours', 1, 'in' FROM sessions, generate_series(1, 200) n
 WHERE session_name = 'by hand';
SELECT is((SELECT count(*)::integer FROM hours('by hand')), 203, 'among thousands');
UPDATE occupancy_baselines SET people_count = people_count + 1
 WHERE baseline_time BETWEEN '2018-01-20' AND '2018-02-01';
DELETE FROM occupancy_baselines WHERE baseline_time BETWEEN '2018-02-10' AND '2018-02-12';
SELECT is_empty('SELECT * FROM verify_statistics()', 'changed and deleted among thousands');
SELECT is(calculate_current_people_inside(id), (SELECT people_count + 3 FROM occupancy_baselines WHERE session_id = id
                                                 ORDER BY baseline_time DESC LIMIT 1), 'inside are the last of them and three more')
  FROM sessions WHERE session_name = 'by hand';
SELECT * FROM finish();
ROLLBACK;
