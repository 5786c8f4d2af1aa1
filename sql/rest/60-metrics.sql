CREATE FUNCTION people_counter_api.record_metrics(jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    session record := people_counter_rest.find_session(people_counter_rest.request_header('x-session-id'));
    given record;
    results json[] := '{}';
    recorded integer := 0;
    duplicates integer := 0;
BEGIN
    FOR given IN SELECT * FROM people_counter_rest.read_samples($1, session.time_zone) ORDER BY ordinal LOOP
        IF given.problem IS NOT NULL THEN
            IF jsonb_typeof($1) = 'object' THEN
                RAISE invalid_parameter_value USING MESSAGE = given.problem, HINT = given.hint;
            END IF;
            results := results || json_build_object('status', 'rejected', 'detail', given.problem || '. ' || given.hint);
            CONTINUE;
        END IF;
        given.id := coalesce(given.id, people_counter_rest.generate_uuid_v7());
        BEGIN
            INSERT INTO people_counter_rest.realtime_metrics
                (session_id, "timestamp", id, current_people_count, people_entered_last_minute, people_exited_last_minute,
                 detection_status, fps_current, cpu_usage_percentage, memory_usage_mb, processing_latency_ms)
            VALUES (session.id, coalesce(given."timestamp", now()), given.id, coalesce(given.current_people_count, 0),
                    coalesce(given.people_entered_last_minute, 0), coalesce(given.people_exited_last_minute, 0),
                    coalesce(given.detection_status, 'waiting')::people_counter_rest.detection_status, given.fps_current,
                    given.cpu_usage_percentage, given.memory_usage_mb, given.processing_latency_ms)
            ON CONFLICT DO NOTHING;
            recorded := recorded + FOUND::integer;
            duplicates := duplicates + (NOT FOUND)::integer;
            results := results || json_build_object('metrics_id', given.id,
                                                    'status', CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END);
        EXCEPTION
            WHEN OTHERS THEN   -- such as the refusal of a trigger of the user's
                IF jsonb_typeof($1) = 'object' OR people_counter_rest.is_passing(SQLSTATE) THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS given.problem = MESSAGE_TEXT, given.hint = PG_EXCEPTION_HINT;
                results := results || json_build_object('status', 'rejected',
                                                        'detail', concat_ws('. ', given.problem, nullif(given.hint, '')));
        END;
    END LOOP;
    IF jsonb_typeof($1) = 'object' THEN
        RETURN results[1];
    END IF;
    RETURN json_build_object('count', cardinality(results), 'recorded', recorded, 'duplicates', duplicates,
                             'rejected', cardinality(results) - recorded - duplicates, 'results', to_json(results));
END $$;
COMMENT ON FUNCTION people_counter_api.record_metrics(jsonb) IS
    'POST /sessions/{id}/metrics

Records a metrics sample, or an array of them. A sample may have current_people_count, people_entered_last_minute, people_exited_last_minute (people, 0 or more), detection_status (detecting, tracking or waiting), fps_current (frames a second), cpu_usage_percentage (0 to 100), memory_usage_mb, processing_latency_ms, timestamp (default now) and id (see record_movements). Answers {"metrics_id", "status": "recorded" or "duplicate"}; for an array as record_movements does. 400 names field and value; 404: no such session.';

CREATE FUNCTION people_counter_api.recent_metrics(session_id text, period_minutes text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    session record := people_counter_rest.find_session(session_id);
    minutes integer := people_counter_rest.whole_argument('minutes', period_minutes, 10, 1, 60);
BEGIN
    RETURN (
        SELECT json_build_object('metrics', coalesce(json_agg(json_build_object(
                    'timestamp', p."timestamp", 'current_people_count', p.current_people_count,
                    'people_entered_last_minute', p.people_entered_last_minute,
                    'people_exited_last_minute', p.people_exited_last_minute, 'detection_status', p.detection_status,
                    'fps_current', p.fps_current, 'cpu_usage_percentage', p.cpu_usage_percentage,
                    'memory_usage_mb', p.memory_usage_mb, 'processing_latency_ms', p.processing_latency_ms)
                    ORDER BY p."timestamp" DESC, p.id DESC), '[]'),
                'period_minutes', minutes)
          FROM (SELECT * FROM people_counter_rest.realtime_metrics AS m
                 WHERE m.session_id = session.id AND m."timestamp" >= now() - make_interval(mins => minutes)
                 ORDER BY m."timestamp" DESC, m.id DESC LIMIT 100) AS p);
END $$;
COMMENT ON FUNCTION people_counter_api.recent_metrics(text, text) IS
    'GET /sessions/{id}/metrics/recent?minutes=10

Metrics samples of the last minutes (1 to 60), newest first, at most 100. 404: no such session.';
