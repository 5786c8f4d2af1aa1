-- :movements movements of 64 sessions, evenly over :days days that end with 2025-06-30, in order of time.
CREATE PROCEDURE bench.load_history(movements integer, days integer)
    LANGUAGE plpgsql
    AS $$
BEGIN
    FOR batch IN 0 .. (movements - 1) / 5000 LOOP
        INSERT INTO ours.people_movements (session_id, movement_time, person_id, movement_direction, centroid_x, centroid_y,
                    bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
        SELECT bench.session_id(1 + n % 64),
               '2025-07-01 00:00+00'::timestamptz - days * interval '1 day' * (1 - n::double precision / movements), 4711,
               (ARRAY['in', 'out']::ours.movement_direction[])[1 + floor(random() * 2)::integer], 960, 540, 920, 450, 1000,
               630, 0.9, 1000
          FROM generate_series(batch * 5000, least(batch * 5000 + 5000, movements) - 1) n;
        COMMIT;
    END LOOP;
END
$$;
CALL bench.load_history(:movements, :days);
