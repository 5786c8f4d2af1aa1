-- API keys: made once, kept as hashes, refused when revoked, expired or unknown; and what they let do.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(69);

CREATE FUNCTION pg_temp.make(role text, device text DEFAULT NULL, expires text DEFAULT NULL) RETURNS json LANGUAGE sql AS $$
    SELECT request('admin', 'POST', format('SELECT people_counter_api.create_api_key(%L, %L, %L, %L)', role || ' of the test', role, device,
        expires))::json
$$;
CREATE TEMP TABLE keys AS
SELECT name, pg_temp.make(role, device, expires) AS answer
  FROM (VALUES ('reader', 'reader', NULL, NULL), ('device', 'device', 'door', NULL), ('second', 'device', 'door',
      (now() + interval '1 day')::text), ('other', 'device', 'gate', NULL),
               ('operator', 'operator', NULL, NULL), ('admin', 'admin', NULL, NULL)) AS v(name, role, device, expires);
CREATE FUNCTION key(wanted text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT answer ->> 'api_key' FROM keys WHERE name = wanted $$;
SELECT is(shape(answer), 'id string, api_key string, key_name string, key_role string, device string, expires_at string',
    'a key with everything') FROM keys WHERE name = 'second';
SELECT is(shape(answer), 'id string, api_key string, key_name string, key_role string, device null, expires_at null', 'a key with nothing')
    FROM keys WHERE name = 'reader';
SELECT matches(key(name), '^pck_[A-Za-z0-9_-]{43}$', 'a key of ' || name) FROM keys;
SELECT is((SELECT count(DISTINCT key(name)) FROM keys), 6::bigint, 'no two are the same');

-- What is kept.
SELECT is_empty($$ SELECT k.id FROM people_counter_rest.api_keys k, keys WHERE strpos(k::text, answer ->> 'api_key') > 0
                      OR strpos(k::text, substr(answer ->> 'api_key', 12)) > 0 $$, 'the key itself is nowhere in the table');
SELECT is((SELECT count(*) FROM people_counter_rest.api_keys k JOIN keys ON k.id::text = answer ->> 'id'
            WHERE k.key_hash = sha256((answer ->> 'api_key')::bytea) AND k.key_start = left(answer ->> 'api_key', 10)), 6::bigint,
                'its hash and its beginning are');
SELECT is((SELECT DISTINCT created_by FROM people_counter_rest.api_keys), 'people_counter_admin', 'and who made it');
SELECT is(request('admin', 'GET', 'SELECT count(*) FROM people_counter_api.api_keys'), '6', 'an admin sees all of them');
SELECT is(request('admin', 'GET',
    'SELECT string_agg(DISTINCT k::text, '' '') ~ (SELECT answer ->> ''api_key'' FROM public.keys LIMIT 1) FROM people_counter_api.api_keys k') ~ '^42',
    true,
          'from a table that is served');

-- What they let do.
SELECT is(get(key('reader'), 'list_sessions')::json ->> 'total', '0', 'a reader''s key reads');
SELECT matches(post(key('reader'), 'create_session', '{}'), '^42501 ', 'and no more');
SELECT matches(post(key('device'), 'create_session', format('{"id": "%s"}', s(1))), 'created', 'a device''s key makes a session');
SELECT is((SELECT device FROM people_counter_rest.session_devices WHERE session_id::text = s(1)), 'door', 'of the device that it is of');
SELECT matches(post(key('second'), 'record_movements', '{"person_id": 1, "movement_direction": "in"}', s(1)), 'recorded',
    'another key of the device may use it');
SELECT matches(post('device door', 'record_movements', '{"person_id": 1, "movement_direction": "in"}', s(1)), 'recorded', 'and its token');
SELECT matches(post(key('other'), 'record_movements', '{"person_id": 1, "movement_direction": "in"}', s(1)), '^PT404 ',
    'but no other device');
SELECT is(get(key('other'), 'list_sessions')::json ->> 'total', '0', 'which does not see it');
SELECT matches(post(key('operator'), 'update_session', '{"fps": 20}', s(1)), 'updated', 'an operator''s key changes it');
SELECT matches(request(key('operator'), 'POST', 'SELECT people_counter_api.create_api_key(''x'', ''admin'')'), '^42501 ',
    'but makes no keys');
SELECT is(request(key('admin'), 'POST', format('DELETE FROM people_counter_api.sessions WHERE id = %L', s(1))), '1',
    'an admin''s key deletes it');
-- The key counts, whatever token comes with it.
SELECT is(request('admin', 'GET', 'SELECT current_setting(''role'')', jsonb_build_object('x-api-key', key('reader'))),
    'people_counter_reader', 'a key takes the place of the role of a token');
SELECT is(request('device gate', 'GET', 'SELECT people_counter_rest.device()', jsonb_build_object('x-api-key', key('device'))), 'door',
    'and of its device');
SELECT is(request(key('device'), 'GET', 'SELECT current_user'), 'people_counter_device', 'rights are those of the role');
SELECT is(request('anonymous', 'GET', 'SELECT current_setting(''role'')', '{"x-api-key": ""}'), 'people_counter_anonymous',
    'an empty header is none');

-- Keys that are not.
SELECT is(get(k, 'health'), 'PT401 X-API-Key is not valid. Ask an administrator for a key.', 'no key: ' || left(k, 20))
  FROM unnest(ARRAY['pck_', 'pck_x', 'pck_' || repeat('a', 43), 'pck_'' OR true --', 'pck_' || repeat('ễ', 10000), 'pck_🔑']) AS k;
SELECT is(get(upper(key('admin')), 'health') ~ 'healthy|^PT401|^22023|^42704', true, 'in capitals it is another');
SELECT is(request('anonymous', 'GET', 'SELECT 1', jsonb_build_object('x-api-key', v)),
    'PT401 X-API-Key is not valid. Ask an administrator for a key.', 'not a key: ' || left(v, 12))
  FROM unnest(ARRAY[key('admin') || ' ', ' ' || key('admin'), left(key('admin'), -1), upper(key('admin')), 'Bearer ' || key('admin'),
                    (SELECT encode(key_hash, 'hex') FROM people_counter_rest.api_keys LIMIT 1)]) AS v;
SELECT is(request('admin', 'GET', 'SELECT 1', '{"x-api-key": "pck_none"}'), 'PT401 X-API-Key is not valid. Ask an administrator for a key.',
    'a wrong key is refused though the token is good');

-- Revoked and expired.
SELECT is(shape(request('admin', 'POST', format('SELECT people_counter_api.revoke_api_key(%L)', answer ->> 'id'))::json),
    'id string, status string, revoked_at string', 'a key is revoked')
  FROM keys WHERE name = 'device';
SELECT is(get(key('device'), 'health'), 'PT401 X-API-Key is not valid. Ask an administrator for a key.', 'and refused');
SELECT matches(get(key('second'), 'health'), 'healthy', 'the other of the device is not');
CREATE TEMP TABLE ended AS SELECT revoked_at FROM people_counter_rest.api_keys WHERE revoked_at IS NOT NULL;
UPDATE people_counter_rest.api_keys SET revoked_at = revoked_at - interval '1 hour' WHERE revoked_at IS NOT NULL;
SELECT is((request('admin', 'POST', format('SELECT people_counter_api.revoke_api_key(%L)',
    answer ->> 'id'))::json ->> 'revoked_at')::timestamptz, revoked_at - interval '1 hour',
          'a second time it was revoked the first') FROM keys, ended WHERE name = 'device';
SELECT matches(request('admin', 'POST', format('SELECT people_counter_api.revoke_api_key(%L)', s(1))), '^PT404 API key "' || s(1),
    'no such key');
UPDATE people_counter_rest.api_keys SET expires_at = clock_timestamp() WHERE id = (SELECT (answer ->> 'id')::uuid FROM keys
    WHERE name = 'second');
SELECT matches(get(key('second'), 'health'), '^PT401 X-API-Key "pck_[A-Za-z0-9_-]{6}\.\.\." has expired at ',
    'a key that has expired is refused, and says so');

-- Last use: noted though a GET only reads, and once a minute.
SELECT is((SELECT last_used_at FROM people_counter_rest.api_keys WHERE id::text = answer ->> 'id'), NULL,
    'what a GET did was rolled back here') FROM keys WHERE name = 'reader';
SELECT is(request(key('admin'), 'GET',
    format('SELECT concat_ws('' '', current_setting(''transaction_read_only''), last_used_at = now()) FROM people_counter_api.api_keys WHERE id = %L',
    answer ->> 'id')), 'on t',
          'the use of a key is noted in a transaction that only reads') FROM keys WHERE name = 'admin';
SELECT matches(request(key('admin'), 'GET', 'DELETE FROM people_counter_api.sessions'), '^25006 ', 'in which nothing else can be written');
UPDATE people_counter_rest.api_keys SET last_used_at = now() - used FROM (VALUES ('reader', interval '59 seconds'), ('operator',
    interval '61 seconds')) AS v(name, used)
  JOIN keys USING (name) WHERE id::text = answer ->> 'id';
SELECT request(key(name), 'POST', 'SELECT people_counter_api.list_sessions()') FROM (VALUES ('reader'), ('operator')) AS v(name);
SELECT is((SELECT now() - last_used_at FROM people_counter_rest.api_keys WHERE id::text = answer ->> 'id'), expected::interval, name
    || ' a minute ago')
  FROM (VALUES ('reader', '59 seconds'), ('operator', '0')) AS v(name, expected) JOIN keys USING (name);

-- Arguments.
SELECT matches(request('admin', 'POST', 'SELECT people_counter_api.create_api_key(' || arguments || ')'), '^22023 ' || name || ' "',
    arguments)
  FROM (VALUES ('key_name', ''''', ''reader'''), ('key_name', ''' '', ''reader'''), ('key_name', 'NULL, ''reader'''), ('key_name',
      'repeat(''x'', 256), ''reader'''),
               ('key_role', '''x'', ''anonymous'''), ('key_role', '''x'', ''people_counter_admin'''), ('key_role', '''x'', ''postgres'''),
                   ('key_role', '''x'', NULL'), ('key_role', '''x'', '''''),
               ('device', '''x'', ''device'''), ('device', '''x'', ''device'', '''''), ('device', '''x'', ''reader'', ''door'''), ('device',
                   '''x'', ''device'', repeat(''x'', 256)'),
               ('expires_at', '''x'', ''reader'', NULL, now()'), ('expires_at', '''x'', ''reader'', NULL, ''2000-01-01''')) AS v(name,
                   arguments);

SELECT * FROM finish();
ROLLBACK;
