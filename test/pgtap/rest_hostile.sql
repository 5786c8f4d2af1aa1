-- Objects that are named like ours and like those of the system, ahead of them in the search_path, change no answer; nor does the
-- name of the schema that people_counter is in.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
\ir include/rest.psql
SELECT plan(7);

-- Everything that a role may ask for. An answer that is an error begins with its SQLSTATE.
CREATE TEMP TABLE calls (n serial, who text, method text, statement text);
INSERT INTO calls (who, method, statement)
SELECT 'operator', 'POST', format('SELECT people_counter_api.%s(%L::pg_catalog.jsonb)', f, b)
  FROM (VALUES ('create_session',
      format('{"id": "%s", "session_name": "one", "start_time": "2024-03-09T08:00", "time_zone": "Europe/Berlin", "capacity": 3}', s(1))),
               ('update_session', '{"fps": 20, "reset_time": "04:00"}'), ('update_session', '{"wrong": 1}'),
               ('record_movements',
                   '{"id": "00000000-0000-4000-8000-000000000001", "movement_time": "2024-03-09T08:30", "person_id": 1, "movement_direction": "in", "confidence_score": 0.5}'),
               ('record_movements',
                   '[{"id": "00000000-0000-4000-8000-000000000001", "movement_time": "2024-03-09T08:30", "person_id": 1, "movement_direction": "in"}, {"id": "00000000-0000-4000-8000-000000000002",
                                      "movement_time": "2024-03-09T08:45", "person_id": 2, "movement_direction": "out"}, {"person_id": "x"}, 3]'),
               ('record_metrics',
                   '{"id": "00000000-0000-4000-8000-000000000003", "timestamp": "2024-03-09T08:50", "current_people_count": 4}')) AS v(f, b)
UNION ALL SELECT 'reader', 'GET', 'SELECT people_counter_api.' || c
  FROM (VALUES (format('get_session(%L)', s(1))), (format('list_movements(%L, ''in'')', s(1))), ('list_sessions(''active'', ''5'', ''0'')'),
      (format('recent_metrics(%L)', s(1))), ('list_sessions(''x'')'),
               (format('get_hourly_analytics(%L, ''168'')', s(1))), ('get_daily_analytics('''', ''365'')'), ('dashboard_summary()'), ('dashboard_settings()'),
                   ('prometheus_metrics()::pg_catalog.text'), ('health_detailed()::pg_catalog.text')) AS v(c)
UNION ALL SELECT 'device a', 'GET', format('SELECT pg_catalog.count(*) FROM people_counter_api.%s', v)
    FROM unnest('{sessions,people_movements,current_session_overview,hourly_analytics}'::text[]) AS v
UNION ALL SELECT 'reader', 'GET', format('SELECT pg_catalog.count(*) FROM people_counter_api.%s', v)
    FROM unnest('{sessions,people_movements,current_session_overview,hourly_analytics,alert_worker_status}'::text[]) AS v
UNION ALL SELECT 'pck_wrong', 'GET', 'SELECT 1';
-- In one transaction now() does not move, so all answers must be the same, but for sizes and connections of the database.
CREATE FUNCTION pg_temp.run() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    answers pg_catalog.text[] := '{}';
    c record;
BEGIN
    FOR c IN SELECT * FROM pg_temp.calls ORDER BY n LOOP
        answers := answers || pg_catalog.regexp_replace(public.request(c.who, c.method, c.statement,
            pg_catalog.jsonb_build_object('x-session-id', public.s(1))),
                                                        '"(database_size|active_connections)" : \d+|"(created|updated)_at": "[^"]*"|people_counter_(database|server|table)_[^\n]*', '',
                                                            'g');
    END LOOP;
    DELETE FROM people_counter_api.sessions;
    RETURN answers;
END
$$;
CREATE TEMP TABLE before AS SELECT pg_temp.run() AS answers;
SELECT cmp_ok(array_length(answers, 1), '=', (SELECT count(*)::integer FROM calls), 'there are answers') FROM before;
SELECT is((SELECT array_agg(left(a, 6)) FROM before, unnest(answers) AS a WHERE a ~ '^[0-9A-Z]{5} '),
    '{"22023 ","22023 ","PT401 "}'::text[], 'errors are those that were asked for');

-- A schema of somebody who hopes to be called.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.wrong() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
DO $do$
DECLARE
    f record;
BEGIN
    -- By the names of what the API calls, with the same arguments, which is as good a match, and exact where the real one is not.
    FOR f IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result, p.proretset
          FROM pg_proc p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
           AND p.proname IN ('current_setting', 'set_config', 'pg_has_role', 'sha256', 'convert_to', 'format', 'jsonb_typeof', 'to_json',
               'to_jsonb', 'now', 'date_trunc', 'make_interval', 'left',
                             'array_to_string', 'concat_ws', 'quote_ident', 'jsonb_strip_nulls', 'jsonb_object_keys', 'json_build_object',
                                 'jsonb_build_object', 'to_char', 'timezone', 'replace',
                             'clock_timestamp', 'pg_is_in_recovery', 'pg_database_size', 'pg_total_relation_size', 'pg_stat_get_dead_tuples', 'age', 'current_database', 'host', 'inet_server_addr',
                                 'inet_server_port', 'length', 'btrim', 'texteq', 'int4eq', 'uuid_eq')
           AND p.provariadic = 0 AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) t WHERE t IN (SELECT oid FROM pg_type
               WHERE typtype = 'p'))
           AND p.prorettype NOT IN (SELECT oid FROM pg_type WHERE typtype = 'p')
    LOOP
        EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L', f.proname, f.arguments, CASE WHEN f.proretset
            THEN 'SETOF ' ELSE '' END, f.result,
                       'BEGIN RAISE EXCEPTION ''hostile''; END');
    END LOOP;
    FOR f IN SELECT o.oprname, o.oprleft::regtype AS l, o.oprright::regtype AS r, o.oprresult::regtype AS result FROM pg_operator o
              WHERE o.oprname IN ('=', '<>', '<', '>', '>=', '<=', '||', '->', '->>', '#>>', '~', '!~', '~*', '!~*', '+', '-', '?')
                AND o.oprleft IN ('text'::regtype, 'uuid'::regtype, 'jsonb'::regtype, 'json'::regtype, 'integer'::regtype,
                    'bigint'::regtype, 'timestamptz'::regtype, 'bytea'::regtype, 'name'::regtype, 'boolean'::regtype)
                AND o.oprright <> 0 AND o.oprright::regtype::text NOT LIKE 'any%'
    LOOP
        EXECUTE format('CREATE FUNCTION hostile.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', 'operator_' || md5(f::text), f.l, f.r,
            f.result, 'BEGIN RAISE EXCEPTION ''hostile''; END');
        EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.%I, LEFTARG = %s, RIGHTARG = %s)', f.oprname, 'operator_'
            || md5(f::text), f.l, f.r);
    END LOOP;
    FOR f IN SELECT relname FROM pg_class WHERE relnamespace IN ('people_counter_api'::regnamespace, 'people_counter_rest'::regnamespace)
        AND relkind IN ('r', 'v') GROUP BY relname LOOP
        EXECUTE format('CREATE VIEW hostile.%I AS SELECT hostile.wrong() AS id, hostile.wrong() AS session_id', f.relname);
    END LOOP;
    FOR f IN SELECT proname, pg_get_function_identity_arguments(oid) AS arguments FROM pg_proc
        WHERE pronamespace = 'people_counter_rest'::regnamespace
                AND pg_get_function_identity_arguments(oid) NOT LIKE '%OUT%' LOOP
        EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS integer LANGUAGE plpgsql AS %L', f.proname, f.arguments,
            'BEGIN RAISE EXCEPTION ''hostile''; END');
    END LOOP;
END
$do$;
CREATE FUNCTION hostile.refuse(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (hostile.refuse(VALUE));
CREATE TYPE hostile.record AS (hostile integer);
SELECT cmp_ok((SELECT count(*)::integer FROM pg_proc WHERE pronamespace = 'hostile'::regnamespace), '>', 150, 'there are traps');
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
-- The requests, in that search_path: as PostgREST has it when an administrator names the schema in db-extra-search-path, or worse.
CREATE FUNCTION public.request_there(who text, method text, statement text, headers jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer pg_catalog.text;
    state pg_catalog.text;
    hint pg_catalog.text;
BEGIN
    BEGIN
        PERFORM pg_catalog.set_config('people_counter_rest.device', '', true),
                pg_catalog.set_config('role', pg_catalog.concat('people_counter_', CASE who WHEN 'pck_wrong' THEN 'anonymous'
                    ELSE pg_catalog.split_part(who, ' ', 1) END), true),
                pg_catalog.set_config('request.jwt.claims', pg_catalog.jsonb_build_object('sub', pg_catalog.split_part(who, ' ',
                    2))::pg_catalog.text, true),
                pg_catalog.set_config('request.headers', CASE who WHEN 'pck_wrong' THEN '{"x-api-key": "pck_wrong"}'
                    ELSE headers::pg_catalog.text END, true),
                pg_catalog.set_config('search_path', 'hostile, pg_catalog, people_counter_api, public', true);
        PERFORM people_counter_rest.pre_request();
        EXECUTE statement INTO answer;
        PERFORM pg_catalog.set_config('search_path', 'public', true), pg_catalog.set_config('role', 'none', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, answer = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
        answer := pg_catalog.concat_ws('. ', pg_catalog.concat(state, ' ', answer), CASE hint WHEN '' THEN NULL ELSE hint END);
    END;
    RETURN answer;
END
$$;
ALTER FUNCTION public.request(text, text, text, jsonb) RENAME TO request_here;
ALTER FUNCTION public.request_there(text, text, text, jsonb) RENAME TO request;
CREATE TEMP TABLE among AS SELECT pg_temp.run() AS answers;
SELECT is(a, b, 'among traps: ' || left(c.statement, 60)) FROM calls c, before, among, LATERAL (SELECT before.answers[n],
    among.answers[n]) AS v(b, a) WHERE a IS DISTINCT FROM b;
SELECT is((SELECT answers FROM among), (SELECT answers FROM before), 'no answer is another among traps');
SELECT is((SELECT count(*) FROM among, unnest(answers) AS a WHERE a ~ 'hostile'), 0::bigint, 'none of them was called');
DROP SCHEMA hostile CASCADE;
DROP FUNCTION public.request(text, text, text, jsonb);
ALTER FUNCTION public.request_here(text, text, text, jsonb) RENAME TO request;

-- Somebody puts functions and casts beside ours, in public.
CREATE FUNCTION public.sees_all() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.device() RETURNS text LANGUAGE sql AS $$ SELECT 'b' $$;
CREATE FUNCTION public.find_session(text, OUT id uuid, OUT time_zone text) LANGUAGE sql AS $$ SELECT NULL::uuid, 'UTC' $$;
SELECT is(pg_temp.run(), answers, 'nor beside functions of the same names in public') FROM before;

-- The schema of people_counter gets another name. What the core does not find by itself then (docs/administration.md) is its default zone.
DO $$ BEGIN EXECUTE format('ALTER SCHEMA %I RENAME TO renamed', (SELECT extnamespace::regnamespace FROM pg_extension
    WHERE extname = 'people_counter')); END $$;
CREATE SCHEMA public;
SET LOCAL search_path = public, renamed;
CREATE FUNCTION public.s(n integer) RETURNS text LANGUAGE sql AS 'SELECT renamed.s(n)';
CREATE FUNCTION public.request(who text, method text, statement text,
    headers jsonb) RETURNS text LANGUAGE sql AS 'SELECT renamed.request(who, method, statement, headers)';
CREATE TEMP TABLE renamed AS SELECT pg_temp.run() AS answers;
SELECT is((SELECT array_agg(left(c.statement, 50) || ' ' || left(a, 5) ORDER BY n) FROM calls c, before, renamed,
    LATERAL (SELECT before.answers[n], renamed.answers[n]) AS v(b, a) WHERE a IS DISTINCT FROM b),
          '{"SELECT people_counter_api.get_daily_analytics('''',  42P01","SELECT people_counter_api.dashboard_summary() 42P01"}'::text[],
          'of a renamed schema everything answers as before, but for what needs the default zone');

SELECT * FROM finish();
ROLLBACK;
