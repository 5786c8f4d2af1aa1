CREATE TABLE @extschema@.alert_thresholds (
    id                uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    session_id        uuid REFERENCES @extschema@.sessions ON DELETE CASCADE,
    threshold_name    varchar          NOT NULL,
    threshold_value   double precision NOT NULL,
    alert_message     text,
    is_active         boolean          NOT NULL DEFAULT true,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    updated_at        timestamptz      NOT NULL DEFAULT now(),
    metric            text             NOT NULL,
    comparison        text             NOT NULL,
    clear_value       double precision,
    hold_for          interval         NOT NULL DEFAULT '0',
    keep_firing_for   interval         NOT NULL DEFAULT '0',
    repeat_interval   interval,
    severity          text             NOT NULL DEFAULT 'warning',
    origin            text             NOT NULL DEFAULT 'user',
    CONSTRAINT alert_thresholds_metric_is_known CHECK (metric IN
        ('current_people_inside', 'people_entered_last_minute', 'people_exited_last_minute', 'people_entered_last_hour',
         'people_exited_last_hour', 'exits_absorbed', 'detection_accuracy', 'fps_current', 'cpu_usage_percentage',
         'memory_usage_mb', 'processing_latency_ms', 'silence_seconds')),
    CONSTRAINT alert_thresholds_comparison_is_above_or_below CHECK (comparison IN ('above', 'below')),
    CONSTRAINT alert_thresholds_severity_is_known CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT alert_thresholds_origin_is_known CHECK (origin IN ('shipped', 'changed', 'user')),
    CONSTRAINT alert_thresholds_threshold_value_is_finite CHECK (threshold_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_thresholds_clear_value_is_finite CHECK (clear_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_thresholds_clear_value_is_on_the_quiet_side CHECK
        (CASE comparison WHEN 'above' THEN clear_value <= threshold_value ELSE clear_value >= threshold_value END),
    CONSTRAINT alert_thresholds_intervals_are_not_negative CHECK
        (hold_for >= '0' AND keep_firing_for >= '0' AND repeat_interval > '0'),
    CONSTRAINT alert_thresholds_intervals_are_at_most_a_year CHECK
        (hold_for <= '366 days' AND keep_firing_for <= '366 days' AND repeat_interval <= '366 days'),
    CONSTRAINT alert_thresholds_repeat_interval_is_at_least_a_second CHECK (repeat_interval >= '1 second'),
    CONSTRAINT alert_thresholds_silence_is_above_zero CHECK
        (metric <> 'silence_seconds' OR (comparison = 'above' AND threshold_value > 0))
);
COMMENT ON TABLE @extschema@.alert_thresholds IS
    'Rules that raise alerts. A name and a value are enough for the six shipped names; any other name states its metric and comparison.';
COMMENT ON COLUMN @extschema@.alert_thresholds.id IS 'Id of the rule. The shipped ones have the same in every database.';
COMMENT ON COLUMN @extschema@.alert_thresholds.session_id IS 'Session that the rule watches. NULL: every active session.';
COMMENT ON COLUMN @extschema@.alert_thresholds.threshold_name IS 'Name of the rule, at most 100 characters. max_people_count, min_people_count, detection_accuracy_low, fps_low, cpu_usage_high and memory_usage_high imply metric and comparison.';
COMMENT ON COLUMN @extschema@.alert_thresholds.threshold_value IS 'The alert begins when the metric is beyond this value, in the unit of the metric.';
COMMENT ON COLUMN @extschema@.alert_thresholds.alert_message IS 'Text that the alert carries.';
COMMENT ON COLUMN @extschema@.alert_thresholds.is_active IS 'False: the rule rests.';
COMMENT ON COLUMN @extschema@.alert_thresholds.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.alert_thresholds.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON COLUMN @extschema@.alert_thresholds.metric IS 'What is watched. Of the movements: current_people_inside (people), people_entered_last_minute, people_exited_last_minute, people_entered_last_hour and people_exited_last_hour (people, over the last 60 or 3,600 seconds), exits_absorbed (exits that found nobody, of the business day), detection_accuracy (mean confidence of the hour, percent). Of the metrics samples: fps_current, cpu_usage_percentage, memory_usage_mb, processing_latency_ms, in the unit of the column. silence_seconds: seconds without a movement or a sample.';
COMMENT ON COLUMN @extschema@.alert_thresholds.comparison IS 'above: more than threshold_value is bad; below: less is bad.';
COMMENT ON COLUMN @extschema@.alert_thresholds.clear_value IS 'The alert ends once the metric is no longer beyond this value, on the quiet side of threshold_value, so that it does not flap. NULL: threshold_value itself.';
COMMENT ON COLUMN @extschema@.alert_thresholds.hold_for IS 'How long the metric must stay beyond the threshold before the alert begins.';
COMMENT ON COLUMN @extschema@.alert_thresholds.keep_firing_for IS 'How long the metric must stay clear before the alert ends.';
COMMENT ON COLUMN @extschema@.alert_thresholds.repeat_interval IS 'How often a lasting alert is announced again. NULL: once only.';
COMMENT ON COLUMN @extschema@.alert_thresholds.severity IS 'info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_thresholds.origin IS 'shipped: as the extension brought it; changed: shipped, then edited here; user: added here. Kept by the extension; only changed and user rows are dumped.';
COMMENT ON CONSTRAINT alert_thresholds_metric_is_known ON @extschema@.alert_thresholds IS 'A metric is one that can be watched.';
COMMENT ON CONSTRAINT alert_thresholds_comparison_is_above_or_below ON @extschema@.alert_thresholds IS 'A comparison is above or below.';
COMMENT ON CONSTRAINT alert_thresholds_severity_is_known ON @extschema@.alert_thresholds IS 'A severity is info, warning or critical.';
COMMENT ON CONSTRAINT alert_thresholds_origin_is_known ON @extschema@.alert_thresholds IS 'An origin is shipped, changed or user.';
COMMENT ON CONSTRAINT alert_thresholds_threshold_value_is_finite ON @extschema@.alert_thresholds IS 'A threshold can be reached.';
COMMENT ON CONSTRAINT alert_thresholds_clear_value_is_finite ON @extschema@.alert_thresholds IS 'So can the value that ends the alert.';
COMMENT ON CONSTRAINT alert_thresholds_clear_value_is_on_the_quiet_side ON @extschema@.alert_thresholds IS 'An alert cannot end before it begins: clear_value is at most a threshold that fires above, at least one that fires below.';
COMMENT ON CONSTRAINT alert_thresholds_intervals_are_at_most_a_year ON @extschema@.alert_thresholds IS 'hold_for, keep_firing_for and repeat_interval are at most 366 days.';
COMMENT ON CONSTRAINT alert_thresholds_repeat_interval_is_at_least_a_second ON @extschema@.alert_thresholds IS 'A lasting alert is announced at most once a second.';
COMMENT ON CONSTRAINT alert_thresholds_silence_is_above_zero ON @extschema@.alert_thresholds IS 'Silence can only be too long: silence_seconds is compared above a threshold of more than 0 seconds.';
COMMENT ON CONSTRAINT alert_thresholds_intervals_are_not_negative ON @extschema@.alert_thresholds IS 'hold_for and keep_firing_for are 0 or more, repeat_interval is more than 0.';

INSERT INTO @extschema@.alert_thresholds (id, threshold_name, threshold_value, metric, comparison, alert_message, origin) VALUES
    ('00000000-0000-7000-8000-000000000001', 'max_people_count', 50, 'current_people_inside', 'above', 'More people inside than allowed', 'shipped'),
    ('00000000-0000-7000-8000-000000000002', 'min_people_count', 0, 'current_people_inside', 'below', 'Fewer people inside than expected', 'shipped'),
    ('00000000-0000-7000-8000-000000000003', 'detection_accuracy_low', 80, 'detection_accuracy', 'below', 'Detection is less accurate than it should be', 'shipped'),
    ('00000000-0000-7000-8000-000000000004', 'fps_low', 15, 'fps_current', 'below', 'The counter processes too few frames a second', 'shipped'),
    ('00000000-0000-7000-8000-000000000005', 'cpu_usage_high', 90, 'cpu_usage_percentage', 'above', 'The counter is using too much processor time', 'shipped'),
    ('00000000-0000-7000-8000-000000000006', 'memory_usage_high', 80, 'memory_usage_mb', 'above', 'The counter is using too much memory', 'shipped');

-- The constraints of the table say what a rule may be; this says which field of a rule is wrong, and what would be right.
-- Empty for a rule that they accept.
CREATE FUNCTION @extschema@.threshold_problem(rule @extschema@.alert_thresholds, OUT field text, OUT value text,
        OUT problem text, OUT reason text, OUT detail text, OUT hint text)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH term AS (
            SELECT rule.metric AS metric, rule.comparison AS comparison, rule.threshold_value AS threshold,
                   rule.clear_value AS clear
        ), span (n, field, length, shortest, least_reason, least_hint) AS (
            VALUES (1, 'hold_for', rule.hold_for, interval '0', 'alert_thresholds_intervals_are_not_negative',
                    'Set hold_for to 0 or more: how long the metric must stay beyond the threshold.'),
                   (2, 'keep_firing_for', rule.keep_firing_for, '0', 'alert_thresholds_intervals_are_not_negative',
                    'Set keep_firing_for to 0 or more: how long the metric must stay clear.'),
                   (3, 'repeat_interval', rule.repeat_interval, '1 second',
                    CASE WHEN rule.repeat_interval <= '0' THEN 'alert_thresholds_intervals_are_not_negative'
                         ELSE 'alert_thresholds_repeat_interval_is_at_least_a_second' END,
                    'Set repeat_interval to 1 second or more, or to NULL for an alert that is announced once.')
        ), known (metrics) AS (
            VALUES ('{current_people_inside,people_entered_last_minute,people_exited_last_minute,people_entered_last_hour,'
                    'people_exited_last_hour,exits_absorbed,detection_accuracy,fps_current,cpu_usage_percentage,'
                    'memory_usage_mb,processing_latency_ms,silence_seconds}'::text[])
        )
        SELECT p.field, p.value, p.problem, p.reason, p.detail, p.hint
          FROM term AS t CROSS JOIN known AS k, LATERAL (
            SELECT 1, 'metric', format('"%s"', left(t.metric, 40)), 'is not a metric', 'alert_thresholds_metric_is_known',
                   format('The metrics are %s.', array_to_string(k.metrics, ', ')), 'Set metric to one of these.'
             WHERE t.metric <> ALL (k.metrics)
            UNION ALL
            SELECT 2, 'comparison', format('"%s"', left(t.comparison, 40)), 'is not a comparison',
                   'alert_thresholds_comparison_is_above_or_below', 'The comparisons are above and below.',
                   'Set comparison to above, if more than threshold_value is bad, or to below, if less is.'
             WHERE t.comparison NOT IN ('above', 'below')
            UNION ALL
            SELECT 3, 'severity', format('"%s"', left(rule.severity, 40)), 'is not a severity',
                   'alert_thresholds_severity_is_known', 'The severities are info, warning and critical.',
                   'Set severity to one of these, or leave it out for warning.'
             WHERE rule.severity NOT IN ('info', 'warning', 'critical')
            UNION ALL
            SELECT 4, 'threshold_value', t.threshold::text, 'is not finite', 'alert_thresholds_threshold_value_is_finite',
                   'A threshold is a number that a metric can be on both sides of.', 'Set threshold_value to a number.'
             WHERE t.threshold IN ('NaN', 'Infinity', '-Infinity')
            UNION ALL
            SELECT 5, 'clear_value', t.clear::text, 'is not finite', 'alert_thresholds_clear_value_is_finite',
                   'The alert would never end.', 'Set clear_value to a number, or to NULL for threshold_value itself.'
             WHERE t.clear IN ('NaN', 'Infinity', '-Infinity')
            UNION ALL
            SELECT 6, 'clear_value', t.clear::text, 'is on the wrong side of threshold_value ' || t.threshold,
                   'alert_thresholds_clear_value_is_on_the_quiet_side',
                   CASE t.comparison
                   WHEN 'above' THEN format('The alert begins above %s, so it would end while the metric is still beyond.', t.threshold)
                   ELSE format('The alert begins below %s, so it would end while the metric is still beyond.', t.threshold) END,
                   CASE t.comparison WHEN 'above' THEN format('Set clear_value to %s or less, or to NULL.', t.threshold)
                                     ELSE format('Set clear_value to %s or more, or to NULL.', t.threshold) END
             WHERE CASE t.comparison WHEN 'above' THEN t.clear > t.threshold ELSE t.clear < t.threshold END
            UNION ALL
            SELECT 6 + s.n, s.field, format('"%s"', s.length), 'is too short', s.least_reason,
                   format('At least %s is allowed.', CASE s.n WHEN 3 THEN '1 second' ELSE '0' END), s.least_hint
              FROM span AS s WHERE s.length < s.shortest
            UNION ALL
            SELECT 6 + s.n, s.field, format('"%s"', s.length), 'is too long', 'alert_thresholds_intervals_are_at_most_a_year',
                   'At most 366 days are allowed.', format('Set %s to 366 days or less.', s.field)
              FROM span AS s WHERE s.length > '366 days'
            UNION ALL
            SELECT 10, 'comparison', format('"%s"', t.comparison), 'does not fit silence_seconds',
                   'alert_thresholds_silence_is_above_zero', 'Silence can only be too long.', 'Set comparison to above.'
             WHERE t.metric = 'silence_seconds' AND t.comparison = 'below'
            UNION ALL
            SELECT 11, 'threshold_value', t.threshold::text, 'is no length of a silence',
                   'alert_thresholds_silence_is_above_zero', 'A session is silent for 0 seconds at every movement and sample.',
                   'Set threshold_value to more than 0 seconds.'
             WHERE t.metric = 'silence_seconds' AND t.threshold <= 0
          ) AS p (n, field, value, problem, reason, detail, hint)
         ORDER BY p.n LIMIT 1
    $$;
COMMENT ON FUNCTION @extschema@.threshold_problem(@extschema@.alert_thresholds) IS
    'The first thing that is wrong with a rule: field, value and problem, reason (the constraint), and what to do. No row if nothing is.';

CREATE FUNCTION @extschema@.complete_threshold() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    implied record;
    problem record;
BEGIN
    IF length(NEW.threshold_name) > 100 THEN
        RAISE EXCEPTION 'threshold_name "%..." is too long', left(NEW.threshold_name, 40)
            USING ERRCODE = 'string_data_right_truncation', COLUMN = 'threshold_name', TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA,
                  DETAIL = format('It has %s characters, 100 are allowed.', length(NEW.threshold_name)),
                  HINT = 'Shorten threshold_name.';
    END IF;
    IF (NEW.metric IS NULL OR NEW.comparison IS NULL) AND NEW.threshold_name IS NOT NULL THEN
        SELECT * INTO implied FROM (VALUES
            ('max_people_count',       'current_people_inside', 'above'),
            ('min_people_count',       'current_people_inside', 'below'),
            ('detection_accuracy_low', 'detection_accuracy',    'below'),
            ('fps_low',                'fps_current',           'below'),
            ('cpu_usage_high',         'cpu_usage_percentage',  'above'),
            ('memory_usage_high',      'memory_usage_mb',       'above')) AS names (name, metric, comparison)
         WHERE name = NEW.threshold_name;
        NEW.metric := coalesce(NEW.metric, implied.metric);
        NEW.comparison := coalesce(NEW.comparison, CASE WHEN NEW.metric = implied.metric THEN implied.comparison END);
        IF NEW.metric IS NULL OR NEW.comparison IS NULL THEN
            RAISE EXCEPTION 'threshold "%" does not say what it compares', NEW.threshold_name
                USING ERRCODE = 'not_null_violation',
                      COLUMN = CASE WHEN NEW.metric IS NULL THEN 'metric' ELSE 'comparison' END,
                      TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                      HINT = 'Set metric and comparison, or use one of max_people_count, min_people_count, '
                             'detection_accuracy_low, fps_low, cpu_usage_high, memory_usage_high.';
        END IF;
    END IF;
    SELECT * INTO problem FROM @extschema@.threshold_problem(NEW);
    IF FOUND THEN
        RAISE EXCEPTION '% % of threshold "%" %', problem.field, problem.value, left(NEW.threshold_name, 40), problem.problem
            USING ERRCODE = 'check_violation', COLUMN = problem.field, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  CONSTRAINT = problem.reason, DETAIL = problem.detail, HINT = problem.hint;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.complete_threshold() IS
    'Trigger function of alert_thresholds: fills metric and comparison where the name implies them, refuses another name that does not state them, one that is too long, and a rule that could never do what it says.';

CREATE TRIGGER a_complete BEFORE INSERT OR UPDATE ON @extschema@.alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION @extschema@.complete_threshold();
COMMENT ON TRIGGER a_complete ON @extschema@.alert_thresholds IS 'Checks the name and fills metric and comparison from it.';

CREATE TABLE @extschema@.alert_logs (
    id              uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    session_id      uuid REFERENCES @extschema@.sessions ON DELETE CASCADE,
    threshold_id    uuid REFERENCES @extschema@.alert_thresholds ON DELETE SET NULL,
    alert_type      varchar      NOT NULL,
    alert_message   text,
    current_value   double precision,
    threshold_value double precision,
    triggered_at    timestamptz  NOT NULL DEFAULT now(),
    resolved_at     timestamptz,
    is_resolved     boolean      NOT NULL DEFAULT false,
    severity        text         NOT NULL DEFAULT 'warning',
    peak_value      double precision,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    metric          text,
    resolved_reason text,
    repeat_count    integer      NOT NULL DEFAULT 0,
    announced_at    timestamptz,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT alert_logs_alert_type_has_at_most_100_characters CHECK (length(alert_type) <= 100),
    CONSTRAINT alert_logs_current_value_is_finite CHECK (current_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_threshold_value_is_finite CHECK (threshold_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_peak_value_is_finite CHECK (peak_value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT alert_logs_triggered_at_is_finite CHECK (isfinite(triggered_at)),
    CONSTRAINT alert_logs_resolved_at_is_finite CHECK (isfinite(resolved_at)),
    CONSTRAINT alert_logs_acknowledged_at_is_finite CHECK (isfinite(acknowledged_at)),
    CONSTRAINT alert_logs_severity_is_known CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT alert_logs_resolved_after_triggered CHECK (resolved_at >= triggered_at),
    CONSTRAINT alert_logs_resolved_reason_is_known CHECK (resolved_reason IN
        ('cleared', 'session_ended', 'threshold_changed', 'threshold_deleted', 'by_hand'))
) WITH (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02);
-- One about no session in particular counts like any other. A rule may be deleted while its alert is open, so open alerts
-- without a rule do not collide.
CREATE UNIQUE INDEX alert_logs_open_key ON @extschema@.alert_logs (threshold_id, session_id) NULLS NOT DISTINCT
    WHERE NOT is_resolved AND threshold_id IS NOT NULL;
CREATE INDEX alert_logs_session_id_idx ON @extschema@.alert_logs (session_id, triggered_at);
CREATE INDEX alert_logs_open_idx ON @extschema@.alert_logs (threshold_id) WHERE NOT is_resolved;
COMMENT ON INDEX @extschema@.alert_logs_open_idx IS 'Open alerts, also those of deleted rules.';
CREATE INDEX alert_logs_resolved_at_idx ON @extschema@.alert_logs (resolved_at) WHERE is_resolved;
COMMENT ON INDEX @extschema@.alert_logs_resolved_at_idx IS 'Alerts by their end: what the alert worker asks for when it starts.';
COMMENT ON TABLE @extschema@.alert_logs IS
    'Alerts raised: one row from the moment a rule fires until it is resolved, kept as a record.';
COMMENT ON COLUMN @extschema@.alert_logs.id IS 'Time-ordered id of the alert.';
COMMENT ON COLUMN @extschema@.alert_logs.session_id IS 'Session it is about. NULL: none in particular.';
COMMENT ON COLUMN @extschema@.alert_logs.threshold_id IS 'Rule that fired. NULL once the rule is deleted.';
COMMENT ON COLUMN @extschema@.alert_logs.alert_type IS 'Name of the rule when it fired, at most 100 characters.';
COMMENT ON COLUMN @extschema@.alert_logs.alert_message IS 'Text of the rule when it fired.';
COMMENT ON COLUMN @extschema@.alert_logs.current_value IS 'Value of the metric that fired, in its unit.';
COMMENT ON COLUMN @extschema@.alert_logs.threshold_value IS 'Threshold it was beyond.';
COMMENT ON COLUMN @extschema@.alert_logs.triggered_at IS 'When the alert began.';
COMMENT ON COLUMN @extschema@.alert_logs.resolved_at IS 'When it ended. NULL while it lasts.';
COMMENT ON COLUMN @extschema@.alert_logs.is_resolved IS 'True once it ended. At most one unresolved alert exists for a rule and session.';
COMMENT ON COLUMN @extschema@.alert_logs.severity IS 'Severity of the rule when it fired: info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_logs.peak_value IS 'Worst value while it lasted.';
COMMENT ON COLUMN @extschema@.alert_logs.acknowledged_at IS 'When someone took notice.';
COMMENT ON COLUMN @extschema@.alert_logs.acknowledged_by IS 'Who did.';
COMMENT ON COLUMN @extschema@.alert_logs.note IS 'What they had to say.';
COMMENT ON COLUMN @extschema@.alert_logs.metric IS 'Metric of the rule when it fired. NULL for an alert that no rule raised: those are left alone.';
COMMENT ON COLUMN @extschema@.alert_logs.resolved_reason IS 'Why it ended: cleared (the metric is back), session_ended, threshold_changed (switched off, or for another session or metric now), threshold_deleted, by_hand.';
COMMENT ON COLUMN @extschema@.alert_logs.repeat_count IS 'How often it was announced again while it lasted.';
COMMENT ON COLUMN @extschema@.alert_logs.announced_at IS 'When it was last announced: NOTIFY people_counter_alert and a delivery for each channel.';
COMMENT ON COLUMN @extschema@.alert_logs.created_at IS 'When the row was made. triggered_at is exact instead: the instant at which the metric had been beyond the threshold for hold_for.';
COMMENT ON CONSTRAINT alert_logs_resolved_reason_is_known ON @extschema@.alert_logs IS 'A reason is one of those that alerts end for.';
COMMENT ON CONSTRAINT alert_logs_alert_type_has_at_most_100_characters ON @extschema@.alert_logs IS 'As long as the name of a rule can be.';
COMMENT ON CONSTRAINT alert_logs_current_value_is_finite ON @extschema@.alert_logs IS 'No rule fires at what is not a number.';
COMMENT ON CONSTRAINT alert_logs_threshold_value_is_finite ON @extschema@.alert_logs IS 'As that of the rule.';
COMMENT ON CONSTRAINT alert_logs_peak_value_is_finite ON @extschema@.alert_logs IS 'As the values it is the worst of.';
COMMENT ON CONSTRAINT alert_logs_triggered_at_is_finite ON @extschema@.alert_logs IS 'An alert begins at a point in time.';
COMMENT ON CONSTRAINT alert_logs_resolved_at_is_finite ON @extschema@.alert_logs IS 'It ends at one; NULL while it lasts.';
COMMENT ON CONSTRAINT alert_logs_acknowledged_at_is_finite ON @extschema@.alert_logs IS 'Notice is taken at one.';
COMMENT ON CONSTRAINT alert_logs_severity_is_known ON @extschema@.alert_logs IS 'A severity is info, warning or critical.';
COMMENT ON CONSTRAINT alert_logs_resolved_after_triggered ON @extschema@.alert_logs IS 'No alert ends before it begins.';
COMMENT ON INDEX @extschema@.alert_logs_open_key IS 'At most one open alert for a rule and session, or for a rule and no session. Alerts of deleted rules are not in it.';
COMMENT ON INDEX @extschema@.alert_logs_session_id_idx IS 'Alerts of a session in order of time; also serves the deletion of a session.';

-- What is neither ok nor an open row of alert_logs. Not dumped: what waits to become an alert must show itself again.
CREATE TABLE @extschema@.alert_states (
    threshold_id uuid NOT NULL REFERENCES @extschema@.alert_thresholds ON DELETE CASCADE,
    session_id   uuid NOT NULL REFERENCES @extschema@.sessions ON DELETE CASCADE,
    phase        text NOT NULL,
    since        timestamptz NOT NULL,
    by_edit      boolean NOT NULL DEFAULT false,
    peak_value   double precision,
    CONSTRAINT alert_states_pkey PRIMARY KEY (threshold_id, session_id),
    CONSTRAINT alert_states_phase_is_known CHECK (phase IN ('pending', 'recovering')),
    CONSTRAINT alert_states_peak_value_is_finite CHECK (peak_value NOT IN ('NaN', 'Infinity', '-Infinity'))
) WITH (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX alert_states_session_id_idx ON @extschema@.alert_states (session_id);
COMMENT ON TABLE @extschema@.alert_states IS
    'Rules on their way: pending (beyond the threshold, not yet for hold_for) or recovering (an open alert whose metric is clear, not yet for keep_firing_for). Kept by the alert worker.';
COMMENT ON COLUMN @extschema@.alert_states.threshold_id IS 'The rule.';
COMMENT ON COLUMN @extschema@.alert_states.session_id IS 'The session.';
COMMENT ON COLUMN @extschema@.alert_states.phase IS 'pending or recovering.';
COMMENT ON COLUMN @extschema@.alert_states.since IS 'When the metric crossed the value: the alert fires, or ends, hold_for or keep_firing_for later.';
COMMENT ON COLUMN @extschema@.alert_states.by_edit IS 'Pending because the rule was edited, not because the metric moved.';
COMMENT ON COLUMN @extschema@.alert_states.peak_value IS 'Worst value since it is pending.';
COMMENT ON CONSTRAINT alert_states_phase_is_known ON @extschema@.alert_states IS 'A phase is pending or recovering; an alert that fires is an open row of alert_logs.';
COMMENT ON CONSTRAINT alert_states_peak_value_is_finite ON @extschema@.alert_states IS 'As the values it is the worst of.';
COMMENT ON INDEX @extschema@.alert_states_session_id_idx IS 'Serves the deletion of a session.';

-- One row. Not dumped: in a restored database everything that is there was there before.
CREATE TABLE @extschema@.alert_progress (
    only_row     boolean PRIMARY KEY DEFAULT true,
    installed_at timestamptz NOT NULL DEFAULT now(),
    looked_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT alert_progress_is_one_row CHECK (only_row)
);
COMMENT ON TABLE @extschema@.alert_progress IS
    'How far the alert worker of this database has come: where it goes on after a restart. Kept by it.';
COMMENT ON COLUMN @extschema@.alert_progress.only_row IS 'True.';
COMMENT ON COLUMN @extschema@.alert_progress.installed_at IS 'When the extension was created here. What was observed before fires no alert: a restored database repeats none.';
COMMENT ON COLUMN @extschema@.alert_progress.looked_at IS 'Everything that arrived until then was looked at. Written every few seconds while something happens.';
COMMENT ON CONSTRAINT alert_progress_is_one_row ON @extschema@.alert_progress IS 'There is one row.';
INSERT INTO @extschema@.alert_progress DEFAULT VALUES;
