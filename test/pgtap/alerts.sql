-- Alert logs: at most one open alert for a rule and session, and what is left of them when a rule or a session goes.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(23);

CREATE FUNCTION s(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-7000-8000-0000000000' || n)::uuid
$$;
INSERT INTO sessions (id, session_name) VALUES (s(11), 'one'), (s(12), 'two');
INSERT INTO alert_thresholds (id, session_id, threshold_name, threshold_value) VALUES
    (s(21), NULL, 'max_people_count', 10), (s(22), NULL, 'fps_low', 10), (s(23), s(12), 'cpu_usage_high', 50);
CREATE FUNCTION fire(rule uuid, session uuid) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO alert_logs (threshold_id, session_id, alert_type) VALUES (rule, session, 'x') RETURNING id
$$;
CREATE FUNCTION open_alerts() RETURNS TABLE (rule uuid, session uuid, n bigint) LANGUAGE sql AS $$
    SELECT threshold_id, session_id, count(*) FROM alert_logs WHERE NOT is_resolved GROUP BY 1, 2 ORDER BY 1, 2
$$;

-- One open alert for a rule and session

SELECT lives_ok($$ SELECT fire(s(21), s(11)) $$, 'a rule fires');
SELECT throws_ok($$ SELECT fire(s(21), s(11)) $$, '23505',
    'duplicate key value violates unique constraint "alert_logs_open_key"', 'not twice while its alert is open');
SELECT lives_ok($$ SELECT fire(s(22), s(11)) $$, 'another rule for the same session');
SELECT lives_ok($$ SELECT fire(s(21), s(12)) $$, 'the same rule for another session');
SELECT throws_ok($$ UPDATE alert_logs SET session_id = s(12) WHERE threshold_id = s(21) AND session_id = s(11) $$, '23505', NULL,
                 'nor by an update of the session');
SELECT throws_ok($$ UPDATE alert_logs SET threshold_id = s(21) WHERE threshold_id = s(22) $$, '23505', NULL, 'or of the rule');
SELECT lives_ok($$ INSERT INTO alert_logs (threshold_id, session_id, alert_type) VALUES (s(21), s(11), 'x')
                   ON CONFLICT (threshold_id, session_id) WHERE NOT is_resolved AND threshold_id IS NOT NULL DO NOTHING $$,
                'whoever raises alerts may name the key');

-- Resolved ones are a record.

UPDATE alert_logs SET is_resolved = true, resolved_at = now() WHERE threshold_id = s(21) AND session_id = s(11);
SELECT lives_ok($$ SELECT fire(s(21), s(11)) $$, 'once it is resolved the rule fires again');
SELECT throws_ok($$ UPDATE alert_logs SET is_resolved = false WHERE threshold_id = s(21) AND session_id = s(11) $$, '23505', NULL,
                 'and the old one cannot be opened beside the new one');
UPDATE alert_logs SET is_resolved = true, resolved_at = now() WHERE threshold_id = s(21) AND session_id = s(11);
SELECT is((SELECT count(*) FROM alert_logs WHERE threshold_id = s(21) AND session_id = s(11)), 2::bigint, 'all are kept');
SELECT throws_ok($$ UPDATE alert_logs SET resolved_at = triggered_at - interval '1 microsecond' $$, '23514', NULL,
                 'none ends before it begins');

-- About no session in particular

SELECT lives_ok($$ SELECT fire(s(21), NULL) $$, 'a rule fires for no session');
SELECT throws_ok($$ SELECT fire(s(21), NULL) $$, '23505', NULL, 'once');
SELECT lives_ok($$ SELECT fire(s(22), NULL) $$, 'and so does another');
SELECT results_eq('SELECT * FROM open_alerts()',
    $$ VALUES (s(21), s(12), 1::bigint), (s(21), NULL, 1), (s(22), s(11), 1), (s(22), NULL, 1) $$, 'these are open');

-- A deleted rule leaves its alerts, open ones too, and those of several rules do not collide.

SELECT fire(s(21), s(11)) \g /dev/null
SELECT lives_ok($$ DELETE FROM alert_thresholds WHERE id IN (s(21), s(22)) $$, 'rules can go while their alerts are open');
SELECT results_eq('SELECT * FROM open_alerts()',
    $$ VALUES (NULL::uuid, s(11), 2::bigint), (NULL, s(12), 1), (NULL, NULL, 2) $$, 'which stay open');
UPDATE alert_logs SET is_resolved = true, resolved_at = now() WHERE session_id = s(11);
SELECT is((SELECT count(*) FROM alert_logs WHERE session_id = s(11) AND threshold_id IS NULL AND is_resolved), 4::bigint,
          'and can be resolved');

-- A deleted session takes its rules and its alerts along.

SELECT fire(s(23), s(12)) \g /dev/null
SELECT lives_ok($$ DELETE FROM sessions WHERE id = s(12) $$, 'a session can go while its alerts are open');
SELECT is_empty($$ SELECT FROM alert_logs WHERE session_id = s(12) $$, 'its alerts go with it');
SELECT is_empty($$ SELECT FROM alert_thresholds WHERE id = s(23) $$, 'and its rules');
SELECT results_eq('SELECT * FROM open_alerts()', $$ VALUES (NULL::uuid, NULL::uuid, 2::bigint) $$, 'others are not concerned');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
