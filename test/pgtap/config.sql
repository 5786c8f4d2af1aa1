-- The life of shipped rows: what is changed, deleted, renamed or made again stays so through dump and restore.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SELECT plan(40);

-- What a dump takes along.
CREATE VIEW pg_temp.dumped_config AS SELECT * FROM system_config WHERE origin <> 'shipped';
CREATE VIEW pg_temp.dumped_thresholds AS SELECT * FROM alert_thresholds WHERE origin <> 'shipped';

SELECT is((SELECT count(*) FROM system_config WHERE origin = 'shipped'), 15::bigint, 'settings are shipped');
SELECT results_eq(
    $$ SELECT threshold_name::text, threshold_value, metric, comparison FROM alert_thresholds
        WHERE origin = 'shipped' ORDER BY id $$,
    $$ VALUES ('max_people_count', 50::float8, 'current_people_inside', 'above'),
              ('min_people_count', 0, 'current_people_inside', 'below'),
              ('detection_accuracy_low', 80, 'detection_accuracy', 'below'),
              ('fps_low', 15, 'fps_current', 'below'),
              ('cpu_usage_high', 90, 'cpu_usage_percentage', 'above'),
              ('memory_usage_high', 80, 'memory_usage_mb', 'above') $$,
    'thresholds are shipped');
SELECT is_empty($$ TABLE removed_defaults $$, 'nothing was removed');
SELECT is_empty($$ TABLE pg_temp.dumped_config $$, 'pristine settings are not dumped');

-- A change
UPDATE system_config SET config_value = config_value, updated_at = updated_at WHERE config_key = 'data_retention_days';
SELECT is((SELECT origin FROM system_config WHERE config_key = 'data_retention_days'),
          'shipped', 'an update that changes nothing leaves a row pristine');
UPDATE system_config SET config_value = '30', updated_at = '2001-01-01' WHERE config_key = 'data_retention_days';
SELECT is((SELECT origin FROM system_config WHERE config_key = 'data_retention_days'),
          'changed', 'a changed default is dumped');
SELECT ok((SELECT updated_at BETWEEN now() AND clock_timestamp() FROM system_config WHERE config_key = 'data_retention_days'),
          'updated_at is kept by the extension');
UPDATE system_config SET origin = 'shipped' WHERE config_key = 'data_retention_days';
SELECT is((SELECT origin FROM system_config WHERE config_key = 'data_retention_days'),
          'changed', 'origin cannot be set back');

-- A row of the user
INSERT INTO system_config (config_key, config_value, origin) VALUES ('mine', 'x', 'shipped');
SELECT is((SELECT origin FROM system_config WHERE config_key = 'mine'),
          'user', 'an inserted row is the user''s, whatever it says');
SELECT throws_ok($$ INSERT INTO system_config (config_key, config_value) VALUES ('max_sessions_display', '1') $$, '23505',
                 NULL, 'a key that exists is refused');
INSERT INTO system_config (config_key, config_value) VALUES ('max_sessions_display', '7')
    ON CONFLICT (config_key) DO UPDATE SET config_value = excluded.config_value;
SELECT results_eq($$ SELECT config_value, origin FROM system_config WHERE config_key = 'max_sessions_display' $$,
                  $$ VALUES ('7', 'changed') $$, 'an upsert of a default changes it');
DELETE FROM system_config WHERE config_key = 'mine';
SELECT is_empty($$ TABLE removed_defaults $$, 'deleting a row of the user leaves no note');

-- Removal, and a row made again
DELETE FROM system_config WHERE config_key IN ('dashboard_refresh_interval', 'max_sessions_display');
SELECT set_eq($$ SELECT table_name, key FROM removed_defaults $$,
              $$ VALUES ('system_config', 'dashboard_refresh_interval'), ('system_config', 'max_sessions_display') $$,
              'removed defaults are remembered, pristine or changed');
INSERT INTO system_config (config_key, config_value) VALUES ('max_sessions_display', '8');
SELECT is((SELECT origin FROM system_config WHERE config_key = 'max_sessions_display'),
          'changed', 'a default made again is a changed one');
SELECT set_eq($$ SELECT key FROM removed_defaults $$, ARRAY['dashboard_refresh_interval'], 'and no longer a removed one');

-- Another key
UPDATE system_config SET config_key = 'renamed' WHERE config_key = 'default_skip_frames';
SELECT is((SELECT origin FROM system_config WHERE config_key = 'renamed'),
          'user', 'a default under another key is the user''s');
SELECT ok(EXISTS (SELECT FROM removed_defaults WHERE key = 'default_skip_frames'), 'and the default is removed');
UPDATE system_config SET config_key = 'default_skip_frames' WHERE config_key = 'renamed';
SELECT is((SELECT origin FROM system_config WHERE config_key = 'default_skip_frames'),
          'changed', 'under its own key again it is a changed default');
SELECT ok(NOT EXISTS (SELECT FROM removed_defaults WHERE key = 'default_skip_frames'), 'and not a removed one');

-- A restore meets the pristine rows of CREATE EXTENSION.
INSERT INTO system_config VALUES
    ('default_time_zone', 'Asia/Ho_Chi_Minh', 'time_zone', 'ours', true, '2020-01-01 00:00+00', '2021-01-01 00:00+00', 'changed');
SELECT results_eq($$ SELECT config_value, origin, updated_at FROM system_config WHERE config_key = 'default_time_zone' $$,
                  $$ VALUES ('Asia/Ho_Chi_Minh', 'changed', timestamptz '2021-01-01 00:00+00') $$,
                  'a restored change takes the place of the pristine row, times included');
SELECT is(default_time_zone(), 'Asia/Ho_Chi_Minh', 'a new session would take its zone from there');
SELECT throws_ok($$ INSERT INTO system_config (config_key, origin) VALUES ('default_time_zone', 'changed') $$, '23505', NULL,
                 'but a row that was changed here is not replaced');
INSERT INTO system_config (config_key, config_value, origin) VALUES ('of_another_version', '1', 'changed');
SELECT is((SELECT origin FROM system_config WHERE config_key = 'of_another_version'),
          'changed', 'a restored change of a default that this version does not ship is kept');
INSERT INTO removed_defaults VALUES ('system_config', 'default_max_distance', '2020-01-01 00:00+00');
SELECT ok(NOT EXISTS (SELECT FROM system_config WHERE config_key = 'default_max_distance'),
          'a restored note removes the pristine row');
SELECT is((SELECT removed_at FROM removed_defaults WHERE key = 'default_max_distance'),
          timestamptz '2020-01-01 00:00+00', 'and keeps its time');
INSERT INTO removed_defaults VALUES ('system_config', 'default_time_zone');
SELECT is(default_time_zone(), 'Asia/Ho_Chi_Minh', 'but no row that was changed');
DELETE FROM removed_defaults WHERE key = 'default_time_zone';
UPDATE system_config SET is_active = false WHERE config_key = 'default_time_zone';
SELECT is(default_time_zone(), 'UTC', 'an inactive setting is not there');

SELECT throws_ok(format('UPDATE system_config SET config_value = %L WHERE config_key = ''default_time_zone''', zone), '22023',
                 format('config_value "%s" of "default_time_zone" is not of type time_zone', zone),
                 zone || ', which no session can have, is no default either')
  FROM unnest('{BST,CET}'::text[]) AS zone;

-- The same for thresholds, to which logs point.
INSERT INTO sessions (id, session_name) VALUES ('00000000-0000-7000-8000-0000000000aa', 'with alerts');
INSERT INTO alert_logs (session_id, threshold_id, alert_type)
SELECT '00000000-0000-7000-8000-0000000000aa', id, threshold_name FROM alert_thresholds;
INSERT INTO alert_thresholds (id, threshold_name, threshold_value, metric, comparison, severity, origin) VALUES
    ('00000000-0000-7000-8000-000000000001', 'max_people_count', 70, 'current_people_inside', 'above', 'critical', 'changed');
SELECT results_eq($$ SELECT threshold_value, severity, origin FROM alert_thresholds
                      WHERE id = '00000000-0000-7000-8000-000000000001' $$,
                  $$ VALUES (70::float8, 'critical', 'changed') $$, 'a restored threshold takes the place of the pristine one');
SELECT is((SELECT count(*) FROM alert_logs WHERE threshold_id IS NOT NULL), 6::bigint, 'logs still point to it');
DELETE FROM alert_thresholds WHERE threshold_name = 'fps_low';
SELECT ok(EXISTS (SELECT FROM removed_defaults
                   WHERE (table_name, key) = ('alert_thresholds', '00000000-0000-7000-8000-000000000004')),
          'a removed threshold is remembered by its id');
INSERT INTO removed_defaults VALUES ('alert_thresholds', '00000000-0000-7000-8000-000000000005'), ('alert_thresholds', 'no id');
SELECT is((SELECT count(*) FROM alert_thresholds WHERE threshold_name = 'cpu_usage_high'),
          0::bigint, 'a restored note removes the pristine threshold');
SELECT is((SELECT count(*) FROM alert_logs WHERE threshold_id IS NOT NULL),
          4::bigint, 'logs of removed thresholds stay');
SELECT is((SELECT count(*) FROM alert_logs), 6::bigint, 'all of them');
INSERT INTO alert_thresholds (id, session_id, threshold_name, threshold_value)
VALUES ('00000000-0000-7000-8000-0000000000bb', '00000000-0000-7000-8000-0000000000aa', 'fps_low', 12);
SELECT results_eq($$ SELECT metric, comparison, origin FROM alert_thresholds
                      WHERE id = '00000000-0000-7000-8000-0000000000bb' $$,
                  $$ VALUES ('fps_current', 'below', 'user') $$, 'a name and a value are enough');
INSERT INTO alert_thresholds (threshold_name, threshold_value, metric, comparison) VALUES ('slow', 500, 'processing_latency_ms', 'above');
SELECT is((SELECT count(*) FROM alert_thresholds WHERE threshold_name = 'slow'),
          1::bigint, 'another name says what it compares');
DELETE FROM sessions WHERE id = '00000000-0000-7000-8000-0000000000aa';
SELECT ok(NOT EXISTS (SELECT FROM removed_defaults WHERE key = '00000000-0000-7000-8000-0000000000bb'),
          'a rule that goes with its session leaves no note');

TRUNCATE system_config;
SELECT is((SELECT count(*) FROM removed_defaults WHERE table_name = 'system_config'),
          16::bigint, 'defaults that are truncated are remembered');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');

SELECT * FROM finish();
ROLLBACK;
