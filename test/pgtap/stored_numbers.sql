-- Native code writes numerics in the form they are stored in: digit for digit what the server makes of the same number, or they
-- would not hash, sort or compress like it.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SELECT plan(5);

SELECT random() AS seed \gset
SELECT diag('seed ' || :seed);
SELECT setseed(:seed) \g /dev/null

-- Occupancies and times of every size, down to a microsecond.
INSERT INTO sessions (id, session_name, start_time, false_positives, false_negatives)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'door', '2025-01-01', n, n * n
  FROM generate_series(1, 40) n;
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
SELECT id, '2025-01-01', (10 ^ (random() * 7))::integer FROM sessions;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
SELECT id, timestamptz '2025-01-01' + (10 ^ (random() * 13))::bigint * interval '1 microsecond', n,
       CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END::movement_direction, random()
  FROM sessions, generate_series(1, 60) n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, timestamptz '2025-01-01' + n * interval '1 hour', n, 'in' FROM sessions, generate_series(1, 3) n;
INSERT INTO sessions (session_name, start_time) VALUES ('empty', '2025-01-01');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, '2025-01-01 00:00', 1, 'in' FROM sessions WHERE session_name = 'empty';

CREATE VIEW numbers AS
    SELECT 'hour' AS kind, v FROM hourly_statistics,
           unnest(ARRAY[average_people_count, detection_accuracy, occupancy_seconds, observed_seconds]) v
    UNION ALL
    SELECT 'day', v FROM daily_statistics,
           unnest(ARRAY[average_people_count, detection_accuracy, occupancy_seconds, observed_seconds,
                        total_session_duration]) v
    UNION ALL
    SELECT 'session', v FROM session_statistics, unnest(ARRAY[average_people_count, accuracy_percentage]) v;

SELECT cmp_ok((SELECT count(DISTINCT v)::integer FROM numbers), '>', 2000, 'there are many numbers');
SELECT cmp_ok((SELECT count(*)::integer FROM numbers WHERE v = 0), '>', 0, 'zero is among them');
SELECT cmp_ok((SELECT max(v) FROM numbers), '>', 10000000::numeric, 'and large ones');
SELECT is_empty($$ SELECT kind, v FROM numbers
                    WHERE numeric_send(v) <> numeric_send(v::text::numeric)
                       OR hash_numeric(v) <> hash_numeric(v::text::numeric) $$, 'each is as the server makes it');
SELECT is_empty('SELECT * FROM verify_statistics()', 'and right');
SELECT * FROM finish();
ROLLBACK;
