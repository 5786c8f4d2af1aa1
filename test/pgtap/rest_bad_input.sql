-- Whatever is sent to the API instead of what it asked for: it is refused with SQLSTATE 22023 (or what is right), in words that
-- name the field and the value, and nothing of it is stored.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(62);
INSERT INTO sessions (id, session_name, start_time) VALUES (s(1)::uuid, 'one', '2024-03-01');

-- Every field and its kind, with a value that is good.
CREATE TEMP TABLE fields (target text, field text, kind text, good jsonb);
INSERT INTO fields
SELECT 'movement', f, k, g::jsonb FROM (VALUES ('id', 'uuid', '"00000000-0000-7000-8000-000000000001"'), ('movement_time', 'time',
    '"2024-03-01T00:00Z"'),
    ('person_id', 'whole', '-2147483648'), ('movement_direction', 'word', '"out"'), ('centroid_x', 'real', '-1.5'), ('centroid_y', 'real',
        '3.4e38'),
    ('bounding_box_x1', 'real', '0'), ('bounding_box_y1', 'real', '1'), ('bounding_box_x2', 'real', '2'), ('bounding_box_y2', 'real', '3'),
    ('confidence_score', 'share', '1'), ('frame_number', 'whole', '2147483647')) AS v(f, k, g)
UNION ALL
SELECT 'sample', f, k, g::jsonb FROM (VALUES ('id', 'uuid', '"00000000-0000-7000-8000-000000000001"'), ('timestamp', 'time',
    '"2024-03-01T00:00Z"'),
    ('current_people_count', 'count', '0'), ('people_entered_last_minute', 'count', '1'), ('people_exited_last_minute', 'count',
        '2147483647'),
    ('detection_status', 'word', '"detecting"'), ('fps_current', 'positive', '1e-3'), ('cpu_usage_percentage', 'percent', '100'),
    ('memory_usage_mb', 'unsigned', '0'), ('processing_latency_ms', 'real', '-1')) AS v(f, k, g)
UNION ALL
SELECT 'session', f, k, g::jsonb FROM (VALUES ('id', 'uuid', '"00000000-0000-7000-8000-000000000001"'), ('session_name', 'text 255', '"x"'),
    ('input_source', 'text 500', '"x"'),
    ('output_path', 'text 500', '"x"'), ('start_time', 'time', '"2024-03-01T00:00Z"'), ('end_time', 'time', '"2099-03-01T00:00Z"'),
    ('duration_seconds', 'unsigned', '0'), ('status', 'word', '"error"'), ('fps', 'positive', '0.01'), ('total_frames', 'count', '0'),
    ('resolution_width', 'positive', '1'), ('resolution_height', 'positive', '1'), ('confidence_threshold', 'share', '0'), ('skip_frames',
        'count', '0'),
    ('max_disappeared', 'count', '0'), ('max_distance', 'count', '0'), ('time_zone', 'text 255', '"UTC"'), ('day_start', 'clock',
        '"04:00"'),
    ('reset_time', 'clock', '"04:30"'), ('capacity', 'count', '0'), ('false_positives', 'count', '0'), ('false_negatives', 'count',
        '0')) AS v(f, k, g);
SELECT is_empty($$ SELECT attrelid::regclass, attname FROM pg_attribute
                    WHERE attrelid IN ('people_movements'::regclass, 'realtime_metrics'::regclass, 'sessions'::regclass) AND attnum > 0
                        AND NOT attisdropped
                      AND attname NOT IN ('session_id', 'created_at', 'updated_at') AND (attrelid::regclass::text, attname) NOT IN
                          (SELECT CASE target WHEN 'movement' THEN 'people_movements' WHEN 'sample' THEN 'realtime_metrics'
                              ELSE 'sessions' END, field FROM fields) $$,
                'every column that a client may set is tried');

-- Values, and the kinds of field that take them. `shown`: as the message has it.
CREATE TEMP TABLE vals (value jsonb, fits text, shown text);
INSERT INTO vals
SELECT v::jsonb, f, coalesce(s, '"' || left(v::jsonb #>> '{}', 64) || CASE WHEN length(v::jsonb #>> '{}') > 64 THEN '...' ELSE '' END
    || '"')
  FROM (VALUES ('{}', '', '(an object)'), ('{"a": [1, 2]}', '', '(an object)'), ('[]', '', '(an array)'), ('[1]', '', '(an array)'),
      ('true', '', '"true"'),
    ('false', '', '"false"'), ('1e400', '', NULL), ('-1e400', '', NULL),
    ('1.5', 'real unsigned positive percent', NULL), ('-0.5', 'real', NULL), ('2147483648', 'real unsigned positive', NULL), ('-2147483649',
        'real', NULL),
    ('-1', 'real whole', NULL), (repeat('9', 200), '', NULL), ('1e38', 'real unsigned positive', NULL), ('0.' || repeat('3', 500),
        'real unsigned share percent positive', NULL),
    ('"1"', 'text', NULL), ('"NaN"', 'text', NULL), ('"Infinity"', 'text', NULL), ('"-Infinity"', 'text', NULL), ('"now"', 'text', NULL),
        ('"true"', 'text', NULL),
    ('"null"', 'text', NULL), ('""', 'text', NULL), ('" "', 'text', NULL), ('"in "', 'text', NULL), ('"IN"', 'text', NULL), ('"Active"',
        'text', NULL),
    ('"a\"b''c\\d"', 'text', NULL), ('"a\tb\nc\u0001"', 'text', NULL), ('"🚪 cửa"', 'text', NULL), ('"; DROP TABLE sessions; --"', 'text',
        NULL),
    ('"'' OR 1=1 --"', 'text', NULL), ('"$$; SELECT pg_sleep(9) $$"', 'text', NULL), ('"%s%n{}"', 'text', NULL), ('"2024-02-30T00:00Z"',
        'text', NULL),
    ('"2024-01-01"', 'text', NULL), ('"10000-01-01T00:00Z"', 'text', NULL), ('"9999-12-31T23:59:59-01:00"', 'text', NULL), ('"25:00"',
        'text', NULL),
    ('"04:00+07"', 'text', NULL), ('"00000000-0000-7000-8000-00000000000g"', 'text', NULL), (to_json(repeat('ễ', 600))::text, '', '"'
        || repeat('ễ', 21) || '..."'),
    (to_json(repeat('x', 100000))::text, '', NULL)) AS v(v, f, s);

-- What comes of a value in a field.
CREATE TEMP TABLE tried AS
SELECT f.*, v.*, post('operator', CASE f.target WHEN 'movement' THEN 'record_movements' WHEN 'sample' THEN 'record_metrics'
    ELSE 'create_session' END,
           (CASE f.target WHEN 'movement' THEN '{"person_id": 1, "movement_direction": "in"}' ELSE '{}' END::jsonb
               || jsonb_build_object(f.field, v.value))::text, s(1)) AS answer
  FROM fields f CROSS JOIN vals v
 WHERE NOT (f.field = 'time_zone' AND jsonb_typeof(v.value) = 'string');
SELECT is((SELECT string_agg(format('%s.%s = %s: %s', target, field, left(value::text, 40), left(answer, 200)), E'\n') FROM tried
            WHERE split_part(kind, ' ', 1) <> ALL (string_to_array(fits, ' ')) AND NOT (target = 'session' AND field IN ('fps',
                'duration_seconds', 'resolution_width', 'resolution_height'))
              AND NOT (starts_with(answer, format('22023 %s %s is not accepted. %s must be ', field, shown, field))
                  AND length(answer) < 300)),
          NULL, format('%s wrong values are refused, by field and value', (SELECT count(*) FROM tried)));
SELECT is((SELECT string_agg(format('%s.%s = %s: %s', target, field, left(value::text, 40), left(answer, 200)), E'\n') FROM tried
            WHERE split_part(kind, ' ', 1) = ANY (string_to_array(fits, ' ')) AND NOT (target = 'session' AND field IN ('fps',
                'duration_seconds', 'resolution_width', 'resolution_height', 'time_zone'))
              AND answer !~ 'recorded|created'), NULL, 'and right ones are taken');
SELECT is((SELECT string_agg(format('%s = %s: %s', field, left(value::text, 40), left(answer, 200)), E'\n') FROM tried
            WHERE field IN ('fps', 'duration_seconds', 'resolution_width', 'resolution_height') AND answer !~ 'created'
              AND (answer !~ '^22(023|003) ' OR strpos(answer, field) <> 7)), NULL, 'also where a column has bounds of its own');
SELECT is((SELECT string_agg(format('%s.%s: %s', target, field, answer), E'\n') FROM fields
            CROSS JOIN LATERAL post('operator', CASE target WHEN 'movement' THEN 'record_movements' WHEN 'sample' THEN 'record_metrics'
                ELSE 'create_session' END,
                (CASE target WHEN 'movement' THEN '{"person_id": 1, "movement_direction": "in"}' ELSE '{}' END::jsonb
                    || jsonb_build_object(field, good))::text, s(1)) AS answer
            WHERE answer !~ 'recorded|created'), NULL, 'every field takes a good value');
SELECT matches(post('operator', 'create_session', format('{"session_name": "%s"}', repeat('ễ', 255))), 'created',
    '255 characters, not bytes');
SELECT matches(post('operator', 'create_session', format('{"session_name": "%s"}', repeat('ễ', 256))),
    '^22023 session_name "ễ+\.\.\." is not accepted\. session_name must be a text of at most 255', '256 are too many');
SELECT matches(post('operator', 'record_movements',
    '{"person_id": -0, "movement_direction": "in", "centroid_x": -0.0, "frame_number": 1.0, "confidence_score": 1e-400}', s(1)), 'recorded',
    '-0, 1.0 and next to nothing are numbers');
SELECT matches(post('operator', 'create_session', '{"total_frames": 3.0, "capacity": 1e2, "fps": 2.5e1}'), 'created',
    'for columns of sessions, too');
SELECT matches(post('operator', 'create_session', format('{"time_zone": %s}', z)), '^22023 (unknown )?time_zone ', 'zone ' || left(z, 20))
  FROM (VALUES ('"Mars/Olympus"'), ('""'), ('"'' || now() || ''"'), ('5'), ('{}'), ('"../../etc/passwd"')) AS v(z);
SELECT is(convert_from(convert_to(post('operator', 'create_session', jsonb_build_object('time_zone', repeat('aễ', 100))::text), 'UTF8'),
    'UTF8') ~ '^22023 unknown time_zone "[aễ]+"', true,
          'a long zone is clipped between characters');
SELECT matches(post('operator', 'create_session', format('{"day_start": "%s"}', t)), '^22023 day_start "' || t, 'day_start ' || t)
    FROM unnest('{04:30,24:00,00:00:01}'::text[]) AS t;

-- Bodies that are something else.
SELECT matches(post('operator', name, body, s(1)), '^22023 the body is ', name || ' of ' || left(body, 20))
  FROM (VALUES ('record_movements'), ('record_metrics'), ('create_session'), ('update_session')) AS f(name) CROSS JOIN (VALUES ('null'),
      ('true'), ('7'), ('"text"')) AS b(body);
SELECT matches(post('operator', name, '[{}]', s(1)), '^22023 the body is an array', name || ' of an array')
    FROM unnest('{create_session,update_session}'::text[]) AS name;
SELECT is(post('operator', name, '[]', s(1))::jsonb, '{"count": 0, "recorded": 0, "duplicates": 0, "rejected": 0, "results": []}', name
    || ' of nothing')
  FROM unnest('{record_movements,record_metrics}'::text[]) AS name;
SELECT is(post('operator', name, '[null, 1, "x", [], [[1]], true]', s(1))::json ->> 'rejected', '6', name
    || ' of elements that are no objects') FROM unnest('{record_movements,record_metrics}'::text[]) AS name;
SELECT matches(post('operator', name, body), '^22023 the body is not an object', name || ' of ' || body)
  FROM (VALUES ('acknowledge_alert'), ('resolve_alert')) AS f(name) CROSS JOIN (VALUES ('null'), ('[]'), ('7')) AS b(body);
SELECT matches(post('operator', name, body), expected, name || ': ' || expected)
  FROM (VALUES ('acknowledge_alert'), ('resolve_alert')) AS f(name)
 CROSS JOIN (VALUES ('{}', '^22023 alert_id is missing'), ('{"alert_id": "x"}', '^22023 alert_id "x"'), (format('{"alert_id": "%s"}', s(1)),
     '^PT404 alert "')) AS b(body, expected);

-- Depth.
CREATE FUNCTION pg_temp.deep(n integer) RETURNS text LANGUAGE sql AS $$ SELECT repeat('[', n) || repeat(']', n) $$;
SELECT matches(post('operator', 'record_movements', format('{"person_id": %s, "movement_direction": "in"}', pg_temp.deep(5000)), s(1)),
    '^22023 person_id \(an array\)', '5,000 deep in a field');
SELECT matches(post('operator', 'record_movements', format('{"x": %s, "person_id": 1, "movement_direction": "in"}', pg_temp.deep(5000)),
    s(1)), '^22023 the value of "x" is nested too deeply', 'in one that is ignored');
SELECT is(post('operator', 'record_movements', pg_temp.deep(5000), s(1))::json ->> 'rejected', '1', 'and as the body');
SELECT matches(post('operator', 'create_session', format('{"x": %s}', pg_temp.deep(5000))), '^22023 the value of "x" is nested too deeply',
    'in a session');
SELECT matches(post('operator', 'record_movements', format('{"x": %s, "person_id": 1, "movement_direction": "in"}', pg_temp.deep(60)),
    s(1)), 'recorded', 'but not where somebody may mean it');
SELECT matches(post('operator', 'update_session', format('{"fps": %s}', pg_temp.deep(5000)), s(1)), '^22023 fps \(an array\)',
    'in a change of one');
SELECT matches(post('operator', 'record_movements', pg_temp.deep(1000000), s(1)), '^54001 ', 'a million deep: the server''s own limit');

-- After all that.
SELECT is((SELECT count(*) FROM people_movements WHERE person_id NOT IN (1, 0, -2147483648)) , (SELECT count(*) FROM tried
    WHERE target = 'movement' AND field = 'person_id' AND answer ~ 'recorded' AND value <> '1'),
          'what was refused was not stored');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are right');

SELECT * FROM finish();
ROLLBACK;
