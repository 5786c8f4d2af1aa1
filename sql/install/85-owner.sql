-- The extension is trusted: whoever may create objects in a database may create it, and the script runs with the rights of
-- a superuser. What holds data belongs to the one who created the extension, who can so dump, restore, grant and index like
-- with tables of their own; and functions that run with their owner's rights get no more rights than that. C functions stay
-- with the superuser: their owner could declare them callable with what they do not expect.
ALTER TABLE @extschema@.people_movements OWNER TO @extowner@;
ALTER TABLE @extschema@.realtime_metrics OWNER TO @extowner@;
ALTER TABLE @extschema@.occupancy_baselines OWNER TO @extowner@;
ALTER TABLE @extschema@.sessions OWNER TO @extowner@;
ALTER TABLE @extschema@.session_statistics OWNER TO @extowner@;
ALTER TABLE @extschema@.hourly_statistics OWNER TO @extowner@;
ALTER TABLE @extschema@.daily_statistics OWNER TO @extowner@;
ALTER TABLE @extschema@.system_config OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_thresholds OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_logs OWNER TO @extowner@;
ALTER TABLE @extschema@.removed_defaults OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_states OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_progress OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_channels OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_channel_secrets OWNER TO @extowner@;
ALTER TABLE @extschema@.alert_deliveries OWNER TO @extowner@;

ALTER VIEW @extschema@.current_session_overview OWNER TO @extowner@;
ALTER VIEW @extschema@.recent_movements OWNER TO @extowner@;
ALTER VIEW @extschema@.hourly_analytics OWNER TO @extowner@;
ALTER VIEW @extschema@.daily_analytics OWNER TO @extowner@;
ALTER VIEW @extschema@.alert_worker_status OWNER TO @extowner@;
ALTER VIEW @extschema@.slow_queries OWNER TO @extowner@;
ALTER VIEW @extschema@.table_sizes OWNER TO @extowner@;
ALTER VIEW @extschema@.index_usage OWNER TO @extowner@;
ALTER VIEW @extschema@.ingest_rate OWNER TO @extowner@;

ALTER FUNCTION @extschema@.default_time_zone() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.threshold_problem(@extschema@.alert_thresholds) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.complete_threshold() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.keep_origin() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.note_removed_default() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.remove_default() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.check_config() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.check_channel() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.check_channel_secrets() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.queue_alert_deliveries(uuid, text, text, jsonb) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.channel_named(text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.set_channel_secret(text, text, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.send_test_alert(text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.retry_alert_delivery(uuid) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.alert_payload(@extschema@.alert_logs, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.announce_alert(uuid, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.raise_alert(uuid, uuid, timestamptz, double precision, double precision) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.end_alert(uuid, timestamptz, double precision, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.repeat_alert(uuid, double precision) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.acknowledge_alert(uuid, text, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.resolve_alert(uuid, text, text) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.slow_query_report() OWNER TO @extowner@;
ALTER FUNCTION @extschema@.verify_statistics(uuid) OWNER TO @extowner@;
ALTER FUNCTION @extschema@.people_counter_version() OWNER TO @extowner@;

-- After the owner has changed, so that a dump does not take these for grants of the user's.
REVOKE ALL ON FUNCTION @extschema@.keep_origin(), @extschema@.note_removed_default(), @extschema@.remove_default() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.queue_alert_deliveries(uuid, text, text, jsonb), @extschema@.channel_named(text),
    @extschema@.set_channel_secret(text, text, text), @extschema@.send_test_alert(text), @extschema@.retry_alert_delivery(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.announce_alert(uuid, text),
    @extschema@.raise_alert(uuid, uuid, timestamptz, double precision, double precision),
    @extschema@.end_alert(uuid, timestamptz, double precision, text), @extschema@.repeat_alert(uuid, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.start_alert_worker(), @extschema@.stop_alert_worker(), @extschema@.evaluate_alerts()
    TO @extowner@ WITH GRANT OPTION;
GRANT SELECT ON @extschema@.alert_worker_status TO PUBLIC;
-- What they show is the catalog's, and what pg_stat_statements shows to whoever asks.
GRANT SELECT ON @extschema@.slow_queries, @extschema@.table_sizes, @extschema@.index_usage TO PUBLIC;
-- Also where default privileges would have granted something.
REVOKE ALL ON TABLE @extschema@.alert_channels, @extschema@.alert_channel_secrets, @extschema@.alert_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.rebuild_statistics(uuid) TO @extowner@ WITH GRANT OPTION;
