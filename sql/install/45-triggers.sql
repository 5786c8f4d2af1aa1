CREATE TRIGGER session_check BEFORE INSERT OR UPDATE ON @extschema@.sessions
    FOR EACH ROW EXECUTE FUNCTION @extschema@.session_check();
COMMENT ON TRIGGER session_check ON @extschema@.sessions IS 'Checks the row and completes a session that ends.';
CREATE TRIGGER sessions_inserted AFTER INSERT ON @extschema@.sessions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.sessions_changed();
COMMENT ON TRIGGER sessions_inserted ON @extschema@.sessions IS 'Makes the statistics row of each new session.';
CREATE TRIGGER sessions_updated AFTER UPDATE ON @extschema@.sessions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.sessions_changed();
COMMENT ON TRIGGER sessions_updated ON @extschema@.sessions IS 'Brings the statistics up to date with the session.';

CREATE TRIGGER movements_inserted AFTER INSERT ON @extschema@.people_movements
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_inserted ON @extschema@.people_movements IS 'Checks new movements and brings the statistics up to date.';
CREATE TRIGGER movements_updated AFTER UPDATE ON @extschema@.people_movements
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_updated ON @extschema@.people_movements IS 'Checks changed movements and brings the statistics up to date.';
CREATE TRIGGER movements_deleted AFTER DELETE ON @extschema@.people_movements
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_deleted ON @extschema@.people_movements IS 'Takes deleted movements out of the statistics.';
CREATE TRIGGER movements_truncated AFTER TRUNCATE ON @extschema@.people_movements
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.movements_changed();
COMMENT ON TRIGGER movements_truncated ON @extschema@.people_movements IS 'Takes all movements out of the statistics.';

CREATE TRIGGER metrics_inserted AFTER INSERT ON @extschema@.realtime_metrics
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_inserted ON @extschema@.realtime_metrics IS 'Checks new samples and brings the statistics up to date.';
CREATE TRIGGER metrics_updated AFTER UPDATE ON @extschema@.realtime_metrics
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_updated ON @extschema@.realtime_metrics IS 'Checks changed samples and brings the statistics up to date.';
CREATE TRIGGER metrics_deleted AFTER DELETE ON @extschema@.realtime_metrics
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_deleted ON @extschema@.realtime_metrics IS 'Takes deleted samples out of the statistics.';
CREATE TRIGGER metrics_truncated AFTER TRUNCATE ON @extschema@.realtime_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.metrics_changed();
COMMENT ON TRIGGER metrics_truncated ON @extschema@.realtime_metrics IS 'Takes all samples out of the statistics.';

CREATE TRIGGER baselines_inserted AFTER INSERT ON @extschema@.occupancy_baselines
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_inserted ON @extschema@.occupancy_baselines IS 'Checks new baselines and brings the statistics up to date.';
CREATE TRIGGER baselines_updated AFTER UPDATE ON @extschema@.occupancy_baselines
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_updated ON @extschema@.occupancy_baselines IS 'Checks changed baselines and brings the statistics up to date.';
CREATE TRIGGER baselines_deleted AFTER DELETE ON @extschema@.occupancy_baselines
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_deleted ON @extschema@.occupancy_baselines IS 'Takes deleted baselines out of the statistics.';
CREATE TRIGGER baselines_truncated AFTER TRUNCATE ON @extschema@.occupancy_baselines
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.baselines_changed();
COMMENT ON TRIGGER baselines_truncated ON @extschema@.occupancy_baselines IS 'Takes all baselines out of the statistics.';

-- A cascade from a deleted session arrives as row deletions without a statement of its own, so those are judged row by row.
CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.session_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.session_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.session_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.session_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.session_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.session_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';

CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.hourly_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.hourly_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.hourly_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.hourly_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.hourly_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.hourly_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';

CREATE TRIGGER guard_write BEFORE INSERT OR UPDATE ON @extschema@.daily_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_write ON @extschema@.daily_statistics IS 'Refuses writes that are not the extension''s own.';
CREATE TRIGGER guard_delete BEFORE DELETE ON @extschema@.daily_statistics
    FOR EACH ROW EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_delete ON @extschema@.daily_statistics IS 'Refuses deletions unless the session itself is deleted.';
CREATE TRIGGER guard_truncate AFTER TRUNCATE ON @extschema@.daily_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.guard_derived();
COMMENT ON TRIGGER guard_truncate ON @extschema@.daily_statistics IS 'Refuses TRUNCATE unless the sessions are truncated with it.';
