-- The API's views as PostgREST writes to them: an operator corrects and statistics follow; what is refused says what is wrong.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(46);
INSERT INTO sessions (id, session_name, start_time) VALUES (s(1)::uuid, 'one', now() - interval '1 day'), (s(2)::uuid, 'two',
    now() - interval '1 day');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) SELECT s(1)::uuid, now() - n * interval '1 minute',
    n, 'in' FROM generate_series(1, 10) n;
CREATE FUNCTION pg_temp.statistics() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', total_people_entered, total_people_exited, calculate_current_people_inside(session_id), (SELECT count(*)
        FROM verify_statistics()))
      FROM session_statistics WHERE session_id::text = s(1)
$$;
-- As PostgREST writes: with the body as JSON, and what was written as the answer.
CREATE FUNCTION pg_temp.insert(who text, target text, columns text, body text, rest text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT request(who, 'POST',
        format('WITH source AS (INSERT INTO people_counter_api.%1$I (%2$s) SELECT %2$s FROM json_populate_recordset(NULL::people_counter_api.%1$I, %3$L) %4$s RETURNING people_counter_api.%1$I.*)
                                        SELECT json_agg(source)::text FROM source', target, columns, body, rest))
$$;
CREATE FUNCTION pg_temp.change(who text, statement text) RETURNS text LANGUAGE sql AS $$ SELECT request(who, 'PATCH', statement) $$;

-- Movements

SELECT is(pg_temp.statistics(), '10 0 10 0', 'ten went in');
SELECT is(json_array_length(pg_temp.insert('operator', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%1$s", "person_id": 1, "movement_direction": "out"},
    {"session_id": "%1$s", "person_id": 2, "movement_direction": "out"}]', s(1)))::json), 2, 'two go out');
SELECT is(pg_temp.statistics(), '10 2 8 0', 'and are counted');
SELECT is(pg_temp.change('operator', 'UPDATE people_counter_api.people_movements SET movement_direction = ''out'' WHERE person_id = 3'),
    '1', 'an operator corrects a direction');
SELECT is(pg_temp.statistics(), '9 3 6 0', 'statistics follow');
SELECT is(pg_temp.change('operator',
    'UPDATE people_counter_api.people_movements SET movement_time = movement_time - interval ''3 hours'' WHERE person_id = 4'), '1',
    'a time');
SELECT is(pg_temp.change('operator', format('UPDATE people_counter_api.people_movements SET session_id = %L WHERE person_id = 5', s(2))),
    '1', 'a session');
SELECT is(pg_temp.statistics(), '8 3 5 0', 'they follow there, too');
SELECT is(pg_temp.change('operator', 'DELETE FROM people_counter_api.people_movements WHERE person_id IN (6, 7)'), '2',
    'an operator deletes');
SELECT is(pg_temp.statistics(), '6 3 3 0', 'and they follow');
SELECT matches(pg_temp.insert('operator', 'people_movements', 'session_id, person_id, movement_direction, confidence_score',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "in", "confidence_score": 7}]', s(1))),
               '^22003 confidence_score "7"', 'the bounds are those of the table');
SELECT matches(pg_temp.insert('operator', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "in"}]', s(99))), '^(23503|PT404) ', 'no such session');
SELECT matches(pg_temp.insert('operator', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "up"}]', s(1))), '^22P02 .*"up"', 'no such direction');
SELECT is(pg_temp.insert('operator', 'people_movements', 'session_id, movement_time, id, person_id, movement_direction',
    format('[{"session_id": "%s", "movement_time": "2024-01-01T00:00:00Z", "id": "00000000-0000-4000-8000-000000000001", "person_id": 1, "movement_direction": "in"}]',
        s(2)), 'ON CONFLICT DO NOTHING') ~ 'person_id', wanted, 'ignore-duplicates, ' || name)
  FROM (VALUES (true, 'the first'), (NULL, 'the second')) AS v(wanted, name);
-- A device: into its own sessions, and only into them.
INSERT INTO people_counter_rest.session_devices (session_id, device) VALUES (s(2)::uuid, 'door');
SELECT is(json_array_length(pg_temp.insert('device door', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "in"}]', s(2)))::json), 1, 'a device inserts');
SELECT matches(pg_temp.insert('device door', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "in"}]', s(1))), '^44000 ', 'not for another');
SELECT matches(pg_temp.insert('device door', 'people_movements', 'session_id, person_id, movement_direction',
    format('[{"session_id": "%s", "person_id": 1, "movement_direction": "in"}, {"session_id": "%s", "person_id": 1, "movement_direction": "in"}]',
    s(2), s(1))),
               '^44000 ', 'and not half of a batch');
SELECT is(json_array_length(pg_temp.insert('device door', 'realtime_metrics', 'session_id, current_people_count',
    format('[{"session_id": "%s", "current_people_count": 3}]', s(2)))::json), 1, 'a sample');
SELECT matches(pg_temp.insert('device door', 'realtime_metrics', 'session_id, current_people_count',
    format('[{"session_id": "%s", "current_people_count": 3}]', s(1))), '^44000 ', 'not for another');
SELECT is(pg_temp.change('operator', 'UPDATE people_counter_api.realtime_metrics SET current_people_count = 4'), '1',
    'an operator corrects a sample');
SELECT is(pg_temp.change('operator', 'DELETE FROM people_counter_api.realtime_metrics'), '1', 'and deletes it');

-- Sessions

SELECT is(json_typeof(pg_temp.insert('operator', 'sessions', 'session_name, time_zone',
    '[{"session_name": "three", "time_zone": "Asia/Ho_Chi_Minh"}]')::json #> '{0,id}'), 'string', 'an operator makes a session');
SELECT is(pg_temp.change('operator', 'UPDATE people_counter_api.sessions SET status = ''completed'' WHERE session_name = ''three'''), '1',
    'and ends it');
SELECT isnt((SELECT end_time FROM sessions WHERE session_name = 'three'), NULL, 'at a time');
SELECT matches(pg_temp.change('operator', 'DELETE FROM people_counter_api.sessions'), '^42501 ', 'an operator deletes none');
SELECT is(pg_temp.change('admin', 'DELETE FROM people_counter_api.sessions WHERE session_name = ''three'''), '1', 'an admin does');
SELECT matches(pg_temp.insert('operator', 'sessions', 'session_name, time_zone', '[{"session_name": "x", "time_zone": "Mars"}]'),
    '^22023 .*time_zone "Mars"', 'a zone that there is not');

-- Baselines

SELECT is(json_array_length(pg_temp.insert('operator', 'occupancy_baselines', 'session_id, people_count, note',
    format('[{"session_id": "%s", "people_count": 20, "note": "counted by hand"}]', s(1)))::json), 1,
    'an operator knows how many are inside');
SELECT is(pg_temp.statistics(), '6 3 20 0', 'so they are');
SELECT is(pg_temp.change('operator', 'UPDATE people_counter_api.occupancy_baselines SET people_count = 7'), '1', 'no, seven');
SELECT is(get('reader', 'get_session', quote_literal(s(1)))::json #>> '{statistics,current_people_inside}', '7', 'seven');
SELECT matches(pg_temp.change('operator', 'UPDATE people_counter_api.occupancy_baselines SET people_count = -1'),
    '^22003 people_count "-1"', 'never less than none');
SELECT is(pg_temp.change('operator', 'DELETE FROM people_counter_api.occupancy_baselines'), '1', 'it was wrong');
SELECT is(pg_temp.statistics(), '6 3 3 0', 'as before');

-- Thresholds, settings, channels

SELECT is(json_array_length(pg_temp.insert('operator', 'alert_thresholds', 'threshold_name, metric, comparison, threshold_value',
    '[{"threshold_name": "mine", "metric": "fps_current", "comparison": "below", "threshold_value": 5}]')::json), 1,
    'an operator makes a rule');
SELECT is(pg_temp.change('operator', 'UPDATE people_counter_api.alert_thresholds SET threshold_value = 6 WHERE threshold_name = ''mine'''),
    '1', 'changes it');
SELECT is(pg_temp.change('operator', 'DELETE FROM people_counter_api.alert_thresholds WHERE threshold_name = ''mine'''), '1',
    'and deletes it');
SELECT is(pg_temp.change('operator', 'DELETE FROM people_counter_api.alert_thresholds WHERE threshold_name = ''fps_low'''), '1',
    'also one that was shipped');
SELECT is((SELECT count(*) FROM removed_defaults WHERE table_name = 'alert_thresholds'), 1::bigint, 'which is remembered');
SELECT matches(pg_temp.change('operator', 'UPDATE people_counter_api.system_config SET config_value = ''x'''), '^42501 ',
    'settings are not an operator''s');
SELECT is(pg_temp.change('admin',
    'UPDATE people_counter_api.system_config SET config_value = ''Asia/Ho_Chi_Minh'' WHERE config_key = ''default_time_zone'''), '1',
    'but an admin''s');
SELECT matches(pg_temp.change('admin',
    'UPDATE people_counter_api.system_config SET config_value = ''Mars'' WHERE config_key = ''default_time_zone'''), '^22023 .*Mars',
    'who may not set anything');
SELECT is(json_array_length(pg_temp.insert('admin', 'alert_channels', 'channel_name, kind, url',
    '[{"channel_name": "hook", "kind": "webhook", "url": "http://127.0.0.1:1/"}]')::json), 1, 'an admin makes a channel');
SELECT request('admin', 'POST', 'SELECT people_counter_api.set_channel_secret(''hook'', ''signing_key'', ''secret'')');
SELECT is((SELECT signing_key FROM alert_channel_secrets), 'secret', 'and sets its secret');
SELECT matches(request('operator', 'POST', 'SELECT people_counter_api.send_test_alert(''hook'')'), '^42501 ',
    'an operator does not test it');

SELECT * FROM finish();
ROLLBACK;
