-- The API's sessions: what is answered, to the key and its type; defaults, pages, changes, times and zones.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(81);
UPDATE system_config SET config_value = 'Asia/Ho_Chi_Minh' WHERE config_key = 'default_time_zone';

-- POST /sessions

CREATE TEMP TABLE made AS SELECT post('operator', 'create_session', '{}')::json AS answer;
SELECT is(shape(answer), 'session_id string, status string', 'the answer to a creation') FROM made;
SELECT is(answer ->> 'status', 'created', 'its status') FROM made;
CREATE TEMP VIEW new AS SELECT s.* FROM sessions s, made WHERE s.id = (answer ->> 'session_id')::uuid;
SELECT is(ROW (input_source, output_path, confidence_threshold, skip_frames, max_disappeared, max_distance, status, start_time,
    time_zone)::text,
          format('(,,0.30,3,15,80,active,"%s",Asia/Ho_Chi_Minh)', now()), 'defaults') FROM new;
SELECT is(session_name::text, to_char(now() AT TIME ZONE 'Asia/Ho_Chi_Minh', '"Session_"YYYYMMDD_HH24MISS'),
          'it is named by the clock of its zone') FROM new;
SELECT is(post('operator', 'create_session', format('{"id": "%s", "session_name": "Cửa chính 🚪", "input_source": "rtsp://a/b",
    "output_path": "/out.avi", "confidence_threshold": 0.5, "skip_frames": 0, "max_disappeared": 1, "max_distance": 2, "capacity": 80,
    "time_zone": "America/New_York", "day_start": "04:00", "reset_time": "04:30:00", "start_time": "2024-03-09T08:00:00+07:00",
    "resolution_width": 640, "resolution_height": 480, "fps": 29.97, "total_frames": 0, "unknown": {"a": [1]}}', s(1))),
    format('{"session_id" : "%s", "status" : "created"}', s(1)), 'with any columns, an id of the client''s, and other fields ignored');
SELECT is((SELECT ROW (session_name, input_source, output_path, confidence_threshold, skip_frames, max_disappeared, max_distance, capacity,
                       time_zone, day_start, reset_time, start_time, resolution_width, resolution_height, fps, total_frames)::text
             FROM sessions WHERE id::text = s(1)),
          '("Cửa chính 🚪",rtsp://a/b,/out.avi,0.50,0,1,2,80,America/New_York,04:00:00,04:30:00,"2024-03-09 01:00:00+00",640,480,29.97,0)',
          'all of them are stored');
SELECT matches(post('operator', 'create_session', format('{"id": "%s"}', s(1))), '^23505 ', 'the same id again is a conflict');
SELECT matches(post('operator', 'create_session', '{"session_name": null, "fps": null, "time_zone": null}'), 'created',
    'null is not given');
SELECT is((SELECT count(*) FROM sessions WHERE session_name IS NULL OR time_zone IS NULL), 0::bigint, 'so that it has its default');
SELECT post('operator', 'create_session',
    format('{"id": "%s", "status": "completed", "start_time": "2024-03-09T08:00:00Z", "end_time": "2024-03-09T09:00:30Z"}', s(2)));
SELECT is((SELECT duration_seconds FROM sessions WHERE id::text = s(2)), 3630.00, 'one that has ended has its duration');

-- Times without an offset are of the session's zone, whatever the connection says.
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = 'SQL, DMY';
SELECT post('operator', 'create_session', format('{"id": "%s", "time_zone": "Europe/Berlin", "start_time": "2024-03-31 01:59:59.5"}',
    s(3)));
SELECT post('operator', 'create_session', format('{"id": "%s", "time_zone": "Europe/Berlin", "start_time": "2024-03-31T02:30"}', s(4)));
SELECT post('operator', 'create_session', format('{"id": "%s", "time_zone": "Europe/Berlin", "start_time": "2024-10-27T02:30:00"}', s(5)));
SELECT post('operator', 'create_session', format('{"id": "%s", "time_zone": "Europe/Berlin", "start_time": "2024-10-27t02:30:00,25+0200"}',
    s(6)));
SELECT post('operator', 'create_session', format('{"id": "%s", "start_time": "2024-03-05T08:00"}', s(7)));
RESET datestyle;
SET LOCAL timezone = 'UTC';
SELECT is((SELECT start_time FROM sessions WHERE id::text = s(n)), t::timestamptz, name)
  FROM (VALUES (3, '2024-03-31 00:59:59.5Z', 'a time before the clocks go forward'), (4, '2024-03-31 01:30Z', 'one that no clock showed'),
               (5, '2024-10-27 01:30Z', 'of one that clocks showed twice, the second'), (6, '2024-10-27 00:30:00.25Z',
                   'or the one that the offset says'),
               (7, '2024-03-05 01:00Z', 'a time of the default zone')) AS v(n, t, name);

-- GET /sessions/{id}

CREATE TEMP TABLE read AS SELECT get('reader', 'get_session', quote_literal(s(1)))::json AS answer;
SELECT is((SELECT string_agg(k, ',' ORDER BY k COLLATE "C") FROM json_object_keys(answer) k WHERE k <> 'statistics'),
          (SELECT string_agg(attname, ',' ORDER BY attname COLLATE "C") FROM pg_attribute
            WHERE attrelid = 'sessions'::regclass AND attnum > 0 AND NOT attisdropped), 'a session has the columns of sessions') FROM read;
SELECT is((SELECT string_agg(k || ' ' || json_typeof(answer -> 'statistics' -> k), ', ')
    FROM unnest('{total_people_entered,total_people_exited,'
           'current_people_inside,peak_people_count,accuracy_percentage}'::text[]) k),
          'total_people_entered number, total_people_exited number, current_people_inside number, peak_people_count number, accuracy_percentage null',
          'and statistics: zero is 0') FROM read;
SELECT is(answer ->> 'start_time', '2024-03-09T01:00:00+00:00', 'times have an offset') FROM read;
SELECT is(json_typeof(answer -> 'fps') || json_typeof(answer -> 'confidence_threshold') || json_typeof(answer -> 'total_frames'),
          'numbernumbernumber', 'numbers are numbers') FROM read;
SELECT is(get('reader', 'get_session', quote_literal(upper(replace(s(1), '-', ''))))::json ->> 'id', s(1), 'an id in another form');
SELECT is(get('reader', 'get_session', quote_literal(s(99))), format('PT404 session "%s" does not exist. POST /sessions makes one.', s(99)),
    'no such session');
SELECT matches(get('reader', 'get_session', quote_literal(v)), '^22023 session_id .*(not accepted|missing)', 'no id: ' || v)
  FROM unnest(ARRAY['', 'x', '1', ''' OR 1=1 --', repeat('a', 32) || 'g', s(1) || ' ', '../' || s(1)]) AS v;
SELECT is(length(get('reader', 'get_session', quote_literal(repeat('ễ', 5000)))) < 200, true, 'a long one is clipped');

-- PUT /sessions/{id}

SELECT is(post('operator', 'update_session',
    '{"session_name": "Renamed", "output_path": "/new", "fps": 25.5, "total_frames": 100, "resolution_width": 1920,
                                               "resolution_height": 1080, "duration_seconds": 5.25}', s(1)),
          format('{"status" : "updated", "session_id" : "%s"}', s(1)), 'the answer to a change');
SELECT is((SELECT ROW (session_name, output_path, fps, total_frames, resolution_width, resolution_height, duration_seconds, skip_frames,
    capacity)::text
             FROM sessions WHERE id::text = s(1)), '(Renamed,/new,25.50,100,1920,1080,5.25,0,80)',
                 'what was named is changed, and nothing else');
SELECT matches(post('operator', 'update_session', '{"status": "completed"}', s(1)), 'updated', 'completed');
SELECT is((SELECT ROW (status, end_time = now())::text FROM sessions WHERE id::text = s(1)), '(completed,t)', 'ends it now');
SELECT post('operator', 'update_session', '{"time_zone": "UTC", "end_time": "2024-03-10T08:00", "status": "error"}', s(1));
SELECT is((SELECT ROW (status, end_time, time_zone)::text FROM sessions WHERE id::text = s(1)), '(error,"2024-03-10 08:00:00+00",UTC)',
          'a time that comes with a zone is of that zone');
SELECT matches(post('operator', 'update_session', '{"capacity": null, "reset_time": null, "fps": null, "output_path": null}', s(1)),
    'updated', 'null');
SELECT is((SELECT ROW (capacity, reset_time, fps, output_path)::text FROM sessions WHERE id::text = s(1)), '(,,,)',
    'empties what may be empty');
SELECT matches(post('operator', 'update_session', format('{%s: null}', to_json(f)), s(1)), '^23502 .*' || f, 'but not ' || f)
  FROM unnest('{session_name,start_time,status,confidence_threshold,time_zone,day_start}'::text[]) AS f;
SELECT matches(post('operator', 'update_session', '{"id": null}', s(1)), '^22023 id', 'an id does not become null');
SELECT matches(post('operator', 'update_session', format('{"id": "%s"}', s(2)), s(1)), '^22023 id "' || s(2), 'nor another');
SELECT matches(post('operator', 'update_session', format('{"id": "{%s}", "fps": 1}', upper(s(1))), s(1)), 'updated',
    'but may be sent along');
SELECT is(post('operator', 'update_session', '{"fps": 20, "Fps": 1, "nonsense": 2, "id ": 3, "created": {}}', s(1)),
          '22023 a session has no field "Fps", "id ", "created", "nonsense". COMMENTs on the columns of sessions say which there are.',
          'all unknown fields are named, also those that differ by case');
SELECT is((SELECT fps FROM sessions WHERE id::text = s(1)), 1.00, 'and nothing is changed');
SELECT is(length(post('operator', 'update_session', (SELECT jsonb_object_agg('ß' || n || repeat('x', 200), 1) FROM generate_series(1,
    500) n)::text, s(1))) < 800,
          true, 'but not without end');
SELECT matches(post('operator', 'update_session', '{"fps": 1, "fps": 24}', s(1)), 'updated', 'of a field that is there twice');
SELECT is((SELECT fps FROM sessions WHERE id::text = s(1)), 24.00, 'the last counts');
SELECT matches(post('operator', 'update_session', '{}', s(1)), 'updated', 'nothing to change');
SELECT matches(post('operator', 'update_session', '{}', s(99)), '^PT404 ', 'no such session to change');
SELECT matches(post('operator', 'update_session', '{}'), '^22023 session_id is missing', 'no session is named');
SELECT matches(post('operator', 'update_session', '{}', 'x'), '^22023 session_id "x"', 'no id is named');
SELECT matches(post('operator', 'update_session', '{"end_time": "2000-01-01T00:00Z"}', s(1)), '^23514 end_time "2000',
    'an end before the start');

-- GET /sessions

DELETE FROM sessions;
INSERT INTO sessions (id, session_name, start_time, status, resolution_width, resolution_height, total_frames)
SELECT ('00000000-0000-7000-8000-000000000' || lpad(n::text, 3, '0'))::uuid, 'n' || n,
    timestamptz '2024-01-01Z' + n / 2 * interval '1 hour',
       CASE WHEN n % 10 = 0 THEN 'completed' ELSE 'active' END::session_status, CASE n WHEN 120 THEN 640 END, CASE n WHEN 120 THEN 480 END,
           CASE n WHEN 120 THEN 0 END
  FROM generate_series(1, 120) n;
CREATE FUNCTION pg_temp.list(parameters text, OUT count integer, OUT first text, OUT last text, OUT total integer, OUT size integer,
    OUT start integer)
LANGUAGE sql AS $$
    SELECT json_array_length(a -> 'sessions'), a -> 'sessions' -> 0 ->> 'session_name', a -> 'sessions' -> -1 ->> 'session_name',
           (a ->> 'total')::integer, (a ->> 'limit')::integer, (a ->> 'offset')::integer
      FROM CAST(get('reader', 'list_sessions', parameters) AS json) AS a
$$;
SELECT is(shape(get('reader', 'list_sessions')::json), 'sessions array, total number, limit number, offset number', 'a list');
SELECT is(shape(get('reader', 'list_sessions')::json -> 'sessions' -> 0),
    'id string, session_name string, status string, start_time string, end_time '
    || CASE WHEN end_time IS NULL THEN 'null' ELSE 'string' END || ', duration_seconds ' || CASE WHEN duration_seconds IS NULL THEN 'null'
        ELSE 'number' END
    || ', fps null, total_frames number, resolution string', 'of such sessions') FROM sessions WHERE session_name = 'n120';
SELECT is(get('reader', 'list_sessions')::json -> 'sessions' -> 0 ->> 'resolution', '640x480', 'the resolution in one');
SELECT is(get('reader', 'list_sessions')::json -> 'sessions' -> 1 ->> 'resolution', NULL, 'or null');
SELECT is(pg_temp.list(parameters)::text, answer, name)
  FROM (VALUES ('', '(50,n120,n71,120,50,0)', '50 unless told otherwise, newest first'),
               ('page_limit => ''100''', '(100,n120,n21,120,100,0)', 'at most 100'), ('page_limit => ''1''', '(1,n120,n120,120,1,0)',
                   'at least 1'),
               ('page_limit => '''', page_offset => ''''', '(50,n120,n71,120,50,0)', 'empty is not given'),
               ('page_limit => ''30'', page_offset => ''110''', '(10,n10,n1,120,30,110)', 'the last page'),
               ('page_offset => ''999999999''', '(0,,,120,50,999999999)', 'behind the end'),
               ('session_status => ''completed''', '(12,n120,n10,12,50,0)', 'of one status: total counts what matches'),
               ('session_status => ''cancelled''', '(0,,,0,50,0)', 'of a status that none has')) AS v(parameters, answer, name);
SELECT matches(get('reader', 'list_sessions', parameter || ' => ' || quote_literal(value)), '^22023 ' || name || ' "', name || ' ' || value)
  FROM (VALUES ('page_limit', 'limit', '0'), ('page_limit', 'limit', '101'), ('page_limit', 'limit', '-1'), ('page_limit', 'limit', 'ten'),
               ('page_limit', 'limit', '1.0'), ('page_limit', 'limit', ' 1'), ('page_limit', 'limit', '99999999999999999999'),
                   ('page_limit', 'limit', E'1\n'),
               ('page_offset', 'offset', '-1'), ('page_offset', 'offset', '1000000000'), ('page_offset', 'offset',
                   '1; DROP TABLE sessions'),
               ('session_status', 'status', 'Active'), ('session_status', 'status', 'active,error'), ('session_status', 'status',
                   ''' OR true --')
       ) AS v(parameter, name, value);

SELECT * FROM finish();
ROLLBACK;
