\echo Use "CREATE EXTENSION people_counter" to load this file. \quit

-- 00-prelude.sql
-- Nothing below depends on who installs or on their search_path: own objects are qualified, the rest is pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- 10-types.sql
CREATE TYPE @extschema@.session_status AS ENUM ('active', 'completed', 'error', 'cancelled');
COMMENT ON TYPE @extschema@.session_status IS
    'State of a counting session: active while it counts; completed, error and cancelled end it.';

CREATE TYPE @extschema@.detection_status AS ENUM ('detecting', 'tracking', 'waiting');
COMMENT ON TYPE @extschema@.detection_status IS
    'What the counter did when it reported a metrics sample: detecting people, tracking them, or waiting for someone.';

CREATE TYPE @extschema@.movement_direction AS ENUM ('in', 'out');
COMMENT ON TYPE @extschema@.movement_direction IS
    'Direction in which a person crossed the counting line: in adds one person, out takes one away.';

-- 15-native.sql
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

-- 20-base-tables.sql
-- The order is that in which a writer locks them: what is reported, the session it belongs to, the statistics. DROP
-- EXTENSION locks an extension's tables in the order of their creation, so it waits for writers instead of meeting them in
-- a deadlock.
--
-- Movements and samples take no CHECK and no second index: each costs the ingest path, and the statement triggers validate.
CREATE TABLE @extschema@.people_movements (
    session_id         uuid        NOT NULL,
    movement_time      timestamptz NOT NULL DEFAULT now(),
    id                 uuid        NOT NULL DEFAULT @extschema@.generate_uuid_v7(),
    person_id          integer     NOT NULL,
    movement_direction @extschema@.movement_direction NOT NULL,
    centroid_x         real,
    centroid_y         real,
    bounding_box_x1    real,
    bounding_box_y1    real,
    bounding_box_x2    real,
    bounding_box_y2    real,
    confidence_score   real,
    frame_number       integer,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, movement_time, id)
);
COMMENT ON TABLE @extschema@.people_movements IS
    'Movements: one row for each person who crossed the counting line. They may arrive late and in any order; none is refused because of a count.';
COMMENT ON COLUMN @extschema@.people_movements.session_id IS 'Session that counted it.';
COMMENT ON COLUMN @extschema@.people_movements.movement_time IS 'When the person crossed the line, by the clock of the counter. All statistics follow this time, not the time of arrival.';
COMMENT ON COLUMN @extschema@.people_movements.id IS 'Id of the movement. A counter that makes it itself, with its time, can repeat a report without counting twice (ON CONFLICT DO NOTHING).';
COMMENT ON COLUMN @extschema@.people_movements.person_id IS 'Number that the tracker gave the person; means nothing outside the session.';
COMMENT ON COLUMN @extschema@.people_movements.movement_direction IS 'in or out.';
COMMENT ON COLUMN @extschema@.people_movements.centroid_x IS 'Centre of the person in the picture: pixels from the left.';
COMMENT ON COLUMN @extschema@.people_movements.centroid_y IS 'Centre of the person in the picture: pixels from the top.';
COMMENT ON COLUMN @extschema@.people_movements.bounding_box_x1 IS 'Left edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.people_movements.bounding_box_y1 IS 'Top edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.people_movements.bounding_box_x2 IS 'Right edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.people_movements.bounding_box_y2 IS 'Bottom edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.people_movements.confidence_score IS 'How sure the detector was, 0 to 1. NULL: not reported.';
COMMENT ON COLUMN @extschema@.people_movements.frame_number IS 'Frame in which the person crossed the line.';
COMMENT ON COLUMN @extschema@.people_movements.created_at IS 'When the row arrived.';

CREATE TABLE @extschema@.realtime_metrics (
    session_id                 uuid        NOT NULL,
    "timestamp"                timestamptz NOT NULL DEFAULT now(),
    id                         uuid        NOT NULL DEFAULT @extschema@.generate_uuid_v7(),
    current_people_count       integer     NOT NULL DEFAULT 0,
    people_entered_last_minute integer     NOT NULL DEFAULT 0,
    people_exited_last_minute  integer     NOT NULL DEFAULT 0,
    detection_status           @extschema@.detection_status NOT NULL DEFAULT 'waiting',
    fps_current                real,
    cpu_usage_percentage       real,
    memory_usage_mb            real,
    processing_latency_ms      real,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, "timestamp", id)
);
COMMENT ON TABLE @extschema@.realtime_metrics IS
    'Metrics samples: what a counter says of itself, and of what it sees, at one moment.';
COMMENT ON COLUMN @extschema@.realtime_metrics.session_id IS 'Session that reports.';
COMMENT ON COLUMN @extschema@.realtime_metrics."timestamp" IS 'When the sample was taken, by the clock of the counter.';
COMMENT ON COLUMN @extschema@.realtime_metrics.id IS 'Id of the sample; made by the counter it lets a report be repeated.';
COMMENT ON COLUMN @extschema@.realtime_metrics.current_people_count IS 'People that the counter itself believes to be inside, not negative. It can raise the reported peak, never the computed occupancy.';
COMMENT ON COLUMN @extschema@.realtime_metrics.people_entered_last_minute IS 'Entries that the counter saw in the last minute.';
COMMENT ON COLUMN @extschema@.realtime_metrics.people_exited_last_minute IS 'Exits that the counter saw in the last minute.';
COMMENT ON COLUMN @extschema@.realtime_metrics.detection_status IS 'What the counter was doing: detecting, tracking or waiting.';
COMMENT ON COLUMN @extschema@.realtime_metrics.fps_current IS 'Frames a second processed at the moment, above 0.';
COMMENT ON COLUMN @extschema@.realtime_metrics.cpu_usage_percentage IS 'Processor use of the counter, 0 to 100 percent.';
COMMENT ON COLUMN @extschema@.realtime_metrics.memory_usage_mb IS 'Memory use of the counter in megabytes.';
COMMENT ON COLUMN @extschema@.realtime_metrics.processing_latency_ms IS 'Milliseconds from the picture to the result.';
COMMENT ON COLUMN @extschema@.realtime_metrics.created_at IS 'When the row arrived.';

CREATE TABLE @extschema@.occupancy_baselines (
    session_id    uuid        NOT NULL,
    baseline_time timestamptz NOT NULL DEFAULT now(),
    people_count  integer     NOT NULL DEFAULT 0,
    kind          text        NOT NULL DEFAULT 'manual' CHECK (kind IN ('manual', 'reset', 'auto')),
    note          text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, baseline_time)
);
COMMENT ON TABLE @extschema@.occupancy_baselines IS
    'Known occupancies: from baseline_time on the session has people_count people inside, whatever was counted before. This is how a count by hand or a reset enters; movements are never edited for it.';
COMMENT ON COLUMN @extschema@.occupancy_baselines.session_id IS 'Session whose occupancy is known.';
COMMENT ON COLUMN @extschema@.occupancy_baselines.baseline_time IS 'From when it holds. A movement stamped exactly at this time belongs before it. May lie in the future.';
COMMENT ON COLUMN @extschema@.occupancy_baselines.people_count IS 'People inside at that time, not negative.';
COMMENT ON COLUMN @extschema@.occupancy_baselines.kind IS 'Where it comes from: manual (counted by hand), reset (set to a known state), auto (found by software).';
COMMENT ON COLUMN @extschema@.occupancy_baselines.note IS 'Who counted, and why.';
COMMENT ON COLUMN @extschema@.occupancy_baselines.created_at IS 'When the row arrived.';

CREATE TABLE @extschema@.sessions (
    id                   uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    session_name         varchar       NOT NULL DEFAULT 'Session_' || to_char(now(), 'YYYYMMDD_HH24MISS'),
    input_source         varchar,
    output_path          varchar,
    start_time           timestamptz   NOT NULL DEFAULT now(),
    end_time             timestamptz,
    duration_seconds     numeric(14,2),
    status               @extschema@.session_status NOT NULL DEFAULT 'active',
    fps                  numeric(8,2),
    total_frames         integer,
    resolution_width     integer,
    resolution_height    integer,
    confidence_threshold numeric(3,2)  NOT NULL DEFAULT 0.3,
    skip_frames          integer       NOT NULL DEFAULT 3,
    max_disappeared      integer       NOT NULL DEFAULT 15,
    max_distance         integer       NOT NULL DEFAULT 80,
    created_at           timestamptz   NOT NULL DEFAULT now(),
    updated_at           timestamptz   NOT NULL DEFAULT now(),
    time_zone            text          NOT NULL,  -- its default reads system_config
    day_start            time          NOT NULL DEFAULT '00:00',
    reset_time           time,
    capacity             integer,
    false_positives      integer,
    false_negatives      integer
);
COMMENT ON TABLE @extschema@.sessions IS
    'Counting sessions: one run of one counter at one place. Everything else belongs to a session and is deleted with it.';
COMMENT ON COLUMN @extschema@.sessions.id IS 'Time-ordered id of the session.';
COMMENT ON COLUMN @extschema@.sessions.session_name IS 'Name for people, at most 255 characters. Default: Session_ and the present time.';
COMMENT ON COLUMN @extschema@.sessions.input_source IS 'Camera, stream or file that is counted, at most 500 characters.';
COMMENT ON COLUMN @extschema@.sessions.output_path IS 'Where the counter writes its video, at most 500 characters.';
COMMENT ON COLUMN @extschema@.sessions.start_time IS 'When counting began. Nothing before it counts as observed; movements before it are counted all the same.';
COMMENT ON COLUMN @extschema@.sessions.end_time IS 'When counting ended. Set by the extension when the session is completed without one.';
COMMENT ON COLUMN @extschema@.sessions.duration_seconds IS 'Length of the session in seconds, not negative. Set by the extension when the session is completed without one.';
COMMENT ON COLUMN @extschema@.sessions.status IS 'active while it counts; completed, error or cancelled once it has ended.';
COMMENT ON COLUMN @extschema@.sessions.fps IS 'Mean frames a second that the counter processed, above 0.';
COMMENT ON COLUMN @extschema@.sessions.total_frames IS 'Frames processed.';
COMMENT ON COLUMN @extschema@.sessions.resolution_width IS 'Width of the picture in pixels.';
COMMENT ON COLUMN @extschema@.sessions.resolution_height IS 'Height of the picture in pixels.';
COMMENT ON COLUMN @extschema@.sessions.confidence_threshold IS 'Lowest confidence, 0 to 1, at which the counter took a detection for a person.';
COMMENT ON COLUMN @extschema@.sessions.skip_frames IS 'Frames that the counter tracked between two detections.';
COMMENT ON COLUMN @extschema@.sessions.max_disappeared IS 'Frames after which the counter gave up a person it no longer saw.';
COMMENT ON COLUMN @extschema@.sessions.max_distance IS 'Pixels a person could move between two frames and still be the same person.';
COMMENT ON COLUMN @extschema@.sessions.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.sessions.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON COLUMN @extschema@.sessions.time_zone IS 'Time zone, by a name that the server knows, in which the hours and days of this session are counted.';
COMMENT ON COLUMN @extschema@.sessions.day_start IS 'Local time, a whole hour, at which the business day begins: 04:00 counts a night out to the day before.';
COMMENT ON COLUMN @extschema@.sessions.reset_time IS 'Local time at which the occupancy returns to 0 every day. NULL: never.';
COMMENT ON COLUMN @extschema@.sessions.capacity IS 'How many people may be inside. NULL: not limited.';
COMMENT ON COLUMN @extschema@.sessions.false_positives IS 'Movements counted that did not happen, as an audit reports them. NULL: not audited.';
COMMENT ON COLUMN @extschema@.sessions.false_negatives IS 'Movements that happened and were not counted, as an audit reports them. NULL: not audited.';

ALTER TABLE @extschema@.people_movements
    ADD CONSTRAINT people_movements_session_id_fkey FOREIGN KEY (session_id) REFERENCES @extschema@.sessions ON DELETE CASCADE;
ALTER TABLE @extschema@.realtime_metrics
    ADD CONSTRAINT realtime_metrics_session_id_fkey FOREIGN KEY (session_id) REFERENCES @extschema@.sessions ON DELETE CASCADE;
ALTER TABLE @extschema@.occupancy_baselines
    ADD CONSTRAINT occupancy_baselines_session_id_fkey FOREIGN KEY (session_id) REFERENCES @extschema@.sessions ON DELETE CASCADE;

-- 30-derived-tables.sql
CREATE TABLE @extschema@.session_statistics (
    session_id            uuid          NOT NULL REFERENCES @extschema@.sessions ON DELETE CASCADE,
    total_people_entered  integer       NOT NULL DEFAULT 0,
    total_people_exited   integer       NOT NULL DEFAULT 0,
    current_people_inside integer       NOT NULL DEFAULT 0,
    peak_people_count     integer       NOT NULL DEFAULT 0,
    average_people_count  numeric(14,4),
    detection_frames      integer       NOT NULL DEFAULT 0,
    tracking_frames       integer       NOT NULL DEFAULT 0,
    waiting_frames        integer       NOT NULL DEFAULT 0,
    total_detections      integer       NOT NULL DEFAULT 0,
    false_positives       integer       NOT NULL DEFAULT 0,
    false_negatives       integer       NOT NULL DEFAULT 0,
    accuracy_percentage   numeric(5,2),
    created_at            timestamptz   NOT NULL,
    updated_at            timestamptz   NOT NULL,
    net_people_count      integer       NOT NULL DEFAULT 0,
    exits_absorbed        integer       NOT NULL DEFAULT 0,
    peak_time             timestamptz,
    last_movement_time    timestamptz,
    fold_state            bytea         NOT NULL,
    PRIMARY KEY (session_id)
) WITH (fillfactor = 30, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE @extschema@.session_statistics
    ALTER COLUMN average_people_count SET STORAGE PLAIN,
    ALTER COLUMN accuracy_percentage SET STORAGE PLAIN,
    ALTER COLUMN fold_state SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.session_statistics IS
    'Statistics of each session: one row, made with the session and kept exact in the transaction of every change. Derived: written by the extension only.';
COMMENT ON COLUMN @extschema@.session_statistics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.session_statistics.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.session_statistics.total_people_exited IS 'Movements out, those that found nobody inside included.';
COMMENT ON COLUMN @extschema@.session_statistics.current_people_inside IS 'Occupancy after the last movement or baseline row, never negative. For the present, with daily resets, ask calculate_current_people_inside().';
COMMENT ON COLUMN @extschema@.session_statistics.peak_people_count IS 'Highest of the hourly peaks.';
COMMENT ON COLUMN @extschema@.session_statistics.average_people_count IS 'Mean occupancy over time: occupancy_seconds / observed_seconds over all hours. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.session_statistics.detection_frames IS 'Metrics samples with status detecting.';
COMMENT ON COLUMN @extschema@.session_statistics.tracking_frames IS 'Metrics samples with status tracking.';
COMMENT ON COLUMN @extschema@.session_statistics.waiting_frames IS 'Metrics samples with status waiting.';
COMMENT ON COLUMN @extschema@.session_statistics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.session_statistics.false_positives IS 'From sessions; 0 while not audited.';
COMMENT ON COLUMN @extschema@.session_statistics.false_negatives IS 'From sessions; 0 while not audited.';
COMMENT ON COLUMN @extschema@.session_statistics.accuracy_percentage IS '100 * (total_detections - false_positives) / (total_detections + false_negatives), not below 0. NULL while neither figure was reported, or there is nothing to measure.';
COMMENT ON COLUMN @extschema@.session_statistics.created_at IS 'created_at of the session.';
COMMENT ON COLUMN @extschema@.session_statistics.updated_at IS 'Time of the latest movement or metrics sample, at least created_at.';
COMMENT ON COLUMN @extschema@.session_statistics.net_people_count IS 'Entries less exits, with its sign: what plain subtraction gives.';
COMMENT ON COLUMN @extschema@.session_statistics.exits_absorbed IS 'Exits that found nobody inside: entries that the counter missed. A measure of data quality.';
COMMENT ON COLUMN @extschema@.session_statistics.peak_time IS 'Earliest time at which the peak was reached. NULL without activity.';
COMMENT ON COLUMN @extschema@.session_statistics.last_movement_time IS 'Time of the latest movement. NULL without one.';
COMMENT ON COLUMN @extschema@.session_statistics.fold_state IS 'Internal: where the computation of the latest hour stands. Not part of the statistics; its layout may change.';

CREATE TABLE @extschema@.hourly_statistics (
    session_id           uuid          NOT NULL REFERENCES @extschema@.sessions ON DELETE CASCADE,
    hour_timestamp       timestamptz   NOT NULL,
    people_entered       integer       NOT NULL,
    people_exited        integer       NOT NULL,
    peak_people_count    integer       NOT NULL,
    average_people_count numeric(14,4),
    total_detections     integer       NOT NULL,
    detection_accuracy   numeric(5,2),
    opening_count        integer       NOT NULL,
    closing_count        integer       NOT NULL,
    low_people_count     integer       NOT NULL,
    peak_time            timestamptz   NOT NULL,
    occupancy_seconds    numeric(20,6) NOT NULL,
    observed_seconds     numeric(20,6) NOT NULL,
    exits_absorbed       integer       NOT NULL,
    counted_peak         integer       NOT NULL,
    counted_peak_time    timestamptz   NOT NULL,
    reported_peak        integer,
    reported_peak_time   timestamptz,
    confidence_sum       bigint        NOT NULL,
    confidence_count     integer       NOT NULL,
    PRIMARY KEY (session_id, hour_timestamp)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE @extschema@.hourly_statistics
    ALTER COLUMN average_people_count SET STORAGE PLAIN,
    ALTER COLUMN detection_accuracy SET STORAGE PLAIN,
    ALTER COLUMN occupancy_seconds SET STORAGE PLAIN,
    ALTER COLUMN observed_seconds SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.hourly_statistics IS
    'Statistics of each hour in which a session had a movement or a metrics sample; an hour without a row was not active, which is not a zero. Derived: written by the extension only.';
COMMENT ON COLUMN @extschema@.hourly_statistics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.hourly_statistics.hour_timestamp IS 'First instant of the hour. An hour is one local date, local hour and UTC offset, so an hour that the clocks repeat has two rows, and a change within an hour makes two.';
COMMENT ON COLUMN @extschema@.hourly_statistics.people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.hourly_statistics.people_exited IS 'Movements out, those that found nobody inside included.';
COMMENT ON COLUMN @extschema@.hourly_statistics.peak_people_count IS 'Larger of counted_peak and reported_peak.';
COMMENT ON COLUMN @extschema@.hourly_statistics.average_people_count IS 'Mean occupancy over time: occupancy_seconds / observed_seconds. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.hourly_statistics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.hourly_statistics.detection_accuracy IS 'Mean confidence of the movements that have one, in percent: 100 * confidence_sum / 1e9 / confidence_count. NULL without one.';
COMMENT ON COLUMN @extschema@.hourly_statistics.opening_count IS 'Occupancy just before the hour, or the value of a baseline exactly at its beginning.';
COMMENT ON COLUMN @extschema@.hourly_statistics.closing_count IS 'Occupancy just before the end of the hour.';
COMMENT ON COLUMN @extschema@.hourly_statistics.low_people_count IS 'Lowest occupancy in the hour, the opening one included.';
COMMENT ON COLUMN @extschema@.hourly_statistics.peak_time IS 'Earliest time at which the peak was reached.';
COMMENT ON COLUMN @extschema@.hourly_statistics.occupancy_seconds IS 'Person-seconds: the sum over the observed time of people inside times seconds.';
COMMENT ON COLUMN @extschema@.hourly_statistics.observed_seconds IS 'Observed part of the hour in seconds: from start_time, to the last activity or end_time.';
COMMENT ON COLUMN @extschema@.hourly_statistics.exits_absorbed IS 'Exits of this hour that found nobody inside.';
COMMENT ON COLUMN @extschema@.hourly_statistics.counted_peak IS 'Highest occupancy in the hour, the opening one included.';
COMMENT ON COLUMN @extschema@.hourly_statistics.counted_peak_time IS 'Earliest time of counted_peak; the beginning of the hour for the opening occupancy.';
COMMENT ON COLUMN @extschema@.hourly_statistics.reported_peak IS 'Highest current_people_count of a metrics sample in the hour. NULL without samples.';
COMMENT ON COLUMN @extschema@.hourly_statistics.reported_peak_time IS 'Earliest time of reported_peak.';
COMMENT ON COLUMN @extschema@.hourly_statistics.confidence_sum IS 'Sum of the confidence scores, in units of 1e-9.';
COMMENT ON COLUMN @extschema@.hourly_statistics.confidence_count IS 'Movements that have a confidence score.';

CREATE TABLE @extschema@.daily_statistics (
    session_id             uuid          NOT NULL REFERENCES @extschema@.sessions ON DELETE CASCADE,
    date_timestamp         date          NOT NULL,
    total_people_entered   integer       NOT NULL,
    total_people_exited    integer       NOT NULL,
    peak_people_count      integer       NOT NULL,
    average_people_count   numeric(14,4),
    total_detections       integer       NOT NULL,
    total_session_duration numeric(20,6) NOT NULL,
    detection_accuracy     numeric(5,2),
    peak_time              timestamptz   NOT NULL,
    occupancy_seconds      numeric(20,6) NOT NULL,
    observed_seconds       numeric(20,6) NOT NULL,
    exits_absorbed         integer       NOT NULL,
    confidence_sum         bigint        NOT NULL,
    confidence_count       integer       NOT NULL,
    PRIMARY KEY (session_id, date_timestamp)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE @extschema@.daily_statistics
    ALTER COLUMN average_people_count SET STORAGE PLAIN,
    ALTER COLUMN total_session_duration SET STORAGE PLAIN,
    ALTER COLUMN detection_accuracy SET STORAGE PLAIN,
    ALTER COLUMN occupancy_seconds SET STORAGE PLAIN,
    ALTER COLUMN observed_seconds SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.daily_statistics IS
    'Statistics of each business day that has an active hour: the sum of its hours. Derived: written by the extension only.';
COMMENT ON COLUMN @extschema@.daily_statistics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.daily_statistics.date_timestamp IS 'Business day: ((t at time zone time_zone) - day_start)::date.';
COMMENT ON COLUMN @extschema@.daily_statistics.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.daily_statistics.total_people_exited IS 'Movements out, those that found nobody inside included.';
COMMENT ON COLUMN @extschema@.daily_statistics.peak_people_count IS 'Highest of the peaks of the hours.';
COMMENT ON COLUMN @extschema@.daily_statistics.average_people_count IS 'Mean occupancy over time: occupancy_seconds / observed_seconds of the day, not a mean of hourly means. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.daily_statistics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.daily_statistics.total_session_duration IS 'Seconds of the day between start_time and the last activity or end_time, hours without activity included.';
COMMENT ON COLUMN @extschema@.daily_statistics.detection_accuracy IS 'Mean confidence of the movements that have one, in percent. NULL without one.';
COMMENT ON COLUMN @extschema@.daily_statistics.peak_time IS 'Earliest time at which the peak was reached.';
COMMENT ON COLUMN @extschema@.daily_statistics.occupancy_seconds IS 'Person-seconds: sum of the hours.';
COMMENT ON COLUMN @extschema@.daily_statistics.observed_seconds IS 'Observed seconds: sum of the hours.';
COMMENT ON COLUMN @extschema@.daily_statistics.exits_absorbed IS 'Exits of the day that found nobody inside.';
COMMENT ON COLUMN @extschema@.daily_statistics.confidence_sum IS 'Sum of the confidence scores, in units of 1e-9.';
COMMENT ON COLUMN @extschema@.daily_statistics.confidence_count IS 'Movements that have a confidence score.';

-- For the analyst who asks for a day of all sessions. Neither key ever changes, so updates of a row stay on its page.
CREATE INDEX hourly_statistics_hour_timestamp_idx ON @extschema@.hourly_statistics (hour_timestamp);
COMMENT ON INDEX @extschema@.hourly_statistics_hour_timestamp_idx IS 'Hours of all sessions in a span of time.';
CREATE INDEX daily_statistics_date_timestamp_idx ON @extschema@.daily_statistics (date_timestamp);
COMMENT ON INDEX @extschema@.daily_statistics_date_timestamp_idx IS 'Days of all sessions in a span of dates.';

-- 32-config.sql
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

-- 35-alert-tables.sql
CREATE TABLE @extschema@.alert_thresholds (
    id                uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    session_id        uuid REFERENCES @extschema@.sessions ON DELETE CASCADE,
    threshold_name    varchar          NOT NULL,
    threshold_value   double precision NOT NULL,
    alert_message     text,
    is_active         boolean          NOT NULL DEFAULT true,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    updated_at        timestamptz      NOT NULL DEFAULT now(),
    metric            text             NOT NULL,
    comparison        text             NOT NULL,
    clear_value       double precision,
    hold_for          interval         NOT NULL DEFAULT '0',
    keep_firing_for   interval         NOT NULL DEFAULT '0',
    repeat_interval   interval,
    severity          text             NOT NULL DEFAULT 'warning',
    origin            text             NOT NULL DEFAULT 'user',
    CONSTRAINT alert_thresholds_metric_is_known CHECK (metric IN
        ('current_people_inside', 'people_entered_last_minute', 'people_exited_last_minute', 'people_entered_last_hour',
         'people_exited_last_hour', 'exits_absorbed', 'detection_accuracy', 'fps_current', 'cpu_usage_percentage',
         'memory_usage_mb', 'processing_latency_ms', 'silence_seconds')),
    CONSTRAINT alert_thresholds_comparison_is_above_or_below CHECK (comparison IN ('above', 'below')),
    CONSTRAINT alert_thresholds_severity_is_known CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT alert_thresholds_origin_is_known CHECK (origin IN ('shipped', 'changed', 'user')),
    CONSTRAINT alert_thresholds_threshold_value_is_finite CHECK (threshold_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_thresholds_clear_value_is_finite CHECK (clear_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_thresholds_clear_value_is_on_the_quiet_side CHECK
        (CASE comparison WHEN 'above' THEN clear_value <= threshold_value ELSE clear_value >= threshold_value END),
    CONSTRAINT alert_thresholds_intervals_are_not_negative CHECK
        (hold_for >= '0' AND keep_firing_for >= '0' AND repeat_interval > '0'),
    CONSTRAINT alert_thresholds_intervals_are_at_most_a_year CHECK
        (hold_for <= '366 days' AND keep_firing_for <= '366 days' AND repeat_interval <= '366 days'),
    CONSTRAINT alert_thresholds_repeat_interval_is_at_least_a_second CHECK (repeat_interval >= '1 second'),
    CONSTRAINT alert_thresholds_silence_is_above_zero CHECK
        (metric <> 'silence_seconds' OR (comparison = 'above' AND threshold_value > 0))
);
COMMENT ON TABLE @extschema@.alert_thresholds IS
    'Rules that raise alerts. A name and a value are enough for the six shipped names; any other name states its metric and comparison.';
COMMENT ON COLUMN @extschema@.alert_thresholds.id IS 'Id of the rule. The shipped ones have the same in every database.';
COMMENT ON COLUMN @extschema@.alert_thresholds.session_id IS 'Session that the rule watches. NULL: every active session.';
COMMENT ON COLUMN @extschema@.alert_thresholds.threshold_name IS 'Name of the rule, at most 100 characters. max_people_count, min_people_count, detection_accuracy_low, fps_low, cpu_usage_high and memory_usage_high imply metric and comparison.';
COMMENT ON COLUMN @extschema@.alert_thresholds.threshold_value IS 'The alert begins when the metric is beyond this value, in the unit of the metric.';
COMMENT ON COLUMN @extschema@.alert_thresholds.alert_message IS 'Text that the alert carries.';
COMMENT ON COLUMN @extschema@.alert_thresholds.is_active IS 'False: the rule rests.';
COMMENT ON COLUMN @extschema@.alert_thresholds.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.alert_thresholds.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON COLUMN @extschema@.alert_thresholds.metric IS 'What is watched. Of the movements: current_people_inside (people), people_entered_last_minute, people_exited_last_minute, people_entered_last_hour and people_exited_last_hour (people, over the last 60 or 3,600 seconds), exits_absorbed (exits that found nobody, of the business day), detection_accuracy (mean confidence of the hour, percent). Of the metrics samples: fps_current, cpu_usage_percentage, memory_usage_mb, processing_latency_ms, in the unit of the column. silence_seconds: seconds without a movement or a sample.';
COMMENT ON COLUMN @extschema@.alert_thresholds.comparison IS 'above: more than threshold_value is bad; below: less is bad.';
COMMENT ON COLUMN @extschema@.alert_thresholds.clear_value IS 'The alert ends once the metric is no longer beyond this value, on the quiet side of threshold_value, so that it does not flap. NULL: threshold_value itself.';
COMMENT ON COLUMN @extschema@.alert_thresholds.hold_for IS 'How long the metric must stay beyond the threshold before the alert begins.';
COMMENT ON COLUMN @extschema@.alert_thresholds.keep_firing_for IS 'How long the metric must stay clear before the alert ends.';
COMMENT ON COLUMN @extschema@.alert_thresholds.repeat_interval IS 'How often a lasting alert is announced again. NULL: once only.';
COMMENT ON COLUMN @extschema@.alert_thresholds.severity IS 'info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_thresholds.origin IS 'shipped: as the extension brought it; changed: shipped, then edited here; user: added here. Kept by the extension; only changed and user rows are dumped.';
COMMENT ON CONSTRAINT alert_thresholds_metric_is_known ON @extschema@.alert_thresholds IS 'A metric is one that can be watched.';
COMMENT ON CONSTRAINT alert_thresholds_comparison_is_above_or_below ON @extschema@.alert_thresholds IS 'A comparison is above or below.';
COMMENT ON CONSTRAINT alert_thresholds_severity_is_known ON @extschema@.alert_thresholds IS 'A severity is info, warning or critical.';
COMMENT ON CONSTRAINT alert_thresholds_origin_is_known ON @extschema@.alert_thresholds IS 'An origin is shipped, changed or user.';
COMMENT ON CONSTRAINT alert_thresholds_threshold_value_is_finite ON @extschema@.alert_thresholds IS 'A threshold can be reached.';
COMMENT ON CONSTRAINT alert_thresholds_clear_value_is_finite ON @extschema@.alert_thresholds IS 'So can the value that ends the alert.';
COMMENT ON CONSTRAINT alert_thresholds_clear_value_is_on_the_quiet_side ON @extschema@.alert_thresholds IS 'An alert cannot end before it begins: clear_value is at most a threshold that fires above, at least one that fires below.';
COMMENT ON CONSTRAINT alert_thresholds_intervals_are_at_most_a_year ON @extschema@.alert_thresholds IS 'hold_for, keep_firing_for and repeat_interval are at most 366 days.';
COMMENT ON CONSTRAINT alert_thresholds_repeat_interval_is_at_least_a_second ON @extschema@.alert_thresholds IS 'A lasting alert is announced at most once a second.';
COMMENT ON CONSTRAINT alert_thresholds_silence_is_above_zero ON @extschema@.alert_thresholds IS 'Silence can only be too long: silence_seconds is compared above a threshold of more than 0 seconds.';
COMMENT ON CONSTRAINT alert_thresholds_intervals_are_not_negative ON @extschema@.alert_thresholds IS 'hold_for and keep_firing_for are 0 or more, repeat_interval is more than 0.';

INSERT INTO @extschema@.alert_thresholds (id, threshold_name, threshold_value, metric, comparison, alert_message, origin) VALUES
    ('00000000-0000-7000-8000-000000000001', 'max_people_count', 50, 'current_people_inside', 'above', 'More people inside than allowed', 'shipped'),
    ('00000000-0000-7000-8000-000000000002', 'min_people_count', 0, 'current_people_inside', 'below', 'Fewer people inside than expected', 'shipped'),
    ('00000000-0000-7000-8000-000000000003', 'detection_accuracy_low', 80, 'detection_accuracy', 'below', 'Detection is less accurate than it should be', 'shipped'),
    ('00000000-0000-7000-8000-000000000004', 'fps_low', 15, 'fps_current', 'below', 'The counter processes too few frames a second', 'shipped'),
    ('00000000-0000-7000-8000-000000000005', 'cpu_usage_high', 90, 'cpu_usage_percentage', 'above', 'The counter is using too much processor time', 'shipped'),
    ('00000000-0000-7000-8000-000000000006', 'memory_usage_high', 80, 'memory_usage_mb', 'above', 'The counter is using too much memory', 'shipped');

-- The constraints of the table say what a rule may be; this says which field of a rule is wrong, and what would be right.
-- Empty for a rule that they accept.
CREATE FUNCTION @extschema@.threshold_problem(rule @extschema@.alert_thresholds, OUT field text, OUT value text,
        OUT problem text, OUT reason text, OUT detail text, OUT hint text)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH term AS (
            SELECT rule.metric AS metric, rule.comparison AS comparison, rule.threshold_value AS threshold,
                   rule.clear_value AS clear
        ), span (n, field, length, shortest, least_reason, least_hint) AS (
            VALUES (1, 'hold_for', rule.hold_for, interval '0', 'alert_thresholds_intervals_are_not_negative',
                    'Set hold_for to 0 or more: how long the metric must stay beyond the threshold.'),
                   (2, 'keep_firing_for', rule.keep_firing_for, '0', 'alert_thresholds_intervals_are_not_negative',
                    'Set keep_firing_for to 0 or more: how long the metric must stay clear.'),
                   (3, 'repeat_interval', rule.repeat_interval, '1 second',
                    CASE WHEN rule.repeat_interval <= '0' THEN 'alert_thresholds_intervals_are_not_negative'
                         ELSE 'alert_thresholds_repeat_interval_is_at_least_a_second' END,
                    'Set repeat_interval to 1 second or more, or to NULL for an alert that is announced once.')
        ), known (metrics) AS (
            VALUES ('{current_people_inside,people_entered_last_minute,people_exited_last_minute,people_entered_last_hour,'
                    'people_exited_last_hour,exits_absorbed,detection_accuracy,fps_current,cpu_usage_percentage,'
                    'memory_usage_mb,processing_latency_ms,silence_seconds}'::text[])
        )
        SELECT p.field, p.value, p.problem, p.reason, p.detail, p.hint
          FROM term AS t CROSS JOIN known AS k, LATERAL (
            SELECT 1, 'metric', format('"%s"', left(t.metric, 40)), 'is not a metric', 'alert_thresholds_metric_is_known',
                   format('The metrics are %s.', array_to_string(k.metrics, ', ')), 'Set metric to one of these.'
             WHERE t.metric <> ALL (k.metrics)
            UNION ALL
            SELECT 2, 'comparison', format('"%s"', left(t.comparison, 40)), 'is not a comparison',
                   'alert_thresholds_comparison_is_above_or_below', 'The comparisons are above and below.',
                   'Set comparison to above, if more than threshold_value is bad, or to below, if less is.'
             WHERE t.comparison NOT IN ('above', 'below')
            UNION ALL
            SELECT 3, 'severity', format('"%s"', left(rule.severity, 40)), 'is not a severity',
                   'alert_thresholds_severity_is_known', 'The severities are info, warning and critical.',
                   'Set severity to one of these, or leave it out for warning.'
             WHERE rule.severity NOT IN ('info', 'warning', 'critical')
            UNION ALL
            SELECT 4, 'threshold_value', t.threshold::text, 'is not finite', 'alert_thresholds_threshold_value_is_finite',
                   'A threshold is a number that a metric can be on both sides of.', 'Set threshold_value to a number.'
             WHERE t.threshold IN ('NaN', 'Infinity', '-Infinity')
            UNION ALL
            SELECT 5, 'clear_value', t.clear::text, 'is not finite', 'alert_thresholds_clear_value_is_finite',
                   'The alert would never end.', 'Set clear_value to a number, or to NULL for threshold_value itself.'
             WHERE t.clear IN ('NaN', 'Infinity', '-Infinity')
            UNION ALL
            SELECT 6, 'clear_value', t.clear::text, 'is on the wrong side of threshold_value ' || t.threshold,
                   'alert_thresholds_clear_value_is_on_the_quiet_side',
                   CASE t.comparison
                   WHEN 'above' THEN format('The alert begins above %s, so it would end while the metric is still beyond.', t.threshold)
                   ELSE format('The alert begins below %s, so it would end while the metric is still beyond.', t.threshold) END,
                   CASE t.comparison WHEN 'above' THEN format('Set clear_value to %s or less, or to NULL.', t.threshold)
                                     ELSE format('Set clear_value to %s or more, or to NULL.', t.threshold) END
             WHERE CASE t.comparison WHEN 'above' THEN t.clear > t.threshold ELSE t.clear < t.threshold END
            UNION ALL
            SELECT 6 + s.n, s.field, format('"%s"', s.length), 'is too short', s.least_reason,
                   format('At least %s is allowed.', CASE s.n WHEN 3 THEN '1 second' ELSE '0' END), s.least_hint
              FROM span AS s WHERE s.length < s.shortest
            UNION ALL
            SELECT 6 + s.n, s.field, format('"%s"', s.length), 'is too long', 'alert_thresholds_intervals_are_at_most_a_year',
                   'At most 366 days are allowed.', format('Set %s to 366 days or less.', s.field)
              FROM span AS s WHERE s.length > '366 days'
            UNION ALL
            SELECT 10, 'comparison', format('"%s"', t.comparison), 'does not fit silence_seconds',
                   'alert_thresholds_silence_is_above_zero', 'Silence can only be too long.', 'Set comparison to above.'
             WHERE t.metric = 'silence_seconds' AND t.comparison = 'below'
            UNION ALL
            SELECT 11, 'threshold_value', t.threshold::text, 'is no length of a silence',
                   'alert_thresholds_silence_is_above_zero', 'A session is silent for 0 seconds at every movement and sample.',
                   'Set threshold_value to more than 0 seconds.'
             WHERE t.metric = 'silence_seconds' AND t.threshold <= 0
          ) AS p (n, field, value, problem, reason, detail, hint)
         ORDER BY p.n LIMIT 1
    $$;
COMMENT ON FUNCTION @extschema@.threshold_problem(@extschema@.alert_thresholds) IS
    'The first thing that is wrong with a rule: field, value and problem, reason (the constraint), and what to do. No row if nothing is.';

CREATE FUNCTION @extschema@.complete_threshold() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    implied record;
    problem record;
BEGIN
    IF length(NEW.threshold_name) > 100 THEN
        RAISE EXCEPTION 'threshold_name "%..." is too long', left(NEW.threshold_name, 40)
            USING ERRCODE = 'string_data_right_truncation', COLUMN = 'threshold_name', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA,
                  DETAIL = format('It has %s characters, 100 are allowed.', length(NEW.threshold_name)),
                  HINT = 'Shorten threshold_name.';
    END IF;
    IF (NEW.metric IS NULL OR NEW.comparison IS NULL) AND NEW.threshold_name IS NOT NULL THEN
        SELECT * INTO implied FROM (VALUES
            ('max_people_count',       'current_people_inside', 'above'),
            ('min_people_count',       'current_people_inside', 'below'),
            ('detection_accuracy_low', 'detection_accuracy',    'below'),
            ('fps_low',                'fps_current',           'below'),
            ('cpu_usage_high',         'cpu_usage_percentage',  'above'),
            ('memory_usage_high',      'memory_usage_mb',       'above')) AS names (name, metric, comparison)
         WHERE name = NEW.threshold_name;
        NEW.metric := coalesce(NEW.metric, implied.metric);
        NEW.comparison := coalesce(NEW.comparison, CASE WHEN NEW.metric = implied.metric THEN implied.comparison END);
        IF NEW.metric IS NULL OR NEW.comparison IS NULL THEN
            RAISE EXCEPTION 'threshold "%" does not say what it compares', NEW.threshold_name
                USING ERRCODE = 'not_null_violation',
                      COLUMN = CASE WHEN NEW.metric IS NULL THEN 'metric' ELSE 'comparison' END,
                      TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                      HINT = 'Set metric and comparison, or use one of max_people_count, min_people_count, '
                             'detection_accuracy_low, fps_low, cpu_usage_high, memory_usage_high.';
        END IF;
    END IF;
    SELECT * INTO problem FROM @extschema@.threshold_problem(NEW);
    IF FOUND THEN
        RAISE EXCEPTION '% % of threshold "%" %', problem.field, problem.value, left(NEW.threshold_name, 40), problem.problem
            USING ERRCODE = 'check_violation', COLUMN = problem.field, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  CONSTRAINT = problem.reason, DETAIL = problem.detail, HINT = problem.hint;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.complete_threshold() IS
    'Trigger function of alert_thresholds: fills metric and comparison where the name implies them, refuses another name that does not state them, one that is too long, and a rule that could never do what it says.';

CREATE TRIGGER a_complete BEFORE INSERT OR UPDATE ON @extschema@.alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION @extschema@.complete_threshold();
COMMENT ON TRIGGER a_complete ON @extschema@.alert_thresholds IS 'Checks the name and fills metric and comparison from it.';

CREATE TABLE @extschema@.alert_logs (
    id              uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    session_id      uuid REFERENCES @extschema@.sessions ON DELETE CASCADE,
    threshold_id    uuid REFERENCES @extschema@.alert_thresholds ON DELETE SET NULL,
    alert_type      varchar      NOT NULL,
    alert_message   text,
    current_value   double precision,
    threshold_value double precision,
    triggered_at    timestamptz  NOT NULL DEFAULT now(),
    resolved_at     timestamptz,
    is_resolved     boolean      NOT NULL DEFAULT false,
    severity        text         NOT NULL DEFAULT 'warning',
    peak_value      double precision,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    metric          text,
    resolved_reason text,
    repeat_count    integer      NOT NULL DEFAULT 0,
    announced_at    timestamptz,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT alert_logs_alert_type_has_at_most_100_characters CHECK (length(alert_type) <= 100),
    CONSTRAINT alert_logs_current_value_is_finite CHECK (current_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_threshold_value_is_finite CHECK (threshold_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_peak_value_is_finite CHECK (peak_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_triggered_at_is_finite CHECK (isfinite(triggered_at)),
    CONSTRAINT alert_logs_resolved_at_is_finite CHECK (isfinite(resolved_at)),
    CONSTRAINT alert_logs_acknowledged_at_is_finite CHECK (isfinite(acknowledged_at)),
    CONSTRAINT alert_logs_severity_is_known CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT alert_logs_resolved_after_triggered CHECK (resolved_at >= triggered_at),
    CONSTRAINT alert_logs_resolved_reason_is_known CHECK (resolved_reason IN
        ('cleared', 'session_ended', 'threshold_changed', 'threshold_deleted', 'by_hand'))
);
-- One about no session in particular counts like any other. A rule may be deleted while its alert is open, so open alerts
-- without a rule do not collide.
CREATE UNIQUE INDEX alert_logs_open_key ON @extschema@.alert_logs (threshold_id, session_id) NULLS NOT DISTINCT
    WHERE NOT is_resolved AND threshold_id IS NOT NULL;
CREATE INDEX alert_logs_session_id_idx ON @extschema@.alert_logs (session_id, triggered_at);
CREATE INDEX alert_logs_open_idx ON @extschema@.alert_logs (threshold_id) WHERE NOT is_resolved;
COMMENT ON INDEX @extschema@.alert_logs_open_idx IS 'Open alerts, also those of deleted rules.';
CREATE INDEX alert_logs_resolved_at_idx ON @extschema@.alert_logs (resolved_at) WHERE is_resolved;
COMMENT ON INDEX @extschema@.alert_logs_resolved_at_idx IS 'Alerts by their end: what the alert worker asks for when it starts.';
COMMENT ON TABLE @extschema@.alert_logs IS
    'Alerts raised: one row from the moment a rule fires until it is resolved, kept as a record.';
COMMENT ON COLUMN @extschema@.alert_logs.id IS 'Time-ordered id of the alert.';
COMMENT ON COLUMN @extschema@.alert_logs.session_id IS 'Session it is about. NULL: none in particular.';
COMMENT ON COLUMN @extschema@.alert_logs.threshold_id IS 'Rule that fired. NULL once the rule is deleted.';
COMMENT ON COLUMN @extschema@.alert_logs.alert_type IS 'Name of the rule when it fired, at most 100 characters.';
COMMENT ON COLUMN @extschema@.alert_logs.alert_message IS 'Text of the rule when it fired.';
COMMENT ON COLUMN @extschema@.alert_logs.current_value IS 'Value of the metric that fired, in its unit.';
COMMENT ON COLUMN @extschema@.alert_logs.threshold_value IS 'Threshold it was beyond.';
COMMENT ON COLUMN @extschema@.alert_logs.triggered_at IS 'When the alert began.';
COMMENT ON COLUMN @extschema@.alert_logs.resolved_at IS 'When it ended. NULL while it lasts.';
COMMENT ON COLUMN @extschema@.alert_logs.is_resolved IS 'True once it ended. At most one unresolved alert exists for a rule and session.';
COMMENT ON COLUMN @extschema@.alert_logs.severity IS 'Severity of the rule when it fired: info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_logs.peak_value IS 'Worst value while it lasted.';
COMMENT ON COLUMN @extschema@.alert_logs.acknowledged_at IS 'When someone took notice.';
COMMENT ON COLUMN @extschema@.alert_logs.acknowledged_by IS 'Who did.';
COMMENT ON COLUMN @extschema@.alert_logs.note IS 'What they had to say.';
COMMENT ON COLUMN @extschema@.alert_logs.metric IS 'Metric of the rule when it fired. NULL for an alert that no rule raised: those are left alone.';
COMMENT ON COLUMN @extschema@.alert_logs.resolved_reason IS 'Why it ended: cleared (the metric is back), session_ended, threshold_changed (switched off, or for another session or metric now), threshold_deleted, by_hand.';
COMMENT ON COLUMN @extschema@.alert_logs.repeat_count IS 'How often it was announced again while it lasted.';
COMMENT ON COLUMN @extschema@.alert_logs.announced_at IS 'When it was last announced: NOTIFY people_counter_alert and a delivery for each channel.';
COMMENT ON COLUMN @extschema@.alert_logs.created_at IS 'When the row was made. triggered_at is exact instead: the instant at which the metric had been beyond the threshold for hold_for.';
COMMENT ON CONSTRAINT alert_logs_resolved_reason_is_known ON @extschema@.alert_logs IS 'A reason is one of those that alerts end for.';
COMMENT ON CONSTRAINT alert_logs_alert_type_has_at_most_100_characters ON @extschema@.alert_logs IS 'As long as the name of a rule can be.';
COMMENT ON CONSTRAINT alert_logs_current_value_is_finite ON @extschema@.alert_logs IS 'No rule fires at what is not a number.';
COMMENT ON CONSTRAINT alert_logs_threshold_value_is_finite ON @extschema@.alert_logs IS 'As that of the rule.';
COMMENT ON CONSTRAINT alert_logs_peak_value_is_finite ON @extschema@.alert_logs IS 'As the values it is the worst of.';
COMMENT ON CONSTRAINT alert_logs_triggered_at_is_finite ON @extschema@.alert_logs IS 'An alert begins at a point in time.';
COMMENT ON CONSTRAINT alert_logs_resolved_at_is_finite ON @extschema@.alert_logs IS 'It ends at one; NULL while it lasts.';
COMMENT ON CONSTRAINT alert_logs_acknowledged_at_is_finite ON @extschema@.alert_logs IS 'Notice is taken at one.';
COMMENT ON CONSTRAINT alert_logs_severity_is_known ON @extschema@.alert_logs IS 'A severity is info, warning or critical.';
COMMENT ON CONSTRAINT alert_logs_resolved_after_triggered ON @extschema@.alert_logs IS 'No alert ends before it begins.';
COMMENT ON INDEX @extschema@.alert_logs_open_key IS 'At most one open alert for a rule and session, or for a rule and no session. Alerts of deleted rules are not in it.';
COMMENT ON INDEX @extschema@.alert_logs_session_id_idx IS 'Alerts of a session in order of time; also serves the deletion of a session.';

-- What is neither ok nor an open row of alert_logs. Not dumped: what waits to become an alert must show itself again.
CREATE TABLE @extschema@.alert_states (
    threshold_id uuid NOT NULL REFERENCES @extschema@.alert_thresholds ON DELETE CASCADE,
    session_id   uuid NOT NULL REFERENCES @extschema@.sessions ON DELETE CASCADE,
    phase        text NOT NULL,
    since        timestamptz NOT NULL,
    by_edit      boolean NOT NULL DEFAULT false,
    peak_value   double precision,
    CONSTRAINT alert_states_pkey PRIMARY KEY (threshold_id, session_id),
    CONSTRAINT alert_states_phase_is_known CHECK (phase IN ('pending', 'recovering')),
    CONSTRAINT alert_states_peak_value_is_finite CHECK (peak_value NOT IN ('NaN', 'Infinity', '-Infinity'))
);
CREATE INDEX alert_states_session_id_idx ON @extschema@.alert_states (session_id);
COMMENT ON TABLE @extschema@.alert_states IS
    'Rules on their way: pending (beyond the threshold, not yet for hold_for) or recovering (an open alert whose metric is clear, not yet for keep_firing_for). Kept by the alert worker.';
COMMENT ON COLUMN @extschema@.alert_states.threshold_id IS 'The rule.';
COMMENT ON COLUMN @extschema@.alert_states.session_id IS 'The session.';
COMMENT ON COLUMN @extschema@.alert_states.phase IS 'pending or recovering.';
COMMENT ON COLUMN @extschema@.alert_states.since IS 'When the metric crossed the value: the alert fires, or ends, hold_for or keep_firing_for later.';
COMMENT ON COLUMN @extschema@.alert_states.by_edit IS 'Pending because the rule was edited, not because the metric moved.';
COMMENT ON COLUMN @extschema@.alert_states.peak_value IS 'Worst value since it is pending.';
COMMENT ON CONSTRAINT alert_states_phase_is_known ON @extschema@.alert_states IS 'A phase is pending or recovering; an alert that fires is an open row of alert_logs.';
COMMENT ON CONSTRAINT alert_states_peak_value_is_finite ON @extschema@.alert_states IS 'As the values it is the worst of.';
COMMENT ON INDEX @extschema@.alert_states_session_id_idx IS 'Serves the deletion of a session.';

-- One row. Not dumped: in a restored database everything that is there was there before.
CREATE TABLE @extschema@.alert_progress (
    only_row     boolean PRIMARY KEY DEFAULT true,
    installed_at timestamptz NOT NULL DEFAULT now(),
    looked_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT alert_progress_is_one_row CHECK (only_row)
);
COMMENT ON TABLE @extschema@.alert_progress IS
    'How far the alert worker of this database has come: where it goes on after a restart. Kept by it.';
COMMENT ON COLUMN @extschema@.alert_progress.only_row IS 'True.';
COMMENT ON COLUMN @extschema@.alert_progress.installed_at IS 'When the extension was created here. What was observed before fires no alert: a restored database repeats none.';
COMMENT ON COLUMN @extschema@.alert_progress.looked_at IS 'Everything that arrived until then was looked at. Written every few seconds while something happens.';
COMMENT ON CONSTRAINT alert_progress_is_one_row ON @extschema@.alert_progress IS 'There is one row.';
INSERT INTO @extschema@.alert_progress DEFAULT VALUES;

-- 36-alert-channels.sql
-- Where alerts are sent, with what secrets, and what is to be sent: the outbox, whose rows come and go with the alert in one
-- transaction. people_counter_delivery sends what is due.
CREATE TABLE @extschema@.alert_channels (
    id           uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    channel_name varchar     NOT NULL,
    kind         text        NOT NULL,
    url          text        NOT NULL,
    sender       text,
    recipients   text[],
    username     text,
    tls          text        NOT NULL DEFAULT 'required',
    min_severity text        NOT NULL DEFAULT 'info',
    is_active    boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT alert_channels_channel_name_key UNIQUE (channel_name),
    CONSTRAINT alert_channels_kind_is_known CHECK (kind IN ('webhook', 'email')),
    CONSTRAINT alert_channels_tls_is_known CHECK (tls IN ('required', 'none')),
    CONSTRAINT alert_channels_min_severity_is_known CHECK (min_severity IN ('info', 'warning', 'critical'))
);
COMMENT ON TABLE @extschema@.alert_channels IS
    'Where alerts are sent: web addresses that take a POST, and mail servers with the people to write to. Passwords and keys are in alert_channel_secrets.';
COMMENT ON COLUMN @extschema@.alert_channels.id IS 'Id of the channel.';
COMMENT ON COLUMN @extschema@.alert_channels.channel_name IS 'Name for people, unique, at most 100 characters.';
COMMENT ON COLUMN @extschema@.alert_channels.kind IS 'webhook or email.';
COMMENT ON COLUMN @extschema@.alert_channels.url IS 'webhook: http:// or https:// address that is sent a POST. email: smtp:// or smtps:// and the mail server, with its port if it is not the usual one, as in smtp://mail.example.com:587; a path is the name that EHLO gives. At most 2000 characters, without user and password.';
COMMENT ON COLUMN @extschema@.alert_channels.sender IS 'email: address that the mail is from.';
COMMENT ON COLUMN @extschema@.alert_channels.recipients IS 'email: addresses that the mail goes to, 1 to 100.';
COMMENT ON COLUMN @extschema@.alert_channels.username IS 'User at the mail server or, for a webhook, of HTTP Basic authentication; the password is in alert_channel_secrets. NULL: no such login.';
COMMENT ON COLUMN @extschema@.alert_channels.tls IS 'email: required (smtp:// sends nothing before STARTTLS has made an encrypted connection, and the certificate is verified) or none. A webhook with https:// is always verified.';
COMMENT ON COLUMN @extschema@.alert_channels.min_severity IS 'Alerts of this severity and above are sent: info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_channels.is_active IS 'False: nothing new is queued, and what is queued waits.';
COMMENT ON COLUMN @extschema@.alert_channels.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.alert_channels.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON CONSTRAINT alert_channels_channel_name_key ON @extschema@.alert_channels IS 'A name means one channel.';
COMMENT ON CONSTRAINT alert_channels_kind_is_known ON @extschema@.alert_channels IS 'A kind is webhook or email.';
COMMENT ON CONSTRAINT alert_channels_tls_is_known ON @extschema@.alert_channels IS 'Encryption is required or none.';
COMMENT ON CONSTRAINT alert_channels_min_severity_is_known ON @extschema@.alert_channels IS 'A severity is info, warning or critical.';

CREATE TABLE @extschema@.alert_channel_secrets (
    channel_id   uuid PRIMARY KEY REFERENCES @extschema@.alert_channels ON DELETE CASCADE,
    signing_key  text,
    password     text,
    bearer_token text
);
COMMENT ON TABLE @extschema@.alert_channel_secrets IS
    'Keys and passwords of channels. Only the owner of the extension sees rows, whatever is granted: there is row security without a policy. set_channel_secret() writes it for others.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.channel_id IS 'Channel.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.signing_key IS 'webhook: key of the HMAC-SHA256 in X-People-Counter-Signature. NULL: not signed.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.password IS 'Password of alert_channels.username.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.bearer_token IS 'webhook: token of Authorization: Bearer. NULL: none.';
-- GRANT SELECT ON ALL TABLES IN SCHEMA and default privileges must not show them to whoever reads statistics.
ALTER TABLE @extschema@.alert_channel_secrets ENABLE ROW LEVEL SECURITY;

CREATE TABLE @extschema@.alert_deliveries (
    id              uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    channel_id      uuid        NOT NULL REFERENCES @extschema@.alert_channels ON DELETE CASCADE,
    alert_id        uuid        REFERENCES @extschema@.alert_logs ON DELETE CASCADE,
    event           text        NOT NULL,
    payload         jsonb       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    queued_at       timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    last_status     integer,
    last_error      text,
    delivered_at    timestamptz,
    abandoned_at    timestamptz,
    CONSTRAINT alert_deliveries_event_is_known CHECK (event IN ('fired', 'repeated', 'resolved', 'test')),
    CONSTRAINT alert_deliveries_attempts_is_not_negative CHECK (attempts >= 0),
    CONSTRAINT alert_deliveries_ends_once CHECK (delivered_at IS NULL OR abandoned_at IS NULL)
);
CREATE INDEX alert_deliveries_due_idx ON @extschema@.alert_deliveries (channel_id, next_attempt_at, id)
    WHERE delivered_at IS NULL AND abandoned_at IS NULL;
CREATE INDEX alert_deliveries_channel_id_idx ON @extschema@.alert_deliveries (channel_id, created_at);
CREATE INDEX alert_deliveries_alert_id_idx ON @extschema@.alert_deliveries (alert_id, channel_id, created_at);
COMMENT ON TABLE @extschema@.alert_deliveries IS
    'The outbox: one row for each event of an alert and each channel that wants it, made in the transaction of the event and sent at least once. Shows what was delivered, and why something was not.';
COMMENT ON COLUMN @extschema@.alert_deliveries.id IS 'Id of the delivery, the same in every attempt: Idempotency-Key of a webhook, Message-ID of a mail.';
COMMENT ON COLUMN @extschema@.alert_deliveries.channel_id IS 'Channel it goes to.';
COMMENT ON COLUMN @extschema@.alert_deliveries.alert_id IS 'Alert it is about. NULL: a test.';
COMMENT ON COLUMN @extschema@.alert_deliveries.event IS 'What happened: fired, repeated, resolved or test.';
COMMENT ON COLUMN @extschema@.alert_deliveries.payload IS 'What is sent: the body of a webhook; a mail is written from it.';
COMMENT ON COLUMN @extschema@.alert_deliveries.created_at IS 'When the event was recorded.';
COMMENT ON COLUMN @extschema@.alert_deliveries.queued_at IS 'From when on people_counter.delivery_give_up_after counts: created_at, or the last retry_alert_delivery().';
COMMENT ON COLUMN @extschema@.alert_deliveries.attempts IS 'Attempts that have ended.';
COMMENT ON COLUMN @extschema@.alert_deliveries.next_attempt_at IS 'When it is due, unless it was delivered or abandoned.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_attempt_at IS 'When the last attempt ended.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_status IS 'Status of the last answer, of HTTP or SMTP. NULL: there was no answer.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_error IS 'Why the last attempt failed, with the beginning of the answer. On a delivered mail: the recipient that the server refused.';
COMMENT ON COLUMN @extschema@.alert_deliveries.delivered_at IS 'When the receiver accepted it.';
COMMENT ON COLUMN @extschema@.alert_deliveries.abandoned_at IS 'When it was given up. retry_alert_delivery() tries again.';
COMMENT ON CONSTRAINT alert_deliveries_event_is_known ON @extschema@.alert_deliveries IS 'An event is fired, repeated, resolved or test.';
COMMENT ON CONSTRAINT alert_deliveries_attempts_is_not_negative ON @extschema@.alert_deliveries IS 'Attempts are counted.';
COMMENT ON CONSTRAINT alert_deliveries_ends_once ON @extschema@.alert_deliveries IS 'What was delivered is not given up.';
COMMENT ON INDEX @extschema@.alert_deliveries_due_idx IS 'What is to be sent on a channel, in order of time.';
COMMENT ON INDEX @extschema@.alert_deliveries_channel_id_idx IS 'Deliveries of a channel in order of time; also serves its deletion.';
COMMENT ON INDEX @extschema@.alert_deliveries_alert_id_idx IS 'Deliveries of an alert to a channel, in order of time; also serves the deletion of an alert.';

-- Everything is checked here, before the constraints are: what they say shows the whole row, and with it a token that the
-- url may carry.
CREATE FUNCTION @extschema@.check_channel() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    address   CONSTANT text := '^[!#-''*+\-./0-9=?A-Z^_`a-z{|}~]+@[A-Za-z0-9.\-]+$';
    scheme    text;
    authority text;
    host      text;
    culprit   text;
    problem   text;
    hint      text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    SELECT key INTO culprit FROM (VALUES
        ('id', NEW.id IS NULL), ('channel_name', NEW.channel_name IS NULL), ('kind', NEW.kind IS NULL), ('url', NEW.url IS NULL),
        ('tls', NEW.tls IS NULL), ('min_severity', NEW.min_severity IS NULL), ('is_active', NEW.is_active IS NULL),
        ('created_at', NEW.created_at IS NULL), ('updated_at', NEW.updated_at IS NULL)) AS columns (key, missing)
     WHERE missing LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% of a channel must not be null', culprit
            USING ERRCODE = 'not_null_violation', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = CASE WHEN culprit IN ('channel_name', 'kind', 'url') THEN format('Set %s.', culprit)
                              ELSE format('Leave %s out for its default.', culprit) END;
    END IF;
    SELECT key, most INTO culprit, hint FROM (VALUES
        ('channel_name', length(NEW.channel_name), 100), ('url', length(NEW.url), 2000), ('sender', length(NEW.sender), 320),
        ('username', length(NEW.username), 255)) AS columns (key, characters, most)
     WHERE characters > most LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% of the channel is too long', culprit
            USING ERRCODE = 'string_data_right_truncation', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = format('%s characters are allowed.', hint);
    END IF;
    -- A line break would begin another header or command.
    SELECT key INTO culprit FROM (VALUES
        ('channel_name', NEW.channel_name::text), ('url', NEW.url), ('sender', NEW.sender), ('username', NEW.username),
        ('recipients', array_to_string(NEW.recipients, ' '))) AS columns (key, value)
     WHERE value ~ '[\u0001-\u001f\u007f]' LIMIT 1;

    scheme := lower(substring(NEW.url FROM '^([A-Za-z][A-Za-z0-9+.-]*)://'));
    authority := substring(NEW.url FROM '^[^:]*://([^/?#]*)');
    host := regexp_replace(authority, ':[0-9]*$', '');
    IF culprit IS NOT NULL THEN
        problem := format('%s of the channel has a control character', culprit);
        hint := format('Take line breaks, tabs and the like out of %s.', culprit);
    ELSIF NEW.channel_name = '' THEN
        culprit := 'channel_name';
        problem := 'channel_name is empty';
        hint := 'Give the channel a name.';
    ELSIF NEW.kind NOT IN ('webhook', 'email') THEN
        culprit := 'kind';
        problem := format('kind "%s" of a channel is not known', left(NEW.kind, 40));
        hint := 'Use webhook or email.';
    ELSIF NEW.tls NOT IN ('required', 'none') THEN
        culprit := 'tls';
        problem := format('tls "%s" of a channel is not known', left(NEW.tls, 40));
        hint := 'Use required or none.';
    ELSIF NEW.min_severity NOT IN ('info', 'warning', 'critical') THEN
        culprit := 'min_severity';
        problem := format('min_severity "%s" of a channel is not known', left(NEW.min_severity, 40));
        hint := 'Use info, warning or critical.';
    ELSIF scheme IS NULL OR scheme <> ALL (CASE NEW.kind WHEN 'webhook' THEN '{http,https}'::text[] ELSE '{smtp,smtps}' END) THEN
        culprit := 'url';
        problem := CASE WHEN scheme IS NULL THEN 'url of the channel has no scheme'
                        ELSE format('a channel of kind %s cannot have a url of scheme "%s"', NEW.kind, left(scheme, 40)) END;
        hint := CASE NEW.kind WHEN 'webhook' THEN 'Begin it with https:// or http://.' ELSE 'Begin it with smtp:// or smtps://.' END;
    ELSIF strpos(authority, '@') > 0 THEN
        culprit := 'url';
        problem := 'url of the channel has a user or password in it';
        hint := 'Put the user into username and the password into alert_channel_secrets, where not everybody sees it.';
    ELSIF NEW.url ~ '[\s\\]' OR authority !~ '^([A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$'
          OR substring(authority FROM ':([0-9]+)$')::numeric NOT BETWEEN 1 AND 65535 THEN
        culprit := 'url';
        problem := CASE WHEN host = '' THEN 'url of the channel has no host' ELSE 'url of the channel is malformed' END;
        hint := format('Write it as %s://host or %1$s://host:port; a name that is not ASCII in its form xn--.', scheme);
    ELSIF NEW.kind = 'webhook' AND num_nonnulls(NEW.sender, NEW.recipients) > 0 THEN
        culprit := CASE WHEN NEW.sender IS NULL THEN 'recipients' ELSE 'sender' END;
        problem := format('a webhook has no %s', culprit);
        hint := 'sender and recipients are for channels of kind email.';
    ELSIF NEW.tls = 'none' AND (NEW.kind = 'webhook' OR scheme = 'smtps') THEN
        culprit := 'tls';
        problem := format('tls of a channel with %s:// cannot be none', scheme);
        hint := 'The scheme says whether it is encrypted; tls is about smtp://.';
    ELSIF NEW.kind = 'email' AND NEW.url !~ '^[^:]*://[^/?#]*(/[A-Za-z0-9.\-\[\]:]*)?$' THEN
        culprit := 'url';
        problem := 'url of the mail server is malformed';
        hint := 'After the host may come a port, and the name for EHLO as a path.';
    ELSIF NEW.kind = 'email' AND (NEW.sender IS NULL OR NEW.sender !~ address) THEN
        culprit := 'sender';
        problem := CASE WHEN NEW.sender IS NULL THEN 'a channel of kind email needs a sender'
                        ELSE format('sender "%s" is not a mail address', left(NEW.sender, 80)) END;
        hint := 'Set sender to a plain address like alerts@example.com.';
    ELSIF NEW.kind = 'email' AND coalesce(cardinality(NEW.recipients), 0) = 0 THEN
        culprit := 'recipients';
        problem := 'a channel of kind email needs recipients';
        hint := 'Set recipients to an array of addresses like {guard@example.com}.';
    ELSIF NEW.kind = 'email' AND (cardinality(NEW.recipients) > 100 OR array_ndims(NEW.recipients) > 1) THEN
        culprit := 'recipients';
        problem := 'the channel has too many recipients';
        hint := 'Up to 100 in one list are allowed; make another channel, or a mailing list.';
    ELSIF NEW.kind = 'email' THEN
        SELECT coalesce(recipient, 'NULL') INTO problem FROM unnest(NEW.recipients) AS recipient
         WHERE recipient IS NULL OR length(recipient) > 320 OR recipient !~ address LIMIT 1;
        IF FOUND THEN
            culprit := 'recipients';
            problem := format('recipient "%s" is not a mail address', left(problem, 80));
            hint := 'Use plain addresses like guard@example.com.';
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'invalid_parameter_value', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, HINT = hint;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_channel() IS
    'Trigger function of alert_channels: refuses an address that is not one, one with a password in it, and whatever could be taken for another header; sets updated_at.';

CREATE TRIGGER a_check BEFORE INSERT OR UPDATE ON @extschema@.alert_channels
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_channel();
COMMENT ON TRIGGER a_check ON @extschema@.alert_channels IS 'Checks the channel; sets updated_at.';

CREATE FUNCTION @extschema@.check_channel_secrets() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    culprit text;
BEGIN
    -- Here, because the error of the constraint would show the row.
    IF NEW.channel_id IS NULL THEN
        RAISE EXCEPTION 'channel_id of the secrets must not be null'
            USING ERRCODE = 'not_null_violation', COLUMN = 'channel_id', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = 'Set channel_id, or use set_channel_secret().';
    END IF;
    SELECT key INTO culprit FROM (VALUES
        ('signing_key', NEW.signing_key), ('password', NEW.password), ('bearer_token', NEW.bearer_token)) AS columns (key, value)
     WHERE value ~ '[\u0001-\u001f\u007f]' OR value = '' OR length(value) > 8000 LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% is empty, too long, or has a control character', culprit
            USING ERRCODE = 'invalid_parameter_value', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = 'Use 1 to 8000 characters without a line break, or NULL for none.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_channel_secrets() IS
    'Trigger function of alert_channel_secrets: refuses what could be taken for another header. Its errors show no secret.';

CREATE TRIGGER a_check BEFORE INSERT OR UPDATE ON @extschema@.alert_channel_secrets
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_channel_secrets();
COMMENT ON TRIGGER a_check ON @extschema@.alert_channel_secrets IS 'Checks the secrets without showing them.';

-- The delivery worker is woken for what it has yet to try, not by what it writes down itself: that counts an attempt.
CREATE TRIGGER wake_insert AFTER INSERT ON @extschema@.alert_deliveries
    FOR EACH ROW WHEN (NEW.delivered_at IS NULL AND NEW.abandoned_at IS NULL)
    EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_insert ON @extschema@.alert_deliveries IS 'Wakes the delivery worker at commit.';
CREATE TRIGGER wake_update AFTER UPDATE ON @extschema@.alert_deliveries
    FOR EACH ROW WHEN (NEW.delivered_at IS NULL AND NEW.abandoned_at IS NULL AND NEW.attempts <= OLD.attempts)
    EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_update ON @extschema@.alert_deliveries IS 'Wakes the delivery worker when a delivery was made due.';
CREATE TRIGGER wake_update AFTER UPDATE ON @extschema@.alert_channels
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_update ON @extschema@.alert_channels IS 'Wakes the delivery worker: what waited for the channel may go now.';

CREATE FUNCTION @extschema@.queue_alert_deliveries(alert_id uuid, event text, severity text, payload jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    severities CONSTANT text[] := '{info,warning,critical}';
    queued integer;
BEGIN
    -- Due when what is before it is: a later event of an alert does not overtake an earlier one. OFFSET 0 keeps the planner
    -- from looking for it among all that wait for the channel, as it would while the table is small.
    INSERT INTO @extschema@.alert_deliveries (channel_id, alert_id, event, payload, next_attempt_at)
    SELECT c.id, queue_alert_deliveries.alert_id, queue_alert_deliveries.event, queue_alert_deliveries.payload,
           greatest(now(), (SELECT max(earlier.next_attempt_at) FROM
               (SELECT d.channel_id, d.next_attempt_at, d.delivered_at, d.abandoned_at FROM @extschema@.alert_deliveries d
                 WHERE d.alert_id = queue_alert_deliveries.alert_id OFFSET 0) AS earlier
               WHERE earlier.channel_id = c.id AND earlier.delivered_at IS NULL AND earlier.abandoned_at IS NULL))
      FROM @extschema@.alert_channels c
     WHERE c.is_active
       AND array_position(severities, c.min_severity) <= array_position(severities, queue_alert_deliveries.severity);
    GET DIAGNOSTICS queued = ROW_COUNT;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION @extschema@.queue_alert_deliveries(uuid, text, text, jsonb) IS
    'Queues an event of an alert for every active channel that wants its severity, in the transaction of the caller. Returns the number of channels.';

-- 37-alert-channel-functions.sql
-- These run with the rights of the owner, so that the right to call them is enough.
CREATE FUNCTION @extschema@.channel_named(channel text) RETURNS @extschema@.alert_channels
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    found_channel @extschema@.alert_channels;
BEGIN
    SELECT * INTO found_channel FROM @extschema@.alert_channels
     WHERE channel_name = channel OR id::text = lower(channel)
     ORDER BY channel_name = channel DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(left(channel, 100), 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'Give the channel_name or the id of a row of alert_channels.';
    END IF;
    RETURN found_channel;
END
$$;
COMMENT ON FUNCTION @extschema@.channel_named(text) IS 'Internal: the channel of a name or an id.';

CREATE FUNCTION @extschema@.set_channel_secret(channel text, secret text, value text) RETURNS void
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    target CONSTANT uuid := (@extschema@.channel_named(channel)).id;
BEGIN
    IF secret IS NULL OR secret NOT IN ('signing_key', 'password', 'bearer_token') THEN
        RAISE EXCEPTION 'a channel has no such secret'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The second argument is signing_key, password or bearer_token.';
    END IF;
    INSERT INTO @extschema@.alert_channel_secrets AS s (channel_id, signing_key, password, bearer_token)
    VALUES (target, CASE secret WHEN 'signing_key' THEN value END, CASE secret WHEN 'password' THEN value END,
            CASE secret WHEN 'bearer_token' THEN value END)
        ON CONFLICT (channel_id) DO UPDATE
       SET signing_key = CASE secret WHEN 'signing_key' THEN value ELSE s.signing_key END,
           password = CASE secret WHEN 'password' THEN value ELSE s.password END,
           bearer_token = CASE secret WHEN 'bearer_token' THEN value ELSE s.bearer_token END;
END
$$;
COMMENT ON FUNCTION @extschema@.set_channel_secret(text, text, text) IS
    'Sets a secret of a channel (its name or id): signing_key, password or bearer_token. NULL takes it away. For the owner until granted; who may call it writes secrets and cannot read them. Pass the value as a parameter, so that no log has it.';

CREATE FUNCTION @extschema@.send_test_alert(channel text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    target CONSTANT @extschema@.alert_channels := @extschema@.channel_named(channel);
    delivery uuid;
BEGIN
    IF NOT target.is_active THEN
        RAISE EXCEPTION 'channel "%" is not active', target.channel_name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Nothing is sent to it: UPDATE alert_channels SET is_active = true.';
    END IF;
    INSERT INTO @extschema@.alert_deliveries (channel_id, event, payload)
    VALUES (target.id, 'test', jsonb_build_object(
        'type', 'people_counter.alert', 'event', 'test',
        'alert_id', '00000000-0000-7000-8000-000000000000', 'threshold_id', '00000000-0000-7000-8000-000000000001',
        'threshold_name', 'max_people_count', 'session_id', '00000000-0000-7000-8000-000000000000',
        'session_name', 'Test of channel ' || target.channel_name, 'metric', 'current_people_inside', 'comparison', 'above',
        'value', 53, 'threshold', 50, 'clear_value', 45, 'peak_value', 57, 'severity', target.min_severity,
        'message', 'This is a test: nothing happened.', 'triggered_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'resolved_at', NULL, 'reason', NULL,
        'repeat_count', 0))
    RETURNING id INTO delivery;
    RETURN delivery;
END
$$;
COMMENT ON FUNCTION @extschema@.send_test_alert(text) IS
    'Sends an alert with example figures to a channel (its name or id), and returns the id of the delivery: alert_deliveries shows what became of it. For the owner until granted.';

CREATE FUNCTION @extschema@.retry_alert_delivery(delivery uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE @extschema@.alert_deliveries
       SET abandoned_at = NULL, attempts = 0, next_attempt_at = now(), queued_at = now()
     WHERE id = delivery AND delivered_at IS NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM @extschema@.alert_deliveries WHERE id = delivery) THEN
        RAISE EXCEPTION 'delivery "%" was made', delivery
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only what was not delivered can be tried again.';
    END IF;
    RAISE EXCEPTION 'delivery "%" does not exist', coalesce(delivery::text, 'NULL')
        USING ERRCODE = 'no_data_found', HINT = 'Give the id of a row of alert_deliveries.';
END
$$;
COMMENT ON FUNCTION @extschema@.retry_alert_delivery(uuid) IS
    'Tries a delivery again now that was abandoned or waits for its next attempt; the time to give up counts from here. For the owner until granted.';

-- 38-alert-functions.sql
-- What the alert worker writes. Each function is one transition of one alert: the row, the notification and the outbox
-- belong to one transaction. They run with the rights of the extension's owner, and nobody else may call them.
CREATE FUNCTION @extschema@.alert_payload(alert @extschema@.alert_logs, event text) RETURNS jsonb
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT jsonb_build_object(
                   'type', 'people_counter.alert',
                   'event', event,
                   'alert_id', alert.id,
                   'threshold_id', alert.threshold_id,
                   'threshold_name', alert.alert_type,
                   'session_id', alert.session_id,
                   'session_name', (SELECT s.session_name FROM @extschema@.sessions AS s WHERE s.id = alert.session_id),
                   'metric', alert.metric,
                   'comparison', rule.comparison,
                   'value', alert.current_value,
                   'threshold', alert.threshold_value,
                   'clear_value', coalesce(rule.clear_value, rule.threshold_value),
                   'peak_value', alert.peak_value,
                   'severity', alert.severity,
                   'message', alert.alert_message,
                   'triggered_at', to_char(alert.triggered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'resolved_at', to_char(alert.resolved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'reason', alert.resolved_reason,
                   'repeat_count', alert.repeat_count)
          FROM (SELECT) AS one
          LEFT JOIN @extschema@.alert_thresholds AS rule ON rule.id = alert.threshold_id
    $$;
COMMENT ON FUNCTION @extschema@.alert_payload(@extschema@.alert_logs, text) IS
    'What is sent about an alert: one JSON object. event: fired, repeated or resolved. Times are UTC in ISO 8601, values are in the unit of the metric.';

CREATE FUNCTION @extschema@.announce_alert(alert uuid, event text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    logged  @extschema@.alert_logs;
    payload jsonb;
BEGIN
    UPDATE @extschema@.alert_logs SET announced_at = clock_timestamp() WHERE id = alert RETURNING * INTO logged;
    payload := @extschema@.alert_payload(logged, event);
    PERFORM @extschema@.queue_alert_deliveries(logged.id, event, logged.severity, payload);
    -- A notification holds less than 8,000 bytes.
    IF octet_length(payload::text) >= 8000 THEN
        payload := payload || jsonb_build_object('message', left(logged.alert_message, 200), 'truncated', true,
            'session_name', left(payload ->> 'session_name', 200));
    END IF;
    PERFORM pg_notify('people_counter_alert', payload::text);
END
$$;
COMMENT ON FUNCTION @extschema@.announce_alert(uuid, text) IS
    'Notifies channel people_counter_alert and queues a delivery for each alert channel. event: fired, repeated or resolved.';

CREATE FUNCTION @extschema@.raise_alert(threshold uuid, session uuid, at timestamptz, value double precision,
                                        peak double precision) RETURNS uuid
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    raised uuid;
BEGIN
    INSERT INTO @extschema@.alert_logs (session_id, threshold_id, alert_type, alert_message, current_value,
                                        threshold_value, triggered_at, severity, peak_value, metric)
    SELECT session, rule.id, rule.threshold_name, rule.alert_message, value, rule.threshold_value, at, rule.severity,
           peak, rule.metric
      FROM @extschema@.alert_thresholds AS rule
     WHERE rule.id = threshold
    ON CONFLICT (threshold_id, session_id) WHERE NOT is_resolved AND threshold_id IS NOT NULL DO NOTHING
    RETURNING id INTO raised;
    IF raised IS NULL THEN
        RETURN (SELECT id FROM @extschema@.alert_logs
                 WHERE threshold_id = threshold AND session_id = session AND NOT is_resolved);
    END IF;
    PERFORM @extschema@.announce_alert(raised, 'fired');
    RETURN raised;
END
$$;
COMMENT ON FUNCTION @extschema@.raise_alert(uuid, uuid, timestamptz, double precision, double precision) IS
    'Opens the alert of a threshold on a session and announces it. at: the exact instant; value, peak: in the unit of the metric. Returns its id, or that of the one that is open already, which is not announced again; NULL if the threshold is gone.';

CREATE FUNCTION @extschema@.end_alert(alert uuid, at timestamptz, peak double precision, reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM @extschema@.alert_logs WHERE id = alert AND NOT is_resolved FOR UPDATE NOWAIT;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE @extschema@.alert_logs
       SET is_resolved = true, resolved_at = greatest(at, triggered_at), peak_value = coalesce(peak, peak_value),
           resolved_reason = reason
     WHERE id = alert;
    PERFORM @extschema@.announce_alert(alert, 'resolved');
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.end_alert(uuid, timestamptz, double precision, text) IS
    'Resolves an open alert and announces that. at: the exact instant; peak: worst value, NULL: as stored; reason: as in alert_logs.resolved_reason. False if it is not open. ERROR lock_not_available while somebody has the row locked.';

CREATE FUNCTION @extschema@.repeat_alert(alert uuid, peak double precision) RETURNS boolean
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM @extschema@.alert_logs
     WHERE id = alert AND NOT is_resolved AND acknowledged_at IS NULL FOR UPDATE NOWAIT;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE @extschema@.alert_logs
       SET repeat_count = repeat_count + 1, peak_value = coalesce(peak, peak_value)
     WHERE id = alert;
    PERFORM @extschema@.announce_alert(alert, 'repeated');
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.repeat_alert(uuid, double precision) IS
    'Announces an open alert again that nobody acknowledged. False if there is nothing to announce.';

CREATE FUNCTION @extschema@.acknowledge_alert(id uuid, by text DEFAULT NULL, note text DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    acknowledged timestamptz;
BEGIN
    UPDATE @extschema@.alert_logs AS alert
       SET acknowledged_at = coalesce(alert.acknowledged_at, clock_timestamp()),
           acknowledged_by = coalesce(acknowledge_alert.by, alert.acknowledged_by, current_user),
           note = coalesce(acknowledge_alert.note, alert.note)
     WHERE alert.id = acknowledge_alert.id
    RETURNING alert.acknowledged_at INTO acknowledged;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'alert "%" does not exist', acknowledge_alert.id
            USING ERRCODE = 'no_data_found', HINT = 'Alerts are the rows of alert_logs.';
    END IF;
    RETURN acknowledged;
END
$$;
COMMENT ON FUNCTION @extschema@.acknowledge_alert(uuid, text, text) IS
    'Takes notice of an alert: it stays open until it is resolved, but is not announced again while it lasts. by: who does, by default the current role; note: what they have to say. Returns when it was first acknowledged. Needs UPDATE on alert_logs. ERROR no_data_found if there is no such alert.';

CREATE FUNCTION @extschema@.resolve_alert(id uuid, by text DEFAULT NULL, note text DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    resolved timestamptz;
BEGIN
    UPDATE @extschema@.alert_logs AS alert
       SET is_resolved = true, resolved_at = coalesce(alert.resolved_at, greatest(clock_timestamp(), alert.triggered_at)),
           resolved_reason = coalesce(alert.resolved_reason, 'by_hand'),
           acknowledged_at = coalesce(alert.acknowledged_at, clock_timestamp()),
           acknowledged_by = coalesce(resolve_alert.by, alert.acknowledged_by, current_user),
           note = coalesce(resolve_alert.note, alert.note)
     WHERE alert.id = resolve_alert.id
    RETURNING alert.resolved_at INTO resolved;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'alert "%" does not exist', resolve_alert.id
            USING ERRCODE = 'no_data_found', HINT = 'Alerts are the rows of alert_logs.';
    END IF;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_alert(uuid, text, text) IS
    'Ends an alert by hand, without announcing it. The rule fires again at the next movement or sample that is beyond its threshold. by, note: as for acknowledge_alert(). Returns when it was resolved. Needs UPDATE on alert_logs. ERROR no_data_found if there is no such alert.';

CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.alert_thresholds
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.alerts_changed();
COMMENT ON TRIGGER rules_changed ON @extschema@.alert_thresholds IS 'Tells the alert worker, so that an edit takes effect at once.';
CREATE TRIGGER alerts_changed AFTER UPDATE OR DELETE OR TRUNCATE ON @extschema@.alert_logs
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.alerts_changed();
COMMENT ON TRIGGER alerts_changed ON @extschema@.alert_logs IS 'Tells the alert worker that somebody acknowledged, resolved or removed an alert.';

CREATE FUNCTION @extschema@.start_alert_worker() RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_start_alert_worker';
COMMENT ON FUNCTION @extschema@.start_alert_worker() IS
    'Starts the alert worker of this database where the library was not preloaded; it runs until the server stops or stop_alert_worker() ends it. Returns its process id. If it runs already, only that. ERROR insufficient_resources if there is no free background worker.';

CREATE FUNCTION @extschema@.stop_alert_worker() RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_stop_alert_worker';
COMMENT ON FUNCTION @extschema@.stop_alert_worker() IS
    'Ends the alert worker that start_alert_worker() started in this database. False if there is none. A preloaded one is switched off by people_counter.alert_enabled instead.';

-- It works with the rights of the extension's owner, so no operator of the caller's may come in between.
CREATE FUNCTION @extschema@.evaluate_alerts() RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'people_counter_evaluate_alerts';
COMMENT ON FUNCTION @extschema@.evaluate_alerts() IS
    'Looks at all sessions once, as the alert worker does: for servers where no worker can run, to be called by a scheduler. Returns how many alerts fired or were resolved. Where a worker runs it is only woken, and the result is 0.';

CREATE FUNCTION @extschema@.alert_worker_report(OUT state text, OUT pid integer, OUT started_at timestamptz,
        OUT last_evaluation timestamptz, OUT next_due timestamptz, OUT evaluations bigint, OUT sessions_evaluated bigint,
        OUT transitions bigint, OUT wakeups bigint, OUT backlog bigint, OUT errors bigint, OUT last_error text,
        OUT last_error_at timestamptz, OUT delivery_pid integer, OUT stream_pid integer, OUT stream_sent bigint,
        OUT stream_dropped bigint, OUT stream_last_error text)
    RETURNS record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_alert_worker_report';
COMMENT ON FUNCTION @extschema@.alert_worker_report() IS
    'What alert_worker_status shows.';

CREATE VIEW @extschema@.alert_worker_status AS
    SELECT pg_catalog.current_database() AS database, r.* FROM @extschema@.alert_worker_report() AS r;
COMMENT ON VIEW @extschema@.alert_worker_status IS
    'The alert worker of this database: one row.';
COMMENT ON COLUMN @extschema@.alert_worker_status.database IS 'This database.';
COMMENT ON COLUMN @extschema@.alert_worker_status.state IS 'running; starting; failing (the last look ended with last_error, and is tried again); disabled (by people_counter.alert_enabled); subscriber (the tables are replicated into this database, where the publisher raises the alerts); standby (works once it is promoted); not running.';
COMMENT ON COLUMN @extschema@.alert_worker_status.pid IS 'Its process id.';
COMMENT ON COLUMN @extschema@.alert_worker_status.started_at IS 'When the process started. The figures below count from then.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_evaluation IS 'When it last looked at sessions.';
COMMENT ON COLUMN @extschema@.alert_worker_status.next_due IS 'When it will look again if nothing happens: the end of hold_for, keep_firing_for, repeat_interval or a silence, a reset, a planned baseline. NULL: only when woken.';
COMMENT ON COLUMN @extschema@.alert_worker_status.evaluations IS 'How often it looked.';
COMMENT ON COLUMN @extschema@.alert_worker_status.sessions_evaluated IS 'How many sessions it looked at in all.';
COMMENT ON COLUMN @extschema@.alert_worker_status.transitions IS 'How many alerts it raised and resolved.';
COMMENT ON COLUMN @extschema@.alert_worker_status.wakeups IS 'How often it was woken or something was due.';
COMMENT ON COLUMN @extschema@.alert_worker_status.backlog IS 'Sessions that changed since it last looked.';
COMMENT ON COLUMN @extschema@.alert_worker_status.errors IS 'How many looks, or rules on a session, failed.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_error IS 'The last failure: which rule on which session, and why.';
COMMENT ON COLUMN @extschema@.alert_worker_status.last_error_at IS 'When that was.';
COMMENT ON COLUMN @extschema@.alert_worker_status.delivery_pid IS 'Process id of the delivery worker, which runs while there is something to send.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_pid IS 'Process id of the stream worker, which runs where people_counter.stream_url is set. The figures below count from its start.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_sent IS 'How many messages of the live stream were taken.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_dropped IS 'How many were dropped, because there were too many at once, nobody took them for so long or they were refused; at least, for after one that has no room no more are made.';
COMMENT ON COLUMN @extschema@.alert_worker_status.stream_last_error IS 'Why the last one that was not taken was not, or the last look failed.';

-- Who the extension belongs to may call them, see 85-owner.sql.
REVOKE ALL ON FUNCTION @extschema@.start_alert_worker(), @extschema@.stop_alert_worker(), @extschema@.evaluate_alerts() FROM PUBLIC;
SELECT @extschema@.announce_extension();

-- 40-defaults.sql
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

-- 45-triggers.sql
CREATE TRIGGER session_check BEFORE INSERT OR UPDATE ON @extschema@.sessions
    FOR EACH ROW EXECUTE FUNCTION @extschema@.session_check();
COMMENT ON TRIGGER session_check ON @extschema@.sessions IS 'Checks the row and completes a session that ends.';
CREATE TRIGGER sessions_inserted AFTER INSERT ON @extschema@.sessions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.sessions_changed();
COMMENT ON TRIGGER sessions_inserted ON @extschema@.sessions IS 'Makes the statistics row of each new session.';
CREATE TRIGGER sessions_updated AFTER UPDATE ON @extschema@.sessions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.sessions_changed();
COMMENT ON TRIGGER sessions_updated ON @extschema@.sessions IS 'Brings the statistics up to date with the session.';

CREATE TRIGGER movements_inserted AFTER INSERT ON @extschema@.people_movements
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_inserted ON @extschema@.people_movements IS 'Checks new movements and brings the statistics up to date.';
CREATE TRIGGER movements_updated AFTER UPDATE ON @extschema@.people_movements
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_updated ON @extschema@.people_movements IS 'Checks changed movements and brings the statistics up to date.';
CREATE TRIGGER movements_deleted AFTER DELETE ON @extschema@.people_movements
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_deleted ON @extschema@.people_movements IS 'Takes deleted movements out of the statistics.';
CREATE TRIGGER movements_truncated AFTER TRUNCATE ON @extschema@.people_movements
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_truncated ON @extschema@.people_movements IS 'Takes all movements out of the statistics.';

CREATE TRIGGER metrics_inserted AFTER INSERT ON @extschema@.realtime_metrics
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_inserted ON @extschema@.realtime_metrics IS 'Checks new samples and brings the statistics up to date.';
CREATE TRIGGER metrics_updated AFTER UPDATE ON @extschema@.realtime_metrics
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_updated ON @extschema@.realtime_metrics IS 'Checks changed samples and brings the statistics up to date.';
CREATE TRIGGER metrics_deleted AFTER DELETE ON @extschema@.realtime_metrics
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_deleted ON @extschema@.realtime_metrics IS 'Takes deleted samples out of the statistics.';
CREATE TRIGGER metrics_truncated AFTER TRUNCATE ON @extschema@.realtime_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_truncated ON @extschema@.realtime_metrics IS 'Takes all samples out of the statistics.';

CREATE TRIGGER baselines_inserted AFTER INSERT ON @extschema@.occupancy_baselines
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_inserted ON @extschema@.occupancy_baselines IS 'Checks new baselines and brings the statistics up to date.';
CREATE TRIGGER baselines_updated AFTER UPDATE ON @extschema@.occupancy_baselines
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_updated ON @extschema@.occupancy_baselines IS 'Checks changed baselines and brings the statistics up to date.';
CREATE TRIGGER baselines_deleted AFTER DELETE ON @extschema@.occupancy_baselines
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_deleted ON @extschema@.occupancy_baselines IS 'Takes deleted baselines out of the statistics.';
CREATE TRIGGER baselines_truncated AFTER TRUNCATE ON @extschema@.occupancy_baselines
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_truncated ON @extschema@.occupancy_baselines IS 'Takes all baselines out of the statistics.';

-- A cascade from a deleted session arrives as row deletions without a statement of its own, so those are judged row by row.
CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.session_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.session_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.session_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.session_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.session_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.session_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';

CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.hourly_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.hourly_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.hourly_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.hourly_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.hourly_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.hourly_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';

CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.daily_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.daily_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.daily_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.daily_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.daily_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.daily_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';

-- 55-views.sql
CREATE VIEW @extschema@.current_session_overview AS
    SELECT s.id,
           s.session_name,
           s.status,
           s.input_source,
           s.start_time,
           s.end_time,
           s.duration_seconds,
           s.time_zone,
           st.total_people_entered,
           st.total_people_exited,
           live.current_people_inside,
           s.capacity,
           s.capacity - live.current_people_inside AS free_places,
           st.peak_people_count,
           st.peak_time,
           st.average_people_count,
           st.total_detections,
           st.exits_absorbed,
           st.accuracy_percentage,
           st.last_movement_time
      FROM @extschema@.sessions s
      JOIN @extschema@.session_statistics st ON st.session_id = s.id
     CROSS JOIN LATERAL (SELECT @extschema@.calculate_current_people_inside(s.id) AS current_people_inside OFFSET 0) live
     ORDER BY s.start_time DESC, s.id DESC;
COMMENT ON VIEW @extschema@.current_session_overview IS
    'Every session once, newest start first, with its statistics and the people inside now.';
COMMENT ON COLUMN @extschema@.current_session_overview.id IS 'Session.';
COMMENT ON COLUMN @extschema@.current_session_overview.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.current_session_overview.status IS 'active, completed, error or cancelled.';
COMMENT ON COLUMN @extschema@.current_session_overview.input_source IS 'Camera, stream or file that is counted.';
COMMENT ON COLUMN @extschema@.current_session_overview.start_time IS 'When counting began.';
COMMENT ON COLUMN @extschema@.current_session_overview.end_time IS 'When counting ended. NULL while it goes on.';
COMMENT ON COLUMN @extschema@.current_session_overview.duration_seconds IS 'Length of the session in seconds, once it has ended.';
COMMENT ON COLUMN @extschema@.current_session_overview.time_zone IS 'Zone in which its hours and days are counted.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.current_session_overview.current_people_inside IS 'People inside now, by calculate_current_people_inside().';
COMMENT ON COLUMN @extschema@.current_session_overview.capacity IS 'How many people may be inside. NULL: not limited.';
COMMENT ON COLUMN @extschema@.current_session_overview.free_places IS 'capacity less the people inside now; negative when there are too many.';
COMMENT ON COLUMN @extschema@.current_session_overview.peak_people_count IS 'Most people inside at one time.';
COMMENT ON COLUMN @extschema@.current_session_overview.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.current_session_overview.average_people_count IS 'Mean occupancy over the observed time.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.current_session_overview.exits_absorbed IS 'Exits that found nobody inside: entries that the counter missed.';
COMMENT ON COLUMN @extschema@.current_session_overview.accuracy_percentage IS 'Share of right detections in percent, once audited.';
COMMENT ON COLUMN @extschema@.current_session_overview.last_movement_time IS 'Time of the latest movement.';

-- OFFSET 0 keeps the planner from turning the lateral range scan of the key into a join that reads every movement.
CREATE VIEW @extschema@.recent_movements AS
    SELECT m.id,
           st.session_id,
           s.session_name,
           m.person_id,
           m.movement_direction,
           m.movement_time,
           m.centroid_x,
           m.centroid_y,
           m.bounding_box_x1,
           m.bounding_box_y1,
           m.bounding_box_x2,
           m.bounding_box_y2,
           m.confidence_score,
           m.frame_number
      FROM @extschema@.sessions s
      JOIN @extschema@.session_statistics st ON st.session_id = s.id
     CROSS JOIN LATERAL (SELECT * FROM @extschema@.people_movements p
                          WHERE p.session_id = st.session_id
                            AND p.movement_time >= now() - interval '1 hour' OFFSET 0) m
     WHERE st.last_movement_time >= now() - interval '1 hour'
     ORDER BY m.movement_time DESC, m.id DESC;
COMMENT ON VIEW @extschema@.recent_movements IS
    'Movements of the last hour in all sessions, newest first; those of a clock that runs ahead are among them. Reads only sessions that moved lately, each by its key.';
COMMENT ON COLUMN @extschema@.recent_movements.id IS 'Id of the movement.';
COMMENT ON COLUMN @extschema@.recent_movements.session_id IS 'Session that counted it.';
COMMENT ON COLUMN @extschema@.recent_movements.session_name IS 'Name of the session.';
COMMENT ON COLUMN @extschema@.recent_movements.person_id IS 'Number that the tracker gave the person.';
COMMENT ON COLUMN @extschema@.recent_movements.movement_direction IS 'in or out.';
COMMENT ON COLUMN @extschema@.recent_movements.movement_time IS 'When the person crossed the line.';
COMMENT ON COLUMN @extschema@.recent_movements.centroid_x IS 'Centre of the person: pixels from the left.';
COMMENT ON COLUMN @extschema@.recent_movements.centroid_y IS 'Centre of the person: pixels from the top.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_x1 IS 'Left edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_y1 IS 'Top edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_x2 IS 'Right edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_y2 IS 'Bottom edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.confidence_score IS 'How sure the detector was, 0 to 1.';
COMMENT ON COLUMN @extschema@.recent_movements.frame_number IS 'Frame in which the person crossed the line.';

CREATE VIEW @extschema@.hourly_analytics AS
    SELECT h.session_id,
           s.session_name,
           h.hour_timestamp,
           h.hour_timestamp AT TIME ZONE s.time_zone AS local_hour,
           h.people_entered,
           h.people_exited,
           h.peak_people_count,
           h.peak_time,
           h.average_people_count,
           h.low_people_count,
           h.opening_count,
           h.closing_count,
           h.total_detections,
           h.detection_accuracy,
           h.exits_absorbed,
           h.occupancy_seconds,
           h.observed_seconds
      FROM @extschema@.sessions s
      JOIN @extschema@.hourly_statistics h ON h.session_id = s.id
     ORDER BY h.hour_timestamp DESC, h.session_id;
COMMENT ON VIEW @extschema@.hourly_analytics IS
    'Hourly statistics with the name of the session, newest first. Averages of several hours: sum(occupancy_seconds) / sum(observed_seconds).';
COMMENT ON COLUMN @extschema@.hourly_analytics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.hourly_analytics.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.hourly_analytics.hour_timestamp IS 'First instant of the hour.';
COMMENT ON COLUMN @extschema@.hourly_analytics.local_hour IS 'The same on the clock of the session''s zone. An hour that the clocks repeat appears twice.';
COMMENT ON COLUMN @extschema@.hourly_analytics.people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.hourly_analytics.people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.hourly_analytics.peak_people_count IS 'Most people inside at one time, counted or reported.';
COMMENT ON COLUMN @extschema@.hourly_analytics.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.hourly_analytics.average_people_count IS 'Mean occupancy over the observed time. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.hourly_analytics.low_people_count IS 'Fewest people inside at one time.';
COMMENT ON COLUMN @extschema@.hourly_analytics.opening_count IS 'People inside at the beginning of the hour.';
COMMENT ON COLUMN @extschema@.hourly_analytics.closing_count IS 'People inside just before its end.';
COMMENT ON COLUMN @extschema@.hourly_analytics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.hourly_analytics.detection_accuracy IS 'Mean confidence in percent.';
COMMENT ON COLUMN @extschema@.hourly_analytics.exits_absorbed IS 'Exits that found nobody inside.';
COMMENT ON COLUMN @extschema@.hourly_analytics.occupancy_seconds IS 'Person-seconds over the observed time.';
COMMENT ON COLUMN @extschema@.hourly_analytics.observed_seconds IS 'Observed part of the hour in seconds.';

CREATE VIEW @extschema@.daily_analytics AS
    SELECT d.session_id,
           s.session_name,
           d.date_timestamp,
           d.total_people_entered,
           d.total_people_exited,
           d.peak_people_count,
           d.peak_time,
           d.average_people_count,
           d.total_detections,
           d.total_session_duration,
           d.detection_accuracy,
           d.exits_absorbed,
           d.occupancy_seconds,
           d.observed_seconds
      FROM @extschema@.sessions s
      JOIN @extschema@.daily_statistics d ON d.session_id = s.id
     ORDER BY d.date_timestamp DESC, d.session_id;
COMMENT ON VIEW @extschema@.daily_analytics IS
    'Daily statistics with the name of the session, newest first. Averages of several days: sum(occupancy_seconds) / sum(observed_seconds).';
COMMENT ON COLUMN @extschema@.daily_analytics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.daily_analytics.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.daily_analytics.date_timestamp IS 'Business day in the zone of the session.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.daily_analytics.peak_people_count IS 'Most people inside at one time, counted or reported.';
COMMENT ON COLUMN @extschema@.daily_analytics.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.daily_analytics.average_people_count IS 'Mean occupancy over the observed time. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_session_duration IS 'Seconds of the day within the session.';
COMMENT ON COLUMN @extschema@.daily_analytics.detection_accuracy IS 'Mean confidence in percent.';
COMMENT ON COLUMN @extschema@.daily_analytics.exits_absorbed IS 'Exits that found nobody inside.';
COMMENT ON COLUMN @extschema@.daily_analytics.occupancy_seconds IS 'Person-seconds over the observed time.';
COMMENT ON COLUMN @extschema@.daily_analytics.observed_seconds IS 'Observed seconds of the hours with activity.';

-- 60-aggregates.sql
-- Occupancy of any group of movements: aggregates that do not care about the order in which rows arrive.
--
-- Each of the four comes in two forms: over the movements alone, and over a given period with a given opening count.
-- The four of one form share their state, so a query that asks for all of them collects and sorts movements once.

-- Support functions

CREATE FUNCTION @extschema@.occupancy_transition(internal, timestamptz, @extschema@.movement_direction) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_transition';
COMMENT ON FUNCTION @extschema@.occupancy_transition(internal, timestamptz, @extschema@.movement_direction) IS
    'Collects one movement for the occupancy aggregates: +1 for in, -1 for out, netted by instant. A row whose time or direction is NULL holds no movement. An infinite time is error 22008.';

CREATE FUNCTION @extschema@.occupancy_transition(
    internal, timestamptz, @extschema@.movement_direction, integer, tstzrange) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_transition_within';
COMMENT ON FUNCTION @extschema@.occupancy_transition(
    internal, timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Collects one movement for the occupancy aggregates over a period. A movement outside the period, or a row whose time or direction is NULL, only names the period. Error 22023 where opening count or period differ within a group, the opening count is negative, or the period is empty, unbounded or not of the form [lower, upper); 22004 where one of them is NULL; 22008 for an infinite time.';

CREATE FUNCTION @extschema@.occupancy_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_combine';
COMMENT ON FUNCTION @extschema@.occupancy_combine(internal, internal) IS
    'Merges the movements that two parallel workers collected for the occupancy aggregates. Error 22023 where their opening counts or periods differ.';

CREATE FUNCTION @extschema@.occupancy_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_serialize';
COMMENT ON FUNCTION @extschema@.occupancy_serialize(internal) IS
    'The movements that a parallel worker collected for the occupancy aggregates, as bytes with a version. Error 54000 beyond 1 GB, which is some 200 million different instants.';

CREATE FUNCTION @extschema@.occupancy_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_deserialize';
COMMENT ON FUNCTION @extschema@.occupancy_deserialize(bytea, internal) IS
    'Reads what occupancy_serialize() wrote. Error 22P03 for other bytes.';

CREATE FUNCTION @extschema@.occupancy_peak_final(internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_peak_final';
COMMENT ON FUNCTION @extschema@.occupancy_peak_final(internal) IS
    'Result of occupancy_peak(): the highest level. Error 22003 beyond the range of integer.';

CREATE FUNCTION @extschema@.occupancy_peak_time_final(internal) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_peak_time_final';
COMMENT ON FUNCTION @extschema@.occupancy_peak_time_final(internal) IS
    'Result of occupancy_peak_time(): the earliest instant of the highest level.';

CREATE FUNCTION @extschema@.occupancy_average_final(internal) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_average_final';
COMMENT ON FUNCTION @extschema@.occupancy_average_final(internal) IS
    'Result of occupancy_average(): integral of the level over time, divided by the length of time; four decimals, rounded half away from zero.';

CREATE FUNCTION @extschema@.occupancy_closing_final(internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_closing_final';
COMMENT ON FUNCTION @extschema@.occupancy_closing_final(internal) IS
    'Result of occupancy_closing(): the level at the end. Error 22003 beyond the range of integer.';

-- Over the movements alone
--
-- A final function sorts the state in place, which does not change what the state means: it may be called again and
-- further movements may follow. READ_ONLY promises just that, and allows OVER (ORDER BY ...).

CREATE AGGREGATE @extschema@.occupancy_peak(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak(timestamptz, @extschema@.movement_direction) IS
    'Highest number of people inside after any instant of the movements given, in whatever order the rows come. The level starts at 0, movements of one instant are netted, and L := max(0, L + net). Baselines and resets are not considered. Rows with a NULL are ignored; NULL without any movement. Errors: 22008 for an infinite time, 22003 beyond the range of integer.';

CREATE AGGREGATE @extschema@.occupancy_peak_time(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_time_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak_time(timestamptz, @extschema@.movement_direction) IS
    'Earliest instant at which occupancy_peak() of the same movements was reached. Rows with a NULL are ignored; NULL without any movement. Error 22008 for an infinite time.';

CREATE AGGREGATE @extschema@.occupancy_average(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_average_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_average(timestamptz, @extschema@.movement_direction) IS
    'Time-weighted mean number of people inside between the first and the last movement given: sum of level x duration / (last - first), with the level of occupancy_peak(). Four decimals, rounded half away from zero. Rows with a NULL are ignored; NULL for fewer than two different instants. Error 22008 for an infinite time.';

CREATE AGGREGATE @extschema@.occupancy_closing(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_closing_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_closing(timestamptz, @extschema@.movement_direction) IS
    'Number of people inside after the last movement given, with the level of occupancy_peak(). With OVER (ORDER BY movement_time) it is the level after each instant. Rows with a NULL are ignored; NULL without any movement. Errors: 22008 for an infinite time, 22003 beyond the range of integer.';

-- Over a period

CREATE AGGREGATE @extschema@.occupancy_peak(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Highest number of people inside within period, a range [lower, upper): of opening_count, the level just before lower, and the levels after the movements in the period, L := max(0, L + net). Movements outside are ignored. Rows without a movement (NULL time or direction, as an outer join makes them) still name the period, so a quiet period has its opening count. opening_count and period must be the same for all rows of a group and not NULL. Errors: 22023 where they differ, opening_count is negative, or the period is empty, unbounded or has other bounds than [); 22004 where one is NULL; 22008 for an infinite time; 22003 beyond the range of integer.';

CREATE AGGREGATE @extschema@.occupancy_peak_time(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_time_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak_time(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Earliest instant in period at which occupancy_peak() over the same period was reached; its lower bound where no movement rose above opening_count. Arguments and errors as for occupancy_peak() over a period.';

CREATE AGGREGATE @extschema@.occupancy_average(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_average_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_average(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Time-weighted mean number of people inside over the whole of period: sum of level x duration / (upper - lower), where the level is opening_count until the first movement. Four decimals, rounded half away from zero. Arguments and errors as for occupancy_peak() over a period.';

CREATE AGGREGATE @extschema@.occupancy_closing(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_closing_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_closing(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Number of people inside at the end of period: the level just before its upper bound. Arguments and errors as for occupancy_peak() over a period.';

-- 70-verify.sql
-- The second opinion: the same statistics from the base tables alone, as sets, with nothing shared with the native fold.
CREATE FUNCTION @extschema@.verify_statistics(session uuid DEFAULT NULL)
    RETURNS TABLE (table_name text, session_id uuid, key text, problem text, stored jsonb, expected jsonb)
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
    SET jit = off
    SET enable_nestloop = off  -- no estimate survives the joins of computed sets
    SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
BEGIN
    IF NOT pg_catalog.has_table_privilege('@extschema@.session_statistics', 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for table session_statistics'
              USING ERRCODE = 'insufficient_privilege',
                    HINT = 'verify_statistics() needs SELECT on the base tables and on the three derived ones.';
    END IF;
    RETURN QUERY
    WITH
    s AS MATERIALIZED (
        SELECT id, time_zone AS zone, day_start, reset_time, start_time, end_time, created_at,
               false_positives, false_negatives
          FROM @extschema@.sessions
         WHERE verify_statistics.session IS NULL OR id = verify_statistics.session
    ),
    instants AS MATERIALIZED (  -- the movements of one instant are one step
        SELECT session_id, movement_time AS t,
               count(*) FILTER (WHERE movement_direction = 'in') AS entered,
               count(*) FILTER (WHERE movement_direction = 'out') AS exited,
               coalesce(sum(round(confidence_score::float8 * 1e9)::bigint), 0) AS confidence_sum,
               count(confidence_score) AS confidence_count
          FROM @extschema@.people_movements
         WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
         GROUP BY session_id, movement_time
    ),
    samples AS MATERIALIZED (
        SELECT session_id, "timestamp" AS t, max(current_people_count) AS people,
               count(*) FILTER (WHERE detection_status = 'detecting') AS detecting,
               count(*) FILTER (WHERE detection_status = 'tracking') AS tracking,
               count(*) FILTER (WHERE detection_status = 'waiting') AS waiting
          FROM @extschema@.realtime_metrics
         WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
         GROUP BY session_id, "timestamp"
    ),
    baseline_rows AS MATERIALIZED (
        SELECT session_id, baseline_time AS t, people_count AS value
          FROM @extschema@.occupancy_baselines
         WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
    ),
    horizon AS MATERIALIZED (  -- the end of the observed time, and the instant whose level is the current one
        SELECT s.id AS session_id, m.t AS last_movement, greatest(m.t, x.t) AS last_activity,
               greatest(m.t, x.t, s.end_time) AS t,
               greatest(m.t, b.t) AS level_time, x.detecting, x.tracking, x.waiting
          FROM s
          LEFT JOIN (SELECT session_id, max(t) AS t FROM instants GROUP BY session_id) m ON m.session_id = s.id
          LEFT JOIN (SELECT session_id, max(t) AS t, sum(detecting) AS detecting, sum(tracking) AS tracking,
                            sum(waiting) AS waiting FROM samples GROUP BY session_id) x ON x.session_id = s.id
          LEFT JOIN (SELECT session_id, max(t) AS t FROM baseline_rows GROUP BY session_id) b ON b.session_id = s.id
    ),

    -- Hours: (local hour, UTC offset), from its first instant to the first one that is not in it.
    local AS MATERIALIZED (
        SELECT p.session_id, p.t, p.sample,
               date_trunc('hour', p.t AT TIME ZONE s.zone) AS hour,
               (p.t AT TIME ZONE s.zone) - (p.t AT TIME ZONE 'UTC') AS utc_offset
          FROM (SELECT session_id, t, NULL::integer AS sample FROM instants
                UNION ALL
                SELECT session_id, t, people FROM samples) p
          JOIN s ON s.id = p.session_id
    ),
    nominal AS MATERIALIZED (
        SELECT h.session_id, h.hour, h.utc_offset, s.zone, s.day_start,
               (h.hour - h.utc_offset) AT TIME ZONE 'UTC' AS a,
               (h.hour - h.utc_offset + interval '1 hour') AT TIME ZONE 'UTC' AS b
          FROM (SELECT DISTINCT session_id, hour, utc_offset FROM local) h
          JOIN s ON s.id = h.session_id
    ),
    changes AS MATERIALIZED (  -- of the clocks, near the hours in question; they happen at whole seconds
        SELECT hours.zone, c.at, c.offset_before, c.offset_after
          FROM (SELECT DISTINCT zone, date_trunc('day', a AT TIME ZONE 'UTC') + shift * interval '1 day' AS utc_day
                  FROM nominal CROSS JOIN generate_series(-3, 3) AS shift) days
         CROSS JOIN LATERAL (
               SELECT days.zone, t
                 FROM generate_series(utc_day AT TIME ZONE 'UTC', (utc_day + interval '23 hours') AT TIME ZONE 'UTC',
                                      interval '1 hour') AS t
                WHERE (utc_day AT TIME ZONE 'UTC' AT TIME ZONE days.zone) + interval '1 day' <>
                      (utc_day + interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE days.zone
                  AND (t AT TIME ZONE days.zone) + interval '1 hour' <> (t + interval '1 hour') AT TIME ZONE days.zone
             ) hours
         CROSS JOIN LATERAL (
               SELECT t AS at,
                      ((t - interval '1 second') AT TIME ZONE hours.zone) - ((t - interval '1 second') AT TIME ZONE 'UTC')
                          AS offset_before,
                      (t AT TIME ZONE hours.zone) - (t AT TIME ZONE 'UTC') AS offset_after
                 FROM generate_series(hours.t + interval '1 second', hours.t + interval '1 hour', interval '1 second') AS t
             ) c
         WHERE c.offset_before <> c.offset_after
    ),
    hours AS MATERIALIZED (
        SELECT n.session_id, n.hour, n.utc_offset, (n.hour - n.day_start)::date AS day,
               coalesce(min(c.at) FILTER (WHERE c.offset_after = n.utc_offset), n.a) AS a,
               coalesce(min(c.at) FILTER (WHERE c.offset_before = n.utc_offset), n.b) AS b
          FROM nominal n
          LEFT JOIN changes c ON c.zone = n.zone AND c.at > n.a AND c.at < n.b
         GROUP BY n.session_id, n.hour, n.utc_offset, n.day_start, n.a, n.b
    ),

    -- The level: steps in order of time. At one instant: mark (-1: an hour begins or ends), movements (0), baseline (1).
    resets AS (
        SELECT DISTINCT s.id AS session_id, (d.day + shift + s.reset_time) AT TIME ZONE s.zone AS t
          FROM s
          JOIN (SELECT session_id, hour::date AS day FROM hours
                UNION
                SELECT b.session_id, (b.t AT TIME ZONE s.zone)::date FROM baseline_rows b JOIN s ON s.id = b.session_id
               ) d ON d.session_id = s.id
         CROSS JOIN generate_series(-2, 1) AS shift
         WHERE s.reset_time IS NOT NULL
    ),
    timeline AS (
        SELECT session_id, t, 0 AS kind, entered - exited AS change, entered, exited, confidence_sum, confidence_count
          FROM instants
        UNION ALL
        SELECT session_id, t, 1, value, 0, 0, 0, 0
          FROM baseline_rows
        UNION ALL
        SELECT r.session_id, r.t, 1, 0, 0, 0, 0, 0
          FROM resets r LEFT JOIN baseline_rows b USING (session_id, t)
         WHERE b.session_id IS NULL
        UNION ALL
        SELECT session_id, t, -1, 0, 0, 0, 0, 0
          FROM (SELECT session_id, a AS t FROM hours UNION SELECT session_id, b FROM hours) marks
    ),
    runs AS (  -- a run is what follows a baseline up to the next one
        SELECT *,
               count(*) FILTER (WHERE kind = 1) OVER past AS run,
               max(t) FILTER (WHERE kind = -1) OVER past AS mark,
               lead(t) OVER past AS until,
               max(kind) OVER (PARTITION BY session_id, t) AS last_kind
          FROM timeline
        WINDOW past AS (PARTITION BY session_id ORDER BY t, kind ROWS UNBOUNDED PRECEDING)
    ),
    sums AS (
        SELECT *, sum(change) OVER (PARTITION BY session_id, run ORDER BY t, kind ROWS UNBOUNDED PRECEDING) AS x
          FROM runs
    ),
    floors AS (
        SELECT *, -least(0, min(x) OVER (PARTITION BY session_id, run ORDER BY t, kind ROWS UNBOUNDED PRECEDING)) AS lift
          FROM sums
    ),
    levels AS MATERIALIZED (
        SELECT session_id, t, kind, mark, until, last_kind, entered, exited, confidence_sum, confidence_count,
               (x + lift)::bigint AS level,
               (lift - coalesce(lag(lift) OVER (PARTITION BY session_id, run ORDER BY t, kind), 0))::bigint AS absorbed,
               kind = 1 OR last_kind < 1 AS stands  -- before a baseline of the same instant there is no level
          FROM floors
    ),
    in_hours AS (
        SELECT l.session_id, l.mark AS a, h.hour, h.utc_offset, h.day,
               sum(entered)::bigint AS entered, sum(exited)::bigint AS exited,
               sum(confidence_sum)::bigint AS confidence_sum, sum(confidence_count)::bigint AS confidence_count,
               sum(absorbed)::bigint AS absorbed,
               max(level) FILTER (WHERE stands) AS peak, min(level) FILTER (WHERE stands) AS low,
               coalesce(max(level) FILTER (WHERE kind = 1 AND l.t = h.a), max(level) FILTER (WHERE kind = -1)) AS opening,
               max(level) FILTER (WHERE until = h.b) AS closing,
               sum(level * extract(epoch FROM least(until, h.b, z.t) - greatest(l.t, s.start_time)))
                   FILTER (WHERE least(until, h.b, z.t) > greatest(l.t, s.start_time)) AS occupancy,
               greatest(0, extract(epoch FROM least(h.b, z.t) - greatest(l.mark, s.start_time))) AS observed
          FROM levels l
          JOIN hours h ON h.session_id = l.session_id AND h.a = l.mark
          JOIN s ON s.id = l.session_id
          JOIN horizon z ON z.session_id = l.session_id
         GROUP BY l.session_id, l.mark, h.hour, h.utc_offset, h.day, h.b, s.start_time, z.t
    ),
    peaks AS (
        SELECT l.session_id, l.mark AS a, min(l.t) AS t
          FROM levels l JOIN in_hours h ON h.session_id = l.session_id AND h.a = l.mark AND h.peak = l.level
         WHERE l.stands
         GROUP BY l.session_id, l.mark
    ),
    reported AS (
        SELECT session_id, hour, utc_offset, max(sample) AS peak, min(t) FILTER (WHERE sample = highest) AS t
          FROM (SELECT *, max(sample) OVER (PARTITION BY session_id, hour, utc_offset) AS highest
                  FROM local WHERE sample IS NOT NULL) ranked
         GROUP BY session_id, hour, utc_offset
    ),
    hourly AS MATERIALIZED (
        SELECT i.session_id, i.a, i.day, i.entered, i.exited, i.confidence_sum, i.confidence_count, i.absorbed,
               i.opening, i.closing, i.low, i.peak AS counted_peak, p.t AS counted_peak_time,
               r.peak AS reported_peak, r.t AS reported_peak_time,
               greatest(i.peak, r.peak) AS peak,
               CASE WHEN r.peak IS NULL OR i.peak > r.peak THEN p.t WHEN i.peak < r.peak THEN r.t ELSE least(p.t, r.t) END
                   AS peak_time,
               coalesce(i.occupancy, 0) AS occupancy, i.observed
          FROM in_hours i
          JOIN peaks p ON p.session_id = i.session_id AND p.a = i.a
          LEFT JOIN reported r ON r.session_id = i.session_id AND r.hour = i.hour AND r.utc_offset = i.utc_offset
    ),

    -- Days and sessions: sums of the hours.
    daily AS (
        SELECT session_id, day, sum(entered) AS entered, sum(exited) AS exited,
               sum(confidence_sum) AS confidence_sum, sum(confidence_count) AS confidence_count,
               sum(absorbed) AS absorbed, max(peak) AS peak, min(peak_time) FILTER (WHERE peak = day_peak) AS peak_time,
               sum(occupancy) AS occupancy, sum(observed) AS observed
          FROM (SELECT *, max(peak) OVER (PARTITION BY session_id, day) AS day_peak FROM hourly) ranked
         GROUP BY session_id, day
    ),
    totals AS (
        SELECT session_id, sum(entered) AS entered, sum(exited) AS exited, sum(absorbed) AS absorbed, max(peak) AS peak,
               min(peak_time) FILTER (WHERE peak = session_peak) AS peak_time,
               sum(occupancy) AS occupancy, sum(observed) AS observed
          FROM (SELECT *, max(peak) OVER (PARTITION BY session_id) AS session_peak FROM hourly) ranked
         GROUP BY session_id
    ),

    -- The instants of a business day are one span of time, unless clocks are set back over its beginning: so it is cut
    -- where clocks change near it, and each piece has one UTC offset.
    extents AS (
        SELECT d.session_id, d.day, s.zone, d.day + s.day_start AS local_start, d.day + 1 + s.day_start AS local_end,
               ((d.day + s.day_start) AT TIME ZONE s.zone) - interval '25 hours' AS a,
               ((d.day + 1 + s.day_start) AT TIME ZONE s.zone) + interval '25 hours' AS b
          FROM daily d
          JOIN s ON s.id = d.session_id
    ),
    pieces AS (
        SELECT session_id, day, local_start, local_end, utc_offset, at AS a,
               lead(at, 1, b) OVER (PARTITION BY session_id, day ORDER BY at) AS b
          FROM (SELECT e.*, e.a AS at, (e.a AT TIME ZONE e.zone) - (e.a AT TIME ZONE 'UTC') AS utc_offset
                  FROM extents e
                UNION ALL
                SELECT e.*, c.at, c.offset_after
                  FROM extents e JOIN changes c ON c.zone = e.zone AND c.at > e.a AND c.at < e.b) cuts
    ),
    durations AS (
        SELECT p.session_id, p.day,
               sum(extract(epoch FROM greatest(interval '0',
                   least(p.b, (p.local_end - p.utc_offset) AT TIME ZONE 'UTC', z.t) -
                   greatest(p.a, (p.local_start - p.utc_offset) AT TIME ZONE 'UTC', s.start_time)))) AS seconds
          FROM pieces p
          JOIN s ON s.id = p.session_id
          JOIN horizon z ON z.session_id = p.session_id
         GROUP BY p.session_id, p.day
    ),

    -- The rows as they should be. Quotients are rounded as integers: numeric division would round twice.
    expected_hours AS (
        SELECT session_id, a AS hour_timestamp, entered AS people_entered, exited AS people_exited,
               peak AS peak_people_count,
               CASE WHEN observed > 0 THEN round(div(occupancy * 20000 + observed, observed * 2) / 10000, 4) END AS average_people_count,
               entered + exited AS total_detections,
               CASE WHEN confidence_count > 0
                    THEN round(div(confidence_sum * 2 + confidence_count * 100000::numeric,
                                   confidence_count * 200000::numeric) / 100, 2) END AS detection_accuracy,
               opening AS opening_count, closing AS closing_count, low AS low_people_count, peak_time,
               occupancy AS occupancy_seconds, observed AS observed_seconds, absorbed AS exits_absorbed,
               counted_peak, counted_peak_time, reported_peak, reported_peak_time, confidence_sum, confidence_count
          FROM hourly
    ),
    expected_days AS (
        SELECT d.session_id, d.day AS date_timestamp, d.entered AS total_people_entered, d.exited AS total_people_exited,
               d.peak AS peak_people_count,
               CASE WHEN d.observed > 0
                    THEN round(div(d.occupancy * 20000 + d.observed, d.observed * 2) / 10000, 4) END AS average_people_count,
               d.entered + d.exited AS total_detections, u.seconds AS total_session_duration,
               CASE WHEN d.confidence_count > 0
                    THEN round(div(d.confidence_sum * 2 + d.confidence_count * 100000, d.confidence_count * 200000) / 100, 2)
               END AS detection_accuracy,
               d.peak_time, d.occupancy AS occupancy_seconds, d.observed AS observed_seconds,
               d.absorbed AS exits_absorbed, d.confidence_sum, d.confidence_count
          FROM daily d
          LEFT JOIN durations u ON u.session_id = d.session_id AND u.day = d.day
    ),
    expected_sessions AS (
        SELECT s.id AS session_id,
               coalesce(t.entered, 0) AS total_people_entered, coalesce(t.exited, 0) AS total_people_exited,
               coalesce(l.level, 0) AS current_people_inside, coalesce(t.peak, 0) AS peak_people_count,
               CASE WHEN t.observed > 0
                    THEN round(div(t.occupancy * 20000 + t.observed, t.observed * 2) / 10000, 4) END AS average_people_count,
               coalesce(z.detecting, 0) AS detection_frames, coalesce(z.tracking, 0) AS tracking_frames,
               coalesce(z.waiting, 0) AS waiting_frames, coalesce(t.entered + t.exited, 0) AS total_detections,
               coalesce(s.false_positives, 0) AS false_positives, coalesce(s.false_negatives, 0) AS false_negatives,
               CASE WHEN s.false_positives IS NULL AND s.false_negatives IS NULL THEN NULL
                    WHEN coalesce(t.entered + t.exited, 0) + coalesce(s.false_negatives, 0) > 0
                    THEN round(div(greatest(0, coalesce(t.entered + t.exited, 0) - coalesce(s.false_positives, 0)) * 20000
                                    + coalesce(t.entered + t.exited, 0) + coalesce(s.false_negatives, 0),
                                    (coalesce(t.entered + t.exited, 0) + coalesce(s.false_negatives, 0)) * 2) / 100, 2)
               END AS accuracy_percentage,
               s.created_at, greatest(s.created_at, z.last_activity) AS updated_at,
               coalesce(t.entered - t.exited, 0) AS net_people_count, coalesce(t.absorbed, 0) AS exits_absorbed,
               t.peak_time, z.last_movement AS last_movement_time
          FROM s
          JOIN horizon z ON z.session_id = s.id
          LEFT JOIN totals t ON t.session_id = s.id
          LEFT JOIN levels l ON l.session_id = s.id AND l.t = z.level_time AND l.kind = l.last_kind
    ),

    -- Side by side, without the columns that a user added.
    compared AS (
        SELECT 'session_statistics' AS table_name, coalesce(o.session_id, e.session_id) AS session_id,
               coalesce(o.session_id, e.session_id)::text AS key,
               to_jsonb(o) - 'fold_state' -
               ARRAY(SELECT a.attname::text FROM pg_attribute a
                      WHERE a.attrelid = '@extschema@.session_statistics'::regclass AND a.attnum > 20) AS stored, to_jsonb(e) AS expected
          FROM (SELECT * FROM @extschema@.session_statistics
                 WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session) o
          FULL JOIN expected_sessions e ON e.session_id = o.session_id
        UNION ALL
        SELECT 'hourly_statistics', coalesce(o.session_id, e.session_id),
               coalesce(o.hour_timestamp, e.hour_timestamp)::text, to_jsonb(o) -
               ARRAY(SELECT a.attname::text FROM pg_attribute a
                      WHERE a.attrelid = '@extschema@.hourly_statistics'::regclass AND a.attnum > 21), to_jsonb(e)
          FROM (SELECT * FROM @extschema@.hourly_statistics
                 WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session) o
          FULL JOIN expected_hours e ON e.session_id = o.session_id AND e.hour_timestamp = o.hour_timestamp
        UNION ALL
        SELECT 'daily_statistics', coalesce(o.session_id, e.session_id),
               coalesce(o.date_timestamp, e.date_timestamp)::text, to_jsonb(o) -
               ARRAY(SELECT a.attname::text FROM pg_attribute a
                      WHERE a.attrelid = '@extschema@.daily_statistics'::regclass AND a.attnum > 15), to_jsonb(e)
          FROM (SELECT * FROM @extschema@.daily_statistics
                 WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session) o
          FULL JOIN expected_days e ON e.session_id = o.session_id AND e.date_timestamp = o.date_timestamp
    )
    SELECT c.table_name, c.session_id, c.key,
           CASE WHEN c.stored IS NULL THEN 'missing' WHEN c.expected IS NULL THEN 'unexpected' ELSE 'different' END,
           CASE WHEN c.expected IS NULL THEN c.stored
                ELSE (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(c.stored) f
                       WHERE f.value IS DISTINCT FROM c.expected -> f.key) END,
           CASE WHEN c.stored IS NULL THEN c.expected
                ELSE (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(c.expected) f
                       WHERE f.value IS DISTINCT FROM c.stored -> f.key) END
      FROM compared c
     WHERE c.stored IS DISTINCT FROM c.expected
     ORDER BY c.session_id, c.table_name, c.key;
END
$$;
COMMENT ON FUNCTION @extschema@.verify_statistics(uuid) IS
    'Every row of the session, hourly and daily statistics that is not what the base tables say, of one session or of all when the argument is NULL or left out: none, unless triggers did not run. problem is missing, unexpected or different; stored and expected show the row, or the columns that differ. The computation is independent of the one that keeps the statistics. Repair with rebuild_statistics().';

-- 85-owner.sql
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
-- Also where default privileges would have granted something.
REVOKE ALL ON TABLE @extschema@.alert_channels, @extschema@.alert_channel_secrets, @extschema@.alert_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.rebuild_statistics(uuid) TO @extowner@ WITH GRANT OPTION;

-- 90-dump.sql
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
