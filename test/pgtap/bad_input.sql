-- Values that nobody can have meant are refused, and the error names the column and the value. No count ever is.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(466);

\set s '''00000000-0000-7000-8000-0000000000aa'''
INSERT INTO sessions (id, session_name, start_time) VALUES (:s, 's', '2024-05-01');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES (:s, '2024-05-01', 1, 'in');
INSERT INTO realtime_metrics (session_id, "timestamp") VALUES (:s, '2024-05-01');
INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES (:s, '2024-05-01');
INSERT INTO system_config (config_key) VALUES ('mine');
INSERT INTO alert_thresholds (session_id, threshold_name, threshold_value) VALUES (:s, 'fps_low', 10);
INSERT INTO alert_logs (session_id, alert_type, triggered_at) VALUES (:s, 'fps_low', '2024-05-01');
INSERT INTO alert_states (threshold_id, session_id, phase, since)
VALUES ('00000000-0000-7000-8000-000000000004', :s, 'pending', '2024-05-01');

-- What comes of a statement: NULL if it is accepted and the statistics are right, otherwise SQLSTATE, message and detail.
-- It leaves nothing behind.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
BEGIN
    EXECUTE statement;
    IF EXISTS (SELECT FROM verify_statistics()) THEN
        RAISE EXCEPTION 'verify_statistics() finds a difference';
    END IF;
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN CASE WHEN state <> 'OK000' THEN concat_ws(' ', state, left(message, 500), nullif(left(detail, 500), '')) END;
END
$$;
-- Whether it was refused as bad data (class 22 or 23), with column and value; otherwise what came instead.
CREATE FUNCTION pg_temp.refusal(statement text, col text, shown text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN o ~ '^2[23]' AND strpos(o, col) > 0 AND strpos(o, shown) > 0
                THEN 'column and value' ELSE coalesce(o, 'accepted') END
      FROM pg_temp.outcome(statement) AS o
$$;
-- Tries a value by INSERT and by UPDATE. `shown` is the value as the error has it, the beginning of a long one.
CREATE FUNCTION pg_temp.try(target text, col text, val text, fits boolean, shown text DEFAULT NULL)
    RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    row jsonb := jsonb_build_object('session_id', '00000000-0000-7000-8000-0000000000aa') || CASE target
        WHEN 'sessions' THEN '{"id": "00000000-0000-7000-8000-0000000000ab"}'
        WHEN 'people_movements' THEN '{"movement_time": "2024-05-02", "person_id": "1", "movement_direction": "in"}'
        WHEN 'alert_thresholds' THEN '{"threshold_name": "fps_low", "threshold_value": "10", "metric": "fps_current", "comparison": "below"}'
        WHEN 'alert_logs' THEN '{"alert_type": "fps_low"}'
        WHEN 'alert_states' THEN '{"threshold_id": "00000000-0000-7000-8000-000000000001", "phase": "pending", "since": "2024-05-01"}'
        WHEN 'system_config' THEN '{"config_key": "another"}'
        ELSE '{}' END::jsonb || jsonb_build_object(col, val);
    inserted text;
    updated text := format('UPDATE %I SET %I = %L WHERE %s', target, col, val, CASE target
        WHEN 'sessions' THEN 'id = ''00000000-0000-7000-8000-0000000000aa'''
        WHEN 'system_config' THEN 'config_key = ''mine'''
        ELSE 'session_id = ''00000000-0000-7000-8000-0000000000aa''' END);
    what text := format('%s.%s: %s', target, col, coalesce(left(val, 30), 'NULL'));
BEGIN
    IF target IN ('sessions', 'system_config') THEN
        row := row - 'session_id';
    END IF;
    SELECT format('INSERT INTO %I (%s) VALUES (%s)', target, string_agg(quote_ident(key), ', '),
                  string_agg(quote_nullable(value), ', '))
      INTO inserted FROM jsonb_each_text(row);
    IF fits THEN
        RETURN NEXT is(pg_temp.outcome(inserted), NULL, what || ' may be inserted');
        RETURN NEXT is(pg_temp.outcome(updated), NULL, what || ' may be set');
    ELSE
        shown := coalesce(shown, left(val, 40), 'null');
        RETURN NEXT is(pg_temp.refusal(inserted, col, shown), 'column and value', what || ' is refused by name');
        RETURN NEXT is(pg_temp.refusal(updated, col, shown), 'column and value', what || ' is refused by name in UPDATE');
    END IF;
END
$$;
SELECT is(pg_temp.outcome('INSERT INTO sessions DEFAULT VALUES'), NULL, 'what may be is told');
SELECT matches(pg_temp.outcome('SELECT 1/0'), '^22012 division by zero', 'from what may not');

-- Times: of the years 1 to 9999

CREATE TEMP TABLE times (target text, col text);
INSERT INTO times VALUES ('people_movements', 'movement_time'), ('realtime_metrics', 'timestamp'),
    ('occupancy_baselines', 'baseline_time'), ('sessions', 'start_time'), ('sessions', 'created_at');
SELECT pg_temp.try(target, col, val, false, shown)
  FROM times, (VALUES ('infinity', NULL), ('-infinity', NULL), ('10000-01-01', NULL),
                      ('0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC')) AS v (val, shown);
SELECT pg_temp.try(target, col, val, true)
  FROM times, unnest('{0001-01-01,9999-12-31 23:59:59.999999}'::text[]) AS val;
SELECT pg_temp.try('sessions', 'end_time', val, false) FROM unnest('{infinity,-infinity,10000-01-01}'::text[]) AS val;
SELECT pg_temp.try('sessions', 'end_time', '9999-12-31 23:59:59.999999', true);
SELECT pg_temp.try('sessions', 'updated_at', val, false) FROM unnest('{infinity,-infinity}'::text[]) AS val;

SELECT pg_temp.try(target, 'created_at', val, false)
  FROM unnest('{people_movements,realtime_metrics,occupancy_baselines}'::text[]) AS target,
       unnest('{infinity,-infinity}'::text[]) AS val;
SELECT pg_temp.try('alert_logs', col, val, false)
  FROM (VALUES ('triggered_at', 'infinity'), ('triggered_at', '-infinity'), ('resolved_at', 'infinity'),
               ('acknowledged_at', 'infinity'), ('acknowledged_at', '-infinity')) AS v (col, val);
-- Both ends of time in one session, with what lies between them
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES
    (:s, '0001-01-01', 1, 'in'), (:s, '9999-12-31 23:59:59.999999', 1, 'out');
SELECT results_eq($$ SELECT hour_timestamp, closing_count FROM hourly_statistics ORDER BY 1 $$,
    $$ VALUES (timestamptz '0001-01-01 00:00', 1), ('2024-05-01 00:00', 0), ('9999-12-31 23:00', 0) $$, 'the first and the last hour');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
DELETE FROM people_movements WHERE movement_time <> '2024-05-01';

-- Numbers that are not finite, in every column that can hold one

CREATE TEMP TABLE floats AS
SELECT relname::text AS target, attname::text AS col
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'people_counter'
 WHERE relkind = 'r' AND atttypid IN ('real'::regtype, 'double precision'::regtype);
SELECT is((SELECT count(*) FROM floats), 17::bigint, '17 columns can hold NaN');
SELECT pg_temp.try(target, col, val, false)
  FROM floats, unnest('{NaN,Infinity,-Infinity}'::text[]) AS val ORDER BY target, col, val;
SELECT pg_temp.try('sessions', col, 'NaN', false) FROM unnest('{fps,duration_seconds,confidence_threshold}'::text[]) AS col;

-- Ranges

SELECT pg_temp.try(target, col, val, fits) FROM (VALUES
    ('sessions', 'duration_seconds', '-1', false), ('sessions', 'duration_seconds', '0', true),
    ('sessions', 'fps', '-5', false), ('sessions', 'fps', '0', false), ('sessions', 'fps', '0.01', true),
    ('sessions', 'fps', '999999.99', true),
    ('sessions', 'confidence_threshold', '1.01', false), ('sessions', 'confidence_threshold', '-0.01', false),
    ('sessions', 'confidence_threshold', '0', true), ('sessions', 'confidence_threshold', '1', true),
    ('sessions', 'total_frames', '-1', false), ('sessions', 'total_frames', '0', true),
    ('sessions', 'skip_frames', '-1', false), ('sessions', 'skip_frames', '0', true),
    ('sessions', 'max_disappeared', '-1', false), ('sessions', 'max_disappeared', '0', true),
    ('sessions', 'max_distance', '-1', false), ('sessions', 'max_distance', '0', true),
    ('sessions', 'capacity', '-1', false), ('sessions', 'capacity', '0', true),
    ('sessions', 'false_positives', '-1', false), ('sessions', 'false_negatives', '-1', false),
    ('sessions', 'resolution_width', '0', false), ('sessions', 'resolution_width', '1', true),
    ('sessions', 'resolution_height', '0', false), ('sessions', 'resolution_height', '1', true),
    ('sessions', 'time_zone', 'Mars/Olympus', false), ('sessions', 'time_zone', 'Australia/Lord_Howe', true),
    ('sessions', 'day_start', '04:30:00', false), ('sessions', 'day_start', '24:00:00', false),
    ('sessions', 'day_start', '04:00', true), ('sessions', 'reset_time', '24:00', false),
    ('sessions', 'reset_time', '23:59:59.999999', true),
    ('people_movements', 'confidence_score', '1.0000001', false), ('people_movements', 'confidence_score', '-1e-45', false),
    ('people_movements', 'confidence_score', '0', true), ('people_movements', 'confidence_score', '1', true),
    ('people_movements', 'centroid_x', '-3.4e38', true), ('people_movements', 'person_id', '-2147483648', true),
    ('realtime_metrics', 'current_people_count', '-1', false), ('realtime_metrics', 'current_people_count', '2147483647', true),
    ('realtime_metrics', 'people_entered_last_minute', '-1', false),
    ('realtime_metrics', 'people_exited_last_minute', '-1', false),
    ('realtime_metrics', 'fps_current', '0', false), ('realtime_metrics', 'fps_current', '1e-45', true),
    ('realtime_metrics', 'cpu_usage_percentage', '100.5', false), ('realtime_metrics', 'cpu_usage_percentage', '-1', false),
    ('realtime_metrics', 'cpu_usage_percentage', '100', true),
    ('realtime_metrics', 'memory_usage_mb', '-1', false), ('realtime_metrics', 'memory_usage_mb', '0', true),
    ('occupancy_baselines', 'people_count', '-1', false), ('occupancy_baselines', 'people_count', '0', true),
    ('occupancy_baselines', 'people_count', '10000000', true), ('occupancy_baselines', 'people_count', '10000001', false),
    ('occupancy_baselines', 'kind', 'guess', false),
    ('alert_thresholds', 'metric', 'phase_of_the_moon', false), ('alert_thresholds', 'severity', 'dire', false),
    ('alert_thresholds', 'comparison', 'beside', false), ('alert_logs', 'severity', 'dire', false),
    ('system_config', 'config_type', 'colour', false)) AS v (target, col, val, fits);

-- Long texts: the error shows how they begin

SELECT pg_temp.try(target, col, repeat(letter, length), fits, repeat(letter, 10))
  FROM (VALUES ('sessions', 'session_name', 255), ('sessions', 'input_source', 500), ('sessions', 'output_path', 500),
               ('system_config', 'config_key', 100), ('alert_logs', 'alert_type', 100), ('alert_thresholds', 'threshold_name', 100)) AS v (target, col, most),
       LATERAL (VALUES ('ế', most, true), ('ế', most + 1, false), ('x', 10 * 1024 * 1024, false)) AS text (letter, length, fits);
SELECT pg_temp.try('sessions', 'time_zone', repeat('Z', 10 * 1024 * 1024), false);

-- Values missing, and sessions

SELECT pg_temp.try('people_movements', col, NULL, false)
  FROM unnest('{session_id,movement_time,id,person_id,movement_direction,created_at}'::text[]) AS col;
SELECT pg_temp.try('realtime_metrics', col, NULL, false)
  FROM unnest('{session_id,timestamp,current_people_count,detection_status}'::text[]) AS col;
SELECT pg_temp.try('occupancy_baselines', col, NULL, false)
  FROM unnest('{session_id,baseline_time,people_count,kind}'::text[]) AS col;
SELECT pg_temp.try('sessions', col, NULL, false)
  FROM unnest('{session_name,start_time,status,confidence_threshold,skip_frames,time_zone,day_start,created_at}'::text[]) AS col;
SELECT is(pg_temp.refusal('INSERT INTO sessions (id) VALUES (NULL)', 'id', 'null'), 'column and value', 'a session has an id');
SELECT is(pg_temp.outcome(format('UPDATE sessions SET id = %s', id)),
          '0A000 id "00000000-0000-7000-8000-0000000000aa" of a session cannot be changed', 'which cannot become ' || id)
  FROM unnest(ARRAY['NULL', '''00000000-0000-7000-8000-0000000000ac''']) AS id;
SELECT is(pg_temp.outcome('UPDATE sessions SET id = id'), NULL, 'but be set to what it is');
SELECT pg_temp.try('alert_thresholds', col, NULL, false) FROM unnest('{threshold_name,threshold_value}'::text[]) AS col;
SELECT pg_temp.try('alert_logs', 'alert_type', NULL, false);
SELECT pg_temp.try(target, 'session_id', '00000000-0000-7000-8000-0000000000ff', false)
  FROM unnest('{people_movements,realtime_metrics,occupancy_baselines,alert_thresholds,alert_logs}'::text[]) AS target;

-- What is refused when the value is read, before any trigger: PostgreSQL names the type and the value, or the type only. An
-- enum has the name of its column; how large fps and confidence_threshold may be is said by their precision.

SELECT pg_temp.try('people_movements', 'movement_direction', 'up', false);
SELECT pg_temp.try('realtime_metrics', 'detection_status', 'asleep', false);
SELECT matches(pg_temp.outcome($$ UPDATE sessions SET status = 'paused' $$),
               '^22P02 invalid input value for enum session_status: "paused"', 'a status is known');
SELECT is(pg_temp.outcome('UPDATE sessions SET fps = 1e7'), '22003 numeric field overflow '
    'A field with precision 8, scale 2 must round to an absolute value less than 10^6.', 'more frames than fps can hold');
SELECT is(pg_temp.outcome('UPDATE sessions SET confidence_threshold = 10'), '22003 numeric field overflow '
    'A field with precision 3, scale 2 must round to an absolute value less than 10^1.', 'a confidence of ten');
SELECT is(pg_temp.outcome($$ UPDATE sessions SET fps = 'Infinity' $$), '22003 numeric field overflow '
    'A field with precision 8, scale 2 cannot hold an infinite value.', 'infinitely many frames');
SELECT is(pg_temp.outcome($$ UPDATE people_movements SET centroid_x = '1e39' $$), '22003 "1e39" is out of range for type real',
          'a coordinate beyond its type');
SELECT is(pg_temp.outcome($$ UPDATE people_movements SET person_id = '2147483648' $$),
          '22003 value "2147483648" is out of range for type integer', 'a person beyond its type');

SELECT is(pg_temp.outcome($$ INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time)
                             SELECT id, 1, 'out', '2024-05-02' FROM sessions, generate_series(1, 100) $$), NULL,
          'exits that find nobody are never refused');

-- Rules and settings that contradict themselves

SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES ('unheard_of', 1) $$, '23502',
                 'threshold "unheard_of" does not say what it compares', 'a name that implies nothing');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, clear_value) VALUES ('fps_low', 15, 14) $$,
                 '23514', NULL, 'clear_value is not below a threshold that fires below');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, clear_value)
                    VALUES ('cpu_usage_high', 90, 91) $$, '23514', NULL, 'nor above one that fires above');
SELECT throws_ok(format('UPDATE alert_thresholds SET %I = %L', col, val), '23514', NULL, col || ' is not ' || val)
  FROM (VALUES ('hold_for', '-1 second'), ('keep_firing_for', '-1 second'), ('repeat_interval', '0')) AS v (col, val);
SELECT throws_ok(format('INSERT INTO system_config (config_key, config_value, config_type) VALUES (''k'', %L, %L)', val, kind),
                 '22023', format('config_value "%s" of "k" is not of type %s', val, kind), format('%s is no %s', val, kind))
  FROM (VALUES ('1.5', 'integer'), ('x', 'integer'), ('NaN', 'number'), ('1,5', 'number'), ('maybe', 'boolean'),
               ('{', 'json'), ('Mars/Olympus', 'time_zone')) AS v (val, kind);

SELECT throws_matching(format('%s %I%s', verb, t, rest), t, format('%s %s is for the extension only', verb, t))
  FROM unnest('{session_statistics,hourly_statistics,daily_statistics}'::text[]) AS t,
       (VALUES ('INSERT INTO', ' DEFAULT VALUES'), ('UPDATE', ' SET exits_absorbed = 1'), ('DELETE FROM', ''),
               ('TRUNCATE', '')) AS v (verb, rest);
SELECT is_empty('SELECT * FROM verify_statistics()', 'what was refused left nothing behind');

SELECT * FROM finish();
ROLLBACK;
