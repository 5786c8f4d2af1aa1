-- Tables, columns, keys, and a comment on everything that the extension makes.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SELECT plan(60);

CREATE TEMP TABLE member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
  FROM pg_depend d
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
 WHERE e.extname = 'people_counter';

-- Whatever is looked up is a scalar subquery: one that finds nothing fails.
SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname)
             FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass WHERE c.relkind = 'r'),
          '{alert_channel_secrets,alert_channels,alert_deliveries,alert_logs,alert_progress,alert_states,alert_thresholds,'
          'archived_hours,daily_statistics,hourly_statistics,occupancy_baselines,people_movements,realtime_metrics,removed_defaults,'
          'retention_progress,'
          'session_statistics,sessions,system_config}'::text[], 'tables');
SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname)
             FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass WHERE c.relkind = 'v'),
          '{alert_worker_status,current_session_overview,daily_analytics,hourly_analytics,index_usage,ingest_rate,recent_movements,'
          'retention_status,slow_queries,table_sizes}'::text[], 'views');

SELECT enum_has_labels('session_status', ARRAY['active', 'completed', 'error', 'cancelled']);
SELECT enum_has_labels('detection_status', ARRAY['detecting', 'tracking', 'waiting']);
SELECT enum_has_labels('movement_direction', ARRAY['in', 'out']);

-- The native code reads columns by their number.
CREATE FUNCTION pg_temp.columns_of(regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN '!' ELSE '' END,
                      ', ' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
$$;
SELECT is(pg_temp.columns_of('sessions'),
    'id uuid!, session_name character varying!, input_source character varying, output_path character varying, '
    'start_time timestamp with time zone!, end_time timestamp with time zone, duration_seconds numeric(14,2), '
    'status session_status!, fps numeric(8,2), total_frames integer, resolution_width integer, '
    'resolution_height integer, confidence_threshold numeric(3,2)!, skip_frames integer!, max_disappeared integer!, '
    'max_distance integer!, created_at timestamp with time zone!, updated_at timestamp with time zone!, '
    'time_zone text!, day_start time without time zone!, reset_time time without time zone, capacity integer, '
    'false_positives integer, false_negatives integer', 'columns of sessions');
SELECT is(pg_temp.columns_of('people_movements'),
    'session_id uuid!, movement_time timestamp with time zone!, id uuid!, person_id integer!, '
    'movement_direction movement_direction!, centroid_x real, centroid_y real, bounding_box_x1 real, '
    'bounding_box_y1 real, bounding_box_x2 real, bounding_box_y2 real, confidence_score real, frame_number integer, '
    'created_at timestamp with time zone!', 'columns of people_movements');
SELECT is(pg_temp.columns_of('realtime_metrics'),
    'session_id uuid!, timestamp timestamp with time zone!, id uuid!, current_people_count integer!, '
    'people_entered_last_minute integer!, people_exited_last_minute integer!, detection_status detection_status!, '
    'fps_current real, cpu_usage_percentage real, memory_usage_mb real, processing_latency_ms real, '
    'created_at timestamp with time zone!', 'columns of realtime_metrics');
SELECT is(pg_temp.columns_of('occupancy_baselines'),
    'session_id uuid!, baseline_time timestamp with time zone!, people_count integer!, kind text!, note text, '
    'created_at timestamp with time zone!', 'columns of occupancy_baselines');
SELECT is(pg_temp.columns_of('session_statistics'),
    'session_id uuid!, total_people_entered integer!, total_people_exited integer!, current_people_inside integer!, '
    'peak_people_count integer!, average_people_count numeric(14,4), detection_frames integer!, '
    'tracking_frames integer!, waiting_frames integer!, total_detections integer!, false_positives integer!, '
    'false_negatives integer!, accuracy_percentage numeric(5,2), created_at timestamp with time zone!, '
    'updated_at timestamp with time zone!, net_people_count integer!, exits_absorbed integer!, '
    'peak_time timestamp with time zone, last_movement_time timestamp with time zone, fold_state bytea!',
    'columns of session_statistics');
SELECT is(pg_temp.columns_of('hourly_statistics'),
    'session_id uuid!, hour_timestamp timestamp with time zone!, people_entered integer!, people_exited integer!, '
    'peak_people_count integer!, average_people_count numeric(14,4), total_detections integer!, '
    'detection_accuracy numeric(5,2), opening_count integer!, closing_count integer!, low_people_count integer!, '
    'peak_time timestamp with time zone!, occupancy_seconds numeric(20,6)!, observed_seconds numeric(20,6)!, '
    'exits_absorbed integer!, counted_peak integer!, counted_peak_time timestamp with time zone!, '
    'reported_peak integer, reported_peak_time timestamp with time zone, confidence_sum bigint!, '
    'confidence_count integer!', 'columns of hourly_statistics');
SELECT is(pg_temp.columns_of('daily_statistics'),
    'session_id uuid!, date_timestamp date!, total_people_entered integer!, total_people_exited integer!, '
    'peak_people_count integer!, average_people_count numeric(14,4), total_detections integer!, '
    'total_session_duration numeric(20,6)!, detection_accuracy numeric(5,2), peak_time timestamp with time zone!, '
    'occupancy_seconds numeric(20,6)!, observed_seconds numeric(20,6)!, exits_absorbed integer!, '
    'confidence_sum bigint!, confidence_count integer!', 'columns of daily_statistics');
SELECT is(pg_temp.columns_of('system_config'),
    'config_key character varying!, config_value text, config_type text!, description text, is_active boolean!, '
    'created_at timestamp with time zone!, updated_at timestamp with time zone!, origin text!', 'columns of system_config');
SELECT is(pg_temp.columns_of('alert_thresholds'),
    'id uuid!, session_id uuid, threshold_name character varying!, threshold_value double precision!, '
    'alert_message text, is_active boolean!, created_at timestamp with time zone!, updated_at timestamp with time zone!, '
    'metric text!, comparison text!, clear_value double precision, hold_for interval!, keep_firing_for interval!, '
    'repeat_interval interval, severity text!, origin text!', 'columns of alert_thresholds');
SELECT is(pg_temp.columns_of('alert_logs'),
    'id uuid!, session_id uuid, threshold_id uuid, alert_type character varying!, alert_message text, '
    'current_value double precision, threshold_value double precision, triggered_at timestamp with time zone!, '
    'resolved_at timestamp with time zone, is_resolved boolean!, severity text!, peak_value double precision, '
    'acknowledged_at timestamp with time zone, acknowledged_by text, note text, metric text, resolved_reason text, '
    'repeat_count integer!, announced_at timestamp with time zone, created_at timestamp with time zone!', 'columns of alert_logs');
SELECT is(pg_temp.columns_of('alert_states'),
    'threshold_id uuid!, session_id uuid!, phase text!, since timestamp with time zone!, by_edit boolean!, '
    'peak_value double precision', 'columns of alert_states');
SELECT is(pg_temp.columns_of('alert_progress'),
    'only_row boolean!, installed_at timestamp with time zone!, looked_at timestamp with time zone!', 'columns of alert_progress');
SELECT is(pg_temp.columns_of('alert_channels'),
    'id uuid!, channel_name character varying!, kind text!, url text!, sender text, recipients text[], username text, '
    'tls text!, min_severity text!, is_active boolean!, created_at timestamp with time zone!, '
    'updated_at timestamp with time zone!', 'columns of alert_channels');
SELECT is(pg_temp.columns_of('alert_channel_secrets'), 'channel_id uuid!, signing_key text, password text, bearer_token text',
    'columns of alert_channel_secrets');
SELECT is(pg_temp.columns_of('alert_deliveries'),
    'id uuid!, channel_id uuid!, alert_id uuid, event text!, payload jsonb!, created_at timestamp with time zone!, '
    'queued_at timestamp with time zone!, attempts integer!, next_attempt_at timestamp with time zone!, '
    'last_attempt_at timestamp with time zone, last_status integer, last_error text, '
    'delivered_at timestamp with time zone, abandoned_at timestamp with time zone', 'columns of alert_deliveries');
SELECT is(pg_temp.columns_of('removed_defaults'), 'table_name text!, key text!, removed_at timestamp with time zone!',
    'columns of removed_defaults');

SELECT col_is_pk('sessions', 'id');
SELECT col_is_pk('people_movements', ARRAY['session_id', 'movement_time', 'id']);
SELECT col_is_pk('realtime_metrics', ARRAY['session_id', 'timestamp', 'id']);
SELECT col_is_pk('occupancy_baselines', ARRAY['session_id', 'baseline_time']);
SELECT col_is_pk('session_statistics', 'session_id');
SELECT col_is_pk('hourly_statistics', ARRAY['session_id', 'hour_timestamp']);
SELECT col_is_pk('daily_statistics', ARRAY['session_id', 'date_timestamp']);
SELECT col_is_pk('system_config', 'config_key');
SELECT col_is_pk('alert_thresholds', 'id');
SELECT col_is_pk('alert_logs', 'id');
SELECT col_is_pk('alert_states', ARRAY['threshold_id', 'session_id']);
SELECT col_is_pk('alert_progress', 'only_row');
SELECT col_is_pk('alert_channels', 'id');
SELECT col_is_pk('alert_channel_secrets', 'channel_id');
SELECT col_is_pk('alert_deliveries', 'id');
SELECT col_is_pk('removed_defaults', ARRAY['table_name', 'key']);
SELECT set_eq($$ SELECT conrelid::regclass::text FROM pg_constraint
                  WHERE contype = 'f' AND confrelid = 'sessions'::regclass AND confdeltype = 'c' $$,
              $$ SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r'
                  WHERE attname = 'session_id' AND attrelid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass) $$,
              'every table with a session_id refers to sessions, and goes with them');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = t::regclass), 1::bigint, 'the ingest tables have one index: ' || t)
  FROM unnest('{people_movements,realtime_metrics}'::text[]) AS t;
SELECT is_empty($$ SELECT conname FROM pg_constraint
                    WHERE contype = 'c' AND conrelid IN ('people_movements'::regclass, 'realtime_metrics'::regclass) $$,
                'the ingest tables have no check constraint');
SELECT index_is_unique('alert_logs', 'alert_logs_open_key');

-- Comments

-- All that the extension brings: its members, and what belongs to them.
CREATE TEMP TABLE part AS
WITH RECURSIVE part AS (
    SELECT classid, objid FROM member
    UNION
    SELECT d.classid, d.objid
      FROM part p JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.deptype IN ('i', 'a', 'P', 'S')
)
SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name, obj_description(objid, classid::regclass::name) AS comment
  FROM part;
-- Those that PostgreSQL makes and names: toast tables, types of rows and arrays, rules of views, triggers of foreign keys,
-- indexes of keys, and constraints that were given no name. A default value cannot have a comment.
CREATE TEMP TABLE unnamed AS
SELECT classid, objid FROM part
 WHERE CASE classid
       WHEN 'pg_attrdef'::regclass THEN true
       WHEN 'pg_rewrite'::regclass THEN name LIKE 'rule \_RETURN on %'
       WHEN 'pg_trigger'::regclass THEN (SELECT tgisinternal FROM pg_trigger WHERE oid = objid)
       WHEN 'pg_type'::regclass THEN (SELECT typrelid <> 0 OR typcategory = 'A' FROM pg_type WHERE oid = objid)
       WHEN 'pg_class'::regclass THEN
           (SELECT relnamespace = 'pg_toast'::regnamespace FROM pg_class WHERE oid = objid)
           OR EXISTS (SELECT FROM pg_constraint WHERE conindid = objid AND contype IN ('p', 'u'))
       WHEN 'pg_constraint'::regclass THEN
           (SELECT conname IN (relname || '_pkey', relname || '_' || columns || '_fkey', relname || '_' || columns || '_check',
                               relname || '_' || columns || '_key', relname || '_' || columns || '_not_null')
              FROM (SELECT conname, relname,
                           (SELECT string_agg(attname, '_' ORDER BY array_position(conkey, attnum))
                              FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
                      FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid WHERE k.oid = objid) AS names)
       ELSE false END;
SELECT is((SELECT array_agg(DISTINCT classid::regclass::text ORDER BY classid::regclass::text) FROM part),
          '{pg_attrdef,pg_class,pg_constraint,pg_proc,pg_rewrite,pg_trigger,pg_type}'::text[],
          'there are no other kinds of objects');
SELECT is_empty('SELECT name FROM part WHERE comment IS NULL AND (classid, objid) NOT IN (TABLE unnamed) ORDER BY name',
                'whatever has a name of its own has a comment');
SELECT set_eq($$ SELECT k.conname::text FROM unnamed JOIN pg_constraint k ON k.oid = objid AND contype IN ('c', 'f', 'u') $$,
    '{alert_channel_secrets_channel_id_fkey,alert_channels_channel_name_key,alert_deliveries_alert_id_fkey,'
    'alert_deliveries_channel_id_fkey,alert_logs_session_id_fkey,alert_logs_threshold_id_fkey,alert_states_session_id_fkey,'
    'alert_states_threshold_id_fkey,alert_thresholds_session_id_fkey,archived_hours_session_id_fkey,daily_statistics_session_id_fkey,'
    'hourly_statistics_session_id_fkey,occupancy_baselines_kind_check,occupancy_baselines_session_id_fkey,'
    'people_movements_session_id_fkey,realtime_metrics_session_id_fkey,removed_defaults_table_name_check,'
    'retention_progress_kind_check,'
    'session_statistics_session_id_fkey,system_config_config_type_check,system_config_origin_check}'::text[],
    'these constraints say all with the name that PostgreSQL gives');
SELECT is_empty($$ SELECT m.name, a.attname
                     FROM member m JOIN pg_attribute a ON a.attrelid = m.objid AND m.classid = 'pg_class'::regclass
                    WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL $$,
                'every column of a table or view has a comment');
SELECT isnt((SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'people_counter'), NULL,
            'the extension has a comment');

-- Functions
SELECT is_empty($$ SELECT p.oid::regprocedure
                     FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
                     JOIN pg_language l ON l.oid = p.prolang
                    WHERE l.lanname <> 'c' AND p.prokind <> 'a'
                      AND p.proname <> 'apply_retention'  -- it commits, and names nothing that a search_path could change
                      AND p.proconfig[1] IS DISTINCT FROM 'search_path=pg_catalog, pg_temp' $$,
                'every SQL or PL function fixes its search_path');
SELECT is_empty($$ SELECT p.oid::regprocedure
                     FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
                    WHERE p.prosecdef AND p.proname NOT IN
                          ('default_time_zone', 'keep_origin', 'note_removed_default', 'remove_default', 'set_channel_secret',
                           'send_test_alert', 'retry_alert_delivery', 'apply_retention_batch') $$,
                'no other function runs with the rights of the owner');
SELECT is((SELECT array_agg(p.proname::text) FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
            WHERE p.prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')), '{default_time_zone}'::text[],
          'of those with the rights of the owner the public may call only the default');
SELECT function_privs_are('rebuild_statistics', ARRAY['uuid'], 'public', '{}'::text[], 'the public may not rebuild');
SELECT is((SELECT array_agg(p.proname::text ORDER BY p.proname)
             FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
            WHERE NOT has_function_privilege('public', p.oid, 'EXECUTE')),
          '{alerts_changed,announce_alert,announce_extension,apply_retention,apply_retention_batch,archive_changed,'
          'baselines_changed,channel_named,check_retention,complete_archived_hour,deliveries_changed,end_alert,'
          'evaluate_alerts,guard_derived,hours_to_prune,keep_origin,metrics_changed,movements_changed,'
          'note_removed_default,note_retention_failure,prune_hours,queue_alert_deliveries,raise_alert,rebuild_statistics,'
          'remove_default,repeat_alert,retry_alert_delivery,send_test_alert,session_check,sessions_changed,'
          'set_channel_secret,start_alert_worker,stop_alert_worker,sums_of_hours}'::text[], 'what the public may not call');
SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname)
             FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
            WHERE has_table_privilege('public', c.oid, 'SELECT')),
          '{alert_worker_status,index_usage,slow_queries,table_sizes}'::text[],
          'the public may see how the alert worker is, and what the catalog shows anybody');
SELECT volatility_is('calculate_current_people_inside', ARRAY['uuid'], 'stable');
SELECT volatility_is('verify_statistics', ARRAY['uuid'], 'stable');
SELECT function_returns('calculate_current_people_inside', ARRAY['uuid'], 'integer');
SELECT is((SELECT array_agg(ARRAY[extension, library, server]) FROM people_counter_version()),
          (SELECT ARRAY[ARRAY[default_version, default_version, current_setting('server_version')]]
             FROM pg_available_extensions WHERE name = 'people_counter'),
          'one row of versions: extension and library are of the default version');
SELECT is((SELECT extension FROM people_counter_version()), (SELECT extversion FROM pg_extension WHERE extname = 'people_counter'),
          'the version is that of the extension here');
SELECT is((SELECT library FROM people_counter_version()), people_counter_library_version(), 'and that of the library');

-- Dump
SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname)
             FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig) WHERE e.extname = 'people_counter'),
          '{alert_channel_secrets,alert_channels,alert_deliveries,alert_logs,alert_thresholds,archived_hours,occupancy_baselines,people_movements,'
          'realtime_metrics,removed_defaults,sessions,system_config}'::text[], 'pg_dump takes the base tables and no derived one');

SELECT * FROM finish();
ROLLBACK;
