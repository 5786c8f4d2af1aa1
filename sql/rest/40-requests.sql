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
