-- What is told of an alert, who may do what with it, and objects of others that have our names.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
\ir include/alerting.psql
SELECT plan(59);
SELECT door(n) FROM generate_series(1, 6) AS n \g /dev/null

-- What is told

INSERT INTO alert_channels (channel_name, kind, url, min_severity, is_active) VALUES ('all', 'webhook', 'http://localhost/', 'info', true),
    ('warning', 'webhook', 'http://localhost/', 'warning', true), ('critical', 'webhook', 'http://localhost/', 'critical', true),
    ('off', 'webhook', 'http://localhost/', 'info', false);
CREATE FUNCTION told(named text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s', c.channel_name, d.event) FROM alert_deliveries AS d JOIN alert_channels AS c ON c.id = d.channel_id
      JOIN alert_logs AS l ON l.id = d.alert_id WHERE l.alert_type = named ORDER BY d.event, c.channel_name
$$;
SELECT rule('i', 'current_people_inside', 'above', 1, 0, session => s(1), severity => 'info'),
       rule('w', 'current_people_inside', 'above', 1, 0, session => s(1), message => 'Too "many" ☃'),
       rule('c', 'current_people_inside', 'above', 1, 0, session => s(1), severity => 'critical') \g /dev/null
SELECT move(s(1), 'in', 10.000001, 3), move(s(1), 'in', 20) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT told('i') $$, ARRAY['all fired'], 'a channel takes what is severe enough');
SELECT results_eq($$ SELECT told('w') $$, ARRAY['all fired', 'warning fired'], 'a warning');
SELECT results_eq($$ SELECT told('c') $$, ARRAY['all fired', 'critical fired', 'warning fired'], 'a critical one');
SELECT results_eq($$ SELECT DISTINCT l.severity FROM alert_logs AS l ORDER BY 1 $$, ARRAY['critical', 'info', 'warning'], 'the severity is that of the rule');
SELECT is((SELECT d.payload FROM alert_deliveries AS d JOIN alert_channels AS c ON c.id = d.channel_id WHERE c.channel_name = 'warning' AND d.payload ->> 'severity' = 'warning'),
    (SELECT jsonb_build_object('type', 'people_counter.alert', 'event', 'fired', 'alert_id', l.id, 'threshold_id', l.threshold_id,
        'threshold_name', 'w', 'session_id', s(1), 'session_name', 'door 1', 'metric', 'current_people_inside', 'comparison', 'above',
        'value', 3, 'threshold', 1, 'clear_value', 0, 'peak_value', 3, 'severity', 'warning', 'message', 'Too "many" ☃',
        'triggered_at', to_char(at(10), 'YYYY-MM-DD"T"HH24:MI:SS') || '.000001Z', 'resolved_at', NULL, 'reason', NULL, 'repeat_count', 0)
       FROM alert_logs AS l WHERE alert_type = 'w'), 'all that is said when it fires');
SELECT is((SELECT count(*) FROM alert_logs WHERE announced_at BETWEEN now() AND clock_timestamp()), 3::bigint, 'and when it was');
SELECT move(s(1), 'out', 30, 4) \g /dev/null
SET LOCAL timezone = 'America/St_Johns';
SET LOCAL datestyle = 'SQL, DMY';
SELECT look() \g /dev/null
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT is((SELECT d.payload - 'alert_id' - 'threshold_id' FROM alert_deliveries AS d WHERE d.event = 'resolved' AND d.payload ->> 'severity' = 'info'),
    jsonb_build_object('type', 'people_counter.alert', 'event', 'resolved', 'threshold_name', 'i', 'session_id', s(1), 'session_name', 'door 1',
        'metric', 'current_people_inside', 'comparison', 'above', 'value', 3, 'threshold', 1, 'clear_value', 0, 'peak_value', 4, 'severity', 'info',
        'message', NULL, 'triggered_at', to_char(at(10), 'YYYY-MM-DD"T"HH24:MI:SS') || '.000001Z',
        'resolved_at', to_char(at(30), 'YYYY-MM-DD"T"HH24:MI:SS') || '.000000Z', 'reason', 'cleared', 'repeat_count', 0),
    'and when it ends; times do not depend on who looks');
SELECT results_eq($$ SELECT DISTINCT payload FROM alert_deliveries WHERE event = 'fired' AND payload ->> 'threshold_name' = 'c' $$,
    $$ SELECT d.payload FROM alert_deliveries AS d WHERE d.event = 'fired' AND d.payload ->> 'threshold_name' = 'c' LIMIT 1 $$, 'the same for each channel');
SELECT rule('del', 'current_people_inside', 'above', 7, session => s(1)) \g /dev/null
SELECT move(s(1), 'in', 40, 8) \g /dev/null
SELECT look() \g /dev/null
DELETE FROM alert_thresholds WHERE threshold_name = 'del';
SELECT look() \g /dev/null
SELECT is((SELECT payload - 'alert_id' - 'resolved_at' FROM alert_deliveries WHERE event = 'resolved' AND payload ->> 'threshold_name' = 'del' LIMIT 1),
    jsonb_build_object('type', 'people_counter.alert', 'event', 'resolved', 'threshold_id', NULL, 'threshold_name', 'del', 'session_id', s(1),
        'session_name', 'door 1', 'metric', 'current_people_inside', 'comparison', NULL, 'value', 8, 'threshold', 7, 'clear_value', NULL, 'peak_value', 8,
        'severity', 'warning', 'message', NULL, 'triggered_at', to_char(at(40), 'YYYY-MM-DD"T"HH24:MI:SS') || '.000000Z', 'reason', 'threshold_deleted',
        'repeat_count', 0), 'of a rule that is gone what the alert itself knows');

-- More than a notification can hold. A failure would be a warning of evaluate_alerts(), and no alert.

CREATE FUNCTION longest() RETURNS integer LANGUAGE sql AS $$
    SELECT max(octet_length((alert_payload(l, 'fired'))::text)) FROM alert_logs AS l WHERE alert_type LIKE 'L%'
$$;
UPDATE sessions SET session_name = repeat(U&'\0001', 255) WHERE id = s(2);
SELECT rule('L' || repeat(U&'\001f', 99), 'current_people_inside', 'above', 0, session => s(2), message => repeat(U&'\0002', 200000)) \g /dev/null
SELECT rule('L' || repeat('☃', 99), 'current_people_inside', 'above', 0, session => s(3), message => repeat('"', 10000)),
       rule('L', 'current_people_inside', 'above', 0, session => s(3), message => repeat('☃', 7000 / 3 + 400)),
       rule('L' || m, 'current_people_inside', 'above', 0, session => s(4), message => repeat('m', m)) FROM generate_series(7300, 7500) AS m \g /dev/null
SELECT move(s(n), 'in', 50) FROM generate_series(2, 4) AS n \g /dev/null
SELECT is(look(), (SELECT count(*) FROM alert_thresholds WHERE threshold_name LIKE 'L%'), 'texts of any length fire');
SELECT cmp_ok(longest(), '>', 1000000, 'also very long ones');
SELECT ok(EXISTS (SELECT FROM alert_logs AS l WHERE octet_length(alert_payload(l, 'fired')::text) = 7999), 'one is as long as a notification may be');
SELECT ok(EXISTS (SELECT FROM alert_logs AS l WHERE octet_length(alert_payload(l, 'fired')::text) = 8000), 'one is one byte longer');
SELECT is((SELECT min(length(payload ->> 'message')) FROM alert_deliveries WHERE payload ->> 'session_name' ~ U&'\0001'), 200000, 'what is delivered is not cut');
DELETE FROM alert_logs;
DELETE FROM alert_thresholds;

-- Acknowledgement

SELECT rule('a', 'current_people_inside', 'above', 0) \g /dev/null
SELECT move(s(5), 'in', 60), move(s(6), 'in', 60) \g /dev/null
SELECT look() \g /dev/null
SELECT id AS alert FROM alert_logs WHERE session_id = s(5) \gset
SELECT id AS other FROM alert_logs WHERE session_id = s(6) \gset
SELECT ok(acknowledge_alert(:'alert', 'guard', 'on my way') BETWEEN now() AND clock_timestamp(), 'acknowledged now');
SELECT results_eq(format('SELECT acknowledged_by, note, is_resolved FROM alert_logs WHERE id = %L', :'alert'), $$ VALUES ('guard', 'on my way', false) $$,
    'by whom, with what they say; it stays open');
SELECT is(acknowledge_alert(:'alert', note => 'nothing there'), (SELECT acknowledged_at FROM alert_logs WHERE id = :'alert'), 'again: when it was first');
SELECT results_eq(format('SELECT acknowledged_by, note FROM alert_logs WHERE id = %L', :'alert'), $$ VALUES ('guard', 'nothing there') $$,
    'who is kept where nobody is named, what they say is the latest');
SELECT throws_ok(format('SELECT acknowledge_alert(%s)', id), 'P0002', format('alert "%s" does not exist', btrim(id, '''')), 'there is no alert ' || id)
  FROM unnest(ARRAY['''00000000-0000-7000-8000-000000000000''']) AS id;
SELECT throws_like('SELECT acknowledge_alert(NULL)', 'alert "%" does not exist', 'nor one of no id');

-- Resolved by hand

SELECT ok(resolve_alert(:'alert') BETWEEN now() AND clock_timestamp(), 'resolved now');
SELECT results_eq(format('SELECT is_resolved, resolved_reason, acknowledged_by, note FROM alert_logs WHERE id = %L', :'alert'),
    $$ VALUES (true, 'by_hand', 'guard', 'nothing there') $$, 'by hand');
SELECT is(resolve_alert(:'alert', 'chief', 'sure?'), (SELECT resolved_at FROM alert_logs WHERE id = :'alert'), 'again: when it was first');
SELECT is((SELECT acknowledged_by FROM alert_logs WHERE id = :'alert'), 'chief', 'who says something is remembered');
SELECT resolve_alert(:'other') AS resolved \gset
SELECT is((SELECT acknowledged_at BETWEEN now() AND clock_timestamp() FROM alert_logs WHERE id = :'other'), true, 'what nobody had acknowledged is acknowledged so');
SELECT is((SELECT acknowledged_by FROM alert_logs WHERE id = :'other'), current_user::text, 'by the current role');
SELECT throws_ok('SELECT resolve_alert(''00000000-0000-7000-8000-000000000000'')', 'P0002', 'alert "00000000-0000-7000-8000-000000000000" does not exist',
                 'what does not exist cannot be resolved');
SELECT is((SELECT count(*) FROM alert_deliveries WHERE alert_id IN (:'alert', :'other') AND event <> 'fired'), 0::bigint, 'nobody is told');
SELECT is(look(), 0::bigint, 'it does not fire again for what it fired for');
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time) VALUES (s(5), 1, 'in', clock_timestamp());
SELECT is(look(), 1::bigint, 'but for the next movement that is beyond');
SELECT is((SELECT count(*) FROM alert_logs WHERE session_id = s(5)), 2::bigint, 'with an alert of its own');

-- A silence that was resolved by hand waits for a sign of life, however long.

DELETE FROM alert_thresholds;
SELECT rule('mute', 'silence_seconds', 'above', 0.000001, session => s(6)) \g /dev/null
SELECT is((SELECT 1 FROM look() WHERE look = 2), NULL, 'the alert of the rule that is gone went with it');
SELECT resolve_alert(id) FROM alert_logs WHERE alert_type = 'mute' \g /dev/null
SELECT is((SELECT count(*) FROM alert_logs WHERE alert_type = 'mute'), 1::bigint, 'a silent session');
SELECT is(look(), 0::bigint, 'was seen to');
UPDATE alert_logs SET triggered_at = at(61), resolved_at = at(62) WHERE alert_type = 'mute';
SELECT is(look(clock_timestamp()), 0::bigint, 'also when that was long ago, and nobody remembers');
SELECT move(s(6), 'in', 70) \g /dev/null
SELECT is(look(clock_timestamp()), 1::bigint, 'after a sign of life it can be silent again');

-- Roles

CREATE ROLE nobody_special;
CREATE ROLE guard;
GRANT UPDATE, SELECT ON alert_logs TO guard;
CREATE FUNCTION pg_temp.as(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    RESET ROLE;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
    RETURN state;
END
$$;
SELECT is(pg_temp.as('nobody_special', statement), '42501', 'refused to a role without rights: ' || statement) FROM unnest(ARRAY[
    format('SELECT acknowledge_alert(%L)', :'alert'), format('SELECT resolve_alert(%L)', :'alert'), 'SELECT evaluate_alerts()',
    'SELECT start_alert_worker()', 'SELECT stop_alert_worker()', 'SELECT FROM alert_logs', 'SELECT FROM alert_states',
    'SELECT FROM alert_progress', 'UPDATE alert_progress SET looked_at = now()', 'SELECT FROM alert_channels',
    format('SELECT raise_alert(%1$L, %1$L, now(), 1, 1)', :'alert'), format('SELECT end_alert(%L, now(), 1, ''cleared'')', :'alert'),
    format('SELECT repeat_alert(%L, 1)', :'alert'), format('SELECT announce_alert(%L, ''fired'')', :'alert')]) AS statement;
SELECT is(pg_temp.as('nobody_special', 'SELECT * FROM alert_worker_status'), 'done', 'anybody may see how the worker is');
SELECT is(pg_temp.as('guard', format('SELECT acknowledge_alert(%L, note => ''seen'')', :'other')), 'done', 'a role that may update alerts acknowledges them');
SELECT is(pg_temp.as('guard', format('SELECT resolve_alert(%L)', :'other')), 'done', 'and resolves them');

-- Objects of the same names in front

DELETE FROM alert_thresholds;
DELETE FROM alert_logs;
SELECT rule('trap', 'current_people_inside', 'above', 5, session => s(3)) \g /dev/null
CREATE SCHEMA trap;
CREATE TABLE trap.sprung (what text);
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{alert_logs,alert_thresholds,alert_states,alert_progress,sessions,hourly_statistics,alert_channels,alert_deliveries}'::text[] LOOP
        EXECUTE format('CREATE TABLE trap.%1$I (LIKE public.%1$I)', name);
        EXECUTE format('CREATE TABLE pg_temp.%1$I (LIKE public.%1$I)', name);
    END LOOP;
END
$$;
CREATE FUNCTION trap.spring(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.sprung VALUES (what); RETURN true; END $$;
CREATE FUNCTION trap.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM trap.spring('pg_notify'); END $$;
CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM trap.spring('clock_timestamp'); RETURN 'epoch'; END $$;
CREATE FUNCTION trap.octet_length(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM trap.spring('octet_length'); RETURN 0; END $$;
CREATE FUNCTION trap.equal(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN trap.spring('='); END $$;
CREATE OPERATOR trap.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = trap.equal);
CREATE FUNCTION trap.less(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN trap.spring('>='); END $$;
CREATE OPERATOR trap.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = trap.less);
SELECT move(s(3), 'in', 80, 9) \g /dev/null
UPDATE public.alert_progress SET looked_at = t0();
SET LOCAL search_path = trap, pg_catalog, public;
SELECT public.evaluate_alerts() AS found \gset
SELECT public.acknowledge_alert(id), public.resolve_alert(id) FROM public.alert_logs \g /dev/null
UPDATE public.alert_thresholds SET clear_value = 0;
SELECT count(*) AS told FROM public.alert_deliveries WHERE payload ->> 'threshold_name' OPERATOR(pg_catalog.=) 'trap' \gset
RESET search_path;
DROP TABLE pg_temp.alert_logs, pg_temp.alert_thresholds, pg_temp.alert_states, pg_temp.alert_progress, pg_temp.sessions,
    pg_temp.hourly_statistics, pg_temp.alert_channels, pg_temp.alert_deliveries;
SELECT is(:found, 1, 'an alert is found');
SELECT results_eq('SELECT alert_type::text, resolved_reason FROM alert_logs', $$ VALUES ('trap', 'by_hand') $$, 'is written and resolved where it belongs');
SELECT is(:told, 2, 'and told to the channels that there are');
SELECT is_empty('SELECT * FROM trap.sprung', 'nothing of others was called');
SELECT is_empty('SELECT FROM trap.alert_logs', 'or written to');

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
