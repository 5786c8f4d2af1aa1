-- people_counter_rest: what there is, that all of it says what it is, whose it is, and that it is not for everybody.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
-- What a careless administrator set must not open anything.
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
CREATE EXTENSION people_counter_rest;
SELECT plan(34);

CREATE TEMP TABLE member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name, obj_description(d.objid, d.classid::regclass::name) AS comment
  FROM pg_depend d
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
 WHERE e.extname = 'people_counter_rest';

-- What there is

CREATE FUNCTION pg_temp.functions(schema text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', ', ' ORDER BY p.proname COLLATE "C")
      FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
     WHERE p.pronamespace = schema::regnamespace
$$;
SELECT is(pg_temp.functions('people_counter_api'),
    'acknowledge_alert(jsonb), create_api_key(key_name text, key_role text, device text, expires_at timestamp with time zone), '
    'create_session(jsonb), dashboard_settings(), dashboard_summary(), get_daily_analytics(session_id text, period_days text), '
    'get_hourly_analytics(session_id text, period_hours text), get_session(session_id text), health(), health_detailed(), '
    'list_movements(session_id text, movement_direction text, page_limit text, page_offset text), '
    'list_sessions(session_status text, page_limit text, page_offset text), prometheus_metrics(), '
    'recent_metrics(session_id text, period_minutes text), record_metrics(jsonb), record_movements(jsonb), '
    'resolve_alert(jsonb), revoke_api_key(key_id uuid), send_test_alert(channel text), '
    'set_channel_secret(channel text, secret text, value text), stream_channel(session_id text), update_session(jsonb)', 'functions that PostgREST serves');
CREATE FUNCTION pg_temp.relations(schema text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c.relname || ' ' || c.relkind::text, ', ' ORDER BY c.relname COLLATE "C")
      FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
     WHERE c.relnamespace = schema::regnamespace
$$;
SELECT is(pg_temp.relations('people_counter_api'),
    'alert_channels v, alert_deliveries v, alert_logs v, alert_thresholds v, alert_worker_status v, api_keys v, '
    'current_session_overview v, daily_analytics v, daily_statistics v, hourly_analytics v, hourly_statistics v, '
    'occupancy_baselines v, people_movements v, realtime_metrics v, recent_movements v, session_devices v, '
    'session_statistics v, sessions v, system_config v', 'views that PostgREST serves');
SELECT is(pg_temp.relations('people_counter_rest'),
    'alert_channels v, alert_deliveries v, alert_logs v, alert_worker_status v, api_keys r, daily_statistics v, '
    'hourly_statistics v, people_movements v, realtime_metrics v, session_devices r, session_statistics v, sessions v',
    'tables, and views that only find the core');
SELECT set_eq($$ SELECT m.name FROM member m WHERE classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass)
                    AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = m.objid AND (t.typrelid <> 0 OR t.typcategory = 'A')) $$,
              ARRAY['schema people_counter_rest', 'type people_counter_rest.movement_direction',
                    'type people_counter_rest.detection_status', 'type people_counter_api."text/plain"'],
              'a schema and domains, and nothing of another kind; people_counter_api is of the control file');
SELECT is_empty($$ SELECT c.oid::regclass, a.attname
                     FROM pg_class c JOIN pg_class b ON b.relname = c.relname AND b.relnamespace =
                          (SELECT extnamespace FROM pg_extension WHERE extname = 'people_counter')
                     JOIN pg_attribute a ON a.attrelid = b.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'fold_state'
                    WHERE c.relnamespace = 'people_counter_api'::regnamespace AND c.relkind = 'v'
                      AND NOT EXISTS (SELECT FROM pg_attribute x JOIN pg_attribute y ON y.attrelid = b.oid AND y.attname = x.attname
                                       WHERE x.attrelid = c.oid AND x.attname = a.attname AND x.atttypid = y.atttypid
                                         AND x.atttypmod = y.atttypmod) $$,
                'a view has the columns of what it shows, and their types');
SELECT is_empty($$ SELECT objid::regclass FROM member JOIN pg_attribute ON attrelid = objid AND classid = 'pg_class'::regclass
                    WHERE attname IN ('fold_state', 'key_hash', 'signing_key', 'password', 'bearer_token')
                      AND objid::regclass::text LIKE 'people\_counter\_api.%' $$, 'no view shows a secret');

-- Comments

SELECT is_empty($$ SELECT name FROM member WHERE comment IS NULL AND classid <> 'pg_type'::regclass $$, 'whatever it brings has a comment');
SELECT is_empty($$ SELECT name FROM member WHERE comment IS NULL AND objid IN (SELECT oid FROM pg_type WHERE typtype = 'd') $$,
                'domains, too');
SELECT is_empty($$ SELECT m.name, a.attname FROM member m JOIN pg_attribute a ON a.attrelid = m.objid AND m.classid = 'pg_class'::regclass
                    WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL
                      AND NOT (m.name LIKE 'view people\_counter\_rest.%') $$,
                'every column of a table and of a view that is served has a comment');
SELECT is_empty($$ SELECT m.name, a.attname
                     FROM member m JOIN pg_attribute a ON a.attrelid = m.objid AND m.classid = 'pg_class'::regclass AND a.attnum > 0
                     JOIN pg_class c ON c.oid = m.objid AND c.relnamespace = 'people_counter_api'::regnamespace
                     JOIN pg_attribute b ON b.attrelid = to_regclass(c.relname) AND b.attname = a.attname
                    WHERE col_description(b.attrelid, b.attnum) <> col_description(a.attrelid, a.attnum) $$,
                'columns are described as in the core');
SELECT is_empty($$ SELECT i.indexrelid::regclass FROM pg_index i JOIN member m ON m.objid = i.indrelid AND m.classid = 'pg_class'::regclass
                    WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
                      AND obj_description(i.indexrelid, 'pg_class') IS NULL $$, 'every index has a comment');
SELECT isnt((SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'people_counter_rest'), NULL, 'the extension');

-- Roles

SELECT set_eq($$ SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'people\_counter\_%' $$,
              ARRAY['people_counter_anonymous', 'people_counter_reader', 'people_counter_device', 'people_counter_operator',
                    'people_counter_admin', 'people_counter_api_owner', 'people_counter_authenticator'], 'roles');
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname LIKE 'people\_counter\_%' AND (rolsuper OR rolcreaterole OR rolcreatedb
                      OR rolcanlogin OR rolreplication OR rolbypassrls OR (rolinherit = (rolname = 'people_counter_authenticator'))) $$,
                'no role can log in or has an attribute, and the authenticator inherits nothing');
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname LIKE 'people\_counter\_%' AND shobj_description(oid, 'pg_authid') IS NULL $$,
                'every role has a comment');
SELECT set_eq($$ SELECT substr(r.rolname, 16) || ' in ' || substr(g.rolname, 16) || CASE WHEN m.admin_option THEN ' admin' ELSE '' END
                   FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
                  WHERE r.rolname LIKE 'people\_counter\_%' OR g.rolname LIKE 'people\_counter\_%' $$,
              ARRAY['operator in reader', 'operator in device', 'admin in operator', 'authenticator in anonymous',
                  'authenticator in reader',
                    'authenticator in device', 'authenticator in operator', 'authenticator in admin'], 'who is in what');
SELECT is(pg_has_role('people_counter_authenticator', 'people_counter_api_owner', 'MEMBER'), false,
          'the role that PostgREST logs in as cannot become the owner');

-- Owners and rights

SELECT is_empty($$ SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
                    WHERE p.proowner <> 'people_counter_api_owner'::regrole $$, 'functions are of people_counter_api_owner');
SELECT is_empty($$ SELECT c.oid::regclass FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
                    WHERE c.relowner <> 'people_counter_api_owner'::regrole $$, 'tables and views are of people_counter_api_owner');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
                     JOIN pg_language l ON l.oid = p.prolang
                    WHERE p.prosecdef AND l.lanname <> 'c' AND p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}' $$,
                'functions with the rights of their owner fix their search_path, but for the one in C, which names all in full');
SELECT is((SELECT string_agg(p.proname, ', ' ORDER BY p.proname COLLATE "C")
             FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
            WHERE l.lanname <> 'c' AND p.prosqlbody IS NULL AND p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}'),
          'pre_request', 'the others too, or were parsed when they were made, but for one that must not');
SELECT is((SELECT string_agg(p.proname, ', ' ORDER BY p.proname COLLATE "C")
             FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
            WHERE NOT p.prosecdef AND p.pronamespace = 'people_counter_api'::regnamespace), 'health',
          'what is served runs with the rights of its owner, where it reads anything');
SELECT set_eq($$ SELECT p.proname || ' ' || a.grantee::regrole FROM member m
                   JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
                  CROSS JOIN LATERAL aclexplode(p.proacl) a WHERE l.lanname = 'c' AND a.grantee <> p.proowner $$,
              ARRAY['request_header people_counter_anonymous', 'request_header people_counter_reader',
                    'request_header people_counter_device', 'device people_counter_anonymous', 'device people_counter_reader',
                    'device people_counter_device', 'sees_all people_counter_anonymous', 'sees_all people_counter_reader',
                    'sees_all people_counter_device', 'record_movements people_counter_device'],
              'only what tells who asks, and recording, is called from outside of what is in C');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p
                    WHERE p.pronamespace IN ('people_counter_api'::regnamespace, 'people_counter_rest'::regnamespace)
                      AND has_function_privilege('public', p.oid, 'EXECUTE') $$, 'the public may call nothing');
SELECT is_empty($$ SELECT c.oid::regclass, privilege
                     FROM pg_class c CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
                    WHERE c.relnamespace IN ('people_counter_api'::regnamespace, 'people_counter_rest'::regnamespace) AND c.relkind IN ('r',
                        'v')
                      AND has_table_privilege('public', c.oid, privilege) $$, 'the public may read and write nothing');
SELECT is_empty($$ SELECT nspname FROM pg_namespace WHERE nspname IN ('people_counter_api', 'people_counter_rest')
                      AND (has_schema_privilege('public', oid, 'USAGE') OR has_schema_privilege('public', oid, 'CREATE')) $$,
                'the public cannot even name it');
SELECT is_empty($$ SELECT r.rolname, n.nspname FROM pg_roles r CROSS JOIN pg_namespace n
                    WHERE r.rolname LIKE 'people\_counter\_%' AND n.nspname IN ('people_counter_api', 'people_counter_rest')
                      AND has_schema_privilege(r.oid, n.oid, 'CREATE') $$, 'no role can put anything there');
SELECT is_empty($$ SELECT r.rolname, c.oid::regclass
                     FROM pg_roles r CROSS JOIN pg_class c
                     JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
                     JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'people_counter'
                    WHERE r.rolname LIKE 'people\_counter\_%' AND r.rolname <> 'people_counter_api_owner' AND c.relkind IN ('r', 'v')
                      AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = r.oid) $$,
                'roles have no rights of their own on the tables of the core');
SELECT set_eq($$ SELECT c.relname::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
                   JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'people_counter' AND d.deptype = 'e'
                  WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a
                          WHERE a.grantee = 'people_counter_api_owner'::regrole AND a.privilege_type = 'SELECT') $$,
              ARRAY['alert_channel_secrets', 'alert_progress', 'alert_states', 'archived_hours', 'removed_defaults',
                    'retention_progress'],
              'and the owner of the API none on secrets and on what is internal');
SELECT is_empty($$ SELECT oid::regclass FROM pg_class WHERE relnamespace = 'people_counter_api'::regnamespace AND relkind = 'v'
                      AND NOT coalesce('security_barrier=true' = ANY (reloptions), false) $$, 'views are security barriers');

-- Dump

SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname)
             FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig) WHERE e.extname = 'people_counter_rest'),
          '{api_keys,session_devices}'::text[], 'pg_dump takes keys, and whose session is whose');
SELECT col_is_pk('people_counter_rest', 'api_keys', ARRAY['id'], 'a key has an id');
SELECT is((SELECT confrelid::regclass::text || ' ' || confdeltype::text FROM pg_constraint
            WHERE conrelid = 'people_counter_rest.session_devices'::regclass AND contype = 'f'), 'sessions c',
          'a session that goes takes with it whose it was');
SELECT is((SELECT extversion FROM pg_extension WHERE extname = 'people_counter_rest'),
          (SELECT extversion FROM pg_extension WHERE extname = 'people_counter'), 'both extensions are of one version');

SELECT * FROM finish();
ROLLBACK;
