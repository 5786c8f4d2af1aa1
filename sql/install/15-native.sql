CREATE FUNCTION @extschema@.generate_uuid_v7() RETURNS uuid
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_uuid_v7';
COMMENT ON FUNCTION @extschema@.generate_uuid_v7() IS
    'A new UUID of version 7 (RFC 9562): it begins with the time in milliseconds, so ids made later sort later. Default of every id column.';

CREATE FUNCTION @extschema@.people_counter_library_version() RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_library_version';
COMMENT ON FUNCTION @extschema@.people_counter_library_version() IS
    'Version of the shared library that this server has loaded. people_counter_version() shows it beside the others.';

CREATE FUNCTION @extschema@.people_counter_version(OUT extension text, OUT library text, OUT server text)
    RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT extversion, @extschema@.people_counter_library_version(), pg_catalog.current_setting('server_version')
          FROM pg_catalog.pg_extension
         WHERE extname = 'people_counter'
    $$;
COMMENT ON FUNCTION @extschema@.people_counter_version() IS
    'Versions to quote in a report: of the SQL objects in this database, of the loaded library, and of the server. After an upgrade the first two must agree: ALTER EXTENSION people_counter UPDATE, then reconnect.';

CREATE FUNCTION @extschema@.calculate_current_people_inside(session uuid) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_current';
COMMENT ON FUNCTION @extschema@.calculate_current_people_inside(uuid) IS
    'People inside now: the occupancy of the session at the present time or at its last movement, whichever is later. A baseline or daily reset counts from its own time on. Never negative. ERROR no_data_found for a session that does not exist, object_not_in_prerequisite_state for one whose statistics rebuild_statistics() has yet to make.';

CREATE FUNCTION @extschema@.rebuild_statistics(session uuid DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_rebuild';
REVOKE ALL ON FUNCTION @extschema@.rebuild_statistics(uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.rebuild_statistics(uuid) IS
    'Makes the session, hourly and daily statistics of one session, or of all when the argument is NULL or left out, again from the base tables. Returns the number of sessions rebuilt. Needed only where triggers did not run, as on a logical replication subscriber: see verify_statistics().';

CREATE FUNCTION @extschema@.session_check() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_session_check';
COMMENT ON FUNCTION @extschema@.session_check() IS
    'Trigger function of sessions: checks every value and names the column and the value it refuses; sets updated_at; gives a session that ends its end_time and duration_seconds.';

CREATE FUNCTION @extschema@.sessions_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_sessions_changed';
COMMENT ON FUNCTION @extschema@.sessions_changed() IS
    'Trigger function of sessions: gives a new session its statistics row, and follows a change of zone, business day, reset time, start, end, or audited figures.';

CREATE FUNCTION @extschema@.movements_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_movements_changed';
COMMENT ON FUNCTION @extschema@.movements_changed() IS
    'Trigger function of people_movements: checks the new rows of a statement and brings all statistics up to date with them, exactly, whatever their age and order.';

CREATE FUNCTION @extschema@.metrics_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_metrics_changed';
COMMENT ON FUNCTION @extschema@.metrics_changed() IS
    'Trigger function of realtime_metrics: checks the new rows of a statement and brings the statistics up to date with the counts, states and times they report.';

CREATE FUNCTION @extschema@.baselines_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_baselines_changed';
COMMENT ON FUNCTION @extschema@.baselines_changed() IS
    'Trigger function of occupancy_baselines: checks the new rows of a statement and derives the occupancy that follows them again.';

CREATE FUNCTION @extschema@.guard_derived() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_guard';
COMMENT ON FUNCTION @extschema@.guard_derived() IS
    'Trigger function of the derived tables: refuses every write that is not the extension''s own. Change the base tables instead; the statistics follow.';

CREATE FUNCTION @extschema@.deliveries_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_deliveries_changed';
COMMENT ON FUNCTION @extschema@.deliveries_changed() IS
    'Trigger function of alert_deliveries and alert_channels: the commit wakes the worker that sends.';

CREATE FUNCTION @extschema@.alerts_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_alerts_changed';
COMMENT ON FUNCTION @extschema@.alerts_changed() IS
    'Trigger function of alert_thresholds and alert_logs: has the alert worker read them again once the transaction commits.';

CREATE FUNCTION @extschema@.announce_extension() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_announce_extension';
COMMENT ON FUNCTION @extschema@.announce_extension() IS
    'Has this database watched, where the library is preloaded. CREATE EXTENSION calls it.';

-- Firing a trigger needs no right to execute its function; making one that fires on other tables does.
REVOKE ALL ON FUNCTION @extschema@.session_check(), @extschema@.sessions_changed(), @extschema@.movements_changed(),
    @extschema@.metrics_changed(), @extschema@.baselines_changed(), @extschema@.guard_derived(),
    @extschema@.deliveries_changed(), @extschema@.alerts_changed(), @extschema@.announce_extension() FROM PUBLIC;
