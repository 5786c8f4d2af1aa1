-- The API's movements and metrics samples: what is answered, to the key and its type; defaults, ids, zones, pages.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(67);
INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES
    (s(1)::uuid, 'one', now() - interval '1 day', 'UTC'), (s(2)::uuid, 'Saigon', '2024-03-01', 'Asia/Ho_Chi_Minh'), (s(3)::uuid, 'Berlin',
        '2024-03-01', 'Europe/Berlin');
CREATE FUNCTION pg_temp.move(body text, n integer DEFAULT 1) RETURNS text LANGUAGE sql AS $$ SELECT post('operator', 'record_movements',
    body, s(n)) $$;

-- One movement

CREATE TEMP TABLE made AS SELECT pg_temp.move('{"person_id": 7, "movement_direction": "in"}')::json AS answer;
SELECT is(shape(answer), 'movement_id string, status string', 'the answer to a movement') FROM made;
SELECT is(answer ->> 'status', 'recorded', 'recorded') FROM made;
SELECT is(ROW (session_id, movement_time, person_id, movement_direction, centroid_x, confidence_score, frame_number)::text,
          format('(%s,"%s",7,in,,,)', s(1), now()), 'now, and nothing that was not sent')
  FROM people_movements, made WHERE id = (answer ->> 'movement_id')::uuid;
SELECT is(pg_temp.move('{"id": "00000000-0000-4000-8000-000000000001", "movement_time": "2024-03-10T08:30:00.123456+07:00", "person_id": -1,
    "movement_direction": "out", "centroid_x": 320, "centroid_y": 240.5, "bounding_box_x1": 300, "bounding_box_y1": 200, "bounding_box_x2": 340,
    "bounding_box_y2": 280, "confidence_score": 0.95, "frame_number": 0, "camera": "ignored", "Person_Id": "also"}'),
    '{"movement_id": "00000000-0000-4000-8000-000000000001", "status": "recorded"}', 'all of it, with an id of the client''s');
SELECT is((SELECT to_jsonb(m) - 'created_at' FROM people_movements m WHERE m.id = '00000000-0000-4000-8000-000000000001'),
    jsonb_build_object(
    'id', '00000000-0000-4000-8000-000000000001', 'session_id', s(1), 'movement_time', '2024-03-10T01:30:00.123456+00:00', 'person_id', -1,
    'movement_direction', 'out', 'centroid_x', 320, 'centroid_y', 240.5, 'bounding_box_x1', 300, 'bounding_box_y1', 200, 'bounding_box_x2',
        340,
    'bounding_box_y2', 280, 'confidence_score', 0.95, 'frame_number', 0), 'is stored as it was sent');
SELECT is(pg_temp.move('{"id": "{00000000000040008000000000000001}", "movement_time": "2024-03-10T01:30:00.123456Z", "person_id": 5, "movement_direction": "in"}'),
    '{"movement_id": "00000000-0000-4000-8000-000000000001", "status": "duplicate"}', 'again, in whatever form, it is a duplicate');
SELECT is((SELECT person_id FROM people_movements WHERE id = '00000000-0000-4000-8000-000000000001'), -1, 'that changes nothing');
SELECT is(pg_temp.move('{"id": "00000000-0000-4000-8000-000000000001", "movement_time": "2024-03-10T01:30:00.123456Z", "person_id": 5, "movement_direction": "in"}',
    2)::json ->> 'status',
          'recorded', 'of another session it is another movement');
SELECT matches(pg_temp.move('{"id": "00000000-0000-4000-8000-000000000002", "person_id": 5, "movement_direction": "in"}'),
    '^22023 movement_time is missing\..*version 7',
               'an id without a time could be counted twice');
SELECT matches(pg_temp.move('{"id": "00000000-0000-7000-0000-000000000002", "person_id": 5, "movement_direction": "in"}'),
    '^22023 movement_time is missing',
               'also one that only looks like version 7');
SELECT is(pg_temp.move('{"id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "person_id": 5, "movement_direction": "in"}')::json ->> 'status',
    status,
          'the time of an id of version 7: ' || status) FROM (VALUES ('recorded'), ('duplicate')) AS v(status);
SELECT is((SELECT movement_time FROM people_movements WHERE id = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'),
    '2022-02-22 19:22:22Z'::timestamptz, 'is what it says');
SELECT matches(pg_temp.move('{"id": "ffffffff-ffff-7fff-bfff-ffffffffffff", "person_id": 5, "movement_direction": "in"}'),
    '^22008 movement_time "10889',
               'if it is a time of the years 1 to 9999');
SELECT matches(pg_temp.move('{"id": null, "movement_time": null, "person_id": 1, "movement_direction": "in", "centroid_x": null, "confidence_score": null}'),
    'recorded',
               'null is not given');
SELECT matches(pg_temp.move('{"person_id": 1, "movement_direction": "in"}', 99), '^PT404 session "', 'no such session');
SELECT matches(post('operator', 'record_movements', '{"person_id": 1, "movement_direction": "in"}'), '^22023 session_id is missing',
    'no session');
SELECT matches(post('operator', 'record_movements', '[]', ''), '^22023 session_id is missing', 'an empty one');
SELECT matches(pg_temp.move('{"movement_direction": "in"}'), '^22023 person_id is missing\. person_id must be', 'no person');
SELECT matches(pg_temp.move('{"person_id": 1}'), '^22023 movement_direction is missing\. movement_direction must be in or out',
    'no direction');
SELECT matches(pg_temp.move('{"Person_ID": 1, "movement_direction": "in"}'), '^22023 person_id is missing',
    'fields are told apart by case');
SELECT is(pg_temp.move('{"person_id": 1, "person_id": 2147483647, "movement_direction": "in"}')::json ->> 'status', 'recorded',
    'of two the last counts');

-- Zones

SELECT pg_temp.move(format('{"id": "00000000-0000-4000-8000-0000000001%s", "movement_time": "%s", "person_id": 1, "movement_direction": "in"}',
    lpad(k::text, 2, '0'), t), n)
  FROM (VALUES (1, 2, '2024-03-10T08:30'), (2, 3, '2024-03-31T01:59:59'), (3, 3, '2024-03-31T02:30:00'), (4, 3, '2024-10-27T02:30:00'),
               (5, 3, '2024-10-27T02:30:00+02:00'), (6, 2, '2024-03-10 24:00:00'), (7, 2, '2016-12-31T23:59:60Z')) AS v(k, n, t);
SELECT is((SELECT movement_time FROM people_movements WHERE id::text = '00000000-0000-4000-8000-0000000001' || lpad(k::text, 2, '0')),
    t::timestamptz, name)
  FROM (VALUES (1, '2024-03-10 01:30Z', 'without an offset it is of the zone of the session'), (2, '2024-03-31 00:59:59Z',
      'before the clocks go forward'),
               (3, '2024-03-31 01:30Z', 'that no clock showed'), (4, '2024-10-27 01:30Z', 'that clocks showed twice'),
               (5, '2024-10-27 00:30Z', 'with an offset the first of them'), (6, '2024-03-10 17:00Z', '24:00'), (7, '2017-01-01Z',
                   'a leap second')) AS v(k, t, name);

-- GET /sessions/{id}/movements

DELETE FROM people_movements;
SELECT is(get('reader', 'list_movements', quote_literal(s(1)))::jsonb, '{"movements": [], "total": 0, "limit": 100, "offset": 0}',
    'none: zero is 0');
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, centroid_x, centroid_y, bounding_box_x1,
    confidence_score, frame_number)
SELECT s(1)::uuid, now() - interval '2 hours' + n / 2 * interval '1 second', ('00000000-0000-7000-8000-00000000' || lpad(n::text, 4,
    '0'))::uuid, n,
       CASE WHEN n % 4 = 0 THEN 'out' ELSE 'in' END::movement_direction, CASE WHEN n = 1200 THEN 0 END, CASE WHEN n = 1200 THEN 240.5 END,
           NULL,
       CASE WHEN n = 1200 THEN 0 END, CASE WHEN n = 1200 THEN 0 END
  FROM generate_series(1, 1200) n;
CREATE FUNCTION pg_temp.list(parameters text, OUT count integer, OUT first text, OUT last text, OUT total integer, OUT size integer,
    OUT start integer)
LANGUAGE sql AS $$
    SELECT json_array_length(a -> 'movements'), a -> 'movements' -> 0 ->> 'person_id', a -> 'movements' -> -1 ->> 'person_id',
           (a ->> 'total')::integer, (a ->> 'limit')::integer, (a ->> 'offset')::integer
      FROM CAST(get('reader', 'list_movements', concat_ws(', ', quote_literal(s(1)), nullif(parameters, ''))) AS json) AS a
$$;
CREATE TEMP TABLE listed AS SELECT get('reader', 'list_movements', quote_literal(s(1)))::json AS answer;
SELECT is(shape(answer), 'movements array, total number, limit number, offset number', 'a list') FROM listed;
SELECT is(shape(answer -> 'movements' -> 0),
    'id string, person_id number, movement_direction string, movement_time string, centroid object, '
          'bounding_box object, confidence_score number, frame_number number', 'of such movements: zero is 0') FROM listed;
SELECT is(shape(answer -> 'movements' -> 0 -> 'centroid') || ', ' || shape(answer -> 'movements' -> 0 -> 'bounding_box'),
          'x number, y number, x1 null, y1 null, x2 null, y2 null', 'a point, and a box that was not sent') FROM listed;
SELECT matches(answer -> 'movements' -> 0 ->> 'movement_time', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+]00:00$', 'times have an offset')
    FROM listed;
SELECT is(pg_temp.list(parameters)::text, answer, name)
  FROM (VALUES ('', '(100,1200,1101,1200,100,0)', '100 unless told otherwise, newest first, and by id'),
               ('page_limit => ''1000''', '(1000,1200,201,1200,1000,0)', 'at most 1000'), ('page_limit => ''1''', '(1,1200,1200,1200,1,0)',
                   'at least 1'),
               ('movement_direction => ''out''', '(100,1200,804,300,100,0)', 'out: total counts what matches'),
               ('movement_direction => ''in'', page_limit => ''10'', page_offset => ''895''', '(5,6,1,900,10,895)', 'in: the last page'),
               ('movement_direction => '''', page_offset => ''5000''', '(0,,,1200,100,5000)', 'behind the end')) AS v(parameters, answer,
                   name);
SELECT matches(get('reader', 'list_movements', quote_literal(s(1)) || ', ' || parameter || ' => ' || quote_literal(value)), '^22023 '
    || name || ' "', name || ' ' || value)
  FROM (VALUES ('page_limit', 'limit', '0'), ('page_limit', 'limit', '1001'), ('page_limit', 'limit', '-5'), ('page_limit', 'limit', '1e2'),
      ('page_offset', 'offset', '-1'),
               ('page_offset', 'offset', 'x'), ('movement_direction', 'direction', 'IN'), ('movement_direction', 'direction',
                   'sideways')) AS v(parameter, name, value);
SELECT matches(get('reader', 'list_movements', quote_literal(s(99))), '^PT404 ', 'movements of no session');
SELECT is(get('reader', 'get_session', quote_literal(s(1)))::json #>> '{statistics,total_people_entered}', '900',
    'the statistics have counted them');

-- Metrics samples

CREATE FUNCTION pg_temp.sample(body text, n integer DEFAULT 1) RETURNS text LANGUAGE sql AS $$ SELECT post('operator', 'record_metrics',
    body, s(n)) $$;
SELECT is(shape(pg_temp.sample('{}')::json), 'metrics_id string, status string', 'the answer to a sample');
SELECT is((SELECT ROW ("timestamp", current_people_count, people_entered_last_minute, people_exited_last_minute, detection_status,
    fps_current)::text FROM realtime_metrics),
          format('("%s",0,0,0,waiting,)', now()), 'its defaults');
SELECT is(pg_temp.sample('{"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2024-03-10T08:30", "current_people_count": 5, "people_entered_last_minute": 2,
    "people_exited_last_minute": 1, "detection_status": "tracking", "fps_current": 30.0, "cpu_usage_percentage": 45.5, "memory_usage_mb": 256.75,
    "processing_latency_ms": 0, "else": 1}', 2), '{"metrics_id" : "00000000-0000-4000-8000-000000000001", "status" : "recorded"}',
        'all of it');
SELECT is((SELECT to_jsonb(m) - 'created_at' FROM realtime_metrics m WHERE m.session_id = s(2)::uuid), jsonb_build_object('id',
    '00000000-0000-4000-8000-000000000001',
    'session_id', s(2), 'timestamp', '2024-03-10T01:30:00+00:00', 'current_people_count', 5, 'people_entered_last_minute', 2,
        'people_exited_last_minute', 1,
    'detection_status', 'tracking', 'fps_current', 30, 'cpu_usage_percentage', 45.5, 'memory_usage_mb', 256.75, 'processing_latency_ms', 0),
        'is stored as it was sent');
SELECT is(pg_temp.sample('{"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2024-03-10T01:30Z"}', 2)::json ->> 'status',
    'duplicate', 'again, it is a duplicate');
SELECT is(pg_temp.sample('[{"current_people_count": 1}, {"current_people_count": -1}, [], {"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2024-03-10T01:30Z"}]',
    2)::jsonb
              #- '{results,0,metrics_id}',
          '{"count": 4, "recorded": 1, "duplicates": 1, "rejected": 2, "results": [{"status": "recorded"},
            {"status": "rejected", "detail": "current_people_count \"-1\" is not accepted. current_people_count must be a whole number, 0 or more."},
            {"status": "rejected", "detail": "this element is not an object. Each element of the array is an object."},
            {"metrics_id": "00000000-0000-4000-8000-000000000001", "status": "duplicate"}]}', 'an array of samples');
SELECT matches(pg_temp.sample('{}', 99), '^PT404 ', 'a sample of no session');
DELETE FROM realtime_metrics;
SELECT is(get('reader', 'recent_metrics', quote_literal(s(1)))::jsonb, '{"metrics": [], "period_minutes": 10}', 'no samples');
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, cpu_usage_percentage)
SELECT s(1)::uuid, now() - n * interval '15 seconds', n, 0 FROM generate_series(0, 300) n;
SELECT is(shape(get('reader', 'recent_metrics', quote_literal(s(1)))::json -> 'metrics' -> 0),
    'timestamp string, current_people_count number, '
    'people_entered_last_minute number, people_exited_last_minute number, detection_status string, fps_current null, cpu_usage_percentage number, '
    'memory_usage_mb null, processing_latency_ms null', 'a sample as it is read');
CREATE FUNCTION pg_temp.recent(parameters text, OUT count integer, OUT first text, OUT last text, OUT minutes integer) LANGUAGE sql AS $$
    SELECT json_array_length(a -> 'metrics'), a -> 'metrics' -> 0 ->> 'current_people_count',
        a -> 'metrics' -> -1 ->> 'current_people_count', (a ->> 'period_minutes')::integer
      FROM CAST(get('reader', 'recent_metrics', concat_ws(', ', quote_literal(s(1)), nullif(parameters, ''))) AS json) AS a
$$;
SELECT is(pg_temp.recent(parameters)::text, answer, name)
  FROM (VALUES ('', '(41,0,40,10)', 'ten minutes, newest first'), ('''1''', '(5,0,4,1)', 'at least one'), ('''60''', '(100,0,99,60)',
      'at most sixty, and 100 samples'))
       AS v(parameters, answer, name);
SELECT matches(get('reader', 'recent_metrics', format('%L, %L', s(1), value)), '^22023 minutes "', 'minutes ' || value)
    FROM unnest('{0,61,-1,x,1.5}'::text[]) AS value;

SELECT * FROM finish();
ROLLBACK;
