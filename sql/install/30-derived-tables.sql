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
