-- Functions asked for what is not there, and in the wrong way: a clear error, or nothing, never a wrong number.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(78);

INSERT INTO sessions (id, session_name, start_time) VALUES
    ('00000000-0000-7000-8000-0000000000aa', 'door', '2024-05-01'), ('00000000-0000-7000-8000-0000000000ab', 'other', '2024-05-01');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:00', 1, 'in');

-- Sessions that are not there, and none

SELECT is(calculate_current_people_inside('00000000-0000-7000-8000-0000000000aa'), 1, 'a session');
SELECT is(calculate_current_people_inside('00000000-0000-7000-8000-0000000000ab'), 0, 'one without a movement');
SELECT is(calculate_current_people_inside(NULL), NULL, 'no session, no number');
SELECT throws_ok(format('SELECT %s(%L)', f, '00000000-0000-7000-8000-0000000000ff'), 'P0002',
                 'session "00000000-0000-7000-8000-0000000000ff" does not exist', f || ' of an unknown session')
  FROM unnest('{calculate_current_people_inside,rebuild_statistics}'::text[]) AS f;
SELECT throws_ok(format('SELECT %s(%L)', f, 'door'), '22P02', 'invalid input syntax for type uuid: "door"', f || ' of a name')
  FROM unnest('{calculate_current_people_inside,rebuild_statistics,verify_statistics}'::text[]) AS f;
SELECT is_empty($$ SELECT * FROM verify_statistics('00000000-0000-7000-8000-0000000000ff') $$,
                'an unknown session has no statistics that could differ');
SELECT is(rebuild_statistics(NULL), 2::bigint, 'NULL rebuilds all sessions');
SELECT is(rebuild_statistics(), 2::bigint, 'and so does no argument');
SELECT is(rebuild_statistics('00000000-0000-7000-8000-0000000000ab'), 1::bigint, 'a session is one');
PREPARE inside(uuid) AS SELECT calculate_current_people_inside($1);
DELETE FROM sessions WHERE id = '00000000-0000-7000-8000-0000000000ab';
SELECT throws_ok($$ EXECUTE inside('00000000-0000-7000-8000-0000000000ab') $$, 'P0002',
                 'session "00000000-0000-7000-8000-0000000000ab" does not exist', 'a session that is deleted');
SELECT throws_ok($$ SELECT calculate_current_people_inside(id) FROM unnest(ARRAY['00000000-0000-7000-8000-0000000000aa',
                           '00000000-0000-7000-8000-0000000000ab']::uuid[]) AS id $$, 'P0002', NULL, 'one among others');

-- What is not the base tables' own is found, and rebuilt: here because no trigger ran.

SET LOCAL session_replication_role = replica;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:30', 2, 'in');
DELETE FROM daily_statistics;
INSERT INTO hourly_statistics SELECT (jsonb_populate_record(h, '{"hour_timestamp": "2024-05-01 11:00Z"}')).* FROM hourly_statistics h;
SET LOCAL session_replication_role = origin;
SELECT results_eq($$ SELECT table_name, session_id, key, problem FROM verify_statistics() $$,
    $$ VALUES ('daily_statistics', '00000000-0000-7000-8000-0000000000aa'::uuid, '2024-05-01', 'missing'),
              ('hourly_statistics', '00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:00:00+00', 'different'),
              ('hourly_statistics', '00000000-0000-7000-8000-0000000000aa', '2024-05-01 11:00:00+00', 'unexpected'),
              ('session_statistics', '00000000-0000-7000-8000-0000000000aa', '00000000-0000-7000-8000-0000000000aa', 'different') $$,
    'verify_statistics() finds what is missing, different and unexpected');
SELECT results_eq($$ SELECT stored ->> 'people_entered', expected ->> 'people_entered', stored ? 'people_exited'
                       FROM verify_statistics() WHERE key LIKE '%10:00%' $$, $$ VALUES ('1', '2', false) $$,
                  'and shows the columns that differ');
SELECT is_empty($$ SELECT * FROM verify_statistics('00000000-0000-7000-8000-0000000000ff') $$, 'not those of others');
SELECT is(rebuild_statistics(), 1::bigint, 'rebuild_statistics() repairs');
SELECT is_empty('SELECT * FROM verify_statistics()', 'all of it');

-- The aggregates: each of the four

CREATE TEMP TABLE aggregate (name) AS SELECT unnest('{occupancy_peak,occupancy_peak_time,occupancy_average,occupancy_closing}'::text[]);
CREATE FUNCTION pg_temp.result(expression text, source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT (%s)::text FROM %s', expression, source) INTO STRICT result;
    RETURN result;
END
$$;
SELECT is(pg_temp.result(name || '(t, d)', '(VALUES (NULL::timestamptz, NULL::movement_direction), (now(), NULL), (NULL, ''in'')) v (t, d)'),
          NULL, name || ' of NULLs alone') FROM aggregate;
SELECT is(pg_temp.result(name || '(t, d)', '(SELECT now() AS t, ''in''::movement_direction AS d LIMIT 0) v'),
          NULL, name || ' of nothing') FROM aggregate;
SELECT is(pg_temp.result(name || '(NULL, NULL, 7, ''[2024-05-01 08:00, 2024-05-01 09:00)'')', 'generate_series(1, 3)'), expected,
          name || ' of a quiet period')
  FROM aggregate JOIN (VALUES ('occupancy_peak', '7'), ('occupancy_peak_time', '2024-05-01 08:00:00+00'),
                              ('occupancy_average', '7.0000'), ('occupancy_closing', '7')) AS v (name, expected) USING (name);
SELECT is(pg_temp.result(name || '(''2024-05-01 09:00'', ''in'', 7, ''[2024-05-01 08:00, 2024-05-01 09:00)'')', 'generate_series(1, 3)'),
          expected, name || ' where all movements are outside')
  FROM aggregate JOIN (VALUES ('occupancy_peak', '7'), ('occupancy_peak_time', '2024-05-01 08:00:00+00'),
                              ('occupancy_average', '7.0000'), ('occupancy_closing', '7')) AS v (name, expected) USING (name);
SELECT throws_ok(format('SELECT %s(now(), ''in'', %s, %s)', name, opening, period), state, message, format('%s: %s', name, message))
  FROM aggregate, (VALUES
    ('0', '''empty''', '22023', 'period must not be empty'),
    ('0', '''[2024-05-01, 2024-05-01)''', '22023', 'period must not be empty'),
    ('0', '''(,)''', '22023', 'period (,) must have two finite bounds'),
    ('0', '''(,2024-05-01)''', '22023', 'period (,"2024-05-01 00:00:00+00") must have two finite bounds'),
    ('0', '''[2024-05-01,infinity)''', '22023', 'period ["2024-05-01 00:00:00+00",infinity) must have two finite bounds'),
    ('0', '''(2024-05-01,2024-05-02)''', '22023', 'period ("2024-05-01 00:00:00+00","2024-05-02 00:00:00+00") must include its '
                                                  'lower and exclude its upper bound'),
    ('0', 'NULL', '22004', 'period must not be null'),
    ('NULL', '''[2024-05-01,2024-05-02)''', '22004', 'opening count must not be null'),
    ('-1', '''[2024-05-01,2024-05-02)''', '22023', 'opening count must not be negative, but is "-1"'),
    ('-2147483648', '''[2024-05-01,2024-05-02)''', '22023', 'opening count must not be negative, but is "-2147483648"'))
    AS v (opening, period, state, message);

-- Functions that only the server may call: minor releases differ in where they notice.

SELECT throws_matching($$ SELECT occupancy_peak_final(NULL) $$, 'does not exist|cannot accept a value of type internal',
                       'a final function');
SELECT throws_matching($$ SELECT occupancy_deserialize('\x00', NULL) $$,
                       'does not exist|cannot accept a value of type internal', 'the function that reads a state');

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
