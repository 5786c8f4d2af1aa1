-- Alerts that begin or end for another reason than a movement: sessions, rules, resets and baselines, and rows that others left.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
\ir include/alerting.psql
SELECT plan(52);
SELECT door(n) FROM generate_series(1, 8) AS n \g /dev/null

-- A rule for one session, and one for all

SELECT rule('one', 'current_people_inside', 'above', 0, session => s(1)), rule('all', 'current_people_inside', 'above', 1) \g /dev/null
SELECT move(s(1), 'in', 10, 2), move(s(2), 'in', 20), move(s(2), 'in', 30), move(s(3), 'in', 40) \g /dev/null
SELECT is(look(), 3::bigint, 'three alerts');
SELECT results_eq('SELECT alerts()', ARRAY['all/1 10 2..open 2', 'all/2 30 2..open 2', 'one/1 10 2..open 2'],
    'one for each rule and session that it watches');
SELECT move(s(3), 'in', 50) \g /dev/null
SELECT door(9) \g /dev/null
SELECT move(s(9), 'in', 60, 2) \g /dev/null
SELECT is(look(), 2::bigint, 'a rule for all is for sessions that come later, too');

-- The end of a session

UPDATE sessions SET status = 'completed', end_time = at(70) WHERE id = s(1);
UPDATE sessions SET status = 'error', end_time = at(35) WHERE id = s(2);
UPDATE sessions SET status = 'cancelled' WHERE id = s(3);
SELECT is(look(), 4::bigint, 'the end of a session ends all its alerts');
SELECT results_eq($$ SELECT alerts() FROM generate_series(1, 1) LIMIT 3 $$, ARRAY['all/1 10 2..70 session_ended 2', 'all/2 30 2..35 session_ended 2',
    format('all/3 50 2..%s session_ended 2', since((SELECT resolved_at FROM alert_logs WHERE session_id = s(3))))],
    'at its end, and with that reason');
SELECT results_eq($$ SELECT alerts('one') $$, ARRAY['one/1 10 2..70 session_ended 2'], 'whatever the rule');
SELECT cmp_ok((SELECT resolved_at FROM alert_logs WHERE session_id = s(3)), '<=', clock_timestamp(), 'an end without a time is not later than the look');
SELECT is(look(), 0::bigint, 'it has ended');
SELECT move(s(1), 'in', 65, 5) \g /dev/null
SELECT is(look(), 0::bigint, 'what comes late for it fires nothing');
SELECT is((SELECT count(*) FROM alert_logs WHERE NOT is_resolved), 1::bigint, 'the alert of the session that goes on is open');
UPDATE sessions SET status = 'active', end_time = NULL WHERE id = s(1);
SELECT move(s(1), 'in', 80) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('one') $$, ARRAY['one/1 10 2..70 session_ended 2', 'one/1 70 7..open 8'],
    'one that goes on after all fires anew, from where its last alert ended');
UPDATE sessions SET status = 'completed', end_time = at(81) WHERE id = s(1);
SELECT rest() \g /dev/null
SELECT rule('soon', 'current_people_inside', 'above', 1, hold => '1 day', session => s(4)) \g /dev/null
SELECT move(s(4), 'in', 90, 2) \g /dev/null
SELECT look() \g /dev/null
SELECT is((SELECT count(*) FROM alert_states), 1::bigint, 'one is pending');
UPDATE sessions SET status = 'completed', end_time = at(95) WHERE id = s(4);
SELECT is(look(), 0::bigint, 'and the end of its session');
SELECT is_empty('SELECT FROM alert_states', 'leaves nothing of that');
DELETE FROM sessions WHERE id = s(9);
SELECT is(look(), 0::bigint, 'a deleted session takes its alerts along');

-- A rule is edited: at once, but not for what was before

DELETE FROM alert_logs;
DELETE FROM alert_thresholds;
SELECT rule('edit', 'current_people_inside', 'above', 9, session => s(5)) \g /dev/null
SELECT move(s(5), 'in', 100, 5), move(s(5), 'out', 110, 3) \g /dev/null
SELECT is(look(), 0::bigint, 'five are fewer than nine');
UPDATE alert_thresholds SET threshold_value = 3;
SELECT is(look(), 0::bigint, 'a lower threshold does not apply to what was above it before');
UPDATE alert_thresholds SET threshold_value = 1;
SELECT is(look(), 1::bigint, 'but to what is now');
SELECT ok(triggered_at BETWEEN now() AND clock_timestamp(), 'since the edit') FROM alert_logs;
SELECT is((SELECT current_value FROM alert_logs), 2::float8, 'with the value of now');
UPDATE alert_thresholds SET threshold_value = 2;
SELECT is(look(), 1::bigint, 'a higher threshold ends it');
SELECT is((SELECT resolved_reason FROM alert_logs), 'cleared', 'as any value would that clears it');
UPDATE alert_thresholds SET threshold_value = 0, hold_for = '1 day';
SELECT is(look(), 0::bigint, 'with hold_for it waits');
SELECT results_eq('SELECT phase, by_edit, peak_value, since BETWEEN now() AND clock_timestamp() FROM alert_states',
                  $$ VALUES ('pending', true, 2::float8, true) $$, 'from the edit on');
SELECT move(s(5), 'in', 120) \g /dev/null
SELECT look() \g /dev/null
SELECT is((SELECT by_edit FROM alert_states), true, 'what was observed before does not take it back');
UPDATE alert_thresholds SET threshold_value = 50;
SELECT look() \g /dev/null
SELECT is_empty('SELECT FROM alert_states', 'another edit does');
UPDATE alert_thresholds SET threshold_value = 2, hold_for = '0';
SELECT look() \g /dev/null
SELECT is((SELECT count(*) FROM alert_logs WHERE NOT is_resolved), 1::bigint, 'and another one makes it fire');
SELECT move(s(6), 'in', 130, 3) \g /dev/null
UPDATE alert_thresholds SET session_id = s(6);
SELECT is(look(), 2::bigint, 'given to another session the alert ends, and the rule judges that one');
SELECT results_eq('SELECT session_id, is_resolved, resolved_reason FROM alert_logs WHERE triggered_at >= now() ORDER BY id DESC LIMIT 2',
    $$ VALUES (s(6), false, NULL), (s(5), true, 'threshold_changed') $$, 'with that reason');
UPDATE alert_thresholds SET metric = 'fps_current', comparison = 'below';
SELECT is(look(), 1::bigint, 'and so does one whose metric was changed');
SELECT is((SELECT resolved_reason FROM alert_logs ORDER BY id DESC LIMIT 1), 'threshold_changed', 'with that reason, too');

-- A rule is switched off, and deleted

SELECT rule('off', 'current_people_inside', 'above', 0, session => s(6)), rule('gone', 'current_people_inside', 'above', 0, session => s(6)),
       rule('off2', 'current_people_inside', 'above', 0, hold => '1 day', session => s(6)) \g /dev/null
DELETE FROM alert_logs;
SELECT is(look(), 2::bigint, 'two alerts, and one is pending');
UPDATE alert_thresholds SET is_active = false WHERE threshold_name LIKE 'off%';
DELETE FROM alert_thresholds WHERE threshold_name = 'gone';
SELECT is(look(), 2::bigint, 'both end');
SELECT results_eq('SELECT alert_type::text, resolved_reason, threshold_id IS NULL FROM alert_logs ORDER BY 1',
    $$ VALUES ('gone', 'threshold_deleted', true), ('off', 'threshold_changed', false) $$, 'with the reasons');
SELECT is_empty('SELECT FROM alert_states', 'and nothing is pending');
UPDATE alert_thresholds SET is_active = true WHERE threshold_name = 'off';
SELECT is(look(), 1::bigint, 'switched on again the rule judges what is now');
SELECT rest() \g /dev/null

-- Resets and baselines: written, planned, and scheduled

DELETE FROM alert_logs;
SET LOCAL people_counter.alert_max_lag = '20 min';
SELECT door(10, reset => 300), door(11), door(12) \g /dev/null
SELECT rule('many', 'current_people_inside', 'above', 5), rule('none', 'current_people_inside', 'below', 1) \g /dev/null
SELECT move(s(10), 'in', 200, 7) \g /dev/null
SELECT look(at(199)) \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['many/10 200 7..300 cleared 7', 'none/10 300 0..open 0'], 'a scheduled reset, to the microsecond');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(11), at(310.000001), 6);
SELECT look(at(199)) \g /dev/null
SELECT results_eq($$ SELECT alerts('many') $$, ARRAY['many/10 200 7..300 cleared 7', 'many/11 310.000001 6..open 6'], 'a count by hand');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(11), at(320), 0);
SELECT move(s(11), 'in', 320) \g /dev/null
SELECT look(at(199)) \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['many/10 200 7..300 cleared 7', 'many/11 310.000001 6..320 cleared 6', 'none/10 300 0..open 0',
    'none/11 320 0..open 0'], 'a baseline comes after the movements of its instant, which are no level of their own');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(12), clock_timestamp() + interval '1 hour', 9);
SELECT look(at(199)) \g /dev/null
SELECT is_empty('SELECT FROM alert_logs WHERE session_id = s(12)', 'one that is planned does not count yet');
UPDATE occupancy_baselines SET baseline_time = clock_timestamp() WHERE session_id = s(12);
SELECT look(at(199)) \g /dev/null
SELECT is((SELECT triggered_at FROM alert_logs WHERE session_id = s(12)), (SELECT baseline_time FROM occupancy_baselines WHERE session_id = s(12)),
    'but when its time has come');
SELECT rest() \g /dev/null
RESET people_counter.alert_max_lag;
SELECT door(13) \g /dev/null
SELECT rule('late', 'current_people_inside', 'above', 5, session => s(13)) \g /dev/null
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (s(13), t0() - interval '1 hour', 6);
SELECT is(look(), 0::bigint, 'one of long ago fires nothing');

-- Open alerts that the worker did not raise, and rows that do not fit

DELETE FROM alert_thresholds;
DELETE FROM alert_logs;
SELECT rule('adopt', 'current_people_inside', 'above', 5, session => s(7)) AS adopt \gset
INSERT INTO alert_logs (session_id, threshold_id, alert_type, triggered_at, metric, current_value)
VALUES (s(7), :'adopt', 'adopt', at(10), 'current_people_inside', 6);
SELECT move(s(7), 'in', 5, 6), move(s(7), 'in', 20) \g /dev/null
SELECT is(look(), 0::bigint, 'an open alert is the alert of its rule, whoever made it');
SELECT move(s(7), 'out', 30, 2) \g /dev/null
SELECT is(look(), 1::bigint, 'and ends');
SELECT results_eq('SELECT alerts()', ARRAY['adopt/7 10 6..30 cleared 7'], 'like any other');
INSERT INTO alert_logs (session_id, alert_type, triggered_at) VALUES (s(7), 'by somebody', at(40)), (NULL, 'of nothing', at(40));
INSERT INTO alert_logs (threshold_id, alert_type, triggered_at, metric) VALUES (:'adopt', 'no session', at(40), 'current_people_inside');
SELECT is(look(), 0::bigint, 'alerts that no rule raised are left alone');
SELECT is((SELECT count(*) FROM alert_logs WHERE NOT is_resolved), 3::bigint, 'all of them');
INSERT INTO alert_states (threshold_id, session_id, phase, since) VALUES (:'adopt', s(7), 'recovering', at(50)), (:'adopt', s(8), 'pending', at(50));
SELECT is(look(), 0::bigint, 'states without an alert, and of a session that the rule does not watch,');
SELECT is_empty('SELECT FROM alert_states', 'are cleaned up');
DELETE FROM alert_progress;
SELECT move(s(7), 'in', 60, 4) \g /dev/null
SELECT lives_ok('SELECT evaluate_alerts()', 'without the row of its progress it still looks');
SELECT is_empty('SELECT FROM alert_logs WHERE triggered_at = at(60)', 'but takes everything for what was there before');

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
