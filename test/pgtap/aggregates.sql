-- occupancy_peak, occupancy_peak_time, occupancy_average and occupancy_closing, against the closed form
-- L = X - min(0, min X) in window functions.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SELECT plan(57);

-- Declarations

SELECT function_returns(name, arguments, result)
  FROM (VALUES ('occupancy_peak', 'integer'),
               ('occupancy_peak_time', 'timestamp with time zone'),
               ('occupancy_average', 'numeric'),
               ('occupancy_closing', 'integer')) AS aggregate(name, result),
       (VALUES (ARRAY['timestamp with time zone', 'movement_direction']),
               (ARRAY['timestamp with time zone', 'movement_direction', 'integer', 'tstzrange'])) AS form(arguments);
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM pg_proc
        WHERE proname LIKE 'occupancy\_%' AND prokind IN ('a', 'f')
          AND (obj_description(oid, 'pg_proc') IS NULL OR proparallel <> 's' OR provolatile <> 'i') $$,
    'every aggregate and support function has a comment, is immutable and parallel safe');

-- Random groups: many exits before any entrance, equal instants, one instant only, NULLs

\if :{?seed}
\else
SELECT random() AS seed \gset
\endif
SELECT diag('seed ' || :'seed' || '; the same data again: pg_prove --set seed=' || :'seed');
SELECT setseed(:seed) \g /dev/null
CREATE TABLE visits (grp integer, t timestamptz, d movement_direction);
INSERT INTO visits
SELECT grp,
       CASE WHEN random() < 0.98
            THEN timestamptz '2026-03-01 08:00+00' + floor(random() * (10 + grp * 10)) * interval '1 second' END,
       CASE WHEN random() < 0.98
            THEN CASE WHEN random() < 0.3 + (grp % 5) * 0.1 THEN 'in' ELSE 'out' END::movement_direction END
  FROM generate_series(1, 200) AS grp, generate_series(1, 1 + grp) AS n;
INSERT INTO visits
SELECT 0, timestamptz '2026-03-01 08:00+00' + random() * interval '5 hours',
       (CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END)::movement_direction
  FROM generate_series(1, 50000);
INSERT INTO visits
SELECT -1, timestamptz '2026-03-01 08:00+00',
       (CASE n % 3 WHEN 0 THEN 'out' ELSE 'in' END)::movement_direction FROM generate_series(1, 30) AS n;
INSERT INTO visits VALUES (-2, NULL, 'in'), (-2, now(), NULL), (-2, NULL, NULL);

CREATE VIEW levels AS
SELECT grp, t, x - least(0, min(x) OVER w) AS level, lead(t) OVER w AS until
  FROM (SELECT grp, t, sum(sum(CASE d WHEN 'in' THEN 1 ELSE -1 END)) OVER (PARTITION BY grp ORDER BY t) AS x
          FROM visits WHERE t IS NOT NULL AND d IS NOT NULL GROUP BY grp, t) AS signed
WINDOW w AS (PARTITION BY grp ORDER BY t);

CREATE VIEW expected AS
SELECT grp, max(level)::integer AS peak, (array_agg(t ORDER BY level DESC, t))[1] AS peak_time,
       round(sum(level * extract(epoch FROM until - t)) / nullif(extract(epoch FROM max(t) - min(t)), 0), 4) AS average,
       (array_agg(level ORDER BY t DESC))[1]::integer AS closing
  FROM levels GROUP BY grp
UNION ALL  -- groups without a movement: -2, and small ones where each row happens to have a NULL
SELECT grp, NULL, NULL, NULL, NULL FROM visits GROUP BY grp HAVING NOT bool_or(t IS NOT NULL AND d IS NOT NULL);

CREATE VIEW actual AS
SELECT grp, occupancy_peak(t, d) AS peak, occupancy_peak_time(t, d) AS peak_time, occupancy_average(t, d) AS average,
       occupancy_closing(t, d) AS closing
  FROM visits GROUP BY grp;

SELECT set_eq('TABLE actual', 'TABLE expected', 'as by window functions');
SELECT is((SELECT count(*) FROM actual), 203::bigint, 'one row a group');
SELECT isnt((SELECT peak FROM actual WHERE grp = 0), 0, 'the data rises above zero');
SELECT is((SELECT scale(average) FROM actual WHERE grp = 0), 4, 'an average has four decimals');
SELECT results_eq($$ SELECT peak, closing, average FROM actual WHERE grp = -1 $$,
                  $$ VALUES (10, 10, NULL::numeric) $$, 'one instant is netted and has no average');

-- The order of rows does not matter

CREATE FUNCTION pg_temp.ordered_by(expression text) RETURNS TABLE (
    grp integer, peak integer, peak_time timestamptz, average numeric, closing integer)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT grp, occupancy_peak(t, d ORDER BY %1$s), occupancy_peak_time(t, d ORDER BY %1$s),
                occupancy_average(t, d ORDER BY %1$s), occupancy_closing(t, d ORDER BY %1$s)
           FROM visits GROUP BY grp', expression);
END $$;
SELECT set_eq(format('SELECT * FROM pg_temp.ordered_by(%L)', expression), 'TABLE expected',
              'in order of ' || expression)
  FROM unnest(ARRAY['t', 't DESC', 'random()', 'd, t', 'd DESC, t DESC', 'extract(second FROM t), t']) AS expression;

-- Parallel plans

CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END $$;
ALTER TABLE visits SET (parallel_workers = 3);
ANALYZE visits;
SAVEPOINT parallel;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
SELECT matches(pg_temp.plan_of('TABLE actual'), 'Finalize .*Gather.*Partial .*Aggregate.*Parallel Seq Scan',
               'groups are aggregated in parallel');
SELECT set_eq('TABLE actual', 'TABLE expected', 'a parallel plan has the same result');
SET LOCAL parallel_leader_participation = off;
SELECT set_eq('TABLE actual', 'TABLE expected', 'so do workers alone');
PREPARE over_all AS
SELECT occupancy_peak(t, d), occupancy_peak_time(t, d), occupancy_average(t, d), occupancy_closing(t, d)
  FROM visits WHERE grp = 0;
SELECT matches(pg_temp.plan_of('EXECUTE over_all'), 'Finalize Aggregate.*Gather.*Partial Aggregate',
               'so is a whole table');
SELECT results_eq('over_all', 'SELECT peak, peak_time, average, closing FROM expected WHERE grp = 0',
                  'with the same result');
SELECT results_eq(
    $$ SELECT occupancy_peak(t, d), occupancy_average(t, d) FROM visits WHERE grp = -2 $$,
    $$ VALUES (NULL::integer, NULL::numeric) $$, 'workers that find no movement');
SELECT matches(
    pg_temp.plan_of($$ SELECT occupancy_peak(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)')
                         FROM visits WHERE grp = 0 $$),
    'Finalize Aggregate.*Gather.*Partial Aggregate', 'periods are aggregated in parallel');
CREATE TEMP TABLE parallel_period AS
SELECT occupancy_peak(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)') AS peak,
       occupancy_peak_time(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)') AS peak_time,
       occupancy_average(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)') AS average,
       occupancy_closing(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)') AS closing
  FROM visits WHERE grp = 0;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT results_eq(
    'TABLE parallel_period',
    $$ SELECT occupancy_peak(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)'),
              occupancy_peak_time(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)'),
              occupancy_average(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)'),
              occupancy_closing(t, d, 3, '[2026-03-01 09:00+00, 2026-03-01 10:00+00)')
         FROM visits WHERE grp = 0 $$,
    'with the same result');
SET LOCAL max_parallel_workers_per_gather = 3;
SELECT throws_like(
    $$ SELECT occupancy_peak(t, d, (hashtext(t::text) & 1), '[2026-03-01 09:00+00, 2026-03-01 10:00+00)')
         FROM visits WHERE grp = 0 $$,
    'opening count must be the same for all rows of a group, but is "0" and "1"', 'workers check the opening count');
ROLLBACK TO parallel;

-- As window aggregates, in grouping sets, with FILTER

SELECT set_eq(
    'SELECT grp, t, occupancy_closing(t, d) OVER (PARTITION BY grp ORDER BY t)::numeric FROM visits
      WHERE grp > 0 AND t IS NOT NULL AND d IS NOT NULL',
    'SELECT grp, t, level FROM levels WHERE grp > 0', 'a running closing count is the level after each instant');
SELECT set_eq(
    'SELECT grp, occupancy_peak(t, d) OVER w, occupancy_peak_time(t, d) OVER w, occupancy_average(t, d) OVER w,
            occupancy_closing(t, d) OVER w
       FROM visits WHERE grp > 0 WINDOW w AS (PARTITION BY grp)',
    'SELECT * FROM expected WHERE grp > 0', 'whole partitions as windows');
SELECT results_eq(
    $$ SELECT occupancy_closing(t, d) OVER (ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
         FROM (VALUES (timestamptz '2026-01-01', 'in'::movement_direction), ('2026-01-02', 'in'), ('2026-01-03', 'out'),
                      ('2026-01-04', 'out'), ('2026-01-05', 'in')) AS v(t, d) $$,
    'VALUES (1), (2), (0), (0), (1)', 'a moving frame');
SELECT results_eq(
    'SELECT grp, occupancy_peak(t, d) FROM visits WHERE grp > 0 GROUP BY ROLLUP (grp) HAVING grp IS NULL OR grp < 5
      ORDER BY grp',
    '(SELECT grp, peak FROM expected WHERE grp BETWEEN 1 AND 4)
      UNION ALL SELECT NULL, occupancy_peak(t, d) FROM visits WHERE grp > 0 ORDER BY grp', 'a rollup');
SELECT results_eq(
    $$ SELECT grp, coalesce(occupancy_closing(t, d) FILTER (WHERE d = 'in'), 0)::bigint FROM visits GROUP BY grp ORDER BY grp $$,
    $$ SELECT grp, count(t) FILTER (WHERE d = 'in') FROM visits GROUP BY grp ORDER BY grp $$, 'a filter');

-- The rules of the level, one by one

CREATE FUNCTION pg_temp.figures(movements text) RETURNS TABLE (
    peak integer, peak_time timestamptz, average numeric, closing integer)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT occupancy_peak(t, d), occupancy_peak_time(t, d), occupancy_average(t, d), occupancy_closing(t, d)
           FROM (SELECT (''2026-01-01 '' || split_part(m, '' '', 1))::timestamptz AS t,
                        split_part(m, '' '', 2)::movement_direction AS d
                   FROM regexp_split_to_table($1, '', '') AS m) AS v' USING movements;
END $$;
SELECT results_eq(
    $$ SELECT * FROM pg_temp.figures('08:00 out, 08:10 in') $$,
    $$ VALUES (1, timestamptz '2026-01-01 08:10', 0.0000, 1) $$, 'an exit that comes first is absorbed');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.figures('08:00 out, 08:00 in, 09:00 in') $$,
    $$ VALUES (1, timestamptz '2026-01-01 09:00', 0.0000, 1) $$, 'movements of one instant are netted');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.figures('08:00 in, 08:30 in, 09:00 out, 09:30 in') $$,
    $$ VALUES (2, timestamptz '2026-01-01 08:30', 1.3333, 2) $$, 'the earliest instant of the peak');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.figures('08:00 out') $$,
    $$ VALUES (0, timestamptz '2026-01-01 08:00', NULL::numeric, 0) $$, 'one exit');
SELECT results_eq(
    $$ SELECT occupancy_average(t, d) FROM (VALUES (timestamptz '2026-01-01 00:00:00', 'in'::movement_direction),
              ('2026-01-01 00:00:01', 'out'), ('2026-01-01 05:33:20', 'out')) AS v(t, d) $$,
    'VALUES (0.0001)', 'half of the last digit is rounded away from zero');
SELECT results_eq(
    $$ SELECT occupancy_average(t, d), occupancy_closing(t, d)
         FROM (VALUES (timestamptz '4713-01-01 BC', 'in'::movement_direction), ('294276-12-31', 'in')) AS v(t, d) $$,
    'VALUES (1.0000, 2)', 'the whole range of timestamps');

-- Over a period

CREATE TABLE periods AS
SELECT grp, (random() * 5)::integer AS opening,
       tstzrange(a, a + (1 + floor(random() * 600)) * interval '1 second') AS period
  FROM generate_series(-2, 200) AS grp,
       LATERAL (SELECT timestamptz '2026-03-01 08:00+00' + floor(random() * (10 + grp * 10)) * interval '1 second' AS a)
               AS start;
PREPARE expected_periods AS
WITH signed AS (
    SELECT grp, t, opening + sum(sum(CASE d WHEN 'in' THEN 1 ELSE -1 END)) OVER (PARTITION BY grp ORDER BY t) AS x
      FROM visits JOIN periods USING (grp)
     WHERE period @> t AND d IS NOT NULL GROUP BY grp, t, opening
), level AS (
    SELECT grp, t, x - least(0, min(x) OVER w) AS level, false AS is_opening FROM signed
    WINDOW w AS (PARTITION BY grp ORDER BY t)
    UNION ALL
    SELECT grp, lower(period), opening, true FROM periods
), step AS (
    SELECT *, lead(t, 1, upper(period)) OVER (PARTITION BY grp ORDER BY t, is_opening DESC) AS until
      FROM level JOIN periods USING (grp)
)
SELECT grp, max(level)::integer AS peak, (array_agg(t ORDER BY level DESC, t))[1] AS peak_time,
       round(sum(level * extract(epoch FROM until - t)) / extract(epoch FROM upper(period) - lower(period)), 4)
           AS average,
       (array_agg(level ORDER BY t DESC, is_opening))[1]::integer AS closing
  FROM step GROUP BY grp, period;
PREPARE actual_periods AS
SELECT grp, occupancy_peak(t, d, opening, period), occupancy_peak_time(t, d, opening, period),
       occupancy_average(t, d, opening, period), occupancy_closing(t, d, opening, period)
  FROM periods LEFT JOIN visits USING (grp) GROUP BY grp;
SELECT set_eq('actual_periods', 'expected_periods', 'periods as by window functions');

CREATE FUNCTION pg_temp.within(movements text, opening integer, period tstzrange) RETURNS TABLE (
    peak integer, peak_time timestamptz, average numeric, closing integer)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT occupancy_peak(t, d, $2, $3), occupancy_peak_time(t, d, $2, $3), occupancy_average(t, d, $2, $3),
                occupancy_closing(t, d, $2, $3)
           FROM (SELECT (''2026-01-01 '' || split_part(m, '' '', 1))::timestamptz AS t,
                        split_part(m, '' '', 2)::movement_direction AS d
                   FROM regexp_split_to_table($1, '', '') AS m) AS v' USING movements, opening, period;
END $$;
SELECT results_eq(
    $$ SELECT * FROM pg_temp.within('08:15 out, 08:30 in, 08:45 in', 1, '[2026-01-01 08:00, 2026-01-01 09:00)') $$,
    $$ VALUES (2, timestamptz '2026-01-01 08:45', 1.0000, 2) $$, 'opening count and movements');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.within('08:00 out, 09:00 in', 3, '[2026-01-01 08:00, 2026-01-01 09:00)') $$,
    $$ VALUES (3, timestamptz '2026-01-01 08:00', 2.0000, 2) $$,
    'the lower bound belongs to the period, the upper one does not, and the opening count is a peak');
SELECT results_eq(
    $$ SELECT occupancy_peak(NULL, NULL, 4, p), occupancy_peak_time(NULL, NULL, 4, p),
              occupancy_average(NULL, NULL, 4, p), occupancy_closing(NULL, NULL, 4, p)
         FROM (VALUES (tstzrange '[2026-01-01 08:00, 2026-01-01 09:00)')) AS v(p) $$,
    $$ VALUES (4, timestamptz '2026-01-01 08:00', 4.0000, 4) $$, 'a row without a movement names a quiet period');
SELECT is(occupancy_peak(t, 'in', 0, '[2026-01-01, 2026-01-02)'), NULL, 'no row, no result')
  FROM (SELECT now() AS t LIMIT 0) AS nothing;

-- Errors

SELECT throws_ok($$ SELECT occupancy_peak('infinity', 'in') $$, '22008',
                 'movement time must be finite, not "infinity"', 'infinite time');
SELECT throws_ok($$ SELECT occupancy_closing('-infinity', 'in', 0, '[2026-01-01, 2026-01-02)') $$, '22008',
                 'movement time must be finite, not "-infinity"', 'infinite time with a period');
SELECT throws_ok(
    $$ SELECT occupancy_peak(now(), 'in', opening, '[2026-01-01, 2026-01-02)') FROM (VALUES (2), (1)) AS v(opening) $$,
    '22023', 'opening count must be the same for all rows of a group, but is "1" and "2"', 'two opening counts');
SELECT throws_ok(
    $$ SELECT occupancy_peak(now(), 'in', 0, period)
         FROM (VALUES (tstzrange '[2026-01-01, 2026-01-03)'), ('[2026-01-01, 2026-01-02)')) AS v(period) $$,
    '22023',
    'period must be the same for all rows of a group, but is [2026-01-01 00:00:00+00, 2026-01-02 00:00:00+00) and '
    '[2026-01-01 00:00:00+00, 2026-01-03 00:00:00+00)', 'two periods');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', -1, '[2026-01-01, 2026-01-02)') $$, '22023',
                 'opening count must not be negative, but is "-1"', 'negative opening count');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', NULL, '[2026-01-01, 2026-01-02)') $$, '22004',
                 'opening count must not be null', 'no opening count');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', 0, NULL) $$, '22004', 'period must not be null', 'no period');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', 0, 'empty') $$, '22023', 'period must not be empty',
                 'empty period');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', 0, '[2026-01-01,)') $$, '22023',
                 'period ["2026-01-01 00:00:00+00",) must have two finite bounds', 'unbounded period');
SELECT throws_ok($$ SELECT occupancy_peak(now(), 'in', 0, '[-infinity, 2026-01-01)') $$, '22023',
                 'period [-infinity,"2026-01-01 00:00:00+00") must have two finite bounds', 'infinite period');
SELECT throws_ok(
    $$ SELECT occupancy_peak(now(), 'in', 0, '[2026-01-01, 2026-01-02]') $$, '22023',
    'period ["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00"] must include its lower and exclude its upper bound',
    'closed period');
SELECT throws_ok($$ SELECT occupancy_peak('2026-01-01', 'in', 2147483647, '[2026-01-01, 2026-01-02)') $$, '22003',
                 'occupancy "2147483648" is out of range for type integer', 'more people than an integer holds');

SELECT * FROM finish();
ROLLBACK;
