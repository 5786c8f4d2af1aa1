CREATE FUNCTION people_counter_rest.find_alert(body jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    alert uuid := people_counter_rest.uuid_argument('alert_id', coalesce(people_counter_rest.request_header('x-alert-id'), body ->> 'alert_id'));
BEGIN
    IF jsonb_typeof(body) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = format('the body is not an object, but of type %s', jsonb_typeof(body)),
            HINT = 'Send {} or an object with a note.';
    END IF;
    IF alert IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'alert_id is missing',
            HINT = 'It is in the path of the gateway''s URLs, and in header X-Alert-Id or the body where a function is called itself.';
    END IF;
    IF NOT EXISTS (SELECT FROM people_counter_rest.alert_logs AS l WHERE l.id = alert) THEN
        RAISE SQLSTATE 'PT404' USING MESSAGE = format('alert "%s" does not exist', alert), HINT = 'GET /rest/alert_logs lists them.';
    END IF;
    RETURN alert;
END $$;
COMMENT ON FUNCTION people_counter_rest.find_alert(jsonb) IS
    'The alert that a request names. ERROR invalid_parameter_value if it names none, or the body is no object; PT404 if there is no such alert.';

CREATE FUNCTION people_counter_api.acknowledge_alert(jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    alert uuid := people_counter_rest.find_alert($1);
BEGIN
    RETURN json_build_object('alert_id', alert, 'status', 'acknowledged', 'acknowledged_at',
        people_counter_rest.acknowledge_alert(alert, coalesce($1 ->> 'acknowledged_by', people_counter_rest.device(), current_setting('role')), $1 ->> 'note'));
END $$;
COMMENT ON FUNCTION people_counter_api.acknowledge_alert(jsonb) IS
    'POST /alerts/{id}/acknowledge

Takes notice of an alert: it is not announced again while it lasts. The body may have acknowledged_by and note. Answers {"alert_id", "status": "acknowledged", "acknowledged_at"}. 404: no such alert. Called itself, it takes alert_id from the body.';

CREATE FUNCTION people_counter_api.resolve_alert(jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    alert uuid := people_counter_rest.find_alert($1);
BEGIN
    RETURN json_build_object('alert_id', alert, 'status', 'resolved', 'resolved_at',
        people_counter_rest.resolve_alert(alert, coalesce($1 ->> 'resolved_by', people_counter_rest.device(), current_setting('role')), $1 ->> 'note'));
END $$;
COMMENT ON FUNCTION people_counter_api.resolve_alert(jsonb) IS
    'POST /alerts/{id}/resolve

Ends an alert by hand. The body may have resolved_by and note. Answers {"alert_id", "status": "resolved", "resolved_at"}. 404: no such alert. Called itself, it takes alert_id from the body.';

CREATE FUNCTION people_counter_api.set_channel_secret(channel text, secret text, value text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT people_counter_rest.set_channel_secret(channel, secret, value) $$;
COMMENT ON FUNCTION people_counter_api.set_channel_secret(text, text, text) IS
    'Sets or, with a NULL, removes a secret of an alert channel. channel: its name; secret: signing_key, password or bearer_token. For admins.';

CREATE FUNCTION people_counter_api.send_test_alert(channel text) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT people_counter_rest.send_test_alert(channel) $$;
COMMENT ON FUNCTION people_counter_api.send_test_alert(text) IS
    'Queues a test alert for a channel, by its name, and returns the id of the delivery, which alert_deliveries shows. For admins.';
