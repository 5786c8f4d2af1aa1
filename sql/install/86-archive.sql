-- What is left of movements and samples that retention has removed, and what another system has counted. A writer of movements
-- comes here last, behind the statistics, and only to read.
CREATE TABLE @extschema@.archived_hours (
    session_id           uuid          NOT NULL,
    hour_timestamp       timestamptz   NOT NULL,
    people_entered       integer       NOT NULL DEFAULT 0,
    people_exited        integer       NOT NULL DEFAULT 0,
    level_fall           integer       NOT NULL,
    level_rise           integer       NOT NULL,
    peak_time            timestamptz   NOT NULL,
    occupancy_correction numeric(24,6) NOT NULL,
    confidence_sum       bigint        NOT NULL DEFAULT 0,
    confidence_count     integer       NOT NULL DEFAULT 0,
    last_movement_time   timestamptz,
    detecting_frames     integer       NOT NULL DEFAULT 0,
    tracking_frames      integer       NOT NULL DEFAULT 0,
    waiting_frames       integer       NOT NULL DEFAULT 0,
    reported_peak        integer,
    reported_peak_time   timestamptz,
    last_sample_time     timestamptz,
    source               text          NOT NULL DEFAULT 'import',
    created_at           timestamptz   NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, hour_timestamp)
);
COMMENT ON TABLE @extschema@.archived_hours IS
    'Sums of an hour whose movements or samples are no longer there one by one: retention leaves them, and the hourly history of another system can be inserted, with session_id, hour_timestamp, people_entered and people_exited alone. They count like movements, together with those that are there. An hour with a baseline in it has a row for what came before and one for what came after.';
COMMENT ON COLUMN @extschema@.archived_hours.session_id IS 'Session that counted.';
COMMENT ON COLUMN @extschema@.archived_hours.hour_timestamp IS 'First instant of the hour; of what came after a baseline, the first instant after it. All of the row counts for the hour that this lies in.';
COMMENT ON COLUMN @extschema@.archived_hours.people_entered IS 'Entries, not negative.';
COMMENT ON COLUMN @extschema@.archived_hours.people_exited IS 'Exits, not negative.';
COMMENT ON COLUMN @extschema@.archived_hours.level_fall IS 'How many people fewer than at its beginning there would have been at the lowest point, had the occupancy no floor at zero. If it is left out: as few as entries and exits allow.';
COMMENT ON COLUMN @extschema@.archived_hours.level_rise IS 'How many people more than at its beginning there were at the highest point. If it is left out: as few as entries and exits allow.';
COMMENT ON COLUMN @extschema@.archived_hours.peak_time IS 'When the highest point was reached. If it is left out: hour_timestamp.';
COMMENT ON COLUMN @extschema@.archived_hours.occupancy_correction IS 'Person-seconds: the time integral of the occupancy, less that of the occupancy at the end of the row, held from hour_timestamp on. If it is left out: as for entries and exits spread evenly over an hour.';
COMMENT ON COLUMN @extschema@.archived_hours.confidence_sum IS 'Sum of the confidence scores in units of 1e-9.';
COMMENT ON COLUMN @extschema@.archived_hours.confidence_count IS 'Movements that had a confidence score.';
COMMENT ON COLUMN @extschema@.archived_hours.last_movement_time IS 'Last movement, less than an hour after hour_timestamp; NULL: there was none. If it is left out where people went in or out: the end of the hour.';
COMMENT ON COLUMN @extschema@.archived_hours.detecting_frames IS 'Metrics samples with status detecting.';
COMMENT ON COLUMN @extschema@.archived_hours.tracking_frames IS 'Metrics samples with status tracking.';
COMMENT ON COLUMN @extschema@.archived_hours.waiting_frames IS 'Metrics samples with status waiting.';
COMMENT ON COLUMN @extschema@.archived_hours.reported_peak IS 'Highest current_people_count of the samples. NULL: there were none.';
COMMENT ON COLUMN @extschema@.archived_hours.reported_peak_time IS 'When it was first reported.';
COMMENT ON COLUMN @extschema@.archived_hours.last_sample_time IS 'Last metrics sample, less than an hour after hour_timestamp; NULL: there was none. If it is left out in a row without movements: the end of the hour, which was observed then and nobody came.';
COMMENT ON COLUMN @extschema@.archived_hours.source IS 'Where the row comes from: retention, or import, or a word of your own.';
COMMENT ON COLUMN @extschema@.archived_hours.created_at IS 'When the row was made.';
ALTER TABLE @extschema@.archived_hours
    ADD CONSTRAINT archived_hours_session_id_fkey FOREIGN KEY (session_id) REFERENCES @extschema@.sessions ON DELETE CASCADE;

CREATE FUNCTION @extschema@.complete_archived_hour() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    AS $$
DECLARE
    last  timestamptz := NEW.hour_timestamp + interval '1 hour' - interval '1 microsecond';
    field text;
    value text;
BEGIN
    -- Rows that the fold could not take: what it adds up must stay in range, and nothing may go on for longer than an hour.
    SELECT c.field, c.value INTO field, value
      FROM (VALUES ('people_entered', NEW.people_entered), ('people_exited', NEW.people_exited),
                   ('level_fall', NEW.level_fall), ('level_rise', NEW.level_rise),
                   ('confidence_count', NEW.confidence_count), ('detecting_frames', NEW.detecting_frames),
                   ('tracking_frames', NEW.tracking_frames), ('waiting_frames', NEW.waiting_frames),
                   ('reported_peak', NEW.reported_peak)) AS c (field, value)
     WHERE c.value < 0 OR (c.value > 10000000 AND c.field <> 'reported_peak')
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% "%" is out of range', field, value
            USING ERRCODE = 'numeric_value_out_of_range', COLUMN = field, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = format('%s must be 0 to 10000000.', field);
    END IF;
    IF NEW.hour_timestamp NOT BETWEEN '0001-01-02 00:00+00' AND '9999-12-30 00:00+00' THEN
        RAISE EXCEPTION 'hour_timestamp "%" is not an instant of the years 1 to 9999', NEW.hour_timestamp
            USING ERRCODE = 'datetime_field_overflow', COLUMN = 'hour_timestamp', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA, HINT = 'Send the first instant of the hour.';
    END IF;
    NEW.level_fall := coalesce(NEW.level_fall, greatest(0, NEW.people_exited - NEW.people_entered));
    NEW.level_rise := coalesce(NEW.level_rise, greatest(0, NEW.people_entered - NEW.people_exited));
    NEW.peak_time := coalesce(NEW.peak_time, NEW.hour_timestamp);
    NEW.occupancy_correction := coalesce(NEW.occupancy_correction,
                                         (NEW.people_exited - NEW.people_entered)::numeric * 1800);
    IF NEW.people_entered + NEW.people_exited > 0 THEN
        NEW.last_movement_time := coalesce(NEW.last_movement_time, last);
    ELSIF NEW.last_movement_time IS NULL THEN
        NEW.last_sample_time := coalesce(NEW.last_sample_time, last);
    END IF;
    IF NEW.reported_peak IS NOT NULL THEN
        NEW.reported_peak_time := coalesce(NEW.reported_peak_time, NEW.hour_timestamp);
    END IF;
    IF NEW.level_fall + NEW.people_entered < NEW.people_exited THEN
        RAISE EXCEPTION 'level_fall "%" is less than % exits and % entries allow', NEW.level_fall, NEW.people_exited, NEW.people_entered
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'level_fall', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = 'Leave level_fall out where the lowest point is not known.';
    END IF;
    IF abs(NEW.occupancy_correction) > 3600::numeric * 100000000 THEN
        RAISE EXCEPTION 'occupancy_correction "%" is out of range', NEW.occupancy_correction
            USING ERRCODE = 'numeric_value_out_of_range', COLUMN = 'occupancy_correction', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA, HINT = 'Leave occupancy_correction out where it is not known.';
    END IF;
    SELECT c.field, c.value INTO field, value
      FROM (VALUES ('peak_time', NEW.peak_time), ('last_movement_time', NEW.last_movement_time),
                   ('reported_peak_time', NEW.reported_peak_time), ('last_sample_time', NEW.last_sample_time)) AS c (field, value)
     WHERE c.value < NEW.hour_timestamp OR c.value > last
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% "%" is not within the hour from "%" on', field, value, NEW.hour_timestamp
            USING ERRCODE = 'datetime_field_overflow', COLUMN = field, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = format('%s must be less than an hour after hour_timestamp.', field);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.complete_archived_hour() IS
    'Trigger function of archived_hours: fills in what an importing client left out, and refuses a value that cannot be (ERROR numeric_value_out_of_range, datetime_field_overflow or invalid_parameter_value, with the column in the message).';

CREATE FUNCTION @extschema@.archive_changed() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_archive_changed';
COMMENT ON FUNCTION @extschema@.archive_changed() IS
    'Trigger function of archived_hours: derives the hours of the changed rows, and what follows from them, again.';
CREATE TRIGGER complete BEFORE INSERT OR UPDATE ON @extschema@.archived_hours
    FOR EACH ROW EXECUTE FUNCTION @extschema@.complete_archived_hour();
COMMENT ON TRIGGER complete ON @extschema@.archived_hours IS 'Completes and checks the row.';
CREATE TRIGGER archive_inserted AFTER INSERT ON @extschema@.archived_hours
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.archive_changed();
COMMENT ON TRIGGER archive_inserted ON @extschema@.archived_hours IS 'Brings the statistics up to date.';
CREATE TRIGGER archive_updated AFTER UPDATE ON @extschema@.archived_hours
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.archive_changed();
COMMENT ON TRIGGER archive_updated ON @extschema@.archived_hours IS 'Brings the statistics up to date.';
CREATE TRIGGER archive_deleted AFTER DELETE ON @extschema@.archived_hours
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.archive_changed();
COMMENT ON TRIGGER archive_deleted ON @extschema@.archived_hours IS 'Takes deleted hours out of the statistics.';
CREATE TRIGGER archive_truncated AFTER TRUNCATE ON @extschema@.archived_hours
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.archive_changed();
COMMENT ON TRIGGER archive_truncated ON @extschema@.archived_hours IS 'Takes all archived hours out of the statistics.';

-- Like the other tables. In an update @extowner@ is whoever updates, and after pg_upgrade the extension is a superuser's.
DO $$
DECLARE
    owner text := (SELECT relowner::regrole FROM pg_class WHERE oid = '@extschema@.sessions'::regclass);
BEGIN
    EXECUTE format('ALTER TABLE @extschema@.archived_hours OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.complete_archived_hour() OWNER TO %s', owner);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.complete_archived_hour(), @extschema@.archive_changed() FROM PUBLIC;
SELECT pg_extension_config_dump('@extschema@.archived_hours', '');
