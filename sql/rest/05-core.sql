-- people_counter may be in any schema, and may be renamed. So its name is looked up once, here, where what the API uses of it
-- gets a fixed name: tables as views of the same name, types as domains, functions as functions whose bodies are parsed
-- here, so that they follow what they name.
DO $$
DECLARE
    core text := (SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE e.extname = 'people_counter');
    name text;
    call record;
BEGIN
    -- Triggers run as whoever writes, and some name functions of theirs.
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO people_counter_api_owner, people_counter_operator', core);
    FOREACH name IN ARRAY ARRAY['sessions', 'people_movements', 'realtime_metrics', 'occupancy_baselines', 'alert_thresholds',
                                'alert_channels', 'system_config', 'alert_logs'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s.%I TO people_counter_api_owner', core, name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['session_statistics', 'hourly_statistics', 'daily_statistics', 'alert_deliveries',
                                'alert_worker_status', 'current_session_overview', 'recent_movements', 'hourly_analytics',
                                'daily_analytics'] LOOP
        EXECUTE format('GRANT SELECT ON TABLE %s.%I TO people_counter_api_owner', core, name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['sessions', 'people_movements', 'realtime_metrics', 'session_statistics', 'hourly_statistics',
                                'daily_statistics', 'alert_logs', 'alert_deliveries', 'alert_worker_status', 'alert_channels'] LOOP
        EXECUTE format('CREATE VIEW people_counter_rest.%I AS SELECT * FROM %s.%1$I', name, core);
        EXECUTE format('COMMENT ON VIEW people_counter_rest.%I IS %L', name, name || ' of people_counter, in whatever schema that is.');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['movement_direction', 'detection_status'] LOOP
        EXECUTE format('CREATE DOMAIN people_counter_rest.%I AS %s.%1$I', name, core);
        EXECUTE format('COMMENT ON DOMAIN people_counter_rest.%I IS %L', name, name || ' of people_counter, in whatever schema that is.');
    END LOOP;
    FOR call IN SELECT * FROM (VALUES
        ('generate_uuid_v7', '', '', 'uuid', 'VOLATILE'),
        ('default_time_zone', '', '', 'text', 'STABLE'),
        ('calculate_current_people_inside', 'uuid', '$1', 'integer', 'STABLE'),
        ('acknowledge_alert', 'uuid, text, text', '$1, $2, $3', 'timestamptz', 'VOLATILE'),
        ('resolve_alert', 'uuid, text, text', '$1, $2, $3', 'timestamptz', 'VOLATILE'),
        ('set_channel_secret', 'text, text, text', '$1, $2, $3', 'void', 'VOLATILE'),
        ('send_test_alert', 'text', '$1', 'uuid', 'VOLATILE')) AS v(name, types, arguments, result, volatility)
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s.%I(%s) TO people_counter_api_owner', core, call.name, call.types);
        EXECUTE format('CREATE FUNCTION people_counter_rest.%1$I(%2$s) RETURNS %3$s LANGUAGE sql %4$s RETURN %5$s.%1$I(%6$s)', call.name,
                       call.types, call.result, call.volatility, core, call.arguments);
        EXECUTE format('COMMENT ON FUNCTION people_counter_rest.%I(%s) IS %L', call.name, call.types,
                       call.name || '() of people_counter, in whatever schema that is.');
    END LOOP;
END $$;
-- A view of the API calls it, with the rights of whoever reads the view.
ALTER FUNCTION people_counter_rest.calculate_current_people_inside(uuid) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
