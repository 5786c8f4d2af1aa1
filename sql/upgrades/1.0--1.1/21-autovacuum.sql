-- Autovacuum settings that the install script makes with the tables. What somebody has set stays.
DO $$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT t.name, v.option, v.value
          FROM (VALUES (ARRAY['people_movements', 'realtime_metrics'], 'autovacuum_vacuum_scale_factor', '0.05'),
                       (ARRAY['people_movements', 'realtime_metrics'], 'autovacuum_vacuum_insert_threshold', '10000'),
                       (ARRAY['people_movements', 'realtime_metrics'], 'autovacuum_vacuum_insert_scale_factor', '0.05'),
                       (ARRAY['people_movements', 'realtime_metrics'], 'autovacuum_analyze_threshold', '1000'),
                       (ARRAY['people_movements', 'realtime_metrics'], 'autovacuum_analyze_scale_factor', '0.02'),
                       (ARRAY['alert_logs', 'alert_states', 'alert_deliveries'], 'autovacuum_vacuum_threshold', '200'),
                       (ARRAY['alert_logs', 'alert_states', 'alert_deliveries'], 'autovacuum_vacuum_scale_factor', '0.02'))
               AS v(tables, option, value)
         CROSS JOIN LATERAL unnest(v.tables) AS t(name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c, pg_catalog.pg_options_to_table(c.reloptions) AS o
                            WHERE c.oid = pg_catalog.format('@extschema@.%I', t.name)::pg_catalog.regclass AND o.option_name = v.option)
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE @extschema@.%I SET (%s = %s)', setting.name, setting.option, setting.value);
    END LOOP;
END $$;
