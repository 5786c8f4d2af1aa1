CREATE FUNCTION people_counter_api.create_session(jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    zone text := coalesce(people_counter_rest.text_field($1, 'time_zone'), people_counter_rest.default_time_zone());
    owner text := CASE WHEN NOT people_counter_rest.sees_all() THEN people_counter_rest.device() END;
    given jsonb;
    fields text;
    session_id uuid;
BEGIN
    IF owner IS NULL AND NOT people_counter_rest.sees_all() THEN
        RAISE insufficient_privilege USING MESSAGE = 'the token names no device',
            HINT = 'A token of role people_counter_device has the device in its claim sub.';
    END IF;
    given := people_counter_rest.session_fields(jsonb_strip_nulls($1), zone, false);
    IF NOT given ? 'session_name' THEN   -- by the clock that is on the wall there
        given := given || jsonb_build_object('session_name', to_char(now() AT TIME ZONE zone, '"Session_"YYYYMMDD_HH24MISS'));
    END IF;
    SELECT string_agg(quote_ident(f), ', ') INTO STRICT fields FROM jsonb_object_keys(given) AS f;
    EXECUTE format('INSERT INTO people_counter_rest.sessions (%s) SELECT %1$s'
                   ' FROM jsonb_populate_record(NULL::people_counter_rest.sessions, $1) RETURNING id', fields)
        INTO STRICT session_id USING given;
    IF owner IS NOT NULL THEN
        INSERT INTO people_counter_rest.session_devices (session_id, device) VALUES (session_id, owner);
    END IF;
    RETURN json_build_object('session_id', session_id, 'status', 'created');
END $$;
COMMENT ON FUNCTION people_counter_api.create_session(jsonb) IS
    'POST /sessions

Makes a session. The body is an object with any columns of sessions; what is left out has its default, so {} is enough. A session that a device makes is its own. Answers {"session_id", "status": "created"}. 400 names a field and its value that no session can have; 409: there is a session with the same id.';

CREATE FUNCTION people_counter_api.update_session(jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    session record := people_counter_rest.find_session(people_counter_rest.request_header('x-session-id'));
    given jsonb := people_counter_rest.session_fields($1, coalesce(people_counter_rest.text_field($1, 'time_zone'), session.time_zone), true);
    fields text;
    sources text;
BEGIN
    IF given ? 'id' AND (given ->> 'id')::uuid IS DISTINCT FROM session.id THEN
        RAISE invalid_parameter_value USING MESSAGE = format('id "%s" is not accepted', given ->> 'id'),
            HINT = 'The id of a session does not change. Leave it out.';
    END IF;
    SELECT string_agg(quote_ident(f), ', '), string_agg('given.' || quote_ident(f), ', ') INTO fields, sources
      FROM jsonb_object_keys(given - 'id') AS f;
    IF fields IS NOT NULL THEN
        EXECUTE format('UPDATE people_counter_rest.sessions AS s SET (%s) = ROW (%s)'
                       '  FROM jsonb_populate_record(NULL::people_counter_rest.sessions, $1) AS given WHERE s.id = $2', fields, sources)
            USING given, session.id;
    END IF;
    RETURN json_build_object('status', 'updated', 'session_id', session.id);
END $$;
COMMENT ON FUNCTION people_counter_api.update_session(jsonb) IS
    'PUT /sessions/{id}

Changes the columns of a session that the body names, and no other; status completed ends it, with end_time and duration_seconds if they are not given. Answers {"status": "updated", "session_id"}. 400 names a field and its value, or the fields that a session does not have; 404: no such session. Called itself, it takes the id from header X-Session-Id.';

CREATE FUNCTION people_counter_api.list_sessions(session_status text DEFAULT '', page_limit text DEFAULT '', page_offset text DEFAULT '')
    RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted text := people_counter_rest.word_argument('status', session_status, '{active,completed,error,cancelled}');
    size integer := people_counter_rest.whole_argument('limit', page_limit, 50, 1, 100);
    start integer := people_counter_rest.whole_argument('offset', page_offset, 0, 0, 999999999);
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object(
            'sessions', coalesce((SELECT json_agg(json_build_object(
                    'id', p.id, 'session_name', p.session_name, 'status', p.status, 'start_time', p.start_time,
                    'end_time', p.end_time, 'duration_seconds', p.duration_seconds, 'fps', p.fps,
                    'total_frames', p.total_frames, 'resolution', p.resolution_width || 'x' || p.resolution_height)
                    ORDER BY p.start_time DESC, p.id DESC)
                FROM (SELECT * FROM people_counter_rest.sessions AS s
                       WHERE (wanted IS NULL OR s.status::text = wanted)
                         AND (everything OR s.id = ANY (own))
                       ORDER BY s.start_time DESC, s.id DESC LIMIT size OFFSET start) AS p), '[]'),
            'total', (SELECT count(*) FROM people_counter_rest.sessions AS s
                       WHERE (wanted IS NULL OR s.status::text = wanted)
                         AND (everything OR s.id = ANY (own))),
            'limit', size, 'offset', start));
END $$;
COMMENT ON FUNCTION people_counter_api.list_sessions(text, text, text) IS
    'GET /sessions?limit=50&offset=0&status=

Sessions, newest start first: at most limit (1 to 100) behind the first offset, only those of a status (active, completed, error, cancelled) if one is given. total counts all that match. A device sees its own.';

CREATE FUNCTION people_counter_api.get_session(session_id text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    session record := people_counter_rest.find_session(session_id);
BEGIN
    RETURN (
        SELECT to_jsonb(s) || jsonb_build_object('statistics', jsonb_build_object(
                'total_people_entered', st.total_people_entered, 'total_people_exited', st.total_people_exited,
                'current_people_inside', people_counter_rest.calculate_current_people_inside(s.id),
                'peak_people_count', st.peak_people_count, 'peak_time', st.peak_time,
                'average_people_count', st.average_people_count, 'exits_absorbed', st.exits_absorbed,
                'accuracy_percentage', st.accuracy_percentage, 'last_movement_time', st.last_movement_time))
          FROM people_counter_rest.sessions AS s JOIN people_counter_rest.session_statistics AS st ON st.session_id = s.id
         WHERE s.id = session.id);
END $$;
COMMENT ON FUNCTION people_counter_api.get_session(text) IS
    'GET /sessions/{id}

A session: its columns, and in statistics the people who entered, left and are inside now, the peak and its time, the mean, exits that found nobody inside, and the accuracy (null until it was audited). 404: no such session.';
