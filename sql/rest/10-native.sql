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
