-- Inserts a row at a time where one statement for all of them failed: what is wrong with a row that its bounds do not show,
-- such as the refusal of a trigger of the user's, is only known by trying.
CREATE FUNCTION people_counter_rest.record_each(session uuid, zone text, body jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    given record;
    results json[] := '{}';
    recorded integer := 0;
    duplicates integer := 0;
    message text;
BEGIN
    FOR given IN SELECT * FROM people_counter_rest.read_movements(body, zone) ORDER BY ordinal LOOP
        message := given.problem;
        IF message IS NULL THEN
            given.id := coalesce(given.id, people_counter_rest.generate_uuid_v7());
            BEGIN
                INSERT INTO people_counter_rest.people_movements
                    (session_id, movement_time, id, person_id, movement_direction, centroid_x, centroid_y,
                     bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
                VALUES (session, coalesce(given.movement_time, now()), given.id, given.person_id,
                        given.movement_direction::people_counter_rest.movement_direction, given.centroid_x, given.centroid_y,
                        given.bounding_box_x1, given.bounding_box_y1, given.bounding_box_x2, given.bounding_box_y2,
                        given.confidence_score, given.frame_number)
                ON CONFLICT DO NOTHING;
                IF FOUND THEN
                    recorded := recorded + 1;
                ELSE
                    duplicates := duplicates + 1;
                END IF;
                results := results || json_build_object('movement_id', given.id,
                                                        'status', CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END);
            EXCEPTION
                WHEN OTHERS THEN
                    IF people_counter_rest.is_passing(SQLSTATE) THEN
                        RAISE;
                    END IF;
                    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, given.hint = PG_EXCEPTION_HINT;
            END;
        END IF;
        IF message IS NOT NULL THEN
            results := results || json_build_object('status', 'rejected', 'detail', concat_ws('. ', message, nullif(given.hint, '')));
        END IF;
    END LOOP;
    RETURN json_build_object('count', cardinality(results), 'recorded', recorded, 'duplicates', duplicates,
                             'rejected', cardinality(results) - recorded - duplicates, 'results', to_json(results));
END $$;
COMMENT ON FUNCTION people_counter_rest.record_each(uuid, text, jsonb) IS
    'Records the movements of a batch one by one: as record_batch(), for a batch with a row that fails when it is stored.';

CREATE FUNCTION people_counter_rest.record_together(session uuid, zone text, body jsonb) RETURNS json
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'people_counter_rest_record_batch';
COMMENT ON FUNCTION people_counter_rest.record_together(uuid, text, jsonb) IS
    'Records an array of movements in one statement: as record_batch(), if none fails when it is stored.';

CREATE FUNCTION people_counter_rest.record_batch(session uuid, zone text, body jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN people_counter_rest.record_together(session, zone, body);
EXCEPTION
    WHEN OTHERS THEN
        IF people_counter_rest.is_passing(SQLSTATE) THEN
            RAISE;
        END IF;
        RETURN people_counter_rest.record_each(session, zone, body);
END $$;
COMMENT ON FUNCTION people_counter_rest.record_batch(uuid, text, jsonb) IS
    'Records an array of movements. Answers a count, how many were recorded, duplicates and rejected, and a result for each.';

-- Native, for it comes with every movement; the statements in it name everything in full.
CREATE FUNCTION people_counter_api.record_movements(jsonb) RETURNS json
    LANGUAGE c VOLATILE STRICT SECURITY DEFINER
    AS 'MODULE_PATHNAME', 'people_counter_rest_record_movements';
COMMENT ON FUNCTION people_counter_api.record_movements(jsonb) IS
    'POST /sessions/{id}/movements

Records a movement, or an array of them in one statement. A movement has person_id and movement_direction (in or out), and may have movement_time (ISO 8601; without an offset in the zone of the session; default now), centroid_x, centroid_y, bounding_box_x1 to bounding_box_y2 (pixels), confidence_score (0 to 1), frame_number, and id: a UUID of the client''s, which makes it harmless to send it again with the same movement_time; without one, an id of UUID version 7 has the time in it. Other fields are ignored. Answers {"movement_id", "status": "recorded" or "duplicate"}; for an array {"count", "recorded", "duplicates", "rejected", "results"}, with such an object for each, or {"status": "rejected", "detail"}: one bad row never fails its neighbours. 400 names field and value; 404: no such session. Called itself, it takes the session from header X-Session-Id.';

CREATE FUNCTION people_counter_api.list_movements(session_id text, movement_direction text DEFAULT '', page_limit text DEFAULT '',
        page_offset text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    session record := people_counter_rest.find_session(session_id);
    wanted text := people_counter_rest.word_argument('direction', movement_direction, '{in,out}');
    size integer := people_counter_rest.whole_argument('limit', page_limit, 100, 1, 1000);
    start integer := people_counter_rest.whole_argument('offset', page_offset, 0, 0, 999999999);
BEGIN
    RETURN (
        SELECT json_build_object(
            'movements', coalesce((SELECT json_agg(json_build_object(
                    'id', p.id, 'person_id', p.person_id, 'movement_direction', p.movement_direction,
                    'movement_time', p.movement_time, 'centroid', json_build_object('x', p.centroid_x, 'y', p.centroid_y),
                    'bounding_box', json_build_object('x1', p.bounding_box_x1, 'y1', p.bounding_box_y1,
                                                      'x2', p.bounding_box_x2, 'y2', p.bounding_box_y2),
                    'confidence_score', p.confidence_score, 'frame_number', p.frame_number)
                    ORDER BY p.movement_time DESC, p.id DESC)
                FROM (SELECT * FROM people_counter_rest.people_movements AS m
                       WHERE m.session_id = session.id
                         AND (wanted IS NULL OR m.movement_direction::text = wanted)
                       ORDER BY m.movement_time DESC, m.id DESC LIMIT size OFFSET start) AS p), '[]'),
            -- The statistics know how many there are; nothing is counted.
            'total', CASE wanted WHEN 'in' THEN st.total_people_entered WHEN 'out' THEN st.total_people_exited
                                 ELSE st.total_people_entered::bigint + st.total_people_exited END,
            'limit', size, 'offset', start)
          FROM people_counter_rest.session_statistics AS st WHERE st.session_id = session.id);
END $$;
COMMENT ON FUNCTION people_counter_api.list_movements(text, text, text, text) IS
    'GET /sessions/{id}/movements?limit=100&offset=0&direction=

Movements of a session, newest first: at most limit (1 to 1000) behind the first offset, only those in one direction (in or out) if it is given. total counts all that match. 404: no such session.';
