-- Everything that reads or writes runs as people_counter_api_owner, which has rights on the tables of people_counter and no
-- others: not as whoever installed. Nobody has that role, so C functions are safe with it, too.
DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT d.classid, d.objid, c.relkind
          FROM pg_depend AS d
          LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
           AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'people_counter_rest')
    LOOP
        IF member.relkind IN ('r', 'v') THEN
            EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', member.objid::regclass);   -- what default privileges granted
            EXECUTE format('ALTER %s %s OWNER TO people_counter_api_owner', CASE member.relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END,
                           member.objid::regclass);
        ELSIF member.classid = 'pg_proc'::regclass THEN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.objid::regprocedure);
            EXECUTE format('ALTER FUNCTION %s OWNER TO people_counter_api_owner', member.objid::regprocedure);
        END IF;
    END LOOP;
END $$;

-- Inside of every request, whoever it is from.
GRANT EXECUTE ON FUNCTION people_counter_rest.pre_request(), people_counter_rest.find_api_key(text),
    people_counter_rest.request_header(text), people_counter_rest.sees_all(), people_counter_rest.device()
    TO people_counter_anonymous, people_counter_reader, people_counter_device;

-- Called by a view, which shows of it what its reader may see.
GRANT EXECUTE ON FUNCTION people_counter_rest.calculate_current_people_inside(uuid) TO people_counter_reader, people_counter_device;

GRANT EXECUTE ON FUNCTION people_counter_api.health() TO people_counter_anonymous, people_counter_reader, people_counter_device;

GRANT SELECT ON people_counter_api.sessions, people_counter_api.people_movements, people_counter_api.realtime_metrics,
    people_counter_api.occupancy_baselines, people_counter_api.session_statistics, people_counter_api.hourly_statistics,
    people_counter_api.daily_statistics, people_counter_api.current_session_overview, people_counter_api.recent_movements,
    people_counter_api.hourly_analytics, people_counter_api.daily_analytics TO people_counter_reader, people_counter_device;
GRANT SELECT ON people_counter_api.alert_thresholds, people_counter_api.alert_logs, people_counter_api.alert_worker_status
    TO people_counter_reader;
GRANT EXECUTE ON FUNCTION people_counter_api.list_sessions(text, text, text), people_counter_api.get_session(text),
    people_counter_api.list_movements(text, text, text, text), people_counter_api.recent_metrics(text, text),
    people_counter_api.get_hourly_analytics(text, text), people_counter_api.get_daily_analytics(text, text),
    people_counter_api.dashboard_summary(), people_counter_api.dashboard_settings(), people_counter_api.stream_channel(text)
    TO people_counter_reader, people_counter_device;
GRANT EXECUTE ON FUNCTION people_counter_api.health_detailed(), people_counter_api.prometheus_metrics() TO people_counter_reader;

GRANT INSERT ON people_counter_api.people_movements, people_counter_api.realtime_metrics TO people_counter_device;
GRANT EXECUTE ON FUNCTION people_counter_api.create_session(jsonb), people_counter_api.update_session(jsonb),
    people_counter_api.record_movements(jsonb), people_counter_api.record_metrics(jsonb) TO people_counter_device;

GRANT INSERT, UPDATE ON people_counter_api.sessions TO people_counter_operator;
GRANT UPDATE, DELETE ON people_counter_api.people_movements, people_counter_api.realtime_metrics TO people_counter_operator;
GRANT INSERT, UPDATE, DELETE ON people_counter_api.occupancy_baselines, people_counter_api.alert_thresholds,
    people_counter_api.session_devices TO people_counter_operator;
GRANT SELECT ON people_counter_api.alert_deliveries, people_counter_api.session_devices TO people_counter_operator;
GRANT EXECUTE ON FUNCTION people_counter_api.acknowledge_alert(jsonb), people_counter_api.resolve_alert(jsonb) TO people_counter_operator;

GRANT DELETE ON people_counter_api.sessions TO people_counter_admin;
GRANT SELECT ON people_counter_api.api_keys TO people_counter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON people_counter_api.alert_channels, people_counter_api.system_config TO people_counter_admin;
GRANT EXECUTE ON FUNCTION people_counter_api.create_api_key(text, text, text, timestamptz), people_counter_api.revoke_api_key(uuid),
    people_counter_api.set_channel_secret(text, text, text), people_counter_api.send_test_alert(text) TO people_counter_admin;
