-- The door's fullest day once more, as if it were today: each movement in a transaction of its own, at the present time.
\set QUIET on
SET client_min_messages = warning;
INSERT INTO sessions (session_name, input_source, time_zone) VALUES ('CalIt2, today', 'the same door', 'America/Los_Angeles')
RETURNING id AS today \gset
INSERT INTO alert_channels (channel_name, kind, url, min_severity) VALUES ('demo', 'webhook', :'url', 'critical');
INSERT INTO alert_thresholds (session_id, threshold_name, alert_message, metric, comparison, threshold_value, clear_value,
                              severity)
VALUES (:'today', 'building full', 'Open the side entrance', 'current_people_inside', 'above', 90, 60, 'critical');
SELECT date_timestamp AS day FROM daily_statistics ORDER BY peak_people_count DESC, date_timestamp LIMIT 1 \gset
SELECT set_config('demo.today', :'today', false), set_config('demo.day', :'day', false) \gset ignored_
DO $$
DECLARE
    movement record;
BEGIN
    FOR movement IN
        SELECT person_id, movement_direction FROM people_movements AS m JOIN sessions AS s ON s.id = m.session_id
         WHERE s.session_name = 'CalIt2, main door'
           AND m.movement_time >= (current_setting('demo.day')::date + s.day_start) AT TIME ZONE s.time_zone
           AND m.movement_time < (current_setting('demo.day')::date + 1 + s.day_start) AT TIME ZONE s.time_zone
         ORDER BY m.movement_time, m.id
    LOOP
        INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
        VALUES (current_setting('demo.today')::uuid, clock_timestamp(), movement.person_id, movement.movement_direction);
        COMMIT;
    END LOOP;
END
$$;
