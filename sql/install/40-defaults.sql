-- The shipped rows of system_config and alert_thresholds are made by CREATE EXTENSION, so a dump must not hold them
-- while they are pristine, and must hold what became of them otherwise. origin tells them apart, and removed_defaults
-- remembers the deleted ones.
CREATE TABLE @extschema@.removed_defaults (
    table_name text        NOT NULL CHECK (table_name IN ('system_config', 'alert_thresholds')),
    key        text        NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, key)
);
COMMENT ON TABLE @extschema@.removed_defaults IS
    'Shipped rows that were deleted here, so that restore and upgrade do not bring them back. Kept by the extension.';
COMMENT ON COLUMN @extschema@.removed_defaults.table_name IS 'Table that shipped the row: system_config or alert_thresholds.';
COMMENT ON COLUMN @extschema@.removed_defaults.key IS 'Its key: config_key, or the id of the threshold.';
COMMENT ON COLUMN @extschema@.removed_defaults.removed_at IS 'When it was deleted.';

CREATE FUNCTION @extschema@.keep_origin() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    new_key  text;
    restored boolean;
BEGIN
    IF TG_RELID NOT IN ('@extschema@.system_config'::regclass, '@extschema@.alert_thresholds'::regclass) THEN
        RAISE EXCEPTION 'function "keep_origin" is not for table "%"', TG_TABLE_NAME
            USING ERRCODE = 'trigger_protocol_violated', HINT = 'It serves the tables of extension people_counter only.';
    END IF;
    new_key := to_jsonb(NEW) ->> TG_ARGV[0];
    restored := NEW.origin = 'changed';
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        IF OLD.origin <> 'shipped' OR NOT restored THEN
            NEW.updated_at := clock_timestamp();  -- the alert worker asks whether it has seen the edit
        END IF;
        IF new_key = to_jsonb(OLD) ->> TG_ARGV[0] THEN
            NEW.origin := CASE OLD.origin WHEN 'shipped' THEN 'changed' ELSE OLD.origin END;
            RETURN NEW;
        END IF;
    ELSIF restored THEN
        -- A restore brings an edited default: it takes the place of the pristine one, to which logs may already point.
        IF TG_TABLE_NAME = 'system_config' THEN
            UPDATE @extschema@.system_config
               SET (config_value, config_type, description, is_active, created_at, updated_at, origin) =
                   (NEW.config_value, NEW.config_type, NEW.description, NEW.is_active, NEW.created_at, NEW.updated_at,
                    NEW.origin)
             WHERE config_key = NEW.config_key AND origin = 'shipped';
        ELSE
            UPDATE @extschema@.alert_thresholds
               SET (session_id, threshold_name, threshold_value, alert_message, is_active, created_at, updated_at,
                    metric, comparison, clear_value, hold_for, keep_firing_for, repeat_interval, severity, origin) =
                   (NEW.session_id, NEW.threshold_name, NEW.threshold_value, NEW.alert_message, NEW.is_active,
                    NEW.created_at, NEW.updated_at, NEW.metric, NEW.comparison, NEW.clear_value, NEW.hold_for,
                    NEW.keep_firing_for, NEW.repeat_interval, NEW.severity, NEW.origin)
             WHERE id = NEW.id AND origin = 'shipped';
        END IF;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    -- A new key. Under that of a removed default the row stands for the default, edited.
    DELETE FROM @extschema@.removed_defaults AS removed
     WHERE removed.table_name = TG_TABLE_NAME AND removed.key = new_key;
    NEW.origin := CASE WHEN FOUND OR (restored AND TG_OP = 'INSERT') THEN 'changed' ELSE 'user' END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_origin() IS
    'Trigger function of system_config and alert_thresholds; its argument names the key column. Keeps origin and updated_at, and lets an edited default that a restore brings replace the pristine one.';

CREATE FUNCTION @extschema@.note_removed_default() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    old_key text;
BEGIN
    IF TG_RELID NOT IN ('@extschema@.system_config'::regclass, '@extschema@.alert_thresholds'::regclass) THEN
        RAISE EXCEPTION 'function "note_removed_default" is not for table "%"', TG_TABLE_NAME
            USING ERRCODE = 'trigger_protocol_violated', HINT = 'It serves the tables of extension people_counter only.';
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        IF TG_TABLE_NAME = 'system_config' THEN
            INSERT INTO @extschema@.removed_defaults (table_name, key)
            SELECT TG_TABLE_NAME, config_key FROM @extschema@.system_config WHERE origin <> 'user'
            ON CONFLICT DO NOTHING;
        ELSE
            INSERT INTO @extschema@.removed_defaults (table_name, key)
            SELECT TG_TABLE_NAME, id FROM @extschema@.alert_thresholds WHERE origin <> 'user'
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
    END IF;
    old_key := to_jsonb(OLD) ->> TG_ARGV[0];
    IF OLD.origin <> 'user' AND (TG_OP = 'DELETE' OR old_key <> to_jsonb(NEW) ->> TG_ARGV[0]) THEN
        INSERT INTO @extschema@.removed_defaults (table_name, key) VALUES (TG_TABLE_NAME, old_key)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.note_removed_default() IS
    'Trigger function of system_config and alert_thresholds; its argument names the key column. Remembers in removed_defaults a default that was deleted, truncated or given another key.';

CREATE FUNCTION @extschema@.remove_default() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF TG_RELID NOT IN ('@extschema@.removed_defaults'::regclass) THEN
        RAISE EXCEPTION 'function "remove_default" is not for table "%"', TG_TABLE_NAME
            USING ERRCODE = 'trigger_protocol_violated', HINT = 'It serves the tables of extension people_counter only.';
    END IF;
    IF NEW.table_name = 'system_config' THEN
        DELETE FROM @extschema@.system_config WHERE config_key = NEW.key AND origin = 'shipped';
    ELSE
        DELETE FROM @extschema@.alert_thresholds WHERE id::text = NEW.key AND origin = 'shipped';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_default() IS
    'Trigger function of removed_defaults: a restored note deletes the pristine row that it names.';

CREATE FUNCTION @extschema@.check_config() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'  -- to be set back when the function ends
    AS $$
DECLARE
    instant timestamptz;
BEGIN
    IF length(NEW.config_key) > 100 THEN
        RAISE EXCEPTION 'config_key "%..." is too long', left(NEW.config_key, 40)
            USING ERRCODE = 'string_data_right_truncation', COLUMN = 'config_key', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA,
                  DETAIL = format('It has %s characters, 100 are allowed.', length(NEW.config_key)),
                  HINT = 'Shorten config_key.';
    END IF;
    BEGIN
        CASE NEW.config_type
            WHEN 'integer' THEN PERFORM NEW.config_value::bigint;
            WHEN 'number' THEN
                IF NEW.config_value::numeric IN ('NaN', 'Infinity', '-Infinity') THEN
                    RAISE invalid_text_representation;
                END IF;
            WHEN 'boolean' THEN PERFORM NEW.config_value::boolean;
            WHEN 'json' THEN PERFORM NEW.config_value::json;
            WHEN 'time_zone' THEN
                -- As for a session: a zone, and no abbreviation that means something else.
                IF NEW.config_value IS NOT NULL THEN
                    PERFORM set_config('timezone', NEW.config_value, true);
                    FOREACH instant IN ARRAY '{2020-01-01 00:00+00,2020-07-01 00:00+00}'::timestamptz[] LOOP
                        IF instant::timestamp <> instant AT TIME ZONE NEW.config_value THEN
                            RAISE invalid_parameter_value;
                        END IF;
                    END LOOP;
                END IF;
            ELSE NULL;
        END CASE;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'config_value "%" of "%" is not of type %', left(NEW.config_value, 64), NEW.config_key, NEW.config_type
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'config_value', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA,
                  HINT = CASE NEW.config_type
                             WHEN 'time_zone' THEN 'The view pg_timezone_names lists the names that this server knows.'
                             ELSE 'Write the value in the form of its config_type, or change config_type.' END;
    END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_config() IS
    'Trigger function of system_config: refuses a key that is too long and a value that does not fit its config_type.';

CREATE TRIGGER a_check BEFORE INSERT OR UPDATE ON @extschema@.system_config
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_config();
COMMENT ON TRIGGER a_check ON @extschema@.system_config IS 'Checks the key, and the value against its type.';

CREATE TRIGGER b_keep_origin BEFORE INSERT OR UPDATE ON @extschema@.system_config
    FOR EACH ROW EXECUTE FUNCTION @extschema@.keep_origin('config_key');
COMMENT ON TRIGGER b_keep_origin ON @extschema@.system_config IS 'Keeps origin and updated_at.';
CREATE TRIGGER note_removed AFTER UPDATE OR DELETE ON @extschema@.system_config
    FOR EACH ROW EXECUTE FUNCTION @extschema@.note_removed_default('config_key');
COMMENT ON TRIGGER note_removed ON @extschema@.system_config IS 'Remembers a default that was deleted.';
CREATE TRIGGER note_truncated BEFORE TRUNCATE ON @extschema@.system_config
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.note_removed_default();
COMMENT ON TRIGGER note_truncated ON @extschema@.system_config IS 'Remembers the defaults that are truncated.';

CREATE TRIGGER b_keep_origin BEFORE INSERT OR UPDATE ON @extschema@.alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION @extschema@.keep_origin('id');
COMMENT ON TRIGGER b_keep_origin ON @extschema@.alert_thresholds IS 'Keeps origin and updated_at.';
CREATE TRIGGER note_removed AFTER UPDATE OR DELETE ON @extschema@.alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION @extschema@.note_removed_default('id');
COMMENT ON TRIGGER note_removed ON @extschema@.alert_thresholds IS 'Remembers a default that was deleted.';
CREATE TRIGGER note_truncated BEFORE TRUNCATE ON @extschema@.alert_thresholds
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.note_removed_default();
COMMENT ON TRIGGER note_truncated ON @extschema@.alert_thresholds IS 'Remembers the defaults that are truncated.';

CREATE TRIGGER remove_default AFTER INSERT ON @extschema@.removed_defaults
    FOR EACH ROW EXECUTE FUNCTION @extschema@.remove_default();
COMMENT ON TRIGGER remove_default ON @extschema@.removed_defaults IS 'Deletes the pristine row that the note names.';
