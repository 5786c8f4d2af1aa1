-- What pg_dump takes along. The derived tables are not in it: the triggers make them again while the rows are loaded.
SELECT pg_extension_config_dump('@extschema@.sessions', '');
SELECT pg_extension_config_dump('@extschema@.people_movements', '');
SELECT pg_extension_config_dump('@extschema@.realtime_metrics', '');
SELECT pg_extension_config_dump('@extschema@.occupancy_baselines', '');
SELECT pg_extension_config_dump('@extschema@.system_config', 'WHERE origin <> ''shipped''');
SELECT pg_extension_config_dump('@extschema@.alert_thresholds', 'WHERE origin <> ''shipped''');
SELECT pg_extension_config_dump('@extschema@.removed_defaults', '');
SELECT pg_extension_config_dump('@extschema@.alert_logs', '');
SELECT pg_extension_config_dump('@extschema@.alert_channels', '');
SELECT pg_extension_config_dump('@extschema@.alert_channel_secrets', '');
-- What is yet to be sent is sent by the original, not by a copy.
SELECT pg_extension_config_dump('@extschema@.alert_deliveries', 'WHERE delivered_at IS NOT NULL OR abandoned_at IS NOT NULL');
