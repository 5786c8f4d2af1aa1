-- The lifecycle of an alert, to the microsecond: hold_for, clear_value, keep_firing_for, repeat_interval; what begins nothing.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
\ir include/alerting.psql
SELECT plan(41);
SELECT door(n) FROM generate_series(1, 9) AS n \g /dev/null

-- hold_for: as long as that without a break, to the microsecond

SELECT rule('held', 'current_people_inside', 'above', 1, hold => '10 seconds', session => s(1)),
       rule('hollow', 'current_people_inside', 'below', 1, hold => '10 seconds', session => s(1)) \g /dev/null
SELECT move(s(1), 'in', 10, 2), move(s(1), 'out', 19.999999) \g /dev/null
SELECT is(look(), 0::bigint, 'a microsecond less than hold_for');
SELECT move(s(1), 'in', 30.000001), move(s(1), 'out', 40.000001) \g /dev/null
SELECT is(look(), 2::bigint, 'exactly hold_for');
SELECT move(s(1), 'in', 50.5), move(s(1), 'in', 55), move(s(1), 'out', 65) \g /dev/null
SELECT is(look(), 1::bigint, 'longer than that, and still');
SELECT results_eq('SELECT alerts()', ARRAY['held/1 40.000001 2..40.000001 cleared 2', 'held/1 60.5 3..open 3'],
    'an alert begins hold_for after the crossing, whenever it was looked for');
SELECT move(s(1), 'out', 70), move(s(1), 'out', 70.000001) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT alerts()', ARRAY['held/1 40.000001 2..40.000001 cleared 2', 'held/1 60.5 3..70 cleared 3',
    'hollow/1 80.000001 0..open 0'], 'below likewise, and time alone is enough where the value is known');
SELECT is_empty('SELECT * FROM alert_states', 'nothing is on its way');
SELECT rest() \g /dev/null

-- What is on its way is a row. The values that fire and that are the worst

SELECT rule('slow', 'current_people_inside', 'above', 1, hold => '1 hour', session => s(2)) \g /dev/null
SELECT move(s(2), 'in', 100, 3), move(s(2), 'in', 105), move(s(2), 'out', 110, 2) \g /dev/null
SELECT is(look(), 0::bigint, 'not yet');
SELECT results_eq('SELECT phase, since, by_edit, peak_value FROM alert_states', $$ VALUES ('pending', at(100), false, 4::float8) $$,
    'pending since the crossing');
UPDATE alert_thresholds SET hold_for = '20 seconds' WHERE threshold_name = 'slow';
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('slow') $$, ARRAY['slow/2 120 2..open 4'],
    'a shorter hold_for applies to what is pending: value then, and the worst since it is pending');
SELECT rest() \g /dev/null

-- clear_value: what lies between begins nothing and ends nothing.

SELECT rule('hyst', 'current_people_inside', 'above', 4, 2, session => s(3)), rule('low', 'current_people_inside', 'below', 2, 4, session => s(3)) \g /dev/null
SELECT move(s(3), 'in', 100, 4), move(s(3), 'in', 110), move(s(3), 'out', 120, 2), move(s(3), 'in', 130, 2), move(s(3), 'out', 140, 3),
       move(s(3), 'in', 150), move(s(3), 'out', 160, 2), move(s(3), 'in', 170, 2), move(s(3), 'in', 180) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq('SELECT * FROM (SELECT alerts(n) FROM unnest(ARRAY[''hyst'', ''low'']) AS n) AS of_both',
    ARRAY['hyst/3 110 5..140 cleared 5', 'low/3 160 1..180 cleared 1'],
    'an alert ends at its clear_value, not before, whatever is crossed meanwhile');
SELECT rest() \g /dev/null

-- keep_firing_for: clear for as long as that without a break

SELECT rule('kept', 'current_people_inside', 'above', 1, 0, keep => '10 seconds', session => s(4)) \g /dev/null
SELECT move(s(4), 'in', 200, 2), move(s(4), 'out', 210, 2), move(s(4), 'in', 219.999999), move(s(4), 'out', 230) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('kept') $$, ARRAY['kept/4 200 2..240 cleared 2'],
    'what is no longer clear lasts on, also where it is not beyond the threshold; then it is clear for long enough');
SELECT rule('keeps', 'current_people_inside', 'above', 1, 0, keep => '1 hour', session => s(4)) \g /dev/null
SELECT is(look(), 1::bigint, 'one that is clear for less is open');
SELECT results_eq('SELECT phase, since FROM alert_states', $$ VALUES ('recovering', at(230)) $$, 'and recovers');
SELECT is_empty('SELECT FROM alert_logs WHERE is_resolved AND alert_type = ''keeps''', 'for as long as it takes');
SELECT move(s(4), 'in', 270, 9) \g /dev/null
SELECT look() \g /dev/null
SELECT is_empty('SELECT FROM alert_states', 'beyond again it fires on');
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{kept,keeps}'::text[]) AS n $$,
    ARRAY['kept/4 200 2..240 cleared 2', 'kept/4 270 9..open 9', 'keeps/4 200 2..open 9'],
    'one alert where it had not ended, another one where it had');
SELECT move(s(4), 'in', 271) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT peak_value FROM alert_logs WHERE NOT is_resolved $$, ARRAY[10::float8, 10], 'the peak of an open alert is written, too');
SELECT rest() \g /dev/null

-- Late data never fires, but may resolve. Lateness is what lies between observation and arrival.

SET LOCAL people_counter.alert_max_lag = '2 min';
SELECT rule('late', 'current_people_inside', 'above', 1, session => s(5)), rule('late fps', 'fps_current', 'below', 10, session => s(5)) \g /dev/null
SELECT move(s(5), 'in', 300, 2, arrived => 420.000001), sample(s(5), 300, 'fps_current', 5, arrived => 420.000001) \g /dev/null
SELECT is(look(at(299)), 0::bigint, 'a microsecond too late');
SELECT move(s(5), 'out', 310, arrived => 310), sample(s(5), 310, 'fps_current', 20, arrived => 310) \g /dev/null
SELECT is(look(at(299)), 0::bigint, 'what follows in time is not beyond');
SELECT move(s(5), 'in', 320, arrived => 440), sample(s(5), 320, 'fps_current', 6, arrived => 440) \g /dev/null
SELECT is(look(at(299)), 2::bigint, 'just in time');
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{late,late fps}'::text[]) AS n $$, ARRAY['late/5 320 2..open 2', 'late fps/5 320 6..open 6'],
    'fires for what it was');
SELECT move(s(5), 'out', 330, arrived => 590), sample(s(5), 330, 'fps_current', 20, arrived => 590) \g /dev/null
SELECT is(look(at(299)), 2::bigint, 'late data may resolve');
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{late,late fps}'::text[]) AS n $$,
    ARRAY['late/5 320 2..330 cleared 2', 'late fps/5 320 6..330 cleared 6'], 'when it was');
RESET people_counter.alert_max_lag;
SELECT rest() \g /dev/null

-- What is older than the evidence only tells the value from which it goes on.

SELECT rule('old', 'current_people_inside', 'above', 1, session => s(6)) \g /dev/null
SELECT move(s(6), 'in', 10, 5) \g /dev/null
SELECT is(look(at(400)), 0::bigint, 'it was beyond before the evidence begins');
SELECT move(s(6), 'in', 401) \g /dev/null
SELECT is(look(at(400)), 1::bigint, 'whatever moves while it is beyond makes it pending');
SELECT results_eq($$ SELECT alerts('old') $$, ARRAY['old/6 401 6..open 6'], 'from there');
UPDATE alert_progress SET installed_at = at(450);
SELECT rule('new', 'current_people_inside', 'above', 1, session => s(7)) \g /dev/null
SELECT move(s(7), 'in', 449, 5) \g /dev/null
SELECT is(look(), 0::bigint, 'what was observed before the extension was created here fires nothing');
SELECT move(s(7), 'in', 450) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts('new') $$, ARRAY['new/7 450 6..open 6'], 'what comes then does');
UPDATE alert_progress SET installed_at = t0() - interval '1 day';
SELECT rest() \g /dev/null

-- Missing data resolves nothing.

SELECT rule('gone', 'fps_current', 'below', 10, keep => '1 second', session => s(8)),
       rule('pend', 'cpu_usage_percentage', 'above', 10, hold => '10 seconds', session => s(8)),
       rule('rush', 'people_entered_last_minute', 'above', 1, session => s(8)) \g /dev/null
SELECT move(s(8), 'in', 300, 2), sample(s(8), 300, 'fps_current', 5), sample(s(8), 301, 'cpu_usage_percentage', 50) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{gone,pend,rush}'::text[]) AS n $$,
    ARRAY['gone/8 300 5..open 5', 'pend/8 311 50..open 50', 'rush/8 300 2..open 2'],
    'a value holds for a while, and nothing that is missing ends an alert');
SELECT sample(s(8), 361) \g /dev/null
SELECT look() \g /dev/null
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{gone,pend,rush}'::text[]) AS n $$,
    ARRAY['gone/8 300 5..open 5', 'pend/8 311 50..open 50', 'rush/8 300 2..360 cleared 2'], 'a sign of life tells that nobody entered');
SELECT rest() \g /dev/null

-- A sample tells the value for alert_max_lag. What comes behind a longer gap begins again.

SET LOCAL people_counter.alert_max_lag = '1 min';
SELECT rule('gap', 'fps_current', 'below', 10, hold => '65 seconds', session => s(8)),
       rule('whole', 'fps_current', 'below', 10, hold => '60 seconds', session => s(8)) \g /dev/null
SELECT sample(s(8), 400, 'fps_current', 5), sample(s(8), 460.000001, 'fps_current', 6), sample(s(8), 520, 'fps_current', 4) \g /dev/null
SELECT look(at(399)) \g /dev/null
SELECT results_eq($$ SELECT alerts(n) FROM unnest('{gap,whole}'::text[]) AS n $$, ARRAY['gap/8 525.000001 4..open 4', 'whole/8 460 5..open 4'],
    'nobody knows what was in a gap');
RESET people_counter.alert_max_lag;
SELECT rest() \g /dev/null

-- repeat_interval

SELECT rule('again', 'current_people_inside', 'above', 0, again => '1 hour', session => s(9)) \g /dev/null
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://localhost/');
SELECT move(s(9), 'in', 400) \g /dev/null
SELECT look() \g /dev/null
CREATE FUNCTION told() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', d.event, d.payload ->> 'repeat_count', d.payload ->> 'peak_value'), ', ' ORDER BY d.id)
      FROM alert_deliveries AS d JOIN alert_logs AS l ON l.id = d.alert_id WHERE l.alert_type = 'again'
$$;
CREATE FUNCTION long_ago() RETURNS void LANGUAGE sql AS $$
    UPDATE alert_logs SET announced_at = clock_timestamp() - interval '61 minutes' WHERE alert_type = 'again'
$$;
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1', 'it is announced when it fires, and not for an hour');
SELECT long_ago() \g /dev/null
SELECT is(look(), 0::bigint, 'a repetition is no transition');
SELECT is(told(), 'fired 0 1, repeated 1 1', 'after an hour it is announced again');
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1, repeated 1 1', 'once');
SELECT move(s(9), 'in', 410) \g /dev/null
SELECT long_ago() \g /dev/null
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1, repeated 1 1, repeated 2 2', 'and every hour, with the worst value so far');
SELECT acknowledge_alert(id) FROM alert_logs WHERE alert_type = 'again' \g /dev/null
SELECT long_ago() \g /dev/null
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1, repeated 1 1, repeated 2 2', 'until somebody took notice');
SELECT move(s(9), 'out', 420, 2) \g /dev/null
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1, repeated 1 1, repeated 2 2, resolved 2 2', 'its end is announced all the same');
SELECT move(s(9), 'in', 430) \g /dev/null
SELECT look() \g /dev/null
SELECT long_ago() \g /dev/null
SELECT look() \g /dev/null
SELECT is(told(), 'fired 0 1, repeated 1 1, repeated 2 2, resolved 2 2, fired 0 1, repeated 1 1', 'the next one is one of its own');
SELECT results_eq($$ SELECT alerts('again') $$, ARRAY['again/9 400 1..420 cleared 2', 'again/9 430 1..open 1'], 'with times of its own');

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
