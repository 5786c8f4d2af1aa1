-- generate_uuid_v7(): layout, order and uniqueness of ids.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SELECT plan(14);

SELECT function_returns('generate_uuid_v7', '{}'::name[], 'uuid');
SELECT volatility_is('generate_uuid_v7', '{}'::name[], 'volatile');
SELECT is(proparallel, 's'::"char", 'generate_uuid_v7() is parallel safe')
  FROM pg_proc WHERE oid = 'generate_uuid_v7()'::regprocedure;

-- A volatile function in a select list is called once for each row, in order.
CREATE TEMP TABLE started AS SELECT clock_timestamp() AS at;
CREATE TEMP TABLE made AS SELECT n, generate_uuid_v7() AS id FROM generate_series(1, 100000) AS n;
CREATE TEMP TABLE parts AS
SELECT n, id,
       ('x' || left(hex, 12))::bit(48)::bigint AS milliseconds,
       ('x' || substr(hex, 14, 3))::bit(12)::integer AS fraction,
       ('x' || right(hex, 16))::bit(64)::bigint & x'3fffffffffffffff'::bigint AS random
  FROM made, replace(id::text, '-', '') AS hex;

SELECT is_empty(
    $$ SELECT id FROM made WHERE id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' $$,
    'every id has version 7 and the variant of RFC 9562');
SELECT is((SELECT count(DISTINCT id) FROM made), 100000::bigint, 'no id comes twice');
SELECT is_empty(
    $$ SELECT id FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous FROM made) AS pair WHERE id <= previous $$,
    'ids strictly ascend in the order they were made');
SELECT is_empty(
    $$ SELECT id
         FROM parts, started
        WHERE to_timestamp(milliseconds / 1000.0) NOT BETWEEN at - interval '1 second'
                                                          AND clock_timestamp() + interval '1 second' $$,
    'ids hold the time they were made');
SELECT ok(count(DISTINCT fraction) > 2000 AND max(fraction) > 4000, 'the fraction of a millisecond is used')
  FROM parts;
SELECT ok(bit_or(random) = x'3fffffffffffffff'::bigint AND bit_and(random) = 0, 'all 62 random bits vary')
  FROM parts;
-- Half of the bits of two independent values differ: 31 on average with a deviation of 4 for a pair, 0.0125 for the
-- mean of 100,000.
SELECT ok(avg(distance) BETWEEN 30.9 AND 31.1, 'neighbours share no randomness')
  FROM (SELECT length(replace((random # lag(random) OVER (ORDER BY n))::bit(64)::text, '0', '')) AS distance
          FROM parts) AS neighbours;

SELECT ok(generate_uuid_v7() < generate_uuid_v7(), 'the later id is greater, also within an expression');
CREATE TEMP TABLE last_made AS SELECT generate_uuid_v7() AS id;
SAVEPOINT undone;
UPDATE last_made SET id = generate_uuid_v7();
ROLLBACK TO undone;
SELECT ok(generate_uuid_v7() > id, 'a rollback does not turn ids back') FROM last_made;

-- Parallel workers are processes of their own.
CREATE TABLE many AS SELECT n FROM generate_series(1, 50000) AS n;
ALTER TABLE many SET (parallel_workers = 2);
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE) ' || query;
END $$;
SELECT ok(
    (SELECT string_agg(line, E'\n') FROM pg_temp.plan_of('SELECT generate_uuid_v7() FROM many') AS line)
        ~ 'Gather.*Output: .*generate_uuid_v7\(\).*Parallel Seq Scan',
    'workers make ids');
CREATE TEMP TABLE made_in_parallel AS SELECT generate_uuid_v7() AS id FROM many;
SELECT is((SELECT count(DISTINCT id) FROM made_in_parallel), 50000::bigint, 'workers make different ids');

SELECT * FROM finish();
ROLLBACK;
