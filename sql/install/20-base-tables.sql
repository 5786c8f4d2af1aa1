-- The order is that in which a writer locks them: what is reported, the session it belongs to, the statistics. DROP
-- EXTENSION locks an extension's tables in the order of their creation, so it waits for writers instead of meeting them in
-- a deadlock.
--
-- Where rows are only added, vacuum comes for freezing them and for the map of what all can see: in small portions, not a fifth
-- of a large table at once. Retention deletes little a day, so its room is to be used again before it is a fifth, too.
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
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = 10000,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.02);
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
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = 10000,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.02);
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
