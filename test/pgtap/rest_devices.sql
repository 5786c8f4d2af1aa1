-- Devices: each sees and reports for its own sessions, and for it there are no others. By token and by key.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(92);

-- a makes session 1, b session 2, an operator session 3, which belongs to nobody.
SELECT matches(post(who, 'create_session', format('{"id": "%s", "session_name": "%s"}', s(n), who)), 'created', who || ' makes a session')
  FROM (VALUES (1, 'device a'), (2, 'device b'), (3, 'operator')) AS v(n, who);
SELECT set_eq('SELECT session_id::text, device FROM people_counter_rest.session_devices', format($$ VALUES (%L, 'a'), (%L, 'b') $$, s(1),
    s(2)), 'whose is whose');
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction)
SELECT s(n)::uuid, now() - interval '1 minute', ('00000000-0000-4000-8000-00000000000' || n)::uuid, n, 'in' FROM generate_series(1, 3) n;
INSERT INTO realtime_metrics (session_id, current_people_count) SELECT s(n)::uuid, n FROM generate_series(1, 3) n;
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) SELECT s(n)::uuid, now() - interval '1 hour', n
    FROM generate_series(1, 3) n;

-- Functions: another's session does not exist.
SELECT is(get('device a', name, quote_literal(s(n))), format('PT404 session "%s" does not exist. POST /sessions makes one.', s(n)),
    format('%s() of %s', name, what))
  FROM unnest('{get_session,list_movements,recent_metrics,get_hourly_analytics,get_daily_analytics}'::text[]) AS name
 CROSS JOIN (VALUES (2, 'another''s'), (3, 'nobody''s'), (99, 'none')) AS v(n, what);
SELECT is(post('device a', name, body, s(n)), format('PT404 session "%s" does not exist. POST /sessions makes one.', s(n)),
    format('%s() of %s', name, what))
  FROM (VALUES ('update_session', '{"fps": 1}'), ('record_movements', '{"person_id": 1, "movement_direction": "in"}'), ('record_movements',
      '[]'), ('record_metrics', '{}')) AS f(name, body)
 CROSS JOIN (VALUES (2, 'another''s'), (3, 'nobody''s'), (99, 'none')) AS v(n, what);
SELECT is((SELECT count(*) FROM people_movements) + (SELECT count(*) FROM realtime_metrics) + (SELECT count(*) FROM sessions
    WHERE fps IS NOT NULL), 6::bigint, 'and nothing was changed');
SELECT matches(get('device a', name, quote_literal(s(1))), '^\{', name || '() of its own')
  FROM unnest('{get_session,list_movements,recent_metrics,get_hourly_analytics,get_daily_analytics}'::text[]) AS name;
SELECT is(a ->> 'total' || ' ' || (a -> 'sessions' -> 0 ->> 'id'), '1 ' || s(1), 'a list of one') FROM CAST(get('device a',
    'list_sessions') AS json) AS a;
SELECT is((get('device a', 'list_sessions', 'session_status => ''completed''')::json ->> 'total'), '0', 'or none');
SELECT is((SELECT array_agg(DISTINCT e ->> 'session_id') FROM json_array_elements(get('device b', name)::json -> 'analytics') AS e),
    ARRAY[s(2)], name || '() of all are its own') FROM unnest('{get_hourly_analytics,get_daily_analytics}'::text[]) AS name;
SELECT is(get('device a', 'dashboard_summary')::jsonb - 'timestamp' - 'people_entered_today',
    '{"active_sessions": 1, "sessions_today": 1, "people_exited_today": 0, "recent_movements": 1}', 'the summary is of its own');
SELECT is(get('operator', 'dashboard_summary')::json ->> 'recent_movements', '3', 'an operator''s of all');

-- Views: the rows of its own sessions.
SELECT is(request('device a', 'GET', format('SELECT string_agg(DISTINCT %s::text, '' '') FROM people_counter_api.%s', col, name)), s(1),
    name || ' of its own')
  FROM (VALUES ('sessions', 'id'), ('people_movements', 'session_id'), ('realtime_metrics', 'session_id'), ('occupancy_baselines',
      'session_id'),
               ('session_statistics', 'session_id'), ('hourly_statistics', 'session_id'), ('daily_statistics', 'session_id'),
                   ('current_session_overview', 'id'),
               ('recent_movements', 'session_id'), ('hourly_analytics', 'session_id'), ('daily_analytics', 'session_id')) AS v(name, col);
SELECT is(request('reader', 'GET', format('SELECT count(DISTINCT %s) FROM people_counter_api.%s', col, name)), '3', name
    || ' of all, for a reader')
  FROM (VALUES ('sessions', 'id'), ('people_movements', 'session_id'), ('current_session_overview', 'id'), ('daily_analytics',
      'session_id')) AS v(name, col);
-- A function in a filter is not asked about rows that are not shown.
CREATE FUNCTION public.spy(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1::text <> s(1) THEN RAISE 'saw %',
    $1; END IF; RETURN true; END $$;
SELECT is(request('device a', 'GET', 'SELECT count(*) FROM people_counter_api.people_movements WHERE public.spy(session_id)'), '1',
    'not even behind the scenes');
SELECT matches(request('device a', 'POST', format('INSERT INTO people_counter_api.%s VALUES (%L%s)', name, s(n), rest)), expected,
    format('INSERT into %s of session %s', name, n))
  FROM (VALUES ('people_movements (session_id, person_id, movement_direction)', ', 5, ''in'''), ('realtime_metrics (session_id)',
      '')) AS t(name, rest)
 CROSS JOIN (VALUES (1, '^1$'), (2, '^44000 '), (3, '^44000 '), (99, '^44000 ')) AS v(n, expected);
SELECT matches(request('device a', 'POST', statement), '^42501 ', left(statement, 50))
  FROM (VALUES ('INSERT INTO people_counter_api.sessions (session_name) VALUES (''x'')'),
      ('UPDATE people_counter_api.people_movements SET person_id = 1'),
               ('DELETE FROM people_counter_api.people_movements'),
                   ('INSERT INTO people_counter_api.session_devices VALUES (gen_random_uuid(), ''a'')')) AS v(statement);

-- A token without sub, and with one that means nothing.
SELECT is(post('device', 'create_session', '{}'),
    '42501 the token names no device. A token of role people_counter_device has the device in its claim sub.',
    'a device without a name makes no session');
SELECT is(get('device', 'list_sessions')::json ->> 'total', '0', 'and sees none');
SELECT matches(get('device', 'get_session', quote_literal(s(3))), '^PT404', 'also not those of nobody');
SELECT is(get('device A', 'list_sessions')::json ->> 'total', '0', 'names are told apart by case');
SELECT is(get(format('device %s', v), 'list_sessions')::json ->> 'total', '0', 'device ' || v) FROM unnest(ARRAY['''OR/**/1=1--', '%', 'a%',
    '"a"', '🚪']) AS v;
SELECT is(post('reader a', 'record_movements', '[]', s(1)) ~ '^42501', true, 'a reader with the same sub is no device');

-- An operator gives a session to a device, and takes it away.
SELECT is(request('operator', 'POST', format('INSERT INTO people_counter_api.session_devices (session_id, device) VALUES (%L, ''a'')',
    s(3))), '1', 'a session is given to a device');
SELECT is(get('device a', 'list_sessions')::json ->> 'total', '2', 'which sees it');
SELECT matches(post('device a', 'record_movements', '{"person_id": 1, "movement_direction": "in"}', s(3)), 'recorded',
    'and reports for it');
SELECT is(request('operator', 'POST', format('UPDATE people_counter_api.session_devices SET device = ''b'' WHERE session_id = %L', s(3))),
    '1', 'it is given to another');
SELECT matches(post('device a', 'record_movements', '{"person_id": 1, "movement_direction": "in"}', s(3)), '^PT404',
    'the first has it no more');
SELECT is(request('operator', 'POST', format('DELETE FROM people_counter_api.session_devices WHERE session_id = %L', s(3))), '1',
    'it is taken away');
SELECT is(get('device b', 'list_sessions')::json ->> 'total', '1', 'and gone');
SELECT matches(request('operator', 'POST', format('INSERT INTO people_counter_api.session_devices VALUES (%L, ''a'')', s(99))), '^23503 ',
    'a session that there is not');
SELECT matches(request('operator', 'POST', format('INSERT INTO people_counter_api.session_devices VALUES (%L, '''')', s(3))), '^23514 ',
    'a device without a name');
SELECT request('admin', 'POST', format('DELETE FROM people_counter_api.sessions WHERE id = %L', s(2)));
SELECT is((SELECT count(*) FROM people_counter_rest.session_devices WHERE device = 'b'), 0::bigint, 'with a session goes whose it was');
SELECT is_empty('SELECT * FROM verify_statistics()', 'statistics are right');

SELECT * FROM finish();
ROLLBACK;
