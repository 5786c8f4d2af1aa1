-- Channels of alerts: what is refused, and that no error shows what may be secret; who sees secrets; what is queued, for whom.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SELECT plan(121);

-- SQLSTATE, column and all that an error says; NULL if there is none. Nothing stays.
CREATE FUNCTION pg_temp.outcome(statement text, OUT state text, OUT col text, OUT message text, OUT hint text, OUT everything text)
    LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, col = COLUMN_NAME, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
    everything := concat_ws(E'\n', message, detail, hint);
    IF state = 'OK000' THEN
        state := NULL;
    END IF;
END
$$;
CREATE FUNCTION pg_temp.channel(kind text, settings jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO alert_channels (%s) VALUES (%s)', string_agg(quote_ident(key), ', '),
                  string_agg(CASE WHEN value LIKE '{%' THEN format('%L::text[]', value) ELSE quote_nullable(value) END, ', '))
      FROM jsonb_each_text(CASE kind
           WHEN 'webhook' THEN '{"channel_name": "c", "kind": "webhook", "url": "https://hooks.example.com/T0KEN-in-the-url"}'::jsonb
           ELSE '{"channel_name": "c", "kind": "email", "url": "smtp://mail.example.com:587", "sender": "alerts@example.com",
                  "recipients": "{guard@example.com}"}' END || settings)
$$;

-- What is accepted

SELECT is((pg_temp.outcome(pg_temp.channel('webhook', jsonb_build_object('url', url)))).state, NULL, 'a webhook at ' || url)
  FROM unnest('{http://localhost,https://hooks.example.com/services/T0/B0/abc?x=1&y=%20#z,HTTPS://EXAMPLE.com:8443/,'
              'http://127.0.0.1:8080,"http://[::1]:8080/a",https://xn--bcher-kva.example/a@b}'::text[]) AS url;
SELECT is((pg_temp.outcome(pg_temp.channel('email', settings))).state, NULL, 'mail with ' || settings::text)
  FROM (VALUES ('{}'::jsonb), ('{"url": "smtps://mail.example.com"}'), ('{"url": "smtp://mail.example.com:25/me.example.com"}'),
               ('{"username": "me", "min_severity": "critical", "is_active": "false"}'), ('{"tls": "none"}'),
               ('{"recipients": "{a@example.com,b+c@example.com,o''neil@example.com}"}')) AS v (settings);
SELECT is((pg_temp.outcome(pg_temp.channel('email', jsonb_build_object('recipients', '{' || (
           SELECT string_agg(n || '@example.com', ',') FROM generate_series(1, 100) n) || '}')))).state, NULL, '100 recipients');

-- What is refused, with the column, a hint, and without a token that the address may carry

CREATE TEMP TABLE refused (kind text, settings jsonb, col text, state text);
INSERT INTO refused VALUES
    ('webhook', '{"channel_name": null}', 'channel_name', '23502'),
    ('webhook', '{"kind": null}', 'kind', '23502'),
    ('webhook', '{"url": null}', 'url', '23502'),
    ('webhook', '{"tls": null}', 'tls', '23502'),
    ('webhook', '{"min_severity": null}', 'min_severity', '23502'),
    ('webhook', '{"is_active": null}', 'is_active', '23502'),
    ('webhook', '{"id": null}', 'id', '23502'),
    ('webhook', '{"channel_name": ""}', 'channel_name', '22023'),
    ('webhook', jsonb_build_object('channel_name', repeat('é', 101)), 'channel_name', '22001'),
    ('webhook', jsonb_build_object('channel_name', E'a\nb'), 'channel_name', '22023'),
    ('webhook', '{"kind": "pager"}', 'kind', '22023'),
    ('webhook', '{"min_severity": "fatal"}', 'min_severity', '22023'),
    ('webhook', '{"tls": "maybe"}', 'tls', '22023'),
    ('webhook', '{"tls": "none"}', 'tls', '22023'),
    ('webhook', '{"url": "ftp://example.com/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "file:///etc/passwd"}', 'url', '22023'),
    ('webhook', '{"url": "gopher://example.com"}', 'url', '22023'),
    ('webhook', '{"url": "smtp://example.com"}', 'url', '22023'),
    ('webhook', '{"url": "example.com/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": ""}', 'url', '22023'),
    ('webhook', '{"url": "https://"}', 'url', '22023'),
    ('webhook', '{"url": "https:///T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://:443/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://user:T0KEN@example.com/"}', 'url', '22023'),
    ('webhook', '{"url": "https://T0KEN@example.com/"}', 'url', '22023'),
    ('webhook', '{"url": "https://example.com\\@evil.example/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://exa mple.com/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://example.com/T0KEN x"}', 'url', '22023'),
    ('webhook', '{"url": "https://%65xample.com/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://bücher.example/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://example.com:0/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://example.com:65536/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://example.com:99999999999999999999/T0KEN"}', 'url', '22023'),
    ('webhook', '{"url": "https://[::1/T0KEN"}', 'url', '22023'),
    ('webhook', jsonb_build_object('url', E'https://example.com/T0KEN\r\nHost: evil'), 'url', '22023'),
    ('webhook', jsonb_build_object('url', 'https://example.com/T0KEN' || repeat('a', 2000)), 'url', '22001'),
    ('webhook', '{"sender": "a@example.com"}', 'sender', '22023'),
    ('webhook', '{"recipients": "{a@example.com}"}', 'recipients', '22023'),
    ('webhook', jsonb_build_object('username', E'a\r\nX-Other: b'), 'username', '22023'),
    ('webhook', jsonb_build_object('username', repeat('a', 256)), 'username', '22001'),
    ('email', '{"url": "https://mail.example.com"}', 'url', '22023'),
    ('email', '{"url": "smtp://mail.example.com/a/b"}', 'url', '22023'),
    ('email', '{"url": "smtp://mail.example.com?a"}', 'url', '22023'),
    ('email', '{"url": "smtp://me:T0KEN@mail.example.com"}', 'url', '22023'),
    ('email', '{"url": "smtps://mail.example.com", "tls": "none"}', 'tls', '22023'),
    ('email', '{"sender": null}', 'sender', '22023'),
    ('email', '{"sender": "nobody"}', 'sender', '22023'),
    ('email', '{"sender": "A <a@example.com>"}', 'sender', '22023'),
    ('email', jsonb_build_object('sender', E'a@example.com\r\nBcc: b@example.com'), 'sender', '22023'),
    ('email', jsonb_build_object('sender', E'a@example.com\nBcc: b@example.com'), 'sender', '22023'),
    ('email', jsonb_build_object('sender', repeat('a', 320) || '@example.com'), 'sender', '22001'),
    ('email', '{"recipients": null}', 'recipients', '22023'),
    ('email', '{"recipients": "{}"}', 'recipients', '22023'),
    ('email', '{"recipients": "{NULL}"}', 'recipients', '22023'),
    ('email', '{"recipients": "{a@example.com,b}"}', 'recipients', '22023'),
    ('email', '{"recipients": "{{a@example.com},{b@example.com}}"}', 'recipients', '22023'),
    ('email', jsonb_build_object('recipients', E'{"a@example.com\r\nRCPT TO:<b@example.com>"}'), 'recipients', '22023'),
    ('email', jsonb_build_object('recipients', '{' || (SELECT string_agg(n || '@example.com', ',') FROM generate_series(1, 101) n) || '}'),
     'recipients', '22023');
SELECT is(ARRAY[o.state, o.col, (length(o.hint) > 5)::text, (o.everything ~ 'T0KEN')::text], ARRAY[r.state, r.col, 'true', 'false'],
          format('%s with %s is refused', kind, left(settings::text, 60)))
  FROM refused r, pg_temp.outcome(pg_temp.channel(kind, settings)) AS o;
SELECT is((pg_temp.outcome(pg_temp.channel('webhook', '{}') || ', ' || split_part(pg_temp.channel('webhook', '{}'), 'VALUES ', 2))).state,
          '23505', 'a name is given once');
SELECT unalike((pg_temp.outcome(pg_temp.channel('webhook', '{"url": "https://u:p@example.com/"}'))).everything, '%u:p%',
               'a password in the address is not in the error');
SELECT matches((pg_temp.outcome(pg_temp.channel('webhook', '{"url": "https://u:p@example.com/"}'))).hint, 'alert_channel_secrets',
               'which says where it belongs');

-- Secrets

INSERT INTO alert_channels (channel_name, kind, url, min_severity, updated_at)
VALUES ('all', 'webhook', 'https://example.com/T0KEN', 'info', '2020-01-01'),
       ('warnings', 'webhook', 'https://example.com/w', 'warning', '2020-01-01'),
       ('critical only', 'webhook', 'https://example.com/c', 'critical', '2020-01-01'),
       ('resting', 'webhook', 'https://example.com/r', 'info', '2020-01-01');
SELECT is((SELECT updated_at FROM alert_channels WHERE channel_name = 'all'), timestamptz '2020-01-01', 'a restored channel keeps its time');
UPDATE alert_channels SET is_active = false WHERE channel_name = 'resting';
SELECT is((SELECT updated_at FROM alert_channels WHERE channel_name = 'resting'), now(), 'updated_at is set');
SELECT is((pg_temp.outcome($$ UPDATE alert_channels SET url = 'ftp://example.com' $$)).col, 'url', 'an update is checked, too');

SELECT lives_ok($$ SELECT set_channel_secret('all', 'signing_key', 'k1'), set_channel_secret(id::text, 'password', 'p1')
                     FROM alert_channels WHERE channel_name = 'all' $$, 'secrets are set by name or id');
SELECT results_eq('SELECT signing_key, password, bearer_token FROM alert_channel_secrets', $$ VALUES ('k1', 'p1', NULL::text) $$,
                  'each in its place');
SELECT set_channel_secret('all', 'signing_key', NULL), set_channel_secret('all', 'bearer_token', 'b1') \g /dev/null
SELECT results_eq('SELECT signing_key, password, bearer_token FROM alert_channel_secrets', $$ VALUES (NULL::text, 'p1', 'b1') $$,
                  'NULL takes one away and leaves the others');
SELECT is((pg_temp.outcome($$ SELECT set_channel_secret('nobody', 'password', 'S3CRET') $$)).state, 'P0002', 'of a channel that exists');
SELECT is((pg_temp.outcome($$ SELECT set_channel_secret('all', 'url', 'S3CRET') $$)).state, '22023', 'and that is one');
SELECT is(ARRAY[o.state, (o.everything ~ 'S3CRET')::text, (length(o.hint) > 5)::text], ARRAY[v.state, 'false', 'true'], name)
  FROM (VALUES
        ($$ SELECT set_channel_secret('all', 'bearer_token', E'S3CRET\r\nX-Other: a') $$, '22023', 'a line break in a secret'),
        ($$ SELECT set_channel_secret('all', 'password', '') $$, '22023', 'an empty secret'),
        ($$ SELECT set_channel_secret('all', 'password', repeat('S3CRET', 2000)) $$, '22023', 'a secret of kilobytes'),
        ($$ INSERT INTO alert_channel_secrets VALUES (NULL, 'S3CRET', 'S3CRET', 'S3CRET') $$, '23502', 'secrets of no channel'),
        ($$ UPDATE alert_channel_secrets SET password = E'S3CRET\n' $$, '22023', 'an update of a secret'))
       AS v (statement, state, name), pg_temp.outcome(statement) AS o;
SELECT is((pg_temp.outcome($$ INSERT INTO alert_channel_secrets VALUES (generate_uuid_v7(), 'S3CRET') $$)).everything ~ 'S3CRET', false,
          'nor does the key of the channel show any');

-- Who sees what

CREATE ROLE analyst;
CREATE ROLE operator;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO analyst;
GRANT EXECUTE ON FUNCTION set_channel_secret, send_test_alert, retry_alert_delivery TO operator;
CREATE FUNCTION pg_temp.as(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    state text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement INTO result;
    RESET ROLE;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
    RETURN state;
END
$$;
SELECT is(pg_temp.as('analyst', 'SELECT count(*) FROM alert_channels'), '4', 'who may read all tables sees channels');
SELECT is(pg_temp.as('analyst', 'SELECT count(*) FROM alert_channel_secrets'), '0', 'and no secret');
SELECT is(pg_temp.as(role, statement), '42501', role || ' may not: ' || statement)
  FROM unnest('{analyst,operator}'::text[]) AS role,
       unnest(ARRAY['INSERT INTO alert_channels (channel_name, kind, url) VALUES (''x'', ''webhook'', ''http://localhost'')',
                    'UPDATE alert_channels SET is_active = false', 'INSERT INTO alert_channel_secrets VALUES (generate_uuid_v7())',
                    'DELETE FROM alert_deliveries',
                    'SELECT queue_alert_deliveries(NULL, ''fired'', ''critical'', ''{}'')']) AS statement;
SELECT is(pg_temp.as('analyst', $$ SELECT send_test_alert('all') $$), '42501', 'analyst may not send');
SELECT is(pg_temp.as('operator', 'SELECT count(*) FROM alert_channels'), '42501', 'operator sees no channel');
SELECT matches(pg_temp.as('operator', $$ SELECT set_channel_secret('all', 'password', 'p2') $$), '^$', 'but sets its secrets,');
SELECT matches(pg_temp.as('operator', $$ SELECT send_test_alert('all') $$), '^[0-9a-f-]{36}$', 'sends tests');
SELECT matches(pg_temp.as('operator', format('SELECT retry_alert_delivery(%L)', (SELECT id FROM alert_deliveries))), '^$', 'and retries');
DELETE FROM alert_deliveries;

-- What is queued

INSERT INTO alert_logs (id, alert_type) VALUES ('00000000-0000-7000-8000-0000000000aa', 'max_people_count');
CREATE FUNCTION pg_temp.queued(severity text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    number integer;
    names text[];
BEGIN
    DELETE FROM alert_deliveries;
    number := queue_alert_deliveries('00000000-0000-7000-8000-0000000000aa', 'fired', severity, '{"a": 1}');
    SELECT array_agg(channel_name::text ORDER BY channel_name) INTO names
      FROM alert_deliveries d JOIN alert_channels c ON c.id = channel_id
     WHERE event = 'fired' AND payload = '{"a": 1}' AND attempts = 0 AND next_attempt_at = now() AND alert_id IS NOT NULL;
    ASSERT number = coalesce(cardinality(names), 0);
    RETURN names;
END
$$;
SELECT is(pg_temp.queued('critical'), '{all,critical only,warnings}', 'what is critical is for every active channel');
SELECT is(pg_temp.queued('warning'), '{all,warnings}', 'a warning for those who want it');
SELECT is(pg_temp.queued('info'), '{all}', 'as is the rest');
SELECT is((pg_temp.outcome($$ SELECT queue_alert_deliveries(NULL, 'exploded', 'critical', '{}') $$)).state, '23514', 'events are known');
DELETE FROM alert_logs;
SELECT is_empty('TABLE alert_deliveries', 'deliveries go with their alert');

SELECT is((SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys((SELECT payload FROM alert_deliveries
                                                                       WHERE id = (SELECT send_test_alert('critical only')))) AS key),
          NULL, 'what a statement queues it does not see');
SELECT is((SELECT array_agg(key ORDER BY key) FROM alert_deliveries, jsonb_object_keys(payload) AS key),
          '{alert_id,clear_value,comparison,event,message,metric,peak_value,reason,repeat_count,resolved_at,session_id,session_name,'
          'severity,threshold,threshold_id,threshold_name,triggered_at,type,value}'::text[], 'a test has every key that an alert has');
SELECT is((SELECT payload ->> 'severity' FROM alert_deliveries), 'critical', 'and a severity that the channel is for');
SELECT is(ARRAY[o.state, (o.hint ~ 'is_active')::text], '{55000,true}', 'a channel that rests is not tested')
  FROM pg_temp.outcome($$ SELECT send_test_alert('resting') $$) AS o;
SELECT is(ARRAY[o.state, (o.hint ~ 'channel_name')::text], '{P0002,true}', 'nor is one that does not exist: ' || coalesce(name, 'NULL'))
  FROM unnest(ARRAY['nobody', NULL]) AS name, pg_temp.outcome(format('SELECT send_test_alert(%L)', name)) AS o;

UPDATE alert_deliveries SET abandoned_at = now(), attempts = 9, queued_at = '2020-01-01', next_attempt_at = '2100-01-01';
SELECT retry_alert_delivery(id) FROM alert_deliveries \g /dev/null
SELECT results_eq('SELECT abandoned_at, attempts, queued_at, next_attempt_at FROM alert_deliveries',
                  'VALUES (NULL::timestamptz, 0, now(), now())', 'what was given up is tried again from the beginning');
UPDATE alert_deliveries SET delivered_at = now();
SELECT is((SELECT (pg_temp.outcome(format('SELECT retry_alert_delivery(%L)', id))).state FROM alert_deliveries), '55000',
          'what was delivered is not');
SELECT is((pg_temp.outcome('SELECT retry_alert_delivery(generate_uuid_v7())')).state, 'P0002', 'nor what was never queued');
SELECT is((pg_temp.outcome('UPDATE alert_deliveries SET abandoned_at = now()')).state, '23514', 'a delivery ends once');
DELETE FROM alert_channels;
SELECT is((SELECT count(*) FROM (SELECT FROM alert_deliveries UNION ALL SELECT FROM alert_channel_secrets) AS t), 0::bigint,
          'deliveries and secrets go with their channel');
SELECT * FROM finish();
ROLLBACK;
