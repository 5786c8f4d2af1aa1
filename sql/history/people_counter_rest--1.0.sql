\echo Use "CREATE EXTENSION people_counter_rest" to load this file. \quit

-- 00-prelude.sql
-- Nothing below depends on who installs or on their search_path: every name is qualified, the rest is pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['anonymous', 'reader', 'device', 'operator', 'admin', 'api_owner', 'authenticator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'people_counter_' || role) THEN
            EXECUTE format('CREATE ROLE people_counter_%s NOLOGIN%s', role,
                           CASE role WHEN 'authenticator' THEN ' NOINHERIT' ELSE '' END);
        END IF;
    END LOOP;
END $$;
-- Roles are of the whole cluster: another database may have made them, and DROP EXTENSION leaves them.
COMMENT ON ROLE people_counter_anonymous IS 'people_counter over HTTP: who says nothing of themselves. Sees whether the service is healthy.';
COMMENT ON ROLE people_counter_reader IS 'people_counter over HTTP: reads everything but settings, channels and keys.';
COMMENT ON ROLE people_counter_device IS 'people_counter over HTTP: a counter. Makes sessions, and reports movements and metrics of its own.';
COMMENT ON ROLE people_counter_operator IS 'people_counter over HTTP: does what readers and devices do, for all sessions; corrects, sets thresholds and baselines, acknowledges alerts.';
COMMENT ON ROLE people_counter_admin IS 'people_counter over HTTP: does what operators do; deletes sessions, changes settings and channels, makes keys.';
COMMENT ON ROLE people_counter_api_owner IS 'people_counter over HTTP: owns the functions and views of the API, which run with its rights. No one logs in as it.';
COMMENT ON ROLE people_counter_authenticator IS 'people_counter over HTTP: PostgREST logs in as it, has no rights by it, and takes the role of each request.';
GRANT people_counter_reader, people_counter_device TO people_counter_operator;
GRANT people_counter_operator TO people_counter_admin;
GRANT people_counter_anonymous, people_counter_reader, people_counter_device, people_counter_operator, people_counter_admin
    TO people_counter_authenticator;

COMMENT ON SCHEMA people_counter_api IS
    'People counter: sessions, movements, metrics, statistics and alerts of people-counting cameras and door sensors.';
CREATE SCHEMA people_counter_rest;
COMMENT ON SCHEMA people_counter_rest IS
    'What the API of people_counter is made of and does not show: keys, whose session is whose, checks of requests.';
GRANT USAGE ON SCHEMA people_counter_api, people_counter_rest TO people_counter_anonymous, people_counter_reader,
    people_counter_device, people_counter_api_owner;

-- 05-core.sql
-- people_counter may be in any schema, and may be renamed. So its name is looked up once, here, where what the API uses of it
-- gets a fixed name: tables as views of the same name, types as domains, functions as functions whose bodies are parsed
-- here, so that they follow what they name.
DO $$
DECLARE
    core text := (SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE e.extname = 'people_counter');
    name text;
    call record;
BEGIN
    -- Triggers run as whoever writes, and some name functions of theirs.
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO people_counter_api_owner, people_counter_operator', core);
    FOREACH name IN ARRAY ARRAY['sessions', 'people_movements', 'realtime_metrics', 'occupancy_baselines', 'alert_thresholds',
                                'alert_channels', 'system_config', 'alert_logs'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s.%I TO people_counter_api_owner', core, name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['session_statistics', 'hourly_statistics', 'daily_statistics', 'alert_deliveries',
                                'alert_worker_status', 'current_session_overview', 'recent_movements', 'hourly_analytics',
                                'daily_analytics'] LOOP
        EXECUTE format('GRANT SELECT ON TABLE %s.%I TO people_counter_api_owner', core, name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['sessions', 'people_movements', 'realtime_metrics', 'session_statistics', 'hourly_statistics',
                                'daily_statistics', 'alert_logs', 'alert_deliveries', 'alert_worker_status', 'alert_channels'] LOOP
        EXECUTE format('CREATE VIEW people_counter_rest.%I AS SELECT * FROM %s.%1$I', name, core);
        EXECUTE format('COMMENT ON VIEW people_counter_rest.%I IS %L', name, name || ' of people_counter, in whatever schema that is.');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['movement_direction', 'detection_status'] LOOP
        EXECUTE format('CREATE DOMAIN people_counter_rest.%I AS %s.%1$I', name, core);
        EXECUTE format('COMMENT ON DOMAIN people_counter_rest.%I IS %L', name, name || ' of people_counter, in whatever schema that is.');
    END LOOP;
    FOR call IN SELECT * FROM (VALUES
        ('generate_uuid_v7', '', '', 'uuid', 'VOLATILE'),
        ('default_time_zone', '', '', 'text', 'STABLE'),
        ('calculate_current_people_inside', 'uuid', '$1', 'integer', 'STABLE'),
        ('acknowledge_alert', 'uuid, text, text', '$1, $2, $3', 'timestamptz', 'VOLATILE'),
        ('resolve_alert', 'uuid, text, text', '$1, $2, $3', 'timestamptz', 'VOLATILE'),
        ('set_channel_secret', 'text, text, text', '$1, $2, $3', 'void', 'VOLATILE'),
        ('send_test_alert', 'text', '$1', 'uuid', 'VOLATILE')) AS v(name, types, arguments, result, volatility)
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s.%I(%s) TO people_counter_api_owner', core, call.name, call.types);
        EXECUTE format('CREATE FUNCTION people_counter_rest.%1$I(%2$s) RETURNS %3$s LANGUAGE sql %4$s RETURN %5$s.%1$I(%6$s)', call.name,
                       call.types, call.result, call.volatility, core, call.arguments);
        EXECUTE format('COMMENT ON FUNCTION people_counter_rest.%I(%s) IS %L', call.name, call.types,
                       call.name || '() of people_counter, in whatever schema that is.');
    END LOOP;
END $$;
-- A view of the API calls it, with the rights of whoever reads the view.
ALTER FUNCTION people_counter_rest.calculate_current_people_inside(uuid) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

-- 10-native.sql
CREATE FUNCTION people_counter_rest.read_movements(body jsonb, zone text, OUT ordinal integer, OUT problem text, OUT hint text,
        OUT id uuid, OUT movement_time timestamptz, OUT person_id integer, OUT movement_direction text,
        OUT centroid_x real, OUT centroid_y real, OUT bounding_box_x1 real, OUT bounding_box_y1 real,
        OUT bounding_box_x2 real, OUT bounding_box_y2 real, OUT confidence_score real, OUT frame_number integer)
    RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'people_counter_rest_movements';
COMMENT ON FUNCTION people_counter_rest.read_movements(jsonb, text) IS
    'The movements in the body of a request, an object or an array of them, in order. A row that cannot be stored has a problem and a hint, which name field and value, and nothing else. Times without an offset are of the given zone. ERROR invalid_parameter_value if the body is neither, or the zone is unknown.';

CREATE FUNCTION people_counter_rest.read_samples(body jsonb, zone text, OUT ordinal integer, OUT problem text, OUT hint text,
        OUT id uuid, OUT "timestamp" timestamptz, OUT current_people_count integer, OUT people_entered_last_minute integer,
        OUT people_exited_last_minute integer, OUT detection_status text, OUT fps_current real,
        OUT cpu_usage_percentage real, OUT memory_usage_mb real, OUT processing_latency_ms real)
    RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'people_counter_rest_samples';
COMMENT ON FUNCTION people_counter_rest.read_samples(jsonb, text) IS
    'The metrics samples in the body of a request: as read_movements().';

CREATE FUNCTION people_counter_rest.session_fields(body jsonb, zone text, strict boolean) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_session_fields';
COMMENT ON FUNCTION people_counter_rest.session_fields(jsonb, text, boolean) IS
    'The columns of sessions that the body of a request names, with the values as their types read them: times without an offset are of the given zone. ERROR invalid_parameter_value, naming field and value, for a value that none can have and, if strict, for a name that no column has.';

CREATE FUNCTION people_counter_rest.note_key_use(key uuid) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'people_counter_rest_note_key_use';
COMMENT ON FUNCTION people_counter_rest.note_key_use(uuid) IS
    'Writes when an API key was last used, also in a transaction that otherwise only reads; not on a standby.';

REVOKE ALL ON FUNCTION people_counter_rest.read_movements(jsonb, text), people_counter_rest.read_samples(jsonb, text),
    people_counter_rest.session_fields(jsonb, text, boolean), people_counter_rest.note_key_use(uuid) FROM PUBLIC;

-- 20-access.sql
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

-- 30-views.sql
-- The tables and views of people_counter as PostgREST serves them, under their own names. They read with the rights of
-- their owner, so that what a role sees is said here: a device its own sessions, the others all. The sub-selects are
-- evaluated once for a statement. Columns are plain, for PostgREST finds the foreign keys behind them.
DO $$
DECLARE
    core text := (SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
                   WHERE e.extname = 'people_counter') || '.';
    own constant text := 'WHERE (SELECT people_counter_rest.sees_all()) OR %s IN (SELECT d.session_id'
        ' FROM people_counter_rest.session_devices AS d WHERE d.device = (SELECT people_counter_rest.device()))';
    source record;
    columns text;
BEGIN
    FOR source IN SELECT * FROM (VALUES
        ('sessions', 'id', true), ('people_movements', 'session_id', true), ('realtime_metrics', 'session_id', true),
        ('occupancy_baselines', 'session_id', true), ('session_statistics', 'session_id', true),
        ('hourly_statistics', 'session_id', true), ('daily_statistics', 'session_id', true),
        ('recent_movements', 'session_id', true),
        ('hourly_analytics', 'session_id', true), ('daily_analytics', 'session_id', true),
        ('alert_thresholds', NULL, false), ('alert_logs', NULL, false), ('alert_deliveries', NULL, false),
        ('alert_channels', NULL, false), ('system_config', NULL, false), ('alert_worker_status', NULL, false)
        ) AS v(name, session_column, by_device)
    LOOP
        SELECT string_agg(format('t.%I', attname), ', ' ORDER BY attnum) INTO STRICT columns
          FROM pg_attribute
         WHERE attrelid = (core || source.name)::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'fold_state';
        EXECUTE format('CREATE VIEW people_counter_api.%I WITH (security_barrier) AS SELECT %s FROM %s AS t ', source.name, columns,
                       (core || source.name)::regclass)
            || CASE WHEN source.by_device THEN format(own, 't.' || source.session_column) ELSE '' END
            || CASE WHEN source.name IN ('sessions', 'people_movements', 'realtime_metrics') THEN ' WITH CASCADED CHECK OPTION' ELSE '' END;
    END LOOP;
    -- What a view calls, it calls with the rights of whoever reads it. So this one is made anew, with a function of ours.
    SELECT string_agg(CASE WHEN o.attname = 'current_people_inside' THEN 'live.current_people_inside'
                           WHEN o.attname = 'free_places' THEN 't.capacity - live.current_people_inside AS free_places'
                           ELSE CASE WHEN s.attname IS NULL THEN 'st.' ELSE 't.' END || quote_ident(o.attname) END, ', ' ORDER BY o.attnum)
      INTO STRICT columns
      FROM pg_attribute AS o
      LEFT JOIN pg_attribute AS s ON s.attrelid = (core || 'sessions')::regclass AND s.attname = o.attname AND s.attnum > 0
     WHERE o.attrelid = (core || 'current_session_overview')::regclass AND o.attnum > 0;
    EXECUTE format('CREATE VIEW people_counter_api.current_session_overview WITH (security_barrier) AS SELECT %s FROM %ssessions AS t'
                   '  JOIN %2$ssession_statistics AS st ON st.session_id = t.id CROSS JOIN LATERAL'
                   ' (SELECT people_counter_rest.calculate_current_people_inside(t.id) AS current_people_inside OFFSET 0) AS live ',
                   columns, core) || format(own, 't.id') || ' ORDER BY t.start_time DESC, t.id DESC';
    FOR source IN
        SELECT v.relname AS name, obj_description((core || v.relname)::regclass, 'pg_class') AS comment
          FROM pg_class AS v WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relkind = 'v'
    LOOP
        EXECUTE format('COMMENT ON VIEW people_counter_api.%I IS %L', source.name, source.comment);
    END LOOP;
    FOR source IN
        SELECT v.relname AS name, a.attname AS column, col_description(b.attrelid, b.attnum) AS comment
          FROM pg_class AS v
          JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
          JOIN pg_attribute AS b ON b.attrelid = (core || v.relname)::regclass AND b.attname = a.attname
         WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relkind = 'v'
    LOOP
        EXECUTE format('COMMENT ON COLUMN people_counter_api.%I.%I IS %L', source.name, source.column, source.comment);
    END LOOP;
END $$;

CREATE VIEW people_counter_api.api_keys WITH (security_barrier) AS
    SELECT id, key_name, key_role, device, key_start, created_at, created_by, expires_at, revoked_at, last_used_at
      FROM people_counter_rest.api_keys;
COMMENT ON VIEW people_counter_api.api_keys IS 'The API keys that there are, without the keys. create_api_key() makes one, revoke_api_key() ends one.';
CREATE VIEW people_counter_api.session_devices WITH (security_barrier) AS
    SELECT session_id, device, created_at FROM people_counter_rest.session_devices;
COMMENT ON VIEW people_counter_api.session_devices IS 'Which device a session belongs to.';
DO $$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT v.relname AS name, a.attname AS column, col_description(b.attrelid, b.attnum) AS comment
          FROM pg_class AS v
          JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
          JOIN pg_attribute AS b ON b.attrelid = ('people_counter_rest.' || v.relname)::regclass AND b.attname = a.attname
         WHERE v.relnamespace = 'people_counter_api'::regnamespace AND v.relname IN ('api_keys', 'session_devices')
    LOOP
        EXECUTE format('COMMENT ON COLUMN people_counter_api.%I.%I IS %L', source.name, source.column, source.comment);
    END LOOP;
END $$;

-- 40-requests.sql
-- What the functions of the API have in common. Parameters of a GET are text: what is wrong with them is then said here, by
-- name and value, and not by PostgREST. Empty means not given.
CREATE FUNCTION people_counter_rest.whole_argument(name text, value text, fallback integer, lowest integer, highest integer)
    RETURNS integer
    LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN fallback;
    END IF;
    IF value !~ '^[0-9]{1,9}$' OR value::integer NOT BETWEEN lowest AND highest THEN
        RAISE invalid_parameter_value USING MESSAGE = format('%s "%s" is not accepted', name, left(value, 64)),
            HINT = format('%s must be a whole number from %s to %s.', name, lowest, highest);
    END IF;
    RETURN value::integer;
END $$;
COMMENT ON FUNCTION people_counter_rest.whole_argument(text, text, integer, integer, integer) IS
    'A whole number in a request, between lowest and highest; fallback if it was not given. ERROR invalid_parameter_value.';

CREATE FUNCTION people_counter_rest.uuid_argument(name text, value text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN NULL;
    END IF;
    IF value !~* '^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$' THEN
        RAISE invalid_parameter_value USING MESSAGE = format('%s "%s" is not accepted', name, left(value, 64)),
            HINT = format('%s must be a UUID.', name);
    END IF;
    RETURN value::uuid;
END $$;
COMMENT ON FUNCTION people_counter_rest.uuid_argument(text, text) IS
    'A UUID in a request; NULL if it was not given. ERROR invalid_parameter_value.';

CREATE FUNCTION people_counter_rest.word_argument(name text, value text, words text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN NULL;
    END IF;
    IF value <> ALL (words) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('%s "%s" is not accepted', name, left(value, 64)),
            HINT = format('%s must be one of: %s.', name, array_to_string(words, ', '));
    END IF;
    RETURN value;
END $$;
COMMENT ON FUNCTION people_counter_rest.word_argument(text, text, text[]) IS
    'One of several words in a request; NULL if it was not given. ERROR invalid_parameter_value.';

CREATE FUNCTION people_counter_rest.text_field(body jsonb, name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT CASE jsonb_typeof(body -> name) WHEN 'string' THEN body ->> name END $$;
COMMENT ON FUNCTION people_counter_rest.text_field(jsonb, text) IS
    'A text in the body of a request; NULL if there is none of that name, or it is no text.';

CREATE FUNCTION people_counter_rest.find_session(given text, OUT id uuid, OUT time_zone text)
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    id := people_counter_rest.uuid_argument('session_id', given);
    IF id IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'session_id is missing',
            HINT = 'It is in the path of the gateway''s URLs, and in header X-Session-Id where a function is called itself.';
    END IF;
    SELECT s.time_zone INTO time_zone FROM people_counter_rest.sessions AS s WHERE s.id = find_session.id;
    IF time_zone IS NULL OR NOT people_counter_rest.sees(id) THEN
        RAISE SQLSTATE 'PT404' USING MESSAGE = format('session "%s" does not exist', id),
            HINT = 'POST /sessions makes one.';
    END IF;
END $$;
COMMENT ON FUNCTION people_counter_rest.find_session(text) IS
    'The session that a request names, and its zone. ERROR invalid_parameter_value if that is no UUID, PT404 if there is no such session or it is another device''s.';

CREATE FUNCTION people_counter_rest.is_passing(state text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT state ~ '^(08|25|40|53|54|55|57|58|XX)' $$;
COMMENT ON FUNCTION people_counter_rest.is_passing(text) IS
    'Whether an error, by its SQLSTATE, is one of the server or of the moment, and not the fault of the row that met it: then the whole request is to be sent again.';

-- 50-sessions.sql
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

-- 55-movements.sql
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

-- 60-metrics.sql
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

-- 65-analytics.sql
CREATE FUNCTION people_counter_api.get_hourly_analytics(session_id text DEFAULT '', period_hours text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted uuid := CASE WHEN session_id <> '' THEN (people_counter_rest.find_session(session_id)).id END;
    hours integer := people_counter_rest.whole_argument('hours', period_hours, 24, 1, 168);
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('analytics', coalesce(json_agg(json_build_object(
                    'session_id', h.session_id, 'hour_timestamp', h.hour_timestamp, 'people_entered', h.people_entered,
                    'people_exited', h.people_exited, 'peak_people_count', h.peak_people_count,
                    'average_people_count', h.average_people_count, 'total_detections', h.total_detections,
                    'detection_accuracy', h.detection_accuracy) ORDER BY h.hour_timestamp DESC, h.session_id), '[]'),
                'period_hours', hours)
          FROM people_counter_rest.hourly_statistics AS h
         WHERE h.hour_timestamp >= now() - make_interval(hours => hours)
           AND (wanted IS NULL OR h.session_id = wanted) AND (everything OR h.session_id = ANY (own)));
END $$;
COMMENT ON FUNCTION people_counter_api.get_hourly_analytics(text, text) IS
    'GET /analytics/hourly?session_id=&hours=24

Hourly statistics of the last hours (1 to 168), newest first, of one session or of all: people who entered and left, peak and mean of the people inside, movements, and their mean confidence in percent. 404: no such session.';

CREATE FUNCTION people_counter_api.get_daily_analytics(session_id text DEFAULT '', period_days text DEFAULT '') RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted uuid := CASE WHEN session_id <> '' THEN (people_counter_rest.find_session(session_id)).id END;
    days integer := people_counter_rest.whole_argument('days', period_days, 30, 1, 365);
    today date := (now() AT TIME ZONE people_counter_rest.default_time_zone())::date;
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('analytics', coalesce(json_agg(json_build_object(
                    'session_id', d.session_id, 'date_timestamp', d.date_timestamp, 'total_people_entered', d.total_people_entered,
                    'total_people_exited', d.total_people_exited, 'peak_people_count', d.peak_people_count,
                    'average_people_count', d.average_people_count, 'total_detections', d.total_detections,
                    'total_session_duration', d.total_session_duration, 'detection_accuracy', d.detection_accuracy)
                    ORDER BY d.date_timestamp DESC, d.session_id), '[]'),
                'period_days', days)
          FROM people_counter_rest.daily_statistics AS d
         WHERE d.date_timestamp > today - days
           AND (wanted IS NULL OR d.session_id = wanted) AND (everything OR d.session_id = ANY (own)));
END $$;
COMMENT ON FUNCTION people_counter_api.get_daily_analytics(text, text) IS
    'GET /analytics/daily?session_id=&days=30

Daily statistics of the last days (1 to 365, today included), newest first, of one session or of all. 404: no such session.';

CREATE FUNCTION people_counter_api.dashboard_summary() RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    zone text := people_counter_rest.default_time_zone();
    today timestamptz := date_trunc('day', now(), zone);
    tomorrow timestamptz := ((now() AT TIME ZONE zone)::date + 1)::timestamp AT TIME ZONE zone;
    everything boolean := people_counter_rest.sees_all();
    own uuid[] := array(SELECT d.session_id FROM people_counter_rest.session_devices AS d
                         WHERE NOT everything AND d.device = people_counter_rest.device());
BEGIN
    RETURN (
        SELECT json_build_object('active_sessions', s.active, 'sessions_today', s.today, 'people_entered_today', h.entered,
                                 'people_exited_today', h.exited, 'recent_movements', r.movements, 'timestamp', now())
          FROM (SELECT count(*) FILTER (WHERE status = 'active') AS active,
                       count(*) FILTER (WHERE start_time >= today AND start_time < tomorrow) AS today
                  FROM people_counter_rest.sessions WHERE everything OR id = ANY (own)) AS s,
               (SELECT coalesce(sum(people_entered), 0) AS entered, coalesce(sum(people_exited), 0) AS exited
                  FROM people_counter_rest.hourly_statistics
                 WHERE hour_timestamp >= today AND hour_timestamp < tomorrow AND (everything OR session_id = ANY (own))) AS h,
               -- Whole hours are known; only what is left of the one that is an hour ago is counted.
               (SELECT coalesce(sum(coalesce(w.movements, 0) + m.movements), 0) AS movements
                  FROM people_counter_rest.session_statistics AS st
                 CROSS JOIN LATERAL (SELECT sum(d.total_detections) AS movements, coalesce(min(d.hour_timestamp), 'infinity') AS first
                                       FROM people_counter_rest.hourly_statistics AS d
                                      WHERE d.session_id = st.session_id AND d.hour_timestamp >= now() - interval '1 hour' OFFSET 0) AS w
                 CROSS JOIN LATERAL (SELECT count(*) AS movements FROM people_counter_rest.people_movements AS p
                                      WHERE p.session_id = st.session_id AND p.movement_time >= now() - interval '1 hour'
                                        AND p.movement_time < w.first OFFSET 0) AS m
                 WHERE st.last_movement_time >= now() - interval '1 hour' AND (everything OR st.session_id = ANY (own))) AS r);
END $$;
COMMENT ON FUNCTION people_counter_api.dashboard_summary() IS
    'GET /dashboard/summary

The present in six numbers: active_sessions; sessions_today, those that started today; people_entered_today and people_exited_today, by the movements of today''s hours; recent_movements, those of the last hour; timestamp. Today is the calendar day in the zone default_time_zone of system_config; of a session in a zone that is not whole hours apart, the hours that begin today.';

CREATE FUNCTION people_counter_api.dashboard_settings() RETURNS json
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT json_object_agg(s.name, coalesce(CASE WHEN c.config_value ~ '^[0-9]{1,6}(\.[0-9]{1,3})?$' THEN c.config_value::numeric END, s.otherwise))
          FROM (VALUES ('refresh_seconds', 'dashboard_refresh_interval', 5), ('silent_minutes', 'dashboard_silent_minutes', 15),
                       ('nearly_full_percent', 'dashboard_nearly_full_percent', 80)) AS s(name, key, otherwise)
          LEFT JOIN people_counter_api.system_config AS c ON c.config_key = s.key AND c.is_active
    $$;
COMMENT ON FUNCTION people_counter_api.dashboard_settings() IS
    'What the dashboard goes by, from system_config, which only admins see: refresh_seconds (dashboard_refresh_interval, otherwise 5), silent_minutes (dashboard_silent_minutes, otherwise 15) without a report until a session counts as silent, and nearly_full_percent (dashboard_nearly_full_percent, otherwise 80) of the capacity.';

-- 70-health.sql
CREATE FUNCTION people_counter_api.health() RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT json_build_object('status', 'healthy', 'timestamp', now()) $$;
COMMENT ON FUNCTION people_counter_api.health() IS
    'GET /health

{"status": "healthy", "timestamp"}, as long as the database answers; otherwise 503.';

CREATE FUNCTION people_counter_api.health_detailed() RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    worker record;
BEGIN
    SELECT * INTO worker FROM people_counter_rest.alert_worker_status;
    RETURN json_build_object(
        'status', 'healthy', 'timestamp', now(),
        'database', json_build_object(
            'version', current_setting('server_version'),
            'active_connections', (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
            'database_size', pg_database_size(current_database()), 'pool_size', nullif(current_setting('app.settings.db_pool', true), '')::integer,
            'host', coalesce(host(inet_server_addr()), 'local socket'),
            'port', coalesce(inet_server_port(), current_setting('port')::integer), 'database', current_database(),
            'in_recovery', pg_is_in_recovery()),
        'extension_version', (SELECT extversion FROM pg_extension WHERE extname = 'people_counter'),
        'alert_worker', json_build_object('state', worker.state, 'last_evaluation', worker.last_evaluation,
                                          'backlog', worker.backlog, 'errors', worker.errors),
        'delivery_backlog', (SELECT count(*) FROM people_counter_rest.alert_deliveries
                              WHERE delivered_at IS NULL AND abandoned_at IS NULL));
END $$;
COMMENT ON FUNCTION people_counter_api.health_detailed() IS
    'GET /health/detailed

As /health, and of the database its version, connections, size in bytes, connections of PostgREST''s pool, host, port and name; the version of the extension; the alert worker, with the time of its last evaluation; and alert deliveries that wait. For readers.';

CREATE DOMAIN people_counter_api."text/plain" AS text;
COMMENT ON DOMAIN people_counter_api."text/plain" IS 'A text that PostgREST answers as text/plain.';

CREATE FUNCTION people_counter_rest.label(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT replace(replace(replace(value, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n') $$;
COMMENT ON FUNCTION people_counter_rest.label(text) IS 'A label value of the Prometheus text format: backslash, quote and line feed are escaped.';

CREATE FUNCTION people_counter_api.prometheus_metrics() RETURNS people_counter_api."text/plain"
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN (
        WITH figure(position, name, kind, help, labels, value) AS (
            SELECT 1, 'people_counter_movements_total', 'counter', 'Movements of all sessions, by direction.',
                   format('direction="%s"', d.direction), d.total::text
              FROM (SELECT coalesce(sum(total_people_entered), 0) AS entered, coalesce(sum(total_people_exited), 0) AS exited,
                           coalesce(sum(exits_absorbed), 0) AS absorbed,
                           coalesce(sum(detection_frames::bigint + tracking_frames + waiting_frames), 0) AS samples
                      FROM people_counter_rest.session_statistics) AS t
             CROSS JOIN LATERAL (VALUES ('in', t.entered), ('out', t.exited)) AS d(direction, total)
            UNION ALL
            SELECT 2, 'people_counter_metrics_samples_total', 'counter', 'Metrics samples of all sessions.', '',
                   coalesce(sum(detection_frames::bigint + tracking_frames + waiting_frames), 0)::text
              FROM people_counter_rest.session_statistics
            UNION ALL
            SELECT 3, 'people_counter_exits_absorbed_total', 'counter', 'Exits that found nobody inside: entries that counters missed.', '',
                   coalesce(sum(exits_absorbed), 0)::text FROM people_counter_rest.session_statistics
            UNION ALL
            SELECT 4, 'people_counter_sessions', 'gauge', 'Sessions, by status.', format('status="%s"', status), count(*)::text
              FROM people_counter_rest.sessions GROUP BY status
            UNION ALL
            SELECT 5, 'people_counter_people_inside', 'gauge', 'People inside now, of each active session.',
                   format('session_id="%s",session_name="%s"', id, people_counter_rest.label(session_name)),
                   people_counter_rest.calculate_current_people_inside(id)::text
              FROM people_counter_rest.sessions WHERE status = 'active'
            UNION ALL
            SELECT 6, 'people_counter_last_movement_timestamp_seconds', 'gauge', 'Time of the last movement of each active session.',
                   format('session_id="%s",session_name="%s"', s.id, people_counter_rest.label(s.session_name)),
                   extract(epoch FROM st.last_movement_time)::text
              FROM people_counter_rest.sessions AS s JOIN people_counter_rest.session_statistics AS st ON st.session_id = s.id
             WHERE s.status = 'active' AND st.last_movement_time IS NOT NULL
            UNION ALL
            SELECT 7, 'people_counter_alerts_open', 'gauge', 'Alerts that are not resolved, by severity.', format('severity="%s"', v.severity),
                   count(l.id)::text
              FROM (VALUES ('info'), ('warning'), ('critical')) AS v(severity)
              LEFT JOIN people_counter_rest.alert_logs AS l ON l.severity = v.severity AND NOT l.is_resolved GROUP BY v.severity
            UNION ALL
            SELECT 8, 'people_counter_alert_deliveries_pending', 'gauge', 'Alert deliveries that wait to be sent.', '', count(*)::text
              FROM people_counter_rest.alert_deliveries WHERE delivered_at IS NULL AND abandoned_at IS NULL
            UNION ALL
            SELECT 9, 'people_counter_alert_worker_running', 'gauge', 'Whether the alert worker of this database runs.', '',
                   (state = 'running')::integer::text FROM people_counter_rest.alert_worker_status
            UNION ALL
            SELECT 10, 'people_counter_alert_worker_errors_total', 'counter', 'Looks of the alert worker that failed, since it started.', '',
                   coalesce(errors, 0)::text FROM people_counter_rest.alert_worker_status),
        line AS (
            SELECT position, 0 AS part, format(E'# HELP %s %s\n# TYPE %1$s %3$s\n', name, min(help), min(kind)) AS text FROM figure GROUP BY position, name
            UNION ALL
            SELECT position, 1, format(E'%s%s %s\n', name, CASE labels WHEN '' THEN '' ELSE '{' || labels || '}' END, value) FROM figure)
        SELECT string_agg(text, '' ORDER BY position, part, text COLLATE "C") FROM line);
END $$;
COMMENT ON FUNCTION people_counter_api.prometheus_metrics() IS
    'GET /metrics

Figures in the text format of Prometheus: movements and samples, sessions, people inside and time of the last movement of each active session, open alerts, pending deliveries, the alert worker. For readers.';

-- 72-stream.sql
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

-- 75-keys.sql
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

-- 78-alerts.sql
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

-- 90-grants.sql
-- Everything that reads or writes runs as people_counter_api_owner, which has rights on the tables of people_counter and no
-- others: not as whoever installed. Nobody has that role, so C functions are safe with it, too.
DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT d.classid, d.objid, c.relkind
          FROM pg_depend AS d
          LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
           AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'people_counter_rest')
    LOOP
        IF member.relkind IN ('r', 'v') THEN
            EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', member.objid::regclass);   -- what default privileges granted
            EXECUTE format('ALTER %s %s OWNER TO people_counter_api_owner', CASE member.relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END,
                           member.objid::regclass);
        ELSIF member.classid = 'pg_proc'::regclass THEN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.objid::regprocedure);
            EXECUTE format('ALTER FUNCTION %s OWNER TO people_counter_api_owner', member.objid::regprocedure);
        END IF;
    END LOOP;
END $$;

-- Inside of every request, whoever it is from.
GRANT EXECUTE ON FUNCTION people_counter_rest.pre_request(), people_counter_rest.find_api_key(text),
    people_counter_rest.request_header(text), people_counter_rest.sees_all(), people_counter_rest.device()
    TO people_counter_anonymous, people_counter_reader, people_counter_device;

-- Called by a view, which shows of it what its reader may see.
GRANT EXECUTE ON FUNCTION people_counter_rest.calculate_current_people_inside(uuid) TO people_counter_reader, people_counter_device;

GRANT EXECUTE ON FUNCTION people_counter_api.health() TO people_counter_anonymous, people_counter_reader, people_counter_device;

GRANT SELECT ON people_counter_api.sessions, people_counter_api.people_movements, people_counter_api.realtime_metrics,
    people_counter_api.occupancy_baselines, people_counter_api.session_statistics, people_counter_api.hourly_statistics,
    people_counter_api.daily_statistics, people_counter_api.current_session_overview, people_counter_api.recent_movements,
    people_counter_api.hourly_analytics, people_counter_api.daily_analytics TO people_counter_reader, people_counter_device;
GRANT SELECT ON people_counter_api.alert_thresholds, people_counter_api.alert_logs, people_counter_api.alert_worker_status
    TO people_counter_reader;
GRANT EXECUTE ON FUNCTION people_counter_api.list_sessions(text, text, text), people_counter_api.get_session(text),
    people_counter_api.list_movements(text, text, text, text), people_counter_api.recent_metrics(text, text),
    people_counter_api.get_hourly_analytics(text, text), people_counter_api.get_daily_analytics(text, text),
    people_counter_api.dashboard_summary(), people_counter_api.dashboard_settings(), people_counter_api.stream_channel(text)
    TO people_counter_reader, people_counter_device;
GRANT EXECUTE ON FUNCTION people_counter_api.health_detailed(), people_counter_api.prometheus_metrics() TO people_counter_reader;

GRANT INSERT ON people_counter_api.people_movements, people_counter_api.realtime_metrics TO people_counter_device;
GRANT EXECUTE ON FUNCTION people_counter_api.create_session(jsonb), people_counter_api.update_session(jsonb),
    people_counter_api.record_movements(jsonb), people_counter_api.record_metrics(jsonb) TO people_counter_device;

GRANT INSERT, UPDATE ON people_counter_api.sessions TO people_counter_operator;
GRANT UPDATE, DELETE ON people_counter_api.people_movements, people_counter_api.realtime_metrics TO people_counter_operator;
GRANT INSERT, UPDATE, DELETE ON people_counter_api.occupancy_baselines, people_counter_api.alert_thresholds,
    people_counter_api.session_devices TO people_counter_operator;
GRANT SELECT ON people_counter_api.alert_deliveries, people_counter_api.session_devices TO people_counter_operator;
GRANT EXECUTE ON FUNCTION people_counter_api.acknowledge_alert(jsonb), people_counter_api.resolve_alert(jsonb) TO people_counter_operator;

GRANT DELETE ON people_counter_api.sessions TO people_counter_admin;
GRANT SELECT ON people_counter_api.api_keys TO people_counter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON people_counter_api.alert_channels, people_counter_api.system_config TO people_counter_admin;
GRANT EXECUTE ON FUNCTION people_counter_api.create_api_key(text, text, text, timestamptz), people_counter_api.revoke_api_key(uuid),
    people_counter_api.set_channel_secret(text, text, text), people_counter_api.send_test_alert(text) TO people_counter_admin;

-- 95-dump.sql
-- What pg_dump takes along.
SELECT pg_extension_config_dump('people_counter_rest.api_keys', '');
SELECT pg_extension_config_dump('people_counter_rest.session_devices', '');
