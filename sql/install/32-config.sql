CREATE TABLE @extschema@.system_config (
    config_key   varchar     PRIMARY KEY,
    config_value text,
    config_type  text        NOT NULL DEFAULT 'string'
                 CHECK (config_type IN ('string', 'integer', 'number', 'boolean', 'json', 'time_zone')),
    description  text,
    is_active    boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    origin       text        NOT NULL DEFAULT 'user' CHECK (origin IN ('shipped', 'changed', 'user'))
);
COMMENT ON TABLE @extschema@.system_config IS
    'Settings of the counting system, one a row. The shipped ones may be changed, switched off or deleted: that survives dump, restore and upgrade.';
COMMENT ON COLUMN @extschema@.system_config.config_key IS 'Name of the setting, at most 100 characters.';
COMMENT ON COLUMN @extschema@.system_config.config_value IS 'Its value as text, in the form that config_type asks for. NULL: not set.';
COMMENT ON COLUMN @extschema@.system_config.config_type IS 'How to read the value: string, integer, number, boolean, json, or time_zone (a name that the server knows). A value that does not fit is refused.';
COMMENT ON COLUMN @extschema@.system_config.description IS 'What the setting does, with its unit.';
COMMENT ON COLUMN @extschema@.system_config.is_active IS 'False: the setting is ignored, as if it were not there.';
COMMENT ON COLUMN @extschema@.system_config.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.system_config.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON COLUMN @extschema@.system_config.origin IS 'shipped: as the extension brought it; changed: shipped, then edited here; user: added here. Kept by the extension; only changed and user rows are dumped.';

INSERT INTO @extschema@.system_config (config_key, config_value, config_type, description, origin) VALUES
    ('default_time_zone', 'UTC', 'time_zone', 'Time zone of a new session that names none: hours, business days and the daily reset follow it', 'shipped'),
    ('default_confidence_threshold', '0.3', 'number', 'Lowest detection confidence (0 to 1) that a counter should count; for counters to read, sessions has the same default', 'shipped'),
    ('default_skip_frames', '3', 'integer', 'Frames that a counter should track between two detections; for counters to read', 'shipped'),
    ('default_max_disappeared', '15', 'integer', 'Frames after which a counter should give up a person it no longer sees; for counters to read', 'shipped'),
    ('default_max_distance', '80', 'integer', 'Pixels a person may move between two frames and still be the same person; for counters to read', 'shipped'),
    ('dashboard_refresh_interval', '5', 'integer', 'Seconds between two refreshes of the dashboard', 'shipped'),
    ('data_retention_days', '365', 'integer', 'Days for which movements and metrics samples are meant to be kept', 'shipped'),
    ('max_sessions_display', '50', 'integer', 'Sessions that a list shows unless asked for another number', 'shipped'),
    ('max_movements_display', '100', 'integer', 'Movements that a list shows unless asked for another number', 'shipped');

CREATE FUNCTION @extschema@.default_time_zone() RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT coalesce((SELECT config_value FROM @extschema@.system_config
                          WHERE config_key = 'default_time_zone' AND is_active), 'UTC')
    $$;
COMMENT ON FUNCTION @extschema@.default_time_zone() IS
    'Time zone that a new session gets when it names none: the active setting default_time_zone of system_config, otherwise UTC. Runs with the rights of the extension''s owner, so that it serves a role that may only insert sessions.';
ALTER TABLE @extschema@.sessions ALTER COLUMN time_zone SET DEFAULT @extschema@.default_time_zone();
