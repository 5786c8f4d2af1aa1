-- Retention: what is removed once it is old enough, in batches that each are a transaction of their own, so that nobody who
-- counts waits long for one. The statistics stay the same to the last digit, or the batch is refused.
CREATE TABLE @extschema@.retention_progress (
    kind          text PRIMARY KEY CHECK (kind IN ('movements', 'metrics', 'persons', 'alerts', 'deliveries')),
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    cutoff        timestamptz NOT NULL,
    position      text,
    rows_done     bigint NOT NULL DEFAULT 0,
    last_error    text,
    last_error_at timestamptz
);
COMMENT ON TABLE @extschema@.retention_progress IS
    'The run of retention that goes on, or the last one. Kept by the extension; view retention_status shows it beside the settings.';
COMMENT ON COLUMN @extschema@.retention_progress.kind IS 'movements, metrics, persons, alerts or deliveries: see retention_status.';
COMMENT ON COLUMN @extschema@.retention_progress.started_at IS 'When the run began.';
COMMENT ON COLUMN @extschema@.retention_progress.finished_at IS 'When it was done with this kind. NULL: not yet.';
COMMENT ON COLUMN @extschema@.retention_progress.cutoff IS 'What is older goes.';
COMMENT ON COLUMN @extschema@.retention_progress.position IS 'How far the run is: the last session that is done, or the next page of the table.';
COMMENT ON COLUMN @extschema@.retention_progress.rows_done IS 'Rows removed, or for persons made anonymous, by the run.';
COMMENT ON COLUMN @extschema@.retention_progress.last_error IS 'Why the worker''s last attempt ended early. NULL: it did not.';
COMMENT ON COLUMN @extschema@.retention_progress.last_error_at IS 'When that was.';

-- Triggers would take rows that are inserted now for the user's. In an update one may have that key: it stays, but
-- is switched off, since it was not made to remove anything.
ALTER TABLE @extschema@.system_config DISABLE TRIGGER b_keep_origin;
INSERT INTO @extschema@.system_config (config_key, config_value, config_type, description, origin) VALUES
    ('retention_movements_days', NULL, 'integer', 'Days after which movements are removed; their hourly sums stay in archived_hours and all statistics as they are. At least 2; no value: never', 'shipped'),
    ('retention_metrics_days', NULL, 'integer', 'Days after which metrics samples are removed; what the statistics need of them stays in archived_hours. At least 2; no value: never', 'shipped'),
    ('retention_persons_days', NULL, 'integer', 'Days after which movements are made anonymous: person_id becomes 0, box, centroid and frame number are removed, the count stays. At least 1; no value: never', 'shipped'),
    ('retention_alerts_days', NULL, 'integer', 'Days after which resolved alerts are removed with their messages. At least 1; no value: never', 'shipped'),
    ('retention_deliveries_days', NULL, 'integer', 'Days after which messages that were delivered or given up are removed. At least 1; no value: never', 'shipped'),
    ('retention_time', '03:30', 'string', 'Time of day, in default_time_zone, at which the worker removes what is old enough', 'shipped')
ON CONFLICT (config_key) DO UPDATE
   SET origin = 'changed', is_active = false,
       config_value = CASE WHEN system_config.config_key <> 'retention_time' THEN system_config.config_value ELSE EXCLUDED.config_value END;
UPDATE @extschema@.system_config
   SET description = 'Days for which movements and metrics samples are meant to be kept; for clients to read, what is removed say the retention_ settings'
 WHERE config_key = 'data_retention_days' AND origin = 'shipped';
ALTER TABLE @extschema@.system_config ENABLE TRIGGER b_keep_origin;

CREATE FUNCTION @extschema@.retention_days(kind text) RETURNS integer
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT config_value::integer
          FROM @extschema@.system_config
         WHERE config_key = 'retention_' || kind || '_days' AND is_active AND config_value IS NOT NULL
    $$;
COMMENT ON FUNCTION @extschema@.retention_days(text) IS
    'Days after which a kind of rows (movements, metrics, persons, alerts, deliveries) is removed: the active setting retention_KIND_days of system_config. NULL: never.';

CREATE FUNCTION @extschema@.check_retention() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    least_days integer;
BEGIN
    IF NEW.config_key = 'retention_time' THEN
        IF NEW.config_value IS NULL OR NEW.config_value !~ '^([01]?[0-9]|2[0-3]):[0-5][0-9]$' THEN
            RAISE EXCEPTION 'config_value "%" of "retention_time" is no time of day', left(NEW.config_value, 64)
                USING ERRCODE = 'invalid_parameter_value', COLUMN = 'config_value', TABLE = TG_TABLE_NAME,
                      SCHEMA = TG_TABLE_SCHEMA, HINT = 'Write hours and minutes, as 03:30.';
        END IF;
    ELSIF NEW.config_key IN ('retention_movements_days', 'retention_metrics_days', 'retention_persons_days',
                             'retention_alerts_days', 'retention_deliveries_days') THEN
        -- What the alert worker may still want to look at must be there.
        least_days := CASE WHEN NEW.config_key IN ('retention_movements_days', 'retention_metrics_days') THEN 2 ELSE 1 END;
        IF NEW.config_type <> 'integer' OR NEW.config_value::bigint NOT BETWEEN least_days AND 36500 THEN
            RAISE EXCEPTION 'config_value "%" of "%" is out of range', left(NEW.config_value, 64), NEW.config_key
                USING ERRCODE = 'invalid_parameter_value', COLUMN = 'config_value', TABLE = TG_TABLE_NAME,
                      SCHEMA = TG_TABLE_SCHEMA,
                      HINT = format('Write %s to 36500 days with config_type integer, or NULL to remove nothing.', least_days);
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_retention() IS
    'Trigger function of system_config: refuses a retention_ setting that is no number of days (ERROR invalid_parameter_value), since a mistake there removes data.';
CREATE TRIGGER a_check_retention BEFORE INSERT OR UPDATE ON @extschema@.system_config
    FOR EACH ROW WHEN (NEW.config_key LIKE 'retention\_%') EXECUTE FUNCTION @extschema@.check_retention();
COMMENT ON TRIGGER a_check_retention ON @extschema@.system_config IS 'Checks the settings of retention.';
CREATE TRIGGER tell_worker AFTER INSERT OR UPDATE OR DELETE ON @extschema@.system_config
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.alerts_changed();
COMMENT ON TRIGGER tell_worker ON @extschema@.system_config IS 'Has the alert worker ask anew when retention is due.';

CREATE FUNCTION @extschema@.next_retention_run() RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH setting AS (
            SELECT coalesce((SELECT config_value::time FROM @extschema@.system_config
                              WHERE config_key = 'retention_time' AND is_active), '03:30') AS at,
                   @extschema@.default_time_zone() AS zone,
                   (SELECT max(updated_at) FROM @extschema@.system_config
                     WHERE config_key IN ('retention_movements_days', 'retention_metrics_days', 'retention_persons_days',
                                          'retention_alerts_days', 'retention_deliveries_days')
                       AND is_active AND config_value IS NOT NULL) AS wanted_since,
                   (SELECT max(started_at) FROM @extschema@.retention_progress) AS last_start
        ), first AS (
            SELECT at, zone, coalesce(last_start, wanted_since) AT TIME ZONE zone AS since
              FROM setting
             WHERE wanted_since IS NOT NULL
        )
        SELECT CASE WHEN EXISTS (SELECT FROM @extschema@.retention_progress WHERE finished_at IS NULL AND last_error IS NULL)
                    THEN now()  -- it was interrupted
                    ELSE (since::date + at + CASE WHEN since::time >= at THEN interval '1 day' ELSE interval '0' END)
                         AT TIME ZONE zone
               END
          FROM first
    $$;
COMMENT ON FUNCTION @extschema@.next_retention_run() IS
    'When the worker is to remove what is old: the first retention_time after the last run, or after the settings were made; at once where a run was interrupted. NULL: no kind of rows has a time of retention.';

CREATE FUNCTION @extschema@.hours_to_prune(session uuid, source text, before timestamptz, batch_rows integer,
    OUT hours_from timestamptz, OUT hours_to timestamptz, OUT row_count bigint)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_hours_to_prune';
COMMENT ON FUNCTION @extschema@.hours_to_prune(uuid, text, timestamptz, integer) IS
    'The first whole hours of a session that end by "before" and have rows in table "source" (people_movements or realtime_metrics): as many as have batch_rows rows, at least one. NULL and 0 rows: there are none. ERROR no_data_found for a session that does not exist. Part of apply_retention().';

CREATE FUNCTION @extschema@.sums_of_hours(session uuid, source text, hours_from timestamptz, hours_to timestamptz)
    RETURNS SETOF @extschema@.archived_hours
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 24
    AS 'MODULE_PATHNAME', 'people_counter_sums_of_hours';
COMMENT ON FUNCTION @extschema@.sums_of_hours(uuid, text, timestamptz, timestamptz) IS
    'The rows of archived_hours that stand for the rows of table "source" (people_movements or realtime_metrics) in whole hours; of movements together with what the archive has of the hours already. ERROR no_data_found for a session that does not exist, object_not_in_prerequisite_state for one without statistics. Part of apply_retention().';

CREATE FUNCTION @extschema@.prune_hours(session uuid, source text, hours_from timestamptz, hours_to timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    figures_before text;
    figures_after  text;
BEGIN
    -- Writers of the session wait until this is committed.
    PERFORM FROM @extschema@.session_statistics s WHERE s.session_id = prune_hours.session FOR NO KEY UPDATE;
    FOR attempt IN 1 .. 2 LOOP
        SELECT concat((SELECT to_jsonb(s) - 'fold_state' FROM @extschema@.session_statistics s
                        WHERE s.session_id = prune_hours.session),
                      (SELECT string_agg(h::text, ' ' ORDER BY h.hour_timestamp) FROM @extschema@.hourly_statistics h
                        WHERE h.session_id = prune_hours.session
                          AND h.hour_timestamp >= prune_hours.hours_from AND h.hour_timestamp < prune_hours.hours_to))
          INTO figures_after;
        EXIT WHEN attempt = 2;
        figures_before := figures_after;
        -- One command, so that each trigger finds the rows gone and their sums there.
        IF prune_hours.source = 'people_movements' THEN
            WITH gone AS (
                DELETE FROM @extschema@.people_movements m
                 WHERE m.session_id = prune_hours.session
                   AND m.movement_time >= prune_hours.hours_from AND m.movement_time < prune_hours.hours_to
            )
            INSERT INTO @extschema@.archived_hours
            SELECT (@extschema@.sums_of_hours(prune_hours.session, prune_hours.source, prune_hours.hours_from,
                                              prune_hours.hours_to)).*
            ON CONFLICT (session_id, hour_timestamp) DO UPDATE
               SET people_entered = EXCLUDED.people_entered, people_exited = EXCLUDED.people_exited,
                   level_fall = EXCLUDED.level_fall, level_rise = EXCLUDED.level_rise, peak_time = EXCLUDED.peak_time,
                   occupancy_correction = EXCLUDED.occupancy_correction, confidence_sum = EXCLUDED.confidence_sum,
                   confidence_count = EXCLUDED.confidence_count, last_movement_time = EXCLUDED.last_movement_time;
        ELSE
            WITH gone AS (
                DELETE FROM @extschema@.realtime_metrics m
                 WHERE m.session_id = prune_hours.session
                   AND m."timestamp" >= prune_hours.hours_from AND m."timestamp" < prune_hours.hours_to
            )
            INSERT INTO @extschema@.archived_hours AS a
            SELECT (@extschema@.sums_of_hours(prune_hours.session, prune_hours.source, prune_hours.hours_from,
                                              prune_hours.hours_to)).*
            ON CONFLICT (session_id, hour_timestamp) DO UPDATE
               SET detecting_frames = a.detecting_frames + EXCLUDED.detecting_frames,
                   tracking_frames = a.tracking_frames + EXCLUDED.tracking_frames,
                   waiting_frames = a.waiting_frames + EXCLUDED.waiting_frames,
                   reported_peak = greatest(a.reported_peak, EXCLUDED.reported_peak),
                   reported_peak_time = CASE WHEN a.reported_peak > EXCLUDED.reported_peak THEN a.reported_peak_time
                                             WHEN a.reported_peak = EXCLUDED.reported_peak
                                             THEN least(a.reported_peak_time, EXCLUDED.reported_peak_time)
                                             ELSE EXCLUDED.reported_peak_time END,
                   last_sample_time = greatest(a.last_sample_time, EXCLUDED.last_sample_time);
        END IF;
    END LOOP;
    IF figures_after IS DISTINCT FROM figures_before THEN
        RAISE EXCEPTION 'the statistics of session "%" from "%" to "%" are not what its rows say: nothing was removed',
                        prune_hours.session, prune_hours.hours_from, prune_hours.hours_to
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'verify_statistics() shows the difference, rebuild_statistics() repairs it.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prune_hours(uuid, text, timestamptz, timestamptz) IS
    'Removes the rows of a session in whole hours from table "source" (people_movements or realtime_metrics) and leaves their sums in archived_hours. ERROR object_not_in_prerequisite_state, and nothing is removed, if a figure of the statistics would change. Part of apply_retention().';

CREATE FUNCTION @extschema@.apply_retention_batch(batch_rows integer DEFAULT 10000) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    run     @extschema@.retention_progress;
    hours   record;
    done    bigint := 0;
    affected bigint;
    next_id uuid;
    page    bigint;
    pages   bigint;
    all_pages bigint;
BEGIN
    IF batch_rows < 1 THEN
        RAISE EXCEPTION 'batch_rows "%" is out of range', batch_rows
            USING ERRCODE = 'invalid_parameter_value', HINT = 'batch_rows must be 1 or more.';
    END IF;
    IF NOT pg_try_advisory_xact_lock('@extschema@.retention_progress'::regclass::oid::integer, 8) THEN
        RAISE EXCEPTION 'retention is being applied by another session'
            USING ERRCODE = 'object_in_use', HINT = 'View retention_status shows how far it is.';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@.retention_progress WHERE finished_at IS NULL) THEN  -- begin a run
        DELETE FROM @extschema@.retention_progress;
        INSERT INTO @extschema@.retention_progress (kind, started_at, cutoff)
        SELECT k, now(), now() - make_interval(days => @extschema@.retention_days(k))
          FROM unnest('{movements,metrics,persons,alerts,deliveries}'::text[]) k
         WHERE @extschema@.retention_days(k) IS NOT NULL;
        RETURN FOUND;  -- and no more, so that a batch that fails is one of a run
    END IF;
    SELECT * INTO run FROM @extschema@.retention_progress WHERE finished_at IS NULL
     ORDER BY array_position('{movements,metrics,persons,alerts,deliveries}', kind) LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF @extschema@.retention_days(run.kind) IS NULL THEN
        NULL;  -- switched off meanwhile
    ELSIF run.kind IN ('movements', 'metrics') THEN
        -- The next session that has something, of a few hundred: looking costs time, too.
        FOR i IN 1 .. 500 LOOP
            SELECT id INTO next_id FROM @extschema@.sessions
             WHERE id > coalesce(run.position::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT 1;
            EXIT WHEN NOT FOUND;
            SELECT * INTO hours
              FROM @extschema@.hours_to_prune(next_id, CASE run.kind WHEN 'movements' THEN 'people_movements'
                                                                     ELSE 'realtime_metrics' END, run.cutoff, batch_rows);
            IF hours.row_count > 0 THEN
                PERFORM @extschema@.prune_hours(next_id, CASE run.kind WHEN 'movements' THEN 'people_movements'
                                                                       ELSE 'realtime_metrics' END,
                                                hours.hours_from, hours.hours_to);
                done := hours.row_count;
                EXIT;
            END IF;
            run.position := next_id::text;
        END LOOP;
        IF next_id IS NOT NULL THEN
            UPDATE @extschema@.retention_progress
               SET position = run.position, rows_done = rows_done + done, last_error = NULL, last_error_at = NULL
             WHERE kind = run.kind;
            RETURN true;
        END IF;
    ELSIF run.kind = 'persons' THEN
        -- Page by page, since late movements may be anywhere and no index says which rows are anonymous.
        page := coalesce(run.position::bigint, 0);
        all_pages := pg_relation_size('@extschema@.people_movements') / current_setting('block_size')::bigint;
        pages := greatest(1, batch_rows / 50);
        FOR i IN 1 .. 100 LOOP
            EXIT WHEN page >= all_pages OR done >= batch_rows;
            UPDATE @extschema@.people_movements
               SET person_id = 0, centroid_x = NULL, centroid_y = NULL, bounding_box_x1 = NULL, bounding_box_y1 = NULL,
                   bounding_box_x2 = NULL, bounding_box_y2 = NULL, frame_number = NULL
             WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + pages)::tid
               AND movement_time < run.cutoff
               AND (person_id <> 0 OR num_nonnulls(centroid_x, centroid_y, bounding_box_x1, bounding_box_y1,
                                                   bounding_box_x2, bounding_box_y2, frame_number) > 0);
            GET DIAGNOSTICS affected = ROW_COUNT;
            done := done + affected;
            page := page + pages;
        END LOOP;
        IF page < all_pages THEN
            UPDATE @extschema@.retention_progress
               SET position = page, rows_done = rows_done + done, last_error = NULL, last_error_at = NULL
             WHERE kind = run.kind;
            RETURN true;
        END IF;
    ELSE
        IF run.kind = 'alerts' THEN
            DELETE FROM @extschema@.alert_logs
             WHERE id IN (SELECT l.id FROM @extschema@.alert_logs l
                           WHERE l.is_resolved AND l.resolved_at < run.cutoff
                             AND NOT EXISTS (SELECT FROM @extschema@.alert_deliveries d
                                              WHERE d.alert_id = l.id AND d.delivered_at IS NULL AND d.abandoned_at IS NULL)
                           LIMIT batch_rows);
        ELSE
            DELETE FROM @extschema@.alert_deliveries
             WHERE id IN (SELECT d.id FROM @extschema@.alert_deliveries d
                           WHERE coalesce(d.delivered_at, d.abandoned_at) < run.cutoff
                           LIMIT batch_rows);
        END IF;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done = batch_rows THEN
            UPDATE @extschema@.retention_progress
               SET rows_done = rows_done + done, last_error = NULL, last_error_at = NULL
             WHERE kind = run.kind;
            RETURN true;
        END IF;
    END IF;
    UPDATE @extschema@.retention_progress
       SET finished_at = clock_timestamp(), position = NULL, rows_done = rows_done + done, last_error = NULL,
           last_error_at = NULL
     WHERE kind = run.kind;
    RETURN EXISTS (SELECT FROM @extschema@.retention_progress WHERE finished_at IS NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.apply_retention_batch(integer) IS
    'Removes about batch_rows rows of what is older than the retention_ settings of system_config allow, in the transaction of the caller, and returns whether there is more to do; the first call after one that returned false only begins a run. Movements and samples go by whole hours of a session, whose writers wait until the transaction ends. ERROR object_in_use while another session is at it, object_not_in_prerequisite_state if statistics are not what the rows say, invalid_parameter_value for batch_rows below 1. For the worker, and for a scheduler that cannot CALL apply_retention().';

CREATE PROCEDURE @extschema@.apply_retention(batch_rows integer DEFAULT 10000)
    LANGUAGE plpgsql  -- without a setting of its own, which would forbid COMMIT: so everything is qualified
    AS $$
BEGIN
    LOOP
        EXIT WHEN NOT @extschema@.apply_retention_batch(batch_rows);
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE @extschema@.apply_retention(integer) IS
    'Removes everything that is older than the retention_ settings of system_config allow, in batches of about batch_rows rows with a commit after each, so that nobody waits for more than one of them. Not within a transaction block. Errors as of apply_retention_batch(). The alert worker does the same every day at retention_time.';

CREATE FUNCTION @extschema@.note_retention_failure(message text) RETURNS void
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE @extschema@.retention_progress
           SET last_error = message, last_error_at = now()
         WHERE kind = (SELECT kind FROM @extschema@.retention_progress WHERE finished_at IS NULL
                        ORDER BY array_position('{movements,metrics,persons,alerts,deliveries}', kind) LIMIT 1)
    $$;
COMMENT ON FUNCTION @extschema@.note_retention_failure(text) IS
    'Notes why the worker''s run of retention ended early, for retention_status.';

CREATE VIEW @extschema@.retention_status AS
    SELECT k.kind, @extschema@.retention_days(k.kind) AS days, @extschema@.next_retention_run() AS next_run_at,
           p.started_at, p.finished_at, p.cutoff, p.rows_done, p.last_error, p.last_error_at
      FROM unnest('{movements,metrics,persons,alerts,deliveries}'::text[]) WITH ORDINALITY k (kind, place)
      LEFT JOIN @extschema@.retention_progress p ON p.kind = k.kind
     ORDER BY k.place;
COMMENT ON VIEW @extschema@.retention_status IS
    'What is removed after how many days, and how the last run went: movements (people_movements), metrics (realtime_metrics), persons (person-level columns of movements), alerts (resolved ones), deliveries (messages that were sent or given up).';
COMMENT ON COLUMN @extschema@.retention_status.kind IS 'Kind of rows.';
COMMENT ON COLUMN @extschema@.retention_status.days IS 'Days after which they go: setting retention_KIND_days. NULL: never.';
COMMENT ON COLUMN @extschema@.retention_status.next_run_at IS 'When the worker does it next. NULL: nothing is ever removed.';
COMMENT ON COLUMN @extschema@.retention_status.started_at IS 'When the run that goes on, or the last one, began. NULL: there was none.';
COMMENT ON COLUMN @extschema@.retention_status.finished_at IS 'When it was done with this kind. NULL: not yet.';
COMMENT ON COLUMN @extschema@.retention_status.cutoff IS 'What was older went.';
COMMENT ON COLUMN @extschema@.retention_status.rows_done IS 'Rows removed, or for persons made anonymous, by that run.';
COMMENT ON COLUMN @extschema@.retention_status.last_error IS 'Why the worker''s last attempt ended early. NULL: it did not.';
COMMENT ON COLUMN @extschema@.retention_status.last_error_at IS 'When that was.';

DO $$
DECLARE
    owner text := (SELECT relowner::regrole FROM pg_class WHERE oid = '@extschema@.sessions'::regclass);
BEGIN
    EXECUTE format('ALTER TABLE @extschema@.retention_progress OWNER TO %s', owner);
    EXECUTE format('ALTER VIEW @extschema@.retention_status OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.retention_days(text) OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.check_retention() OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.next_retention_run() OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.prune_hours(uuid, text, timestamptz, timestamptz) OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.apply_retention_batch(integer) OWNER TO %s', owner);
    EXECUTE format('ALTER PROCEDURE @extschema@.apply_retention(integer) OWNER TO %s', owner);
    EXECUTE format('ALTER FUNCTION @extschema@.note_retention_failure(text) OWNER TO %s', owner);
    EXECUTE format('GRANT EXECUTE ON FUNCTION @extschema@.hours_to_prune(uuid, text, timestamptz, integer), '
                   '@extschema@.sums_of_hours(uuid, text, timestamptz, timestamptz) TO %s WITH GRANT OPTION', owner);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.hours_to_prune(uuid, text, timestamptz, integer),
    @extschema@.sums_of_hours(uuid, text, timestamptz, timestamptz),
    @extschema@.prune_hours(uuid, text, timestamptz, timestamptz), @extschema@.apply_retention_batch(integer),
    @extschema@.note_retention_failure(text), @extschema@.check_retention() FROM PUBLIC;
REVOKE ALL ON PROCEDURE @extschema@.apply_retention(integer) FROM PUBLIC;
