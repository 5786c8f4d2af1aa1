-- Values that nobody can have meant are refused, and the error names the column and the value. No count ever is.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SELECT no_plan();

INSERT INTO sessions (id, session_name) VALUES ('00000000-0000-7000-8000-0000000000aa', 's');

-- column, value, and whether it may be stored; each is tried by INSERT and by UPDATE
CREATE FUNCTION pg_temp.try(target text, col text, val text, fits boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    inserted text := CASE target
        WHEN 'sessions' THEN format('INSERT INTO sessions (%s) VALUES (%L)', quote_ident(col), val)
        WHEN 'people_movements' THEN
            CASE WHEN col = 'movement_time'
                 THEN format('INSERT INTO people_movements (session_id, person_id, movement_direction, %s)
                              VALUES (''00000000-0000-7000-8000-0000000000aa'', 1, ''in'', %L)', quote_ident(col), val)
                 ELSE format('INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, %s)
                              VALUES (''00000000-0000-7000-8000-0000000000aa'', ''2024-05-01'', 1, ''in'', %L)', quote_ident(col), val)
            END
        ELSE format('INSERT INTO %I (session_id, %s) VALUES (''00000000-0000-7000-8000-0000000000aa'', %L)',
                    target, quote_ident(col), val) END;
    updated text := format('UPDATE %I SET %s = %L WHERE %s = ''00000000-0000-7000-8000-0000000000aa''',
                           target, quote_ident(col), val, CASE target WHEN 'sessions' THEN 'id' ELSE 'session_id' END);
    named text := CASE WHEN length(val) > 100 THEN col ELSE format('%s.*%s', replace(col, '_', '.'), val) END;
BEGIN
    IF fits THEN
        RETURN NEXT lives_ok(inserted, format('%s.%s may be %s', target, col, left(val, 20)));
        RETURN NEXT lives_ok(updated, format('%s.%s may become %s', target, col, left(val, 20)));
    ELSE
        RETURN NEXT throws_matching(inserted, named, format('%s.%s may not be %s', target, col, left(val, 20)));
        RETURN NEXT throws_matching(updated, named, format('%s.%s may not become %s', target, col, left(val, 20)));
    END IF;
END
$$;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01', 1, 'in');
INSERT INTO realtime_metrics (session_id, "timestamp") VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01');
INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01');

SELECT pg_temp.try('sessions', col, val, fits) FROM (VALUES
    ('session_name', repeat('x', 256), false),
    ('session_name', repeat('ế', 255), true),
    ('input_source', repeat('x', 501), false),
    ('input_source', repeat('x', 500), true),
    ('output_path', repeat('x', 501), false),
    ('start_time', 'infinity', false),
    ('start_time', '-infinity', false),
    ('end_time', 'infinity', false),
    ('duration_seconds', '-1', false),
    ('duration_seconds', '0', true),
    ('fps', '-5', false),
    ('fps', '0.01', true),
    ('confidence_threshold', '1.01', false),
    ('confidence_threshold', '-0.01', false),
    ('confidence_threshold', '1', true),
    ('time_zone', 'Mars/Olympus', false),
    ('time_zone', 'Australia/Lord_Howe', true),
    ('day_start', '04:30:00', false),
    ('day_start', '04:00', true),
    ('capacity', '-1', false),
    ('capacity', '0', true),
    ('false_positives', '-1', false),
    ('false_negatives', '-1', false)) AS v (col, val, fits);

SELECT pg_temp.try('people_movements', col, val, fits) FROM (VALUES
    ('confidence_score', '1.5', false),
    ('confidence_score', '-0.5', false),
    ('confidence_score', 'NaN', false),
    ('confidence_score', '0', true),
    ('confidence_score', '1', true),
    ('centroid_x', 'Infinity', false),
    ('centroid_y', 'NaN', false),
    ('centroid_x', '-3.5', true),
    ('bounding_box_x1', 'NaN', false),
    ('bounding_box_y2', '-Infinity', false),
    ('movement_time', 'infinity', false),
    ('movement_time', '-infinity', false)) AS v (col, val, fits);
SELECT throws_ok($$ INSERT INTO people_movements (session_id, person_id, movement_direction)
                    VALUES ('00000000-0000-7000-8000-0000000000ff', 1, 'in') $$, '23503', NULL, 'no movement without its session');
SELECT throws_ok($$ INSERT INTO people_movements (session_id, person_id, movement_direction)
                    VALUES ('00000000-0000-7000-8000-0000000000aa', 1, 'up') $$, '22P02', NULL, 'a direction is in or out');
SELECT lives_ok($$ INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time)
                   SELECT '00000000-0000-7000-8000-0000000000aa', 1, 'out', '2024-05-02' FROM generate_series(1, 100) $$,
                'exits that find nobody are never refused');

SELECT pg_temp.try('realtime_metrics', col, val, fits) FROM (VALUES
    ('current_people_count', '-1', false),
    ('people_entered_last_minute', '-1', false),
    ('people_exited_last_minute', '-1', false),
    ('current_people_count', '0', true),
    ('fps_current', '0', false),
    ('fps_current', 'NaN', false),
    ('fps_current', '29.97', true),
    ('cpu_usage_percentage', '100.5', false),
    ('cpu_usage_percentage', '-1', false),
    ('cpu_usage_percentage', '100', true),
    ('memory_usage_mb', '-1', false),
    ('memory_usage_mb', '512', true),
    ('processing_latency_ms', 'NaN', false),
    ('timestamp', 'infinity', false)) AS v (col, val, fits);

SELECT pg_temp.try('occupancy_baselines', col, val, fits) FROM (VALUES
    ('people_count', '-1', false),
    ('people_count', '12', true)) AS v (col, val, fits);
SELECT throws_matching($$ INSERT INTO occupancy_baselines (session_id, baseline_time)
                          VALUES ('00000000-0000-7000-8000-0000000000aa', 'infinity') $$, 'baseline_time.*infinity',
                       'a baseline has a time');
SELECT throws_ok($$ INSERT INTO occupancy_baselines (session_id, kind) VALUES ('00000000-0000-7000-8000-0000000000aa', 'x') $$,
                 '23514', NULL, 'a baseline has a known kind');

SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES ('unheard_of', 1) $$, '23502',
                 'threshold "unheard_of" does not say what it compares', 'a name that implies nothing');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, metric, comparison)
                    VALUES ('x', 1, 'phase_of_the_moon', 'above') $$, '23514', NULL, 'a metric that is not known');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES ('fps_low', 'NaN') $$, '23514', NULL,
                 'a threshold is a number');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value) VALUES ('fps_low', 'Infinity') $$, '23514',
                 NULL, 'and a finite one');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, clear_value) VALUES ('fps_low', 15, 14) $$,
                 '23514', NULL, 'clear_value is not below a threshold that fires below');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, clear_value)
                    VALUES ('cpu_usage_high', 90, 91) $$, '23514', NULL, 'nor above one that fires above');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, hold_for)
                    VALUES ('cpu_usage_high', 90, '-1 second') $$, '23514', NULL, 'no interval is negative');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_name, threshold_value, severity)
                    VALUES ('cpu_usage_high', 90, 'dire') $$, '23514', NULL, 'a severity is known');
SELECT throws_ok($$ INSERT INTO alert_thresholds (threshold_value) VALUES (1) $$, '23502', NULL, 'a threshold has a name');

SELECT throws_ok(format('INSERT INTO system_config (config_key, config_value, config_type) VALUES (''k'', %L, %L)', val, kind),
                 '22023', format('config_value "%s" of "k" is not of type %s', val, kind), format('%s is no %s', val, kind))
  FROM (VALUES ('1.5', 'integer'), ('x', 'integer'), ('NaN', 'number'), ('1,5', 'number'), ('maybe', 'boolean'),
               ('{', 'json'), ('Mars/Olympus', 'time_zone')) AS v (val, kind);
SELECT throws_ok($$ INSERT INTO system_config (config_key, config_type) VALUES ('k', 'colour') $$, '23514', NULL,
                 'a type of setting is known');

SELECT throws_matching(format('%s %I%s', verb, t, rest), t, format('%s %s is for the extension only', verb, t))
  FROM unnest('{session_statistics,hourly_statistics,daily_statistics}'::text[]) AS t,
       (VALUES ('INSERT INTO', ' DEFAULT VALUES'), ('UPDATE', ' SET exits_absorbed = 1'), ('DELETE FROM', ''),
               ('TRUNCATE', '')) AS v (verb, rest);
SELECT is_empty('SELECT * FROM verify_statistics()', 'what was refused left nothing behind');

SELECT * FROM finish();
ROLLBACK;
