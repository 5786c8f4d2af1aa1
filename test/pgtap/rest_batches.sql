-- Batches of movements: random mixtures of good, bad and repeated rows against an oracle, row by row; and rows that only fail when
-- they are stored.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(40);
-- \set seed on the command line of psql repeats a run.
\if :{?seed}
\else
    SELECT (random() * 1000000)::integer AS seed \gset
\endif
SELECT diag('seed ' || :seed);
SELECT setseed(:seed / 1000000.0) AS ignored \gset
INSERT INTO sessions (id, session_name, start_time, time_zone) VALUES (s(1)::uuid, 'one', '2024-03-09', 'America/New_York'), (s(2)::uuid,
    'two', '2024-03-09', 'UTC');

-- What must come of each row of a batch, by the plain rules: a row with a wrong value is rejected; one with the id and the time of an
-- earlier one is a duplicate; any other is recorded.
CREATE TEMP TABLE known (id uuid, movement_time timestamptz, PRIMARY KEY (id, movement_time));
CREATE FUNCTION pg_temp.oracle(batch jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    answer text[] := '{}';
    given jsonb;
    result text;
    instant timestamptz;
BEGIN
    FOR given IN SELECT value FROM jsonb_array_elements(batch) WITH ORDINALITY AS e(value, n) ORDER BY n LOOP
        IF jsonb_typeof(given) <> 'object' OR given ->> 'bad' IS NOT NULL THEN
            result := 'rejected';
        ELSIF given ->> 'id' IS NULL THEN
            result := 'recorded';
        ELSE
            instant := given ->> 'instant';
            INSERT INTO known VALUES ((given ->> 'id')::uuid, instant) ON CONFLICT DO NOTHING;
            result := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
        END IF;
        answer := answer || result;
    END LOOP;
    RETURN answer;
END
$$;
-- A row: `instant` is its time for the oracle, `bad` what is wrong with it; the API ignores both.
CREATE FUNCTION pg_temp.random_row() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r float8 := random();
    n integer := (random() * 40)::integer;
    instant timestamptz := '2024-03-09 12:00Z'::timestamptz + (random() * 60)::integer * interval '1 minute';
    given jsonb := jsonb_build_object('person_id', n, 'movement_direction', CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END,
        'confidence_score', random());
    wrong jsonb[] := '{"{\"person_id\": \"1\"}","{\"movement_direction\": \"up\"}","{\"person_id\": null}","{\"confidence_score\": 1.01}","{\"movement_time\": \"yesterday\"}","{\"id\": \"no\"}","{\"frame_number\": 1e12}","{\"centroid_x\": 1e39}"}'::jsonb[];
BEGIN
    IF r < 0.05 THEN
        RETURN ('{"1","null","[]","\"x\""}'::jsonb[])[1 + (random() * 3)::integer];
    ELSIF r < 0.25 THEN
        RETURN given || wrong[1 + (random() * 7)::integer] || '{"bad": "yes"}';
    ELSIF r < 0.45 THEN
        RETURN given;
    ELSIF r < 0.6 THEN   -- an id of version 7, which has its time in it
        RETURN given || jsonb_build_object('id', '018e2300-00' || lpad(to_hex(n % 8), 2, '0') || '-7000-8000-00000000000a',
            'instant', to_timestamp(('x' || '018e230000' || lpad(to_hex(n % 8), 2, '0'))::bit(48)::bigint / 1000.0));
    END IF;
    -- Few ids and few times, so that there are many repetitions; the same time in several forms.
    RETURN given || jsonb_build_object('id', '00000000-0000-4000-8000-0000000000' || lpad((n % 10)::text, 2, '0'), 'instant', instant,
        'movement_time',
        CASE (random() * 2)::integer WHEN 0 THEN to_char(instant AT TIME ZONE 'America/New_York', 'YYYY-MM-DD"T"HH24:MI:SS')
                                     WHEN 1 THEN to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"')
                                     ELSE to_char(instant AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD"T"HH24:MI:SS.US"+07:00"') END);
END
$$;
CREATE FUNCTION pg_temp.compare(batch jsonb, name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT count(*) FROM people_movements);
    expected text[] := pg_temp.oracle(batch);
    answer jsonb := post('operator', 'record_movements', batch::text, s(1));
    got text[] := array(SELECT value ->> 'status' FROM jsonb_array_elements(answer -> 'results') WITH ORDINALITY AS e(value, n) ORDER BY n);
BEGIN
    RETURN NEXT is(got, expected, name || ': every row as the oracle says, in order');
    RETURN NEXT is(ARRAY[(answer ->> 'count')::bigint, (answer ->> 'recorded')::bigint, (answer ->> 'duplicates')::bigint,
        (answer ->> 'rejected')::bigint,
                         (SELECT count(*) FROM people_movements) - before],
                   ARRAY[cardinality(expected), cardinality(array_positions(expected, 'recorded')), cardinality(array_positions(expected,
                       'duplicate')),
                         cardinality(array_positions(expected, 'rejected')), cardinality(array_positions(expected, 'recorded'))]::bigint[],
                             name || ': counts add up');
    RETURN NEXT ok(NOT EXISTS (SELECT FROM jsonb_array_elements(answer -> 'results') WITH ORDINALITY AS e(value, n)
                                WHERE (value ->> 'status' = 'rejected') <> (value ? 'detail')
                                    OR (value ->> 'status' <> 'rejected') <> (value ? 'movement_id')
                                   OR (value ->> 'movement_id' <> batch -> (n - 1)::integer ->> 'id')), name
                                       || ': ids are those that were sent, details are of what was rejected');
END
$$;
SELECT pg_temp.compare((SELECT jsonb_agg(pg_temp.random_row()) FROM generate_series(1, size)), 'batch ' || k || ' of ' || size)
  FROM (VALUES (1, 1), (2, 2), (3, 10), (4, 100), (5, 100), (6, 1000)) AS v(k, size);
SELECT is_empty('SELECT * FROM verify_statistics()', 'statistics are right');

-- Rows that a trigger of the user's refuses: the others are recorded all the same.
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.person_id = 13 THEN
        RAISE EXCEPTION 'not number %', NEW.person_id USING HINT = 'Take another.';
    ELSIF NEW.person_id = 14 THEN
        RAISE check_violation USING MESSAGE = 'fourteen';
    ELSIF NEW.person_id = 15 THEN
        PERFORM 1 / 0;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON people_movements FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
CREATE TEMP TABLE answers AS SELECT post('operator', 'record_movements', (SELECT jsonb_agg(jsonb_build_object('person_id', n,
    'movement_direction', 'in',
    'id', '00000000-0000-4000-8000-000000000' || n, 'movement_time', '2024-03-09T15:00:00Z') ORDER BY n) || '[{"person_id": "x"}]'
    || '[{"person_id": 100, "movement_direction": "in", "id": "00000000-0000-4000-8000-000000000100", "movement_time": "2024-03-09T15:00Z"}]'
    FROM generate_series(100, 104) n)::text, s(2)) AS answer;
DELETE FROM people_movements WHERE session_id::text = s(2);
CREATE TEMP TABLE told AS
SELECT post('operator', 'record_movements', (SELECT jsonb_agg(jsonb_build_object('person_id', n, 'movement_direction', 'in', 'id',
    '00000000-0000-4000-8000-0000000001' || n, 'movement_time', '2024-03-09T15:00:00Z') ORDER BY n)
    || '[{"person_id": "x", "movement_direction": "in"}, {"person_id": 11, "movement_direction": "in", "id": "00000000-0000-4000-8000-000000000111", "movement_time": "2024-03-09T15:00Z"}]'
    FROM generate_series(11, 17) n)::text, s(2))::jsonb AS answer;
SELECT is((SELECT array_agg(value ->> 'status' ORDER BY n) FROM told, jsonb_array_elements(answer -> 'results') WITH ORDINALITY AS e(value,
    n)),
          '{recorded,recorded,rejected,rejected,rejected,recorded,recorded,rejected,duplicate}'::text[],
              'a row that a trigger refuses does not fail its neighbours');
SELECT is(answer - 'results', '{"count": 9, "recorded": 4, "duplicates": 1, "rejected": 4}', 'counts add up there, too') FROM told;
SELECT is(answer -> 'results' -> n ->> 'detail', detail, 'why: ' || detail)
  FROM told, (VALUES (2, 'not number 13. Take another.'), (3, 'fourteen'), (4, 'division by zero'), (7,
      'person_id "x" is not accepted. person_id must be a whole number of 32 bits.')) AS v(n, detail);
SELECT is((SELECT count(*) FROM people_movements WHERE session_id::text = s(2)), 4::bigint, 'and four are there');
SELECT is((answer::json ->> 'recorded') || ' ' || (answer::json ->> 'duplicates') || ' ' || (answer::json ->> 'rejected'), '5 1 1',
    'a batch that the trigger had nothing against') FROM answers;
SELECT matches(post('operator', 'record_movements', '{"person_id": 13, "movement_direction": "in"}', s(2)),
    '^P0001 not number 13\. Take another', 'of one movement it is the error');
-- Whatever it raises, but for what would pass by itself.
CREATE FUNCTION pg_temp.forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) ->> 'person_id' = '2013' OR to_jsonb(NEW) ->> 'current_people_count' = '2013' THEN
        RAISE insufficient_privilege USING MESSAGE = 'not yours';
    ELSIF to_jsonb(NEW) ->> 'person_id' = '2014' OR to_jsonb(NEW) ->> 'current_people_count' = '2014' THEN
        RAISE lock_not_available USING MESSAGE = 'busy';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER forbid BEFORE INSERT ON people_movements FOR EACH ROW EXECUTE FUNCTION pg_temp.forbid();
CREATE TRIGGER forbid BEFORE INSERT ON realtime_metrics FOR EACH ROW EXECUTE FUNCTION pg_temp.forbid();
CREATE FUNCTION pg_temp.statuses(answer text) RETURNS text LANGUAGE sql
    RETURN (SELECT string_agg((value ->> 'status') || coalesce(': ' || (value ->> 'detail'), ''), ', ')
              FROM jsonb_array_elements(answer::jsonb -> 'results') AS r(value));
SELECT is(pg_temp.statuses(post('operator', 'record_movements',
    '[{"person_id": 2013, "movement_direction": "in"}, {"person_id": 1, "movement_direction": "in"}]', s(2))),
    'rejected: not yours, recorded', 'a row that a trigger forbids does not fail its neighbours');
SELECT matches(post('operator', 'record_movements',
    '[{"person_id": 2014, "movement_direction": "in"}, {"person_id": 1, "movement_direction": "in"}]', s(2)),
    '^55P03 busy', 'what passes by itself fails the batch, which is to be sent again');
SELECT is(pg_temp.statuses(post('operator', 'record_metrics', '[{"current_people_count": 2013}, {"current_people_count": 1}]', s(2))),
    'rejected: not yours, recorded', 'nor does a sample that a trigger forbids');
SELECT matches(post('operator', 'record_metrics', '[{"current_people_count": 2014}, {"current_people_count": 1}]', s(2)),
    '^55P03 busy', 'of samples it is the same');
SELECT matches(post('operator', 'record_metrics', '{"current_people_count": 2013}', s(2)), '^42501 not yours', 'of one sample it is the error');

SELECT pg_temp.compare((SELECT jsonb_agg(CASE WHEN jsonb_typeof(r) = 'object' AND r ->> 'person_id' IN ('13', '14', '15') THEN r
    || '{"bad": "refused"}' ELSE r END)
                          FROM (SELECT pg_temp.random_row() AS r FROM generate_series(1, 200) OFFSET 0) AS rows), 'with the trigger');
ALTER TABLE people_movements DISABLE TRIGGER refuse, DISABLE TRIGGER forbid;

-- Metrics in batches, the same rules.
SELECT is((SELECT array_agg(value ->> 'status' ORDER BY n) FROM jsonb_array_elements(post('operator', 'record_metrics',
    '[{"current_people_count": 3}, {"detection_status": "asleep"},
    {"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2024-03-09T12:00Z"}, {"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2024-03-09T12:00Z"}]',
        s(2))::jsonb -> 'results')
    WITH ORDINALITY AS e(value, n)), '{recorded,rejected,recorded,duplicate}'::text[], 'samples in a batch');

-- As it goes on: a large one in one statement.
SELECT is((post('operator', 'record_movements', (SELECT jsonb_agg(jsonb_build_object('person_id', n, 'movement_direction', CASE n % 2 WHEN 0
    THEN 'in' ELSE 'out' END)) FROM generate_series(1, 20000) n)::text,
          s(2))::json ->> 'recorded'), '20000', '20,000 movements');
SELECT is((SELECT current_people FROM (SELECT calculate_current_people_inside(s(2)::uuid) AS current_people) AS c) >= 0, true,
    'are counted');
SELECT is_empty('SELECT * FROM verify_statistics()', 'statistics are right after all of it');

SELECT * FROM finish();
ROLLBACK;
