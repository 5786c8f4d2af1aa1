-- Every metric of a rule, above and below: what fires it, with what value, and what ends it.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
\ir include/alerting.psql
SELECT plan(39);
SELECT door(n) FROM generate_series(1, 5) AS n \g /dev/null

-- People inside: a peak and a trough between two looks are not missed, and nothing is raised twice.

SELECT rule(name, of, compare, value, session => s(1))
  FROM (VALUES ('full', 'current_people_inside', 'above', 2), ('empty', 'current_people_inside', 'below', 1)) AS r (name, of, compare, value) \g /dev/null
SELECT move(s(1), 'in', 10, 2), move(s(1), 'in', 20.5), move(s(1), 'in', 30, 2), move(s(1), 'out', 40, 3), move(s(1), 'out', 50, 2),
       move(s(1), 'in', 60), move(s(1), 'out', 65.000001) \g /dev/null
SELECT is(look(), 5::bigint, 'one look finds all that happened');
SELECT results_eq('SELECT alerts()', ARRAY['empty/1 50 0..60 cleared 0', 'empty/1 65.000001 0..open 0',
                                           'full/1 20.5 3..40 cleared 5'], 'people inside, above and below');
SELECT is(look(), 0::bigint, 'another look finds nothing new');
SELECT move(s(1), 'in', 70, 4) \g /dev/null
SELECT is(look(), 2::bigint, 'one alert ends, another begins');
SELECT results_eq('SELECT alerts()', ARRAY['empty/1 50 0..60 cleared 0', 'empty/1 65.000001 0..70 cleared 0',
                                           'full/1 20.5 3..40 cleared 5', 'full/1 70 4..open 4'], 'in event time');
SELECT results_eq('SELECT metric, severity, threshold_value, repeat_count, resolved_at IS NULL, is_resolved, acknowledged_at
                     FROM alert_logs WHERE NOT is_resolved',
                  $$ VALUES ('current_people_inside', 'warning', 2::float8, 0, true, false, NULL::timestamptz) $$,
                  'the alert says what it is about');
SELECT move(s(1), 'in', 80, 3), move(s(1), 'out', 81, 2) \g /dev/null
SELECT is(look(), 0::bigint, 'a worse value is no new alert');
SELECT is((SELECT peak_value FROM alert_logs WHERE NOT is_resolved), 7::float8, 'but its peak, also while it lasts');
DELETE FROM alert_thresholds;

-- People of the last minute and hour. A window ends with the second of the instant, and has 60 or 3,600 of them.

SELECT rule(name, of, compare, value, session => s(2))
  FROM (VALUES ('in/min', 'people_entered_last_minute', 'above', 2),
               ('out/min', 'people_exited_last_minute', 'above', 1),
               ('in/h', 'people_entered_last_hour', 'above', 3), ('out/h', 'people_exited_last_hour', 'above', 2),
               ('few/min', 'people_entered_last_minute', 'below', 1)) AS r (name, of, compare, value) \g /dev/null
DELETE FROM alert_logs;
SELECT move(s(2), 'in', 100.25), move(s(2), 'in', 110), move(s(2), 'in', 120.75) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['in/min/2 120.75 3..open 3'], 'the third in a minute');
SELECT move(s(2), 'in', 155), move(s(2), 'out', 156) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['in/h/2 155 4..open 4', 'in/min/2 120.75 3..open 4'], 'the fourth, also of the hour');
SELECT sample(s(2), 170) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('in/min') $$, ARRAY['in/min/2 120.75 3..170 cleared 4'],
    'the second of the first, and then of the second, has left the window');
SELECT sample(s(2), 215) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('few/min') $$, ARRAY['few/min/2 215 0..open 0'],
    'nobody in the last minute: the second of the last one has left the window');
SELECT move(s(2), 'out', 216, 2), move(s(2), 'in', 217) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['few/min/2 215 0..217 cleared 0', 'in/h/2 155 4..open 5',
    'in/min/2 120.75 3..170 cleared 4', 'out/h/2 216 3..open 3', 'out/min/2 216 2..open 2'], 'and those who left');
SELECT move(s(2), 'in', 290, 3) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('in/min') OFFSET 1 $$, ARRAY['in/min/2 290 3..open 3'], 'three at once are one value');
SELECT is((SELECT calculate_current_people_inside(s(2))), 5, 'the statistics go their own way');
DELETE FROM alert_thresholds;

-- Exits that found nobody, of the business day

SELECT rule(name, of, compare, value, session => s(3))
  FROM (VALUES ('drift', 'exits_absorbed', 'above', 1), ('no drift', 'exits_absorbed', 'below', 1)) AS r (name, of, compare, value) \g /dev/null
DELETE FROM alert_logs;
SELECT move(s(3), 'out', 230) \g /dev/null
SELECT is(look(), 0::bigint, 'one is on the threshold, not above, nor below');
SELECT move(s(3), 'out', 240) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['drift/3 240 2..open 2'], 'the second is above');
SELECT move(s(3), 'in', 241), move(s(3), 'out', 242, 2) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['drift/3 240 2..open 3'], 'and the third is worse');
SELECT move(s(3), 'in', 229, 3) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['drift/3 240 2..242 cleared 3', 'no drift/3 242 0..open 0'],
    'the entries turn up that were missing: nobody was absorbed');
DELETE FROM alert_thresholds;

-- Mean confidence of the hour

SELECT rule(name, of, compare, value, session => s(4))
  FROM (VALUES ('blurred', 'detection_accuracy', 'below', 80), ('sharp', 'detection_accuracy', 'above', 95)) AS r (name, of, compare, value) \g /dev/null
DELETE FROM alert_logs;
SELECT move(s(4), 'in', 250, confidence => 0.75) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['blurred/4 250 75..open 75'], 'one of 75 percent');
SELECT move(s(4), 'in', 251, confidence => 0.875) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['blurred/4 250 75..251 cleared 75'], 'the mean of two is enough');
SELECT move(s(4), 'in', 252) \g /dev/null
SELECT is(look(), 0::bigint, 'no confidence is no evidence');
SELECT move(s(4), 'out', 253, 14, confidence => 1) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['blurred/4 250 75..251 cleared 75', 'sharp/4 253 97.65625..open 97.65625'],
    'above works, too');
DELETE FROM alert_thresholds;

-- Samples

SELECT rule(name, of, compare, value, session => s(5))
  FROM (VALUES ('fps', 'fps_current', 'below', 15), ('fast', 'fps_current', 'above', 60),
               ('cpu', 'cpu_usage_percentage', 'above', 90), ('idle', 'cpu_usage_percentage', 'below', 1),
               ('memory', 'memory_usage_mb', 'above', 512), ('lean', 'memory_usage_mb', 'below', 16),
               ('slow', 'processing_latency_ms', 'above', 250), ('quick', 'processing_latency_ms', 'below', 0.5)) AS r (name, of, compare, value) \g /dev/null
DELETE FROM alert_logs;
SELECT sample(s(5), 300 + i, 'fps_current', v) FROM (VALUES (0, 25), (1, 14.5), (2, 12), (3, 15), (4, 61), (5, 30)) AS v (i, v) \g /dev/null
SELECT sample(s(5), 310 + i, 'cpu_usage_percentage', v) FROM (VALUES (0, 90), (1, 90.5), (2, 99), (3, 50), (4, 0.5), (5, 7)) AS v (i, v) \g /dev/null
SELECT sample(s(5), 320 + i, 'memory_usage_mb', v) FROM (VALUES (0, 100), (1, 513), (2, 600), (3, 512), (4, 0), (5, 16)) AS v (i, v) \g /dev/null
SELECT sample(s(5), 330 + i, 'processing_latency_ms', v)
  FROM (VALUES (0, 250), (1, 250.25), (2, 1000), (3, 1), (4, 0.25), (5, 0.5)) AS v (i, v) \g /dev/null
SELECT is(look(), 16::bigint, 'one look at samples finds what each of them did');
SELECT results_eq('SELECT alerts()', ARRAY[
    'cpu/5 311 90.5..313 cleared 99', 'fast/5 304 61..305 cleared 61', 'fps/5 301 14.5..303 cleared 12',
    'idle/5 314 0.5..315 cleared 0.5', 'lean/5 324 0..325 cleared 0', 'memory/5 321 513..323 cleared 600',
    'quick/5 334 0.25..335 cleared 0.25', 'slow/5 331 250.25..333 cleared 1000'], 'what samples measure, above and below');
SELECT sample(s(5), 340, 'fps_current', 5), sample(s(5), 341), sample(s(5), 342, 'cpu_usage_percentage', 5) \g /dev/null
SELECT is(look(), 1::bigint, 'a sample that does not measure it is no evidence');
SELECT is((SELECT count(*) FROM alert_logs WHERE NOT is_resolved), 1::bigint, 'and ends no alert');
SELECT is(look(), 0::bigint, 'nor does another look');
DELETE FROM alert_thresholds;

-- Silence. Nobody could be heard before the server ran.

DELETE FROM alert_logs;
UPDATE sessions SET status = 'completed', end_time = at(590);
SELECT door(6) \g /dev/null
SELECT move(s(6), 'in', 400) \g /dev/null
CREATE FUNCTION heard() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT greatest(at(400), pg_postmaster_start_time()) $$;
SELECT rule('long', 'silence_seconds', 'above', 100000), rule('mute', 'silence_seconds', 'above', 0.001) \g /dev/null
SELECT is(look(), 1::bigint, 'a session is silent');
SELECT is((SELECT triggered_at FROM alert_logs), heard() + interval '1001 microseconds', 'for longer than the threshold at that instant');
SELECT cmp_ok((SELECT current_value FROM alert_logs), '>', 0.001::float8, 'with the seconds it was silent for until the look');
SELECT is(look(), 0::bigint, 'it stays so');
UPDATE alert_thresholds SET threshold_value = 200000 WHERE threshold_name = 'long';
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time) VALUES (s(6), 2, 'in', clock_timestamp() + interval '1 hour');
SELECT is(look(), 1::bigint, 'until something is heard, by a clock ahead of ours');
SELECT is((SELECT resolved_at FROM alert_logs), (SELECT max(movement_time) FROM people_movements WHERE session_id = s(6)),
          'when it was');
SELECT is((SELECT resolved_reason FROM alert_logs), 'cleared', 'it is cleared');
SELECT is(look(), 0::bigint, 'and not silent now');

-- A rule that was made while the session was silent already

DELETE FROM alert_thresholds;
DELETE FROM alert_logs;
SELECT door(7) \g /dev/null
SELECT rule('new', 'silence_seconds', 'above', 0.001, session => s(7), made => now()) \g /dev/null
SELECT is(look(), 1::bigint, 'a new rule finds a session that is silent');
SELECT results_eq('SELECT session_id FROM alert_logs', ARRAY[s(7)], 'which is this one');

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
