-- The tables and views of people_counter as PostgREST serves them, under their own names. They read with the rights of
-- their owner, so that what a role sees is said here: a device its own sessions, the others all. The sub-selects are
-- evaluated once for a statement. Columns are plain, for PostgREST finds the foreign keys behind them.
DO $$
DECLARE
    core text := (SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE e.extname = 'people_counter') || '.';
    own constant text := 'WHERE (SELECT people_counter_rest.sees_all()) OR %s IN (SELECT d.session_id'
        ' FROM people_counter_rest.session_devices AS d WHERE d.device = (SELECT people_counter_rest.device()))';
    source record;
    columns text;
BEGIN
    FOR source IN SELECT * FROM (VALUES
        ('sessions', 'id', true), ('people_movements', 'session_id', true), ('realtime_metrics', 'session_id', true),
        ('occupancy_baselines', 'session_id', true), ('session_statistics', 'session_id', true),
        ('hourly_statistics', 'session_id', true), ('daily_statistics', 'session_id', true),
        ('recent_movements', 'session_id', true),
        ('hourly_analytics', 'session_id', true), ('daily_analytics', 'session_id', true),
        ('alert_thresholds', NULL, false), ('alert_logs', NULL, false), ('alert_deliveries', NULL, false),
        ('alert_channels', NULL, false), ('system_config', NULL, false), ('alert_worker_status', NULL, false)
        ) AS v(name, session_column, by_device)
    LOOP
        SELECT string_agg(format('t.%I', attname), ', ' ORDER BY attnum) INTO STRICT columns
          FROM pg_attribute
         WHERE attrelid = (core || source.name)::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'fold_state';
        EXECUTE format('CREATE VIEW people_counter_api.%I WITH (security_barrier) AS SELECT %s FROM %s AS t ', source.name, columns,
                       (core || source.name)::regclass)
            || CASE WHEN source.by_device THEN format(own, 't.' || source.session_column) ELSE '' END
            || CASE WHEN source.name IN ('sessions', 'people_movements', 'realtime_metrics') THEN ' WITH CASCADED CHECK OPTION' ELSE '' END;
    END LOOP;
    -- What a view calls, it calls with the rights of whoever reads it. So this one is made anew, with a function of ours.
    SELECT string_agg(CASE WHEN o.attname = 'current_people_inside' THEN 'live.current_people_inside'
                           WHEN o.attname = 'free_places' THEN 't.capacity - live.current_people_inside AS free_places'
                           ELSE CASE WHEN s.attname IS NULL THEN 'st.' ELSE 't.' END || quote_ident(o.attname) END, ', ' ORDER BY o.attnum)
      INTO STRICT columns
      FROM pg_attribute AS o
      LEFT JOIN pg_attribute AS s ON s.attrelid = (core || 'sessions')::regclass AND s.attname = o.attname AND s.attnum > 0
     WHERE o.attrelid = (core || 'current_session_overview')::regclass AND o.attnum > 0;
    EXECUTE format('CREATE VIEW people_counter_api.current_session_overview WITH (security_barrier) AS SELECT %s FROM %ssessions AS t'
                   '  JOIN %2$ssession_statistics AS st ON st.session_id = t.id CROSS JOIN LATERAL'
                   ' (SELECT people_counter_rest.calculate_current_people_inside(t.id) AS current_people_inside OFFSET 0) AS live ',
                   columns, core) || format(own, 't.id') || ' ORDER BY t.start_time DESC, t.id DESC';
    FOR source IN
        SELECT v.relname AS name, obj_description((core || v.relname)::regclass, 'pg_class') AS comment
          FROM pg_class AS v WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relkind = 'v'
    LOOP
        EXECUTE format('COMMENT ON VIEW people_counter_api.%I IS %L', source.name, source.comment);
    END LOOP;
    FOR source IN
        SELECT v.relname AS name, a.attname AS column, col_description(b.attrelid, b.attnum) AS comment
          FROM pg_class AS v
          JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
          JOIN pg_attribute AS b ON b.attrelid = (core || v.relname)::regclass AND b.attname = a.attname
         WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relkind = 'v'
    LOOP
        EXECUTE format('COMMENT ON COLUMN people_counter_api.%I.%I IS %L', source.name, source.column, source.comment);
    END LOOP;
END $$;

CREATE VIEW people_counter_api.api_keys WITH (security_barrier) AS
    SELECT id, key_name, key_role, device, key_start, created_at, created_by, expires_at, revoked_at, last_used_at
      FROM people_counter_rest.api_keys;
COMMENT ON VIEW people_counter_api.api_keys IS 'The API keys that there are, without the keys. create_api_key() makes one, revoke_api_key() ends one.';
CREATE VIEW people_counter_api.session_devices WITH (security_barrier) AS
    SELECT session_id, device, created_at FROM people_counter_rest.session_devices;
COMMENT ON VIEW people_counter_api.session_devices IS 'Which device a session belongs to.';
DO $$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT v.relname AS name, a.attname AS column, col_description(b.attrelid, b.attnum) AS comment
          FROM pg_class AS v
          JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
          JOIN pg_attribute AS b ON b.attrelid = ('people_counter_rest.' || v.relname)::regclass AND b.attname = a.attname
         WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relname IN ('api_keys', 'session_devices')
    LOOP
        EXECUTE format('COMMENT ON COLUMN people_counter_api.%I.%I IS %L', source.name, source.column, source.comment);
    END LOOP;
END $$;
