CREATE FUNCTION people_counter_api.get_hourly_analytics(session_id text DEFAULT '', period_hours text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted uuid := CASE WHEN session_id <> '' THEN (people_counter_rest.find_session(session_id)).id END;
    hours integer := people_counter_rest.whole_argument('hours', period_hours, 24, 1, 168);
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('analytics', coalesce(json_agg(json_build_object(
                    'session_id', h.session_id, 'hour_timestamp', h.hour_timestamp, 'people_entered', h.people_entered,
                    'people_exited', h.people_exited, 'peak_people_count', h.peak_people_count,
                    'average_people_count', h.average_people_count, 'total_detections', h.total_detections,
                    'detection_accuracy', h.detection_accuracy) ORDER BY h.hour_timestamp DESC, h.session_id), '[]'),
                'period_hours', hours)
          FROM people_counter_rest.hourly_statistics AS h
         WHERE h.hour_timestamp >= now() - make_interval(hours => hours)
           AND (wanted IS NULL OR h.session_id = wanted) AND (everything OR h.session_id = ANY (own)));
END $$;
COMMENT ON FUNCTION people_counter_api.get_hourly_analytics(text, text) IS
    'GET /analytics/hourly?session_id=&hours=24

Hourly statistics of the last hours (1 to 168), newest first, of one session or of all: people who entered and left, peak and mean of the people inside, movements, and their mean confidence in percent. 404: no such session.';

CREATE FUNCTION people_counter_api.get_daily_analytics(session_id text DEFAULT '', period_days text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted uuid := CASE WHEN session_id <> '' THEN (people_counter_rest.find_session(session_id)).id END;
    days integer := people_counter_rest.whole_argument('days', period_days, 30, 1, 365);
    today date := (now() AT TIME ZONE people_counter_rest.default_time_zone())::date;
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('analytics', coalesce(json_agg(json_build_object(
                    'session_id', d.session_id, 'date_timestamp', d.date_timestamp, 'total_people_entered', d.total_people_entered,
                    'total_people_exited', d.total_people_exited, 'peak_people_count', d.peak_people_count,
                    'average_people_count', d.average_people_count, 'total_detections', d.total_detections,
                    'total_session_duration', d.total_session_duration, 'detection_accuracy', d.detection_accuracy)
                    ORDER BY d.date_timestamp DESC, d.session_id), '[]'),
                'period_days', days)
          FROM people_counter_rest.daily_statistics AS d
         WHERE d.date_timestamp > today - days
           AND (wanted IS NULL OR d.session_id = wanted) AND (everything OR d.session_id = ANY (own)));
END $$;
COMMENT ON FUNCTION people_counter_api.get_daily_analytics(text, text) IS
    'GET /analytics/daily?session_id=&days=30

Daily statistics of the last days (1 to 365, today included), newest first, of one session or of all. 404: no such session.';

CREATE FUNCTION people_counter_api.dashboard_summary() RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    zone text := people_counter_rest.default_time_zone();
    today timestamptz := date_trunc('day', now(), zone);
    tomorrow timestamptz := ((now() AT TIME ZONE zone)::date + 1)::timestamp AT TIME ZONE zone;
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('active_sessions', s.active, 'sessions_today', s.today, 'people_entered_today', h.entered,
                                 'people_exited_today', h.exited, 'recent_movements', r.movements, 'timestamp', now())
          FROM (SELECT count(*) FILTER (WHERE status = 'active') AS active,
                       count(*) FILTER (WHERE start_time >= today AND start_time < tomorrow) AS today
                  FROM people_counter_rest.sessions WHERE everything OR id = ANY (own)) AS s,
               (SELECT coalesce(sum(people_entered), 0) AS entered, coalesce(sum(people_exited), 0) AS exited
                  FROM people_counter_rest.hourly_statistics
                 WHERE hour_timestamp >= today AND hour_timestamp < tomorrow AND (everything OR session_id = ANY (own))) AS h,
               -- Whole hours are known; only what is left of the one that is an hour ago is counted.
               (SELECT coalesce(sum(coalesce(w.movements, 0) + m.movements), 0) AS movements
                  FROM people_counter_rest.session_statistics AS st
                 CROSS JOIN LATERAL (SELECT sum(d.total_detections) AS movements, coalesce(min(d.hour_timestamp), 'infinity') AS first
                                       FROM people_counter_rest.hourly_statistics AS d
                                      WHERE d.session_id = st.session_id AND d.hour_timestamp >= now() - interval '1 hour' OFFSET 0) AS w
                 CROSS JOIN LATERAL (SELECT count(*) AS movements FROM people_counter_rest.people_movements AS p
                                      WHERE p.session_id = st.session_id AND p.movement_time >= now() - interval '1 hour'
                                        AND p.movement_time < w.first OFFSET 0) AS m
                 WHERE st.last_movement_time >= now() - interval '1 hour' AND (everything OR st.session_id = ANY (own))) AS r);
END $$;
COMMENT ON FUNCTION people_counter_api.dashboard_summary() IS
    'GET /dashboard/summary

The present in six numbers: active_sessions; sessions_today, those that started today; people_entered_today and people_exited_today, by the movements of today''s hours; recent_movements, those of the last hour; timestamp. Today is the calendar day in the zone default_time_zone of system_config; of a session in a zone that is not whole hours apart, the hours that begin today.';

CREATE FUNCTION people_counter_api.dashboard_settings() RETURNS json
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT json_object_agg(s.name, coalesce(CASE WHEN c.config_value ~ '^[0-9]{1,6}(\.[0-9]{1,3})?$' THEN c.config_value::numeric END, s.otherwise))
          FROM (VALUES ('refresh_seconds', 'dashboard_refresh_interval', 5), ('silent_minutes', 'dashboard_silent_minutes', 15),
                       ('nearly_full_percent', 'dashboard_nearly_full_percent', 80)) AS s(name, key, otherwise)
          LEFT JOIN people_counter_api.system_config AS c ON c.config_key = s.key AND c.is_active
    $$;
COMMENT ON FUNCTION people_counter_api.dashboard_settings() IS
    'What the dashboard goes by, from system_config, which only admins see: refresh_seconds (dashboard_refresh_interval, otherwise 5), silent_minutes (dashboard_silent_minutes, otherwise 15) without a report until a session counts as silent, and nearly_full_percent (dashboard_nearly_full_percent, otherwise 80) of the capacity.';
