-- The trigger functions where they do not belong: on other tables, as other triggers, without what they read, called. Each
-- refuses; none believes that the rows it is given are those of its own table.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SELECT plan(71);

INSERT INTO sessions (id, session_name, start_time) VALUES ('00000000-0000-7000-8000-0000000000aa', 'door', '2024-05-01');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:00', 1, 'in', 0.5);
INSERT INTO realtime_metrics (session_id, "timestamp") VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:10');
INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES ('00000000-0000-7000-8000-0000000000aa', '2024-05-01 10:20');

-- Somebody who may do all that others could have been granted, in a schema of their own with tables that look like ours.
CREATE ROLE mallory;
CREATE SCHEMA workshop AUTHORIZATION mallory;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{sessions,people_movements,realtime_metrics,occupancy_baselines,session_statistics,hourly_statistics,'
                          'daily_statistics,system_config,alert_thresholds,removed_defaults}'::text[] LOOP
        EXECUTE format('CREATE TABLE workshop.%I (LIKE %I INCLUDING ALL)', name, name);
        EXECUTE format('INSERT INTO workshop.%I SELECT * FROM %I', name, name);
        EXECUTE format('ALTER TABLE workshop.%I OWNER TO mallory', name);
    END LOOP;
    INSERT INTO workshop.removed_defaults VALUES ('system_config', 'default_time_zone');
    CREATE TABLE workshop.things AS SELECT 1 AS id, 2 AS value;
    ALTER TABLE workshop.things OWNER TO mallory;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER
   ON sessions, people_movements, realtime_metrics, occupancy_baselines, alert_thresholds, alert_logs TO mallory;
GRANT TRUNCATE ON archived_hours, session_statistics, hourly_statistics, daily_statistics, alert_states, alert_deliveries TO mallory;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO mallory;

-- What comes of a trigger and of the statement that fires it; it leaves nothing behind.
CREATE FUNCTION pg_temp.outcome(attacker name, function name, target text, form text, statement text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', attacker);
    EXECUTE format('CREATE TRIGGER zz_attack %s EXECUTE FUNCTION %I(''id'')', replace(form, ' ON ', format(' ON %s ', target)), function);
    EXECUTE statement;
    RAISE SQLSTATE 'OK000' USING MESSAGE = 'was not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN state || ' ' || message;
END
$$;
CREATE TEMP TABLE form (event text, form text);
INSERT INTO form VALUES
    ('INSERT', 'AFTER INSERT ON REFERENCING NEW TABLE AS n FOR EACH STATEMENT'), ('INSERT', 'AFTER INSERT ON FOR EACH STATEMENT'),
    ('INSERT', 'AFTER INSERT ON FOR EACH ROW'), ('INSERT', 'BEFORE INSERT ON FOR EACH ROW'),
    ('INSERT', 'BEFORE INSERT ON FOR EACH STATEMENT'),
    ('UPDATE', 'AFTER UPDATE ON REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT'),
    ('UPDATE', 'AFTER UPDATE ON REFERENCING OLD TABLE AS o FOR EACH STATEMENT'),
    ('UPDATE', 'AFTER UPDATE ON REFERENCING NEW TABLE AS n FOR EACH STATEMENT'),
    ('UPDATE', 'AFTER UPDATE ON FOR EACH STATEMENT'), ('UPDATE', 'AFTER UPDATE ON FOR EACH ROW'),
    ('UPDATE', 'BEFORE UPDATE ON FOR EACH ROW'), ('UPDATE', 'BEFORE UPDATE ON FOR EACH STATEMENT'),
    ('DELETE', 'AFTER DELETE ON REFERENCING OLD TABLE AS o FOR EACH STATEMENT'), ('DELETE', 'AFTER DELETE ON FOR EACH STATEMENT'),
    ('DELETE', 'AFTER DELETE ON FOR EACH ROW'), ('DELETE', 'BEFORE DELETE ON FOR EACH ROW'),
    ('DELETE', 'BEFORE DELETE ON FOR EACH STATEMENT'),
    ('TRUNCATE', 'AFTER TRUNCATE ON FOR EACH STATEMENT'), ('TRUNCATE', 'BEFORE TRUNCATE ON FOR EACH STATEMENT');
-- Where a function belongs, and as what.
CREATE TEMP TABLE rightful (function name, target text, form text);
INSERT INTO rightful
SELECT f, t, form FROM form, (VALUES ('movements_changed', 'people_movements'), ('metrics_changed', 'realtime_metrics'),
                                     ('baselines_changed', 'occupancy_baselines')) AS v (f, t)
 WHERE form IN ('AFTER INSERT ON REFERENCING NEW TABLE AS n FOR EACH STATEMENT',
                'AFTER UPDATE ON REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT',
                'AFTER DELETE ON REFERENCING OLD TABLE AS o FOR EACH STATEMENT', 'AFTER TRUNCATE ON FOR EACH STATEMENT')
UNION ALL
SELECT 'sessions_changed', 'sessions', form FROM form
 WHERE form IN ('AFTER INSERT ON REFERENCING NEW TABLE AS n FOR EACH STATEMENT',
                'AFTER UPDATE ON REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT')
UNION ALL
SELECT 'session_check', 'sessions', form FROM form
 WHERE form IN ('BEFORE INSERT ON FOR EACH ROW', 'BEFORE UPDATE ON FOR EACH ROW');
-- A statement for each event. On our own tables only the trigger is new; what fires before it finds nothing wrong.
CREATE FUNCTION pg_temp.statement(event text, target text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE event
           WHEN 'INSERT' THEN CASE
                WHEN target LIKE '%sessions' THEN format('INSERT INTO %s DEFAULT VALUES', target)
                WHEN target LIKE '%things' THEN format('INSERT INTO %s VALUES (3, 4)', target)
                WHEN target LIKE '%people_movements' THEN format('INSERT INTO %s (session_id, person_id, movement_direction)
                     VALUES (''00000000-0000-7000-8000-0000000000aa'', 2, ''in'')', target)
                WHEN target LIKE '%removed_defaults' THEN
                     format('INSERT INTO %s VALUES (''system_config'', ''data_retention_days'')', target)
                WHEN target LIKE '%hourly_statistics' THEN
                     format('INSERT INTO %1$s SELECT (jsonb_populate_record(h, ''{"hour_timestamp": "2024-05-01 11:00Z"}'')).*
                               FROM %1$s h', target)
                WHEN target LIKE '%system_config' THEN
                     format('INSERT INTO %s (config_key, origin) VALUES (''data_retention'', ''changed'')', target)
                WHEN target LIKE '%alert_thresholds' THEN
                     format('INSERT INTO %s (threshold_name, threshold_value, metric, comparison, origin)
                             VALUES (''x'', 1, ''fps_current'', ''below'', ''changed'')', target)
                ELSE format('INSERT INTO %s (session_id) VALUES (''00000000-0000-7000-8000-0000000000aa'')', target) END
           WHEN 'UPDATE' THEN format('UPDATE %s SET %2$s = %2$s', target, (
                SELECT attname FROM pg_attribute WHERE attrelid = target::regclass AND attnum = 2))
           WHEN 'DELETE' THEN format('DELETE FROM %s', target)
           ELSE format('TRUNCATE %s CASCADE', target) END
$$;
-- Attacks of a function on a table that do not end with 39P01.
CREATE FUNCTION pg_temp.accepted(attacker name, function name, target text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT f.form || ': ' || o
      FROM form f, pg_temp.outcome(attacker, accepted.function, accepted.target, f.form, pg_temp.statement(event, accepted.target)) AS o
     WHERE NOT EXISTS (SELECT FROM rightful r WHERE (r.function, r.target, r.form) = (accepted.function, accepted.target, f.form))
       AND o NOT LIKE '39P01 %'
$$;

-- The native ones, on tables that are not ours, by whoever

SELECT is_empty(format('SELECT * FROM pg_temp.accepted(%L, %L, %L)', attacker, f, target), format('%s: %s on %s', attacker, f, target))
  FROM unnest(ARRAY[current_user, 'mallory']) AS attacker,
       unnest('{session_check,sessions_changed,movements_changed,metrics_changed,baselines_changed}'::text[]) AS f,
       unnest('{workshop.things,workshop.sessions,workshop.people_movements}'::text[]) AS target;

-- and on the wrong one of ours, or as the wrong trigger

SELECT is_empty(format('SELECT * FROM pg_temp.accepted(%L, %L, %L)', 'mallory', f, target), format('mallory: %s on %s', f, target))
  FROM unnest('{session_check,sessions_changed,movements_changed,metrics_changed,baselines_changed}'::text[]) AS f,
       unnest('{sessions,people_movements,realtime_metrics,occupancy_baselines}'::text[]) AS target;

-- The guard of the derived tables is for them; the functions of the shipped rows run with the rights of the owner

SELECT is_empty(format('SELECT * FROM pg_temp.accepted(%L, %L, %L)', 'mallory', f, target), format('mallory: %s on %s', f, target))
  FROM (VALUES ('guard_derived', 'workshop.things'), ('guard_derived', 'workshop.hourly_statistics'), ('guard_derived', 'sessions'),
               ('keep_origin', 'workshop.system_config'), ('keep_origin', 'workshop.alert_thresholds'),
               ('note_removed_default', 'workshop.system_config'), ('note_removed_default', 'workshop.alert_thresholds'),
               ('remove_default', 'workshop.removed_defaults')) AS v (f, target);

-- None can be called.

CREATE FUNCTION pg_temp.called(function name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT %I()', function);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT matches(pg_temp.called(f), '^(39P01|0A000) .*trigger', f || '() cannot be called')
  FROM unnest('{session_check,sessions_changed,movements_changed,metrics_changed,baselines_changed,guard_derived,keep_origin,'
              'note_removed_default,remove_default,check_config,complete_threshold}'::text[]) AS f;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = 'zz_attack'), 0::bigint, 'no attack left anything behind');
SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are what the base tables say');
SELECT * FROM finish();
ROLLBACK;
