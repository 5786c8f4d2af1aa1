-- The median microseconds of p_times executions of what a screen asks for. Each execution is planned for its own dates, as
-- that of a client is that sends them in its text.
CREATE FUNCTION bench.median_time(p_what text, p_times integer) RETURNS double precision
    LANGUAGE plpgsql
    SET search_path = ours, pg_temp
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    times    double precision[] := '{}';
    door     uuid := bench.session_id(7);
    doors    uuid[] := ARRAY(SELECT id FROM sessions);
    day_from timestamptz := (SELECT date_trunc('day', max(last_movement_time), 'UTC') FROM session_statistics);
    day_to   timestamptz := day_from + interval '1 day';
    began    timestamptz;
BEGIN
    FOR i IN 1 .. p_times LOOP
        began := clock_timestamp();
        CASE p_what
            WHEN 'current' THEN
                PERFORM calculate_current_people_inside(d) FROM unnest(doors) d, generate_series(1, 10);
            WHEN 'overview' THEN
                PERFORM * FROM current_session_overview;
            WHEN 'day_of_one' THEN
                PERFORM * FROM hourly_analytics
                  WHERE session_id = door AND hour_timestamp >= day_from AND hour_timestamp < day_to;
            WHEN 'day_of_all' THEN
                PERFORM * FROM hourly_analytics WHERE hour_timestamp >= day_from AND hour_timestamp < day_to;
        END CASE;
        times := times || extract(epoch FROM clock_timestamp() - began)::double precision;
    END LOOP;
    RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) * 1e6 FROM unnest(times) t)
           / CASE p_what WHEN 'current' THEN 10 * cardinality(doors) ELSE 1 END;
END
$$;
