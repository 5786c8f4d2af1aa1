-- These run with the rights of the owner, so that the right to call them is enough.
CREATE FUNCTION @extschema@.channel_named(channel text) RETURNS @extschema@.alert_channels
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    found_channel @extschema@.alert_channels;
BEGIN
    SELECT * INTO found_channel FROM @extschema@.alert_channels
     WHERE channel_name = channel OR id::text = lower(channel)
     ORDER BY channel_name = channel DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(left(channel, 100), 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'Give the channel_name or the id of a row of alert_channels.';
    END IF;
    RETURN found_channel;
END
$$;
COMMENT ON FUNCTION @extschema@.channel_named(text) IS 'Internal: the channel of a name or an id.';

CREATE FUNCTION @extschema@.set_channel_secret(channel text, secret text, value text) RETURNS void
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    target CONSTANT uuid := (@extschema@.channel_named(channel)).id;
BEGIN
    IF secret IS NULL OR secret NOT IN ('signing_key', 'password', 'bearer_token') THEN
        RAISE EXCEPTION 'a channel has no such secret'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The second argument is signing_key, password or bearer_token.';
    END IF;
    INSERT INTO @extschema@.alert_channel_secrets AS s (channel_id, signing_key, password, bearer_token)
    VALUES (target, CASE secret WHEN 'signing_key' THEN value END, CASE secret WHEN 'password' THEN value END,
            CASE secret WHEN 'bearer_token' THEN value END)
        ON CONFLICT (channel_id) DO UPDATE
       SET signing_key = CASE secret WHEN 'signing_key' THEN value ELSE s.signing_key END,
           password = CASE secret WHEN 'password' THEN value ELSE s.password END,
           bearer_token = CASE secret WHEN 'bearer_token' THEN value ELSE s.bearer_token END;
END
$$;
COMMENT ON FUNCTION @extschema@.set_channel_secret(text, text, text) IS
    'Sets a secret of a channel (its name or id): signing_key, password or bearer_token. NULL takes it away. For the owner until granted; who may call it writes secrets and cannot read them. Pass the value as a parameter, so that no log has it.';

CREATE FUNCTION @extschema@.send_test_alert(channel text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    target CONSTANT @extschema@.alert_channels := @extschema@.channel_named(channel);
    delivery uuid;
BEGIN
    IF NOT target.is_active THEN
        RAISE EXCEPTION 'channel "%" is not active', target.channel_name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Nothing is sent to it: UPDATE alert_channels SET is_active = true.';
    END IF;
    INSERT INTO @extschema@.alert_deliveries (channel_id, event, payload)
    VALUES (target.id, 'test', jsonb_build_object(
        'type', 'people_counter.alert', 'event', 'test',
        'alert_id', '00000000-0000-7000-8000-000000000000', 'threshold_id', '00000000-0000-7000-8000-000000000001',
        'threshold_name', 'max_people_count', 'session_id', '00000000-0000-7000-8000-000000000000',
        'session_name', 'Test of channel ' || target.channel_name, 'metric', 'current_people_inside', 'comparison', 'above',
        'value', 53, 'threshold', 50, 'clear_value', 45, 'peak_value', 57, 'severity', target.min_severity,
        'message', 'This is a test: nothing happened.', 'triggered_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'resolved_at', NULL, 'reason', NULL,
        'repeat_count', 0))
    RETURNING id INTO delivery;
    RETURN delivery;
END
$$;
COMMENT ON FUNCTION @extschema@.send_test_alert(text) IS
    'Sends an alert with example figures to a channel (its name or id), and returns the id of the delivery: alert_deliveries shows what became of it. For the owner until granted.';

CREATE FUNCTION @extschema@.retry_alert_delivery(delivery uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE @extschema@.alert_deliveries
       SET abandoned_at = NULL, attempts = 0, next_attempt_at = now(), queued_at = now()
     WHERE id = delivery AND delivered_at IS NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM @extschema@.alert_deliveries WHERE id = delivery) THEN
        RAISE EXCEPTION 'delivery "%" was made', delivery
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only what was not delivered can be tried again.';
    END IF;
    RAISE EXCEPTION 'delivery "%" does not exist', coalesce(delivery::text, 'NULL')
        USING ERRCODE = 'no_data_found', HINT = 'Give the id of a row of alert_deliveries.';
END
$$;
COMMENT ON FUNCTION @extschema@.retry_alert_delivery(uuid) IS
    'Tries a delivery again now that was abandoned or waits for its next attempt; the time to give up counts from here. For the owner until granted.';
