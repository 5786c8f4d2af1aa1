-- A month of 16 doors, loaded in order of time as their counters would: eight doors report each movement by itself, in
-- a transaction of its own; eight report every quarter of an hour, in one statement. :days days, open from 08:00 to 22:00
-- UTC; the busiest door has :busiest visitors a day, the others less, in equal steps.
CREATE UNLOGGED TABLE bench.month AS
    SELECT m.door, m.movement_time, m.movement_direction
      FROM (SELECT v.door, t AS movement_time, d::ours.movement_direction AS movement_direction
              FROM (SELECT e.*, least(e.entered - ln(1 - random()) * interval '25 min', e.opened + interval '14 h') AS gone
                      FROM (SELECT door, o.opened,
                                   o.opened + (random() + random() + random()) / 3 * interval '14 h' AS entered
                              FROM generate_series(1, 16) door
                             CROSS JOIN generate_series('2025-06-01 08:00+00'::timestamptz,
                                                        '2025-06-01 08:00+00'::timestamptz + (:days - 1) * interval '1 day',
                                                        interval '1 day') o (opened)
                             CROSS JOIN generate_series(1, greatest(1, :busiest * door / 16))) e) v
             CROSS JOIN LATERAL (VALUES (v.entered, 'in'), (v.gone, 'out')) x (t, d)
             WHERE random() >= 0.01) m;
CREATE INDEX ON bench.month (movement_time);
ANALYZE bench.month;

-- Into the contender that search_path names; with the key rebuilt after each hour, if that is asked for.
CREATE PROCEDURE bench.load_month(reindex_hourly boolean DEFAULT false)
    LANGUAGE plpgsql
    AS $$
DECLARE
    slice timestamptz;
    place integer;
    m     record;
BEGIN
    FOR slice IN SELECT DISTINCT date_bin('15 min', movement_time, '2025-06-01 00:00+00') FROM bench.month ORDER BY 1 LOOP
        FOR m IN SELECT * FROM bench.month q
                  WHERE q.movement_time >= slice AND q.movement_time < slice + interval '15 min' AND q.door % 2 = 0
                  ORDER BY q.movement_time LOOP
            INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_x, centroid_y,
                        bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
            VALUES (bench.session_id(m.door), m.movement_time, 4711, m.movement_direction, 960, 540, 920, 450, 1000, 630,
                    0.9, 1000);
            COMMIT;
        END LOOP;
        FOR place IN 1 .. 15 BY 2 LOOP
            INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, centroid_x, centroid_y,
                        bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
            SELECT bench.session_id(q.door), q.movement_time, 4711, q.movement_direction, 960, 540, 920, 450, 1000, 630,
                   0.9, 1000
              FROM bench.month q
             WHERE q.movement_time >= slice AND q.movement_time < slice + interval '15 min' AND q.door = place
             ORDER BY q.movement_time;
            COMMIT;
        END LOOP;
        IF reindex_hourly AND extract(minute FROM slice) = 45 THEN
            REINDEX INDEX people_movements_pkey;
            COMMIT;
        END IF;
    END LOOP;
END
$$;

-- What a late movement has to read again in the bare table: pages of key and table for an hour of one session.
CREATE FUNCTION bench.pages_of_an_hour() RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan = off
    SET enable_bitmapscan = off
    SET enable_indexonlyscan = off
    AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE $query$
        EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
        SELECT * FROM bare.people_movements
         WHERE session_id = bench.session_id(16)
           AND movement_time >= '2025-06-02 14:00+00' AND movement_time < '2025-06-02 15:00+00'$query$ INTO plan;
    RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::integer + (plan->0->'Plan'->>'Shared Read Blocks')::integer;
END
$$;
