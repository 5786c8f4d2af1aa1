-- The channel of the live stream that a request may subscribe to.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
\ir include/rest.psql
SELECT plan(24);

CREATE FUNCTION pg_temp.of_database() RETURNS text LANGUAGE sql AS $$
    SELECT '.' || (SELECT system_identifier FROM pg_control_system()) || '-' || oid FROM pg_database WHERE datname = current_database()
$$;
SELECT is('.' || people_counter_rest.database_identity(), pg_temp.of_database(), 'a database is known by its cluster and its Oid');

-- a makes session 1, b session 2, an operator session 3, which belongs to nobody.
SELECT matches(post(who, 'create_session', format('{"id": "%s"}', s(n))), 'created', who || ' makes a session')
  FROM (VALUES (1, 'device a'), (2, 'device b'), (3, 'operator')) AS v(n, who);

SELECT is(get(who, 'stream_channel'), 'all' || pg_temp.of_database(), format('all for %s', who)) FROM unnest('{reader,operator,admin}'::text[]) AS who;
SELECT is(get(who, 'stream_channel', quote_literal(s(n))), 'session_' || s(n) || pg_temp.of_database(), format('session %s for %s', n, who))
  FROM (VALUES ('reader', 2), ('reader', 3), ('operator', 1), ('admin', 2)) AS v(who, n);
SELECT is(get(who, 'stream_channel', quote_literal(s(n))), 'device_' || s(n) || pg_temp.of_database(), format('what it may see of session %s for %s', n, who))
  FROM (VALUES ('device a', 1), ('device b', 2)) AS v(who, n);
SELECT is(get('device a', 'stream_channel', quote_literal(upper(s(1)))), 'device_' || s(1) || pg_temp.of_database(), 'the channel has the id as it is stored');

SELECT is(get(who, 'stream_channel'), 'PT403 a device subscribes to a session of its own. Name it by session_id.', 'nothing for ' || what)
  FROM (VALUES ('device a', 'a device that names no session'), ('device', 'a token that names no device')) AS v(who, what);
SELECT is(get(who, 'stream_channel', quote_literal(s(n))), format('PT404 session "%s" does not exist. POST /sessions makes one.', s(n)),
    format('session %s is not there for %s', n, who))
  FROM (VALUES ('device a', 2), ('device a', 3), ('device', 1), ('reader', 99)) AS v(who, n);
SELECT matches(get('reader', 'stream_channel', quote_literal(given)), '^22023 .*session_id', format('"%s" is no session', given))
  FROM unnest('{x,all,session_1}'::text[]) AS given;
SELECT is(get('anonymous', 'stream_channel'), '42501 permission denied for function stream_channel', 'nothing for anybody');

SELECT * FROM finish();
ROLLBACK;
