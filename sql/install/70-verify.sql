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
    archived AS MATERIALIZED (
        SELECT session_id, hour_timestamp AS t, people_entered AS entered, people_exited AS exited, level_fall AS fall,
               level_rise AS rise, peak_time, occupancy_correction AS correction, confidence_sum, confidence_count,
               last_movement_time AS last_movement, last_sample_time AS last_sample, detecting_frames AS detecting,
               tracking_frames AS tracking, waiting_frames AS waiting, reported_peak, reported_peak_time
          FROM @extschema@.archived_hours
         WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
    ),
    instants AS MATERIALIZED (  -- the movements of one instant are one step; the last one of an archived hour moves nobody
        SELECT session_id, t, sum(entered)::bigint AS entered, sum(exited)::bigint AS exited,
               sum(confidence_sum)::bigint AS confidence_sum, sum(confidence_count)::bigint AS confidence_count
          FROM (SELECT session_id, movement_time AS t,
                       count(*) FILTER (WHERE movement_direction = 'in') AS entered,
                       count(*) FILTER (WHERE movement_direction = 'out') AS exited,
                       coalesce(sum(round(confidence_score::float8 * 1e9)::bigint), 0) AS confidence_sum,
                       count(confidence_score) AS confidence_count
                  FROM @extschema@.people_movements
                 WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
                 GROUP BY session_id, movement_time
                UNION ALL
                SELECT session_id, last_movement, 0, 0, 0, 0 FROM archived WHERE last_movement IS NOT NULL) steps
         GROUP BY session_id, t
    ),
    samples AS MATERIALIZED (
        SELECT session_id, t, max(people) AS people, sum(detecting)::bigint AS detecting,
               sum(tracking)::bigint AS tracking, sum(waiting)::bigint AS waiting
          FROM (SELECT session_id, "timestamp" AS t, max(current_people_count) AS people,
                       count(*) FILTER (WHERE detection_status = 'detecting') AS detecting,
                       count(*) FILTER (WHERE detection_status = 'tracking') AS tracking,
                       count(*) FILTER (WHERE detection_status = 'waiting') AS waiting
                  FROM @extschema@.realtime_metrics
                 WHERE verify_statistics.session IS NULL OR session_id = verify_statistics.session
                 GROUP BY session_id, "timestamp"
                UNION ALL
                SELECT session_id, coalesce(last_sample, t), NULL, detecting, tracking, waiting
                  FROM archived
                 WHERE last_sample IS NOT NULL OR detecting + tracking + waiting > 0) reports
         GROUP BY session_id, t
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
               date_trunc('hour', p.at AT TIME ZONE s.zone) AS hour,
               (p.at AT TIME ZONE s.zone) - (p.at AT TIME ZONE 'UTC') AS utc_offset
          FROM (SELECT session_id, t AS at, t, NULL::integer AS sample FROM instants
                UNION ALL
                SELECT session_id, t, t, people FROM samples
                UNION ALL
                SELECT session_id, t, coalesce(reported_peak_time, t), reported_peak FROM archived) p
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

    -- The level: steps in order of time. At one instant: mark (-3: an hour begins or ends), an archived hour's fall to its
    -- lowest point (-2) and from there to its end (-1), movements (0), baseline (1).
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
        SELECT session_id, t, 0 AS kind, entered - exited AS change, entered, exited, confidence_sum, confidence_count,
               NULL::integer AS rise, NULL::timestamptz AS peak_time, NULL::numeric AS correction
          FROM instants
        UNION ALL
        SELECT session_id, t, -2, -fall, entered, exited, confidence_sum, confidence_count, NULL, NULL, correction
          FROM archived
        UNION ALL
        SELECT session_id, t, -1, fall + entered - exited, 0, 0, 0, 0, rise, peak_time, NULL
          FROM archived
        UNION ALL
        SELECT session_id, t, 1, value, 0, 0, 0, 0, NULL, NULL, NULL
          FROM baseline_rows
        UNION ALL
        SELECT r.session_id, r.t, 1, 0, 0, 0, 0, 0, NULL, NULL, NULL
          FROM resets r LEFT JOIN baseline_rows b USING (session_id, t)
         WHERE b.session_id IS NULL
        UNION ALL
        SELECT session_id, t, -3, 0, 0, 0, 0, 0, NULL, NULL, NULL
          FROM (SELECT session_id, a AS t FROM hours UNION SELECT session_id, b FROM hours) marks
    ),
    runs AS (  -- a run is what follows a baseline up to the next one
        SELECT *,
               count(*) FILTER (WHERE kind = 1) OVER past AS run,
               max(t) FILTER (WHERE kind = -3) OVER past AS mark,
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
               peak_time, correction, (x + lift)::bigint AS level,
               -- The highest that an archived hour reached, from where it began: two steps before its end.
               greatest((x + lift)::bigint,
                        rise + coalesce(lag((x + lift)::bigint, 2) OVER (PARTITION BY session_id ORDER BY t, kind), 0)) AS top,
               (lift - coalesce(lag(lift) OVER (PARTITION BY session_id, run ORDER BY t, kind), 0))::bigint AS absorbed,
               -- Before a baseline of the same instant there is no level; where nobody moved nothing is reached.
               kind = 1 OR (last_kind < 1 AND (kind < 0 OR entered + exited > 0)) AS stands
          FROM floors
    ),
    in_hours AS (
        SELECT l.session_id, l.mark AS a, h.hour, h.utc_offset, h.day,
               sum(entered)::bigint AS entered, sum(exited)::bigint AS exited,
               sum(confidence_sum)::bigint AS confidence_sum, sum(confidence_count)::bigint AS confidence_count,
               sum(absorbed)::bigint AS absorbed,
               max(top) FILTER (WHERE stands) AS peak, min(level) FILTER (WHERE stands) AS low,
               coalesce(max(level) FILTER (WHERE kind = 1 AND l.t = h.a), max(level) FILTER (WHERE kind = -3)) AS opening,
               max(level) FILTER (WHERE until = h.b) AS closing,
               sum(level * extract(epoch FROM least(until, h.b, z.t) - greatest(l.t, s.start_time)))
                   FILTER (WHERE least(until, h.b, z.t) > greatest(l.t, s.start_time)) AS occupancy,
               sum(correction) AS correction,
               greatest(0, extract(epoch FROM least(h.b, z.t) - greatest(l.mark, s.start_time))) AS observed
          FROM levels l
          JOIN hours h ON h.session_id = l.session_id AND h.a = l.mark
          JOIN s ON s.id = l.session_id
          JOIN horizon z ON z.session_id = l.session_id
         GROUP BY l.session_id, l.mark, h.hour, h.utc_offset, h.day, h.b, s.start_time, z.t
    ),
    peaks AS (
        SELECT l.session_id, l.mark AS a, min(coalesce(l.peak_time, l.t)) AS t
          FROM levels l JOIN in_hours h ON h.session_id = l.session_id AND h.a = l.mark AND h.peak = l.top
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
               CASE WHEN i.correction IS NULL THEN coalesce(i.occupancy, 0)
                    ELSE least(greatest(coalesce(i.occupancy, 0) + i.correction, i.low * i.observed), i.peak * i.observed)
               END AS occupancy, i.observed
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
