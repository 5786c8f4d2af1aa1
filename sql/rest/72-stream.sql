CREATE FUNCTION people_counter_rest.database_identity() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_database_identity';
COMMENT ON FUNCTION people_counter_rest.database_identity() IS
    'Which database this is, to a gateway that several publish to: the identifier of its cluster, a hyphen and its Oid. Channels of the live stream end with it.';
REVOKE ALL ON FUNCTION people_counter_rest.database_identity() FROM PUBLIC;

CREATE FUNCTION people_counter_api.stream_channel(session_id text DEFAULT '') RETURNS people_counter_api."text/plain"
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF session_id <> '' THEN
        -- The second has no alerts in it, which a device may not read.
        RETURN CASE WHEN people_counter_rest.sees_all() THEN 'session_' ELSE 'device_' END
            || (people_counter_rest.find_session(session_id)).id || '.' || people_counter_rest.database_identity();
    ELSIF people_counter_rest.sees_all() THEN
        RETURN 'all.' || people_counter_rest.database_identity();
    END IF;
    RAISE SQLSTATE 'PT403' USING MESSAGE = 'a device subscribes to a session of its own',
        HINT = 'Name it by session_id.';
END $$;
COMMENT ON FUNCTION people_counter_api.stream_channel(text) IS
    'GET /events?session_id= , GET /ws?session_id=

The live stream of all sessions, or of one: server-sent events or a WebSocket, with a JSON object a message, whose type is movement, statistics, metrics or alert. Where headers cannot be set, api_key or token in the URL is taken instead. Who comes back within a minute and sends header Last-Event-ID, or last_event_id in the URL, gets what they missed. A device names one of its own sessions, and is told of no alerts; 404: there is no such session, 403 if it names none, or for a web page of a foreign origin. Called itself, it answers the name of the channel that the gateway subscribes to.';
