-- Rules that could never do what they say are refused: the error names field and value, and says what would be right.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL intervalstyle = 'postgres';
SELECT plan(81);

-- What comes of a rule as INSERT, and of the same as UPDATE of an impeccable one: everything the error says. NULL: accepted.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    its_state text;
    its_table text;
    its_column text;
    its_constraint text;
    its_message text;
    its_detail text;
    its_hint text;
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS its_state = RETURNED_SQLSTATE, its_table = TABLE_NAME, its_column = COLUMN_NAME,
        its_constraint = CONSTRAINT_NAME, its_message = MESSAGE_TEXT, its_detail = PG_EXCEPTION_DETAIL, its_hint = PG_EXCEPTION_HINT;
    IF its_state = 'OK000' THEN
        RETURN NULL;
    END IF;
    -- The constraint that it names is one of the table.
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'alert_thresholds'::regclass AND conname = its_constraint) THEN
        its_constraint := NULL;
    END IF;
    RETURN concat_ws('|', its_state, its_table, its_column, its_constraint, its_message, its_detail, its_hint);
END
$$;
CREATE FUNCTION pg_temp.insert_of(fields jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO alert_thresholds (%s) VALUES (%s)', string_agg(quote_ident(key), ', '), string_agg(quote_nullable(value), ', '))
      FROM jsonb_each_text('{"threshold_name": "mine", "threshold_value": "10", "metric": "fps_current", "comparison": "above"}' || fields)
$$;
CREATE FUNCTION pg_temp.update_of(fields jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE alert_thresholds SET %s WHERE threshold_name = ''mine''', string_agg(format('%I = %L', key, value), ', '))
      FROM jsonb_each_text(fields)
$$;
CREATE FUNCTION pg_temp.refused(fields jsonb, col text, problem text, detail text, hint text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is(pg_temp.outcome(statement), concat_ws('|', '23514', 'alert_thresholds', col, col || ' ' || problem, detail, hint),
              format('%s %s', left(statement, 6), fields))
      FROM (VALUES (pg_temp.insert_of(fields)), (pg_temp.update_of(fields))) AS v (statement)
$$;
CREATE FUNCTION pg_temp.accepted(fields jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is(pg_temp.outcome(statement), NULL, format('%s %s is fine', left(statement, 6), fields))
      FROM (VALUES (pg_temp.insert_of(fields)), (pg_temp.update_of(fields))) AS v (statement)
$$;
INSERT INTO alert_thresholds (threshold_name, threshold_value, metric, comparison) VALUES ('mine', 10, 'fps_current', 'above');

SELECT pg_temp.refused('{"clear_value": 11}', 'clear_value', '11 of threshold "mine" is on the wrong side of threshold_value 10',
    'The alert begins above 10, so it would end while the metric is still beyond.', 'Set clear_value to 10 or less, or to NULL.');
SELECT pg_temp.refused('{"comparison": "below", "clear_value": 9.5}', 'clear_value', '9.5 of threshold "mine" is on the wrong side of threshold_value 10',
    'The alert begins below 10, so it would end while the metric is still beyond.', 'Set clear_value to 10 or more, or to NULL.');
SELECT pg_temp.accepted('{"clear_value": 10}');
SELECT pg_temp.accepted('{"comparison": "below", "clear_value": 10}');
SELECT pg_temp.accepted('{"clear_value": -1e300}');

SELECT pg_temp.refused(jsonb_build_object('hold_for', v), 'hold_for', format('"%s" of threshold "mine" is too short', v), 'At least 0 is allowed.',
    'Set hold_for to 0 or more: how long the metric must stay beyond the threshold.')
  FROM unnest('{-00:00:00.000001,-1 mons +29 days}'::text[]) AS v;
SELECT pg_temp.refused('{"keep_firing_for": "-1 days"}', 'keep_firing_for', '"-1 days" of threshold "mine" is too short', 'At least 0 is allowed.',
    'Set keep_firing_for to 0 or more: how long the metric must stay clear.');
SELECT pg_temp.refused(jsonb_build_object('repeat_interval', v), 'repeat_interval', format('"%s" of threshold "mine" is too short', v), 'At least 1 second is allowed.',
    'Set repeat_interval to 1 second or more, or to NULL for an alert that is announced once.')
  FROM unnest('{-1 days,00:00:00,00:00:00.999999}'::text[]) AS v;
SELECT pg_temp.refused(jsonb_build_object(f, v), f, format('"%s" of threshold "mine" is too long', v), 'At most 366 days are allowed.',
    format('Set %s to 366 days or less.', f))
  FROM unnest('{hold_for,keep_firing_for,repeat_interval}'::text[]) AS f, unnest('{366 days 00:00:00.000001,178000000 years}'::text[]) AS v;
SELECT pg_temp.accepted('{"hold_for": "366 days", "keep_firing_for": "366 days", "repeat_interval": "366 days"}');
SELECT pg_temp.accepted('{"hold_for": "1 microsecond", "keep_firing_for": "0", "repeat_interval": "1 second"}');

SELECT pg_temp.refused(jsonb_build_object('metric', v), 'metric', format('"%s" of threshold "mine" is not a metric', v),
    'The metrics are current_people_inside, people_entered_last_minute, people_exited_last_minute, people_entered_last_hour, '
    'people_exited_last_hour, exits_absorbed, detection_accuracy, fps_current, cpu_usage_percentage, memory_usage_mb, '
    'processing_latency_ms, silence_seconds.', 'Set metric to one of these.')
  FROM unnest('{phase_of_the_moon,FPS_CURRENT,""}'::text[]) AS v;
SELECT pg_temp.refused('{"comparison": "beside"}', 'comparison', '"beside" of threshold "mine" is not a comparison',
    'The comparisons are above and below.', 'Set comparison to above, if more than threshold_value is bad, or to below, if less is.');
SELECT pg_temp.refused('{"severity": "Dire"}', 'severity', '"Dire" of threshold "mine" is not a severity',
    'The severities are info, warning and critical.', 'Set severity to one of these, or leave it out for warning.');
SELECT pg_temp.refused(jsonb_build_object('threshold_value', v), 'threshold_value', v || ' of threshold "mine" is not finite',
    'A threshold is a number that a metric can be on both sides of.', 'Set threshold_value to a number.') FROM unnest('{NaN,Infinity,-Infinity}'::text[]) AS v;
SELECT pg_temp.refused(jsonb_build_object('clear_value', v), 'clear_value', v || ' of threshold "mine" is not finite',
    'The alert would never end.', 'Set clear_value to a number, or to NULL for threshold_value itself.')
  FROM unnest('{NaN,-Infinity}'::text[]) AS v;
SELECT pg_temp.refused('{"metric": "silence_seconds", "comparison": "below"}', 'comparison',
    '"below" of threshold "mine" does not fit silence_seconds', 'Silence can only be too long.', 'Set comparison to above.');
SELECT pg_temp.refused(jsonb_build_object('metric', 'silence_seconds', 'threshold_value', v), 'threshold_value',
    v || ' of threshold "mine" is no length of a silence', 'A session is silent for 0 seconds at every movement and sample.',
    'Set threshold_value to more than 0 seconds.') FROM unnest('{0,-5}'::text[]) AS v;
SELECT pg_temp.accepted('{"metric": "silence_seconds", "threshold_value": 0.001}');
-- Out of reach, but not a contradiction
SELECT pg_temp.accepted('{"metric": "cpu_usage_percentage", "threshold_value": 1000}');
SELECT pg_temp.accepted('{"metric": "current_people_inside", "comparison": "below", "threshold_value": 0}');

-- The first thing that is wrong is named, the beginning of a long value, and what the name implies is filled in before.
SELECT is(pg_temp.outcome(pg_temp.insert_of('{"metric": "x", "severity": "y", "hold_for": "-1 s"}')) ~ '^23514\|alert_thresholds\|metric\|', true,
          'the first field of several');
SELECT is(length(pg_temp.outcome(pg_temp.insert_of(jsonb_build_object('severity', repeat('ế', 1000000))))) < 400, true, 'not all of a long value');
SELECT is(left(pg_temp.outcome($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, clear_value) VALUES ('fps_low', 15, 14) $$), 64),
          '23514|alert_thresholds|clear_value|clear_value 14 of threshold "', 'of a shipped name');
-- What goes round the trigger meets the constraints.
SET LOCAL session_replication_role = replica;
SELECT is(left(pg_temp.outcome(pg_temp.insert_of(fields)), 5), '23514', format('the constraints refuse %s', fields))
  FROM jsonb_array_elements('[{"clear_value": 11}, {"hold_for": "-1 s"}, {"repeat_interval": "0.5 s"}, {"metric": "x"}, {"threshold_value": "NaN"},
                              {"keep_firing_for": "2 years"}, {"metric": "silence_seconds", "comparison": "below"}]') AS fields;
SET LOCAL session_replication_role = origin;
SELECT is_empty($$ SELECT t.threshold_name FROM alert_thresholds AS t, threshold_problem(t) $$, 'nothing is wrong with the rules that are there');
SELECT * FROM finish();
ROLLBACK;
