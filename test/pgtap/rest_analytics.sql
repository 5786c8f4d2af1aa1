-- The API's statistics, its summary, its health and its figures for Prometheus.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(53);

SELECT is(get('reader', 'get_hourly_analytics')::jsonb, '{"analytics": [], "period_hours": 24}', 'no hours');
SELECT is(get('reader', 'get_daily_analytics')::jsonb, '{"analytics": [], "period_days": 30}', 'no days');
SELECT is(get('reader', 'dashboard_summary')::jsonb - 'timestamp',
    '{"active_sessions": 0, "sessions_today": 0, "people_entered_today": 0, "people_exited_today": 0, "recent_movements": 0}',
          'nothing: zero is 0');

-- Two sessions; a movement at the beginning of every hour of ten days, the last one of this hour.
INSERT INTO sessions (id, session_name, start_time, time_zone, status) VALUES (s(1)::uuid, 'one', now() - interval '11 days', 'UTC',
    'active'),
    (s(2)::uuid, 'two', now() - interval '400 days', 'UTC', 'completed'), (s(3)::uuid, 'three', now(), 'UTC', 'active');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
SELECT s(1)::uuid, date_trunc('hour', now()) - n * interval '1 hour', n, 'in'::movement_direction, 0.5 FROM generate_series(0, 239) n
UNION ALL SELECT s(2)::uuid, date_trunc('hour', now()) - n * interval '10 days', n, 'out', NULL FROM generate_series(0, 40) n;
SELECT is(shape(a), 'analytics array, period_hours number', 'hours') FROM CAST(get('reader', 'get_hourly_analytics') AS json) AS a;
SELECT is(shape(e), 'session_id string, hour_timestamp string, people_entered number, people_exited number, peak_people_count number, average_people_count '
          || json_typeof(e -> 'average_people_count') || ', total_detections number, detection_accuracy number', 'an hour')
  FROM CAST(get('reader', 'get_hourly_analytics', quote_literal(s(1))) AS json) AS a, CAST(a -> 'analytics' -> 0 AS json) AS e;
SELECT is(e ->> 'people_exited' || ' ' || (e ->> 'people_entered') || ' ' || (e ->> 'hour_timestamp'), '0 1 '
    || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00+00:00'), 'the newest first, with an offset')
  FROM CAST(get('reader', 'get_hourly_analytics', quote_literal(s(1))) AS json) AS a, CAST(a -> 'analytics' -> 0 AS json) AS e;
-- An hour is within the last n if it began within them: the whole hours behind the present one.
SELECT is(json_array_length(a -> 'analytics') - (date_trunc('hour', now()) = now())::integer, expected, name)
  FROM (VALUES (quote_literal(s(1)), 24, 'a day'), (format('%L, ''1''', s(1)), 1, 'one hour'), (format('%L, ''168''', s(1)), 168, 'a week'),
      (format('%L, ''''', s(1)), 24, 'empty is not given'),
               (format('%L, ''24''', s(2)), 1, 'of another session')) AS v(parameters, expected, name)
 CROSS JOIN LATERAL CAST(get('reader', 'get_hourly_analytics', parameters) AS json) AS a;
SELECT is((SELECT count(DISTINCT e ->> 'session_id') FROM json_array_elements(get('reader', 'get_hourly_analytics',
    '''''')::json -> 'analytics') AS e), 2::bigint, 'of all sessions');
SELECT is(shape(e), 'session_id string, date_timestamp string, total_people_entered number, total_people_exited number, peak_people_count number, average_people_count '
          || json_typeof(e -> 'average_people_count')
              || ', total_detections number, total_session_duration number, detection_accuracy number', 'a day')
  FROM CAST(get('reader', 'get_daily_analytics', quote_literal(s(1))) AS json) AS a, CAST(a -> 'analytics' -> 0 AS json) AS e;
UPDATE system_config SET config_value = 'UTC' WHERE config_key = 'default_time_zone';
SELECT is(json_array_length(get('reader', 'get_daily_analytics', parameters)::json -> 'analytics'), expected, name)
  FROM (VALUES (format('%L, ''1''', s(1)), 1, 'today'), (format('%L, ''7''', s(1)), 7, 'a week'), (quote_literal(s(2)), 3,
      'every tenth of thirty'), (format('%L, ''365''', s(2)), 37, 'a year')) AS v(parameters, expected, name);
SELECT is(get('reader', 'get_daily_analytics', quote_literal(s(1)))::json #>> '{analytics,0,date_timestamp}',
    (now() AT TIME ZONE 'UTC')::date::text, 'a date is a date');
SELECT matches(get('reader', function, quote_literal(id) || ', ' || quote_literal(value)), '^22023 ' || name || ' "', function || ' '
    || name || ' ' || value)
  FROM (VALUES ('get_hourly_analytics', 'hours', '', '0'), ('get_hourly_analytics', 'hours', '', '169'), ('get_hourly_analytics', 'hours',
      '', '-1'), ('get_hourly_analytics', 'hours', '', '1.5'),
               ('get_daily_analytics', 'days', '', '0'), ('get_daily_analytics', 'days', '', '366'), ('get_daily_analytics', 'days', '',
                   'x'), ('get_daily_analytics', 'session_id', 'x', ''),
               ('get_hourly_analytics', 'session_id', ''' OR 1=1 --', '')) AS v(function, name, id, value);
SELECT matches(get('reader', 'get_hourly_analytics', quote_literal(s(99))), '^PT404 ', 'hours of no session');

-- An hour that the clocks repeat is there twice, each with its offset; a day without an hour is one.
INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES (s(4)::uuid, 'Berlin', '2024-10-26', 'Europe/Berlin');
SELECT post('operator', 'record_movements', '[{"person_id": 1, "movement_direction": "in", "movement_time": "2024-10-27T02:30:00+02:00"},
    {"person_id": 2, "movement_direction": "in", "movement_time": "2024-10-27T02:30:00"}, {"person_id": 3, "movement_direction": "in", "movement_time": "2024-03-31T02:30:00"}]',
        s(4));
SELECT is(request('reader', 'GET',
    format('SELECT string_agg(concat_ws('' '', local_hour, hour_timestamp AT TIME ZONE ''UTC'', people_entered), '', '' ORDER BY hour_timestamp) '
          'FROM people_counter_api.hourly_analytics WHERE session_id = %L', s(4))),
          '2024-03-31 03:00:00 2024-03-31 01:00:00 1, 2024-10-27 02:00:00 2024-10-27 00:00:00 1, 2024-10-27 02:00:00 2024-10-27 01:00:00 1',
              'hours when the clocks change');
DELETE FROM sessions WHERE id::text = s(4);

-- Today

SELECT is(shape(get('reader', 'dashboard_summary')::json),
    'active_sessions number, sessions_today number, people_entered_today number, people_exited_today number, recent_movements number, timestamp string',
    'the summary');
SELECT is(ROW (a ->> 'active_sessions', a ->> 'sessions_today', a ->> 'people_entered_today', a ->> 'people_exited_today',
    a ->> 'recent_movements')::text,
          ROW (2, 1, extract(hour FROM now()) + 1, 1, 2 + (date_trunc('hour', now()) = now())::integer)::text,
              'active sessions, those of today, people of today''s movements, movements of the last hour')
  FROM CAST(get('reader', 'dashboard_summary') AS json) AS a;
-- A zone where it is another hour: the day began at another time.
UPDATE system_config SET config_value = 'Pacific/Kiritimati' WHERE config_key = 'default_time_zone';
SELECT is(get('reader', 'dashboard_summary')::json ->> 'people_entered_today', (extract(hour
    FROM now() AT TIME ZONE 'Pacific/Kiritimati') + 1)::text, 'today in the configured zone');
UPDATE system_config SET config_value = 'Etc/GMT+12' WHERE config_key = 'default_time_zone';
SELECT is(get('reader', 'dashboard_summary')::json ->> 'people_entered_today', (extract(hour
    FROM now() AT TIME ZONE 'Etc/GMT+12') + 1)::text, 'at the other end of the world');
SELECT is((get('reader', 'dashboard_summary')::json ->> 'timestamp')::timestamptz, now(), 'now');

-- What the dashboard goes by

SELECT is(get('reader', 'dashboard_settings')::jsonb, '{"refresh_seconds": 5, "silent_minutes": 15, "nearly_full_percent": 80}', 'as shipped');
UPDATE system_config SET config_value = '2' WHERE config_key = 'dashboard_refresh_interval';
INSERT INTO system_config (config_key, config_value, config_type) VALUES
    ('dashboard_silent_minutes', '7.5', 'number'), ('dashboard_nearly_full_percent', 'many', 'string');
SELECT is(get('reader', 'dashboard_settings')::jsonb, '{"refresh_seconds": 2, "silent_minutes": 7.5, "nearly_full_percent": 80}', 'what is no number is not taken');
UPDATE system_config SET is_active = false;
SELECT is(get('reader', 'dashboard_settings')::jsonb, '{"refresh_seconds": 5, "silent_minutes": 15, "nearly_full_percent": 80}', 'what is switched off is not taken');
UPDATE system_config SET is_active = true;

-- Health

SELECT is(shape(a), 'status string, timestamp string', 'health') FROM CAST(get('anonymous', 'health') AS json) AS a;
SELECT is(get('anonymous', 'health')::json ->> 'status', 'healthy', 'is well');
SELECT is(shape(a), 'status string, timestamp string, database object, extension_version string, alert_worker object, delivery_backlog number',
    'health in detail')
  FROM CAST(get('reader', 'health_detailed') AS json) AS a;
SELECT is(shape(a -> 'database'),
    'version string, active_connections number, database_size number, pool_size null, host string, port number, database string, in_recovery boolean',
    'of the database')
  FROM CAST(get('reader', 'health_detailed') AS json) AS a;
SELECT set_config('app.settings.db_pool', '17', true);
SELECT is(ROW (a #>> '{database,pool_size}', a #>> '{database,database}', a ->> 'extension_version', a #>> '{alert_worker,state}')::text,
          ROW (17, current_database(), (SELECT extversion FROM pg_extension WHERE extname = 'people_counter'), (SELECT state
              FROM alert_worker_status))::text, 'what it says')
  FROM CAST(get('reader', 'health_detailed') AS json) AS a;
SELECT is(shape(a -> 'alert_worker'), 'state string, last_evaluation null, backlog number, errors number', 'of the alert worker')
    FROM CAST(get('reader', 'health_detailed') AS json) AS a;

-- Prometheus

UPDATE sessions SET session_name = E'a "b" \\ c\nd {e="f"} 🚪' WHERE id::text = s(1);
CREATE TEMP TABLE lines AS SELECT n, line FROM regexp_split_to_table(request('reader', 'GET',
    'SELECT people_counter_api.prometheus_metrics()::text'), E'\n') WITH ORDINALITY AS l(line, n);
SELECT is((SELECT line FROM lines ORDER BY n DESC LIMIT 1), '', 'the last line has an end');
SELECT is_empty($$ SELECT line FROM lines WHERE line <> '' AND line !~ '^# (HELP|TYPE) [a-z_]+ [^ ].*$'
                      AND line !~ '^[a-z_]+(\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\})? -?[0-9.]+$' $$,
                          'every line is of the format');
SELECT is((SELECT count(*) FROM lines WHERE line LIKE '# HELP%'), (SELECT count(*) FROM lines WHERE line LIKE '# TYPE%'),
    'each figure has a type');
SELECT is_empty($$ SELECT name FROM (SELECT n, split_part(split_part(line, '{', 1), ' ', 1) AS name FROM lines WHERE line ~ '^[a-z]') AS l
                    WHERE NOT EXISTS (SELECT FROM lines h WHERE h.n < l.n AND h.line LIKE '# TYPE ' || l.name || ' %') $$, 'ahead of it');
SELECT is((SELECT count(DISTINCT split_part(line, ' ', 1)) FROM lines WHERE line ~ '^[a-z]'), (SELECT count(split_part(line, ' ', 1))
    FROM lines WHERE line ~ '^[a-z]'), 'none is there twice');
SELECT is((SELECT count(*) FROM lines WHERE line = v), 1::bigint, v) FROM unnest(ARRAY['people_counter_movements_total{direction="in"} 240',
    'people_counter_movements_total{direction="out"} 41',
    'people_counter_sessions{status="active"} 2', 'people_counter_alerts_open{severity="critical"} 0',
    format('people_counter_people_inside{session_id="%s",session_name="a \"b\" \\ c\nd {e=\"f\"} 🚪"} 240', s(1))]) AS v;

SELECT * FROM finish();
ROLLBACK;
