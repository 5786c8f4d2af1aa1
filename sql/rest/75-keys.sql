CREATE FUNCTION people_counter_api.create_api_key(key_name text, key_role text, device text DEFAULT NULL,
        expires_at timestamptz DEFAULT NULL) RETURNS json
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    key text := 'pck_' || translate(rtrim(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '='), E'+/\n', '-_');
    made people_counter_rest.api_keys;
BEGIN
    IF coalesce(btrim(key_name), '') = '' OR length(key_name) > 255 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('key_name "%s" is not accepted', left(key_name, 64)),
            HINT = 'Say in 1 to 255 characters who or what has the key.';
    END IF;
    IF key_role IS NULL OR key_role NOT IN ('reader', 'device', 'operator', 'admin') THEN
        RAISE invalid_parameter_value USING MESSAGE = format('key_role "%s" is not accepted', left(key_role, 64)),
            HINT = 'key_role must be reader, device, operator or admin.';
    END IF;
    IF (key_role = 'device') <> (coalesce(device, '') <> '') OR length(device) > 255 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('device "%s" is not accepted', left(device, 64)),
            HINT = 'A device key names its device in 1 to 255 characters, and no other key does.';
    END IF;
    IF expires_at <= now() THEN
        RAISE invalid_parameter_value USING MESSAGE = format('expires_at "%s" is not accepted', expires_at),
            HINT = 'expires_at must be in the future.';
    END IF;
    INSERT INTO people_counter_rest.api_keys (key_name, key_role, device, key_start, key_hash, created_by, expires_at)
    VALUES (create_api_key.key_name, create_api_key.key_role, nullif(create_api_key.device, ''), left(key, 10),
            sha256(convert_to(key, 'UTF8')), CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END,
            create_api_key.expires_at)
    RETURNING * INTO made;
    RETURN json_build_object('id', made.id, 'api_key', key, 'key_name', made.key_name, 'key_role', made.key_role,
                             'device', made.device, 'expires_at', made.expires_at);
END $$;
COMMENT ON FUNCTION people_counter_api.create_api_key(text, text, text, timestamptz) IS
    'Makes an API key for header X-API-Key. key_name: who or what has it; key_role: reader, device, operator or admin; device: of a device key, which device it is of; expires_at: from when on it is refused, NULL for never. Answers id and api_key: the key is shown this once, and only its hash is kept. For admins. ERROR invalid_parameter_value names argument and value.';

CREATE FUNCTION people_counter_api.revoke_api_key(key_id uuid) RETURNS json
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    ended timestamptz;
BEGIN
    UPDATE people_counter_rest.api_keys AS k SET revoked_at = coalesce(k.revoked_at, now()) WHERE k.id = key_id RETURNING k.revoked_at INTO ended;
    IF ended IS NULL THEN
        RAISE SQLSTATE 'PT404' USING MESSAGE = format('API key "%s" does not exist', key_id), HINT = 'GET /rest/api_keys lists them.';
    END IF;
    RETURN json_build_object('id', key_id, 'status', 'revoked', 'revoked_at', ended);
END $$;
COMMENT ON FUNCTION people_counter_api.revoke_api_key(uuid) IS
    'Ends an API key at once: no request that comes after it is accepted. key_id: its id in api_keys. For admins. ERROR PT404 if there is no such key.';
