-- Who may do what over HTTP: every role, every function, every view, written out by hand and tried.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(213);

INSERT INTO sessions (id, session_name) VALUES (s(1)::uuid, 'one');
INSERT INTO people_counter_rest.session_devices (session_id, device) VALUES (s(1)::uuid, 'door');
INSERT INTO alert_logs (id, session_id, alert_type) VALUES ('00000000-0000-7000-8000-0000000000a1', s(1)::uuid, 'fps_low');
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://127.0.0.1:1/');
CREATE TEMP TABLE roles (role text, who text, n integer);
INSERT INTO roles VALUES ('anonymous', 'anonymous', 1), ('reader', 'reader', 2), ('device', 'device door', 3), ('operator', 'operator', 4),
    ('admin', 'admin', 5);

-- Functions. x: may be called; the columns are anonymous, reader, device, operator, admin.
CREATE TEMP TABLE functions (name text, arguments text, method text, may text);
INSERT INTO functions VALUES
    ('health',                '',                                 'GET',  'xxxxx'),
    ('health_detailed',       '',                                 'GET',  '.x.xx'),
    ('prometheus_metrics',    '',                                 'GET',  '.x.xx'),
    ('create_session',        '''{}''',                           'POST', '..xxx'),
    ('list_sessions',         '',                                 'GET',  '.xxxx'),
    ('get_session',           quote_literal(s(1)),                'GET',  '.xxxx'),
    ('update_session',        '''{"fps": 20}''',                  'POST', '..xxx'),
    ('record_movements',      '''{"person_id": 1, "movement_direction": "in"}''', 'POST', '..xxx'),
    ('list_movements',        quote_literal(s(1)),                'GET',  '.xxxx'),
    ('record_metrics',        '''{}''',                           'POST', '..xxx'),
    ('recent_metrics',        quote_literal(s(1)),                'GET',  '.xxxx'),
    ('get_hourly_analytics',  '',                                 'GET',  '.xxxx'),
    ('get_daily_analytics',   '',                                 'GET',  '.xxxx'),
    ('dashboard_summary',     '',                                 'GET',  '.xxxx'),
    ('dashboard_settings',    '',                                 'GET',  '.xxxx'),
    ('stream_channel',        quote_literal(s(1)),                'GET',  '.xxxx'),
    ('acknowledge_alert',     '''{"alert_id": "00000000-0000-7000-8000-0000000000a1"}''', 'POST', '...xx'),
    ('resolve_alert',         '''{"alert_id": "00000000-0000-7000-8000-0000000000a1"}''', 'POST', '...xx'),
    ('create_api_key',        '''name'', ''reader''',             'POST', '....x'),
    ('revoke_api_key',        '(SELECT coalesce((SELECT id FROM people_counter_api.api_keys LIMIT 1), gen_random_uuid()))', 'POST',
        '....x'),
    ('set_channel_secret',    '''hook'', ''signing_key'', ''x''', 'POST', '....x'),
    ('send_test_alert',       '''hook''',                         'POST', '....x');
SELECT set_eq('SELECT name FROM functions',
              $$ SELECT proname::text FROM pg_proc WHERE pronamespace = 'people_counter_api'::regnamespace $$,
                  'every function is in the matrix');
SELECT is(CASE WHEN a LIKE '42501 permission denied%' THEN 'refused' WHEN a ~ '^[0-9A-Z]{5} ' THEN a ELSE 'done' END,
          CASE substr(may, n, 1) WHEN 'x' THEN 'done' ELSE 'refused' END, format('%s: %s()', role, name))
  FROM functions CROSS JOIN roles
 CROSS JOIN LATERAL request(who, method, format('SELECT people_counter_api.%s(%s)', name, arguments),
                            jsonb_build_object('x-session-id', s(1))) AS a
 ORDER BY name, n;

-- Views. S, I, U and D for what may be done.
CREATE TEMP TABLE views (name text, anonymous text, reader text, device text, operator text, admin text);
INSERT INTO views VALUES
    ('sessions',                 '', 'S', 'S',  'SIU',  'SIUD'),
    ('people_movements',         '', 'S', 'SI', 'SIUD', 'SIUD'),
    ('realtime_metrics',         '', 'S', 'SI', 'SIUD', 'SIUD'),
    ('occupancy_baselines',      '', 'S', 'S',  'SIUD', 'SIUD'),
    ('session_statistics',       '', 'S', 'S',  'S',    'S'),
    ('hourly_statistics',        '', 'S', 'S',  'S',    'S'),
    ('daily_statistics',         '', 'S', 'S',  'S',    'S'),
    ('current_session_overview', '', 'S', 'S',  'S',    'S'),
    ('recent_movements',         '', 'S', 'S',  'S',    'S'),
    ('hourly_analytics',         '', 'S', 'S',  'S',    'S'),
    ('daily_analytics',          '', 'S', 'S',  'S',    'S'),
    ('alert_thresholds',         '', 'S', '',   'SIUD', 'SIUD'),
    ('alert_logs',               '', 'S', '',   'S',    'S'),
    ('alert_worker_status',      '', 'S', '',   'S',    'S'),
    ('alert_deliveries',         '', '',  '',   'S',    'S'),
    ('session_devices',          '', '',  '',   'SIUD', 'SIUD'),
    ('alert_channels',           '', '',  '',   '',     'SIUD'),
    ('system_config',            '', '',  '',   '',     'SIUD'),
    ('api_keys',                 '', '',  '',   '',     'S');
SELECT set_eq('SELECT name FROM views', $$ SELECT relname::text FROM pg_class WHERE relnamespace = 'people_counter_api'::regnamespace
                                             AND relkind = 'v' $$, 'every view is in the matrix');
CREATE TEMP TABLE tried AS
SELECT v.name, r.role, r.n, to_jsonb(v) ->> r.role AS wanted, d.letter, d.position,
       has_table_privilege('people_counter_' || r.role, 'people_counter_api.' || v.name, d.privilege) AS granted,
       request(r.who, CASE d.letter WHEN 'S' THEN 'GET' ELSE 'POST' END,
               format(CASE d.letter WHEN 'S' THEN 'SELECT count(*) FROM people_counter_api.%I'
                                    WHEN 'I' THEN 'INSERT INTO people_counter_api.%I (%2$I) VALUES (NULL)'
                                    WHEN 'U' THEN 'UPDATE people_counter_api.%I SET %2$I = %2$I WHERE false'
                                    ELSE 'DELETE FROM people_counter_api.%I WHERE false' END,
                      v.name, (SELECT attname FROM pg_attribute WHERE attrelid = ('people_counter_api.' || v.name)::regclass
                          AND attnum = 1))) AS answer
  FROM views v CROSS JOIN roles r
 CROSS JOIN (VALUES ('S', 'SELECT', 1), ('I', 'INSERT', 2), ('U', 'UPDATE', 3), ('D', 'DELETE', 4)) AS d(letter, privilege, position);
SELECT is(coalesce(string_agg(letter, '' ORDER BY position) FILTER (WHERE granted), ''), wanted, format('%s may do to %s', role, name))
  FROM tried GROUP BY name, role, n, wanted ORDER BY name, n;
-- A view that cannot be changed says so before anybody's rights are looked at (55000).
SELECT is_empty($$ SELECT name, role, letter, answer FROM tried
                    WHERE (answer LIKE '42501 permission denied%') = granted AND NOT (answer LIKE '55000%' AND NOT granted) $$,
                'and that is what happens when it is tried');
SELECT is_empty($$ SELECT name, role, letter, answer FROM tried WHERE letter <> 'I' AND granted AND answer !~ '^[0-9]+$' $$,
                'what is granted works');

-- What is not served is out of reach, too.
SELECT is((SELECT array_agg(DISTINCT split_part(a, ' for ', 1)) FROM roles
             CROSS JOIN (VALUES ('people_counter_rest.api_keys'), ('people_counter_rest.session_devices'), ('people_counter_rest.sessions'),
                                ('people_counter_rest.people_movements'), ('public.sessions'), ('public.people_movements'),
                                ('public.alert_channel_secrets')) AS t(name)
             CROSS JOIN LATERAL request(who, 'GET', 'SELECT count(*) FROM ' || name) AS a), '{"42501 permission denied"}',
          'no role reads a table behind the views');
SELECT is((SELECT array_agg(DISTINCT split_part(a, ' for ', 1)) FROM roles
             CROSS JOIN (VALUES ('find_session(''x'')'), ('record_batch(gen_random_uuid(), ''UTC'', ''[]'')'),
                 ('record_each(gen_random_uuid(), ''UTC'', ''[]'')'),
                                ('read_movements(''{}'', ''UTC'')'), ('read_samples(''{}'', ''UTC'')'),
                                    ('session_fields(''{}'', ''UTC'', true)'),
                                ('note_key_use(gen_random_uuid())'), ('set_channel_secret(''a'', ''b'', ''c'')'),
                                    ('send_test_alert(''a'')'),
                                ('acknowledge_alert(gen_random_uuid(), ''a'', ''b'')'), ('find_alert(''{}'')')) AS t(call)
             CROSS JOIN LATERAL request(who, 'POST', 'SELECT people_counter_rest.' || call) AS a), '{"42501 permission denied"}',
          'nor calls what functions of the API are made of');
SELECT matches(request('authenticator', 'GET', 'SELECT people_counter_api.health()'), '^42501',
    'the authenticator itself may not even ask whether it is healthy');
SELECT matches(request('admin', 'POST', 'SELECT set_config(''role'', ''people_counter_api_owner'', true)'), '^42501',
    'nobody becomes the owner');

SELECT * FROM finish();
ROLLBACK;
