CREATE TABLE people_counter_rest.api_keys (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    key_name     text        NOT NULL CHECK (length(key_name) BETWEEN 1 AND 255),
    key_role     text        NOT NULL CHECK (key_role IN ('reader', 'device', 'operator', 'admin')),
    device       text        CHECK (length(device) BETWEEN 1 AND 255),
    key_start    text        NOT NULL,
    key_hash     bytea       NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    CHECK ((key_role = 'device') = (device IS NOT NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE people_counter_rest.api_keys IS 'Keys for header X-API-Key. Only their hashes are here.';
COMMENT ON COLUMN people_counter_rest.api_keys.id IS 'Id of the key, by which it is revoked.';
COMMENT ON COLUMN people_counter_rest.api_keys.key_name IS 'Name for people: who or what has it.';
COMMENT ON COLUMN people_counter_rest.api_keys.key_role IS 'What it may do: reader, device, operator or admin.';
COMMENT ON COLUMN people_counter_rest.api_keys.device IS 'Of a device key: which device. Its sessions are those of all keys of the same device.';
COMMENT ON COLUMN people_counter_rest.api_keys.key_start IS 'First characters of the key, to recognise it.';
COMMENT ON COLUMN people_counter_rest.api_keys.key_hash IS 'SHA-256 of the key. The key has 244 random bits, so nothing can be found by trying.';
COMMENT ON COLUMN people_counter_rest.api_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN people_counter_rest.api_keys.created_by IS 'Role that made it.';
COMMENT ON COLUMN people_counter_rest.api_keys.expires_at IS 'From when on it is refused. NULL: never.';
COMMENT ON COLUMN people_counter_rest.api_keys.revoked_at IS 'When it was revoked. NULL: it was not.';
COMMENT ON COLUMN people_counter_rest.api_keys.last_used_at IS 'When it was last used, to the minute. NULL: never.';

CREATE TABLE people_counter_rest.session_devices (
    session_id uuid        PRIMARY KEY,
    device     text        NOT NULL CHECK (length(device) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT now()
);
DO $$ BEGIN
    EXECUTE format('ALTER TABLE people_counter_rest.session_devices ADD CONSTRAINT session_devices_session_id_fkey'
                   ' FOREIGN KEY (session_id) REFERENCES %I.sessions ON DELETE CASCADE',
                   (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
                     WHERE e.extname = 'people_counter'));
END $$;
COMMENT ON TABLE people_counter_rest.session_devices IS 'Which device a session belongs to. One made by an operator belongs to none until it is given to one.';
COMMENT ON COLUMN people_counter_rest.session_devices.session_id IS 'Session.';
COMMENT ON COLUMN people_counter_rest.session_devices.device IS 'Device that may report for it: the name in its API keys, or the claim sub of its tokens.';
COMMENT ON COLUMN people_counter_rest.session_devices.created_at IS 'Since when.';
CREATE INDEX session_devices_device_idx ON people_counter_rest.session_devices (device);
COMMENT ON INDEX people_counter_rest.session_devices_device_idx IS 'Sessions of a device.';

CREATE FUNCTION people_counter_rest.sees_all() RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_sees_all';
COMMENT ON FUNCTION people_counter_rest.sees_all() IS
    'Whether the role of the request sees the sessions of all devices. Also right inside of functions that run with other rights.';

CREATE FUNCTION people_counter_rest.device() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_device';
COMMENT ON FUNCTION people_counter_rest.device() IS
    'The device that the request is of: by its API key, otherwise by the claim sub of its token. NULL: none.';

CREATE FUNCTION people_counter_rest.request_header(name text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_header';
COMMENT ON FUNCTION people_counter_rest.request_header(text) IS
    'A header of the request, its name in small letters. NULL if it was not sent, or empty.';

CREATE FUNCTION people_counter_rest.sees(session uuid) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT people_counter_rest.sees_all()
            OR EXISTS (SELECT FROM people_counter_rest.session_devices AS d
                        WHERE d.session_id = session AND d.device = people_counter_rest.device())
    $$;
COMMENT ON FUNCTION people_counter_rest.sees(uuid) IS 'Whether the request may use a session: a device only its own.';

CREATE FUNCTION people_counter_rest.find_api_key(key text, OUT key_role text, OUT device text)
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    found people_counter_rest.api_keys;
BEGIN
    SELECT * INTO found FROM people_counter_rest.api_keys AS k WHERE k.key_hash = sha256(convert_to(key, 'UTF8'));
    IF found.id IS NULL OR found.revoked_at IS NOT NULL THEN
        RAISE SQLSTATE 'PT401' USING MESSAGE = 'X-API-Key is not valid', HINT = 'Ask an administrator for a key.';
    END IF;
    IF found.expires_at <= clock_timestamp() THEN
        RAISE SQLSTATE 'PT401' USING MESSAGE = format('X-API-Key "%s..." has expired at %s', found.key_start, found.expires_at),
            HINT = 'Ask an administrator for a new key.';
    END IF;
    IF found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 minute' THEN
        PERFORM people_counter_rest.note_key_use(found.id);
    END IF;
    key_role := found.key_role;
    device := found.device;
END $$;
COMMENT ON FUNCTION people_counter_rest.find_api_key(text) IS
    'What a key may do. ERROR PT401 for one that is unknown, revoked or expired.';

-- It must not restore the settings that it makes, so it has no SET clause: every name in it is qualified.
CREATE FUNCTION people_counter_rest.pre_request() RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    key pg_catalog.text := people_counter_rest.request_header('x-api-key');
    found pg_catalog.record;
BEGIN
    IF key IS NULL THEN
        RETURN;
    END IF;
    found := people_counter_rest.find_api_key(key);
    PERFORM pg_catalog.set_config('role', 'people_counter_' OPERATOR(pg_catalog.||) found.key_role, true),
            pg_catalog.set_config('people_counter_rest.device', coalesce(found.device, ''), true);
END $$;
COMMENT ON FUNCTION people_counter_rest.pre_request() IS
    'What PostgREST calls before each request (db-pre-request): takes the role of the API key in header X-API-Key, where there is one. ERROR PT401 for a key that is not valid.';
