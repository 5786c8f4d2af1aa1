CREATE VIEW @extschema@.current_session_overview AS
    SELECT s.id,
           s.session_name,
           s.status,
           s.input_source,
           s.start_time,
           s.end_time,
           s.duration_seconds,
           s.time_zone,
           st.total_people_entered,
           st.total_people_exited,
           live.current_people_inside,
           s.capacity,
           s.capacity - live.current_people_inside AS free_places,
           st.peak_people_count,
           st.peak_time,
           st.average_people_count,
           st.total_detections,
           st.exits_absorbed,
           st.accuracy_percentage,
           st.last_movement_time
      FROM @extschema@.sessions s
      JOIN @extschema@.session_statistics st ON st.session_id = s.id
     CROSS JOIN LATERAL (SELECT @extschema@.calculate_current_people_inside(s.id) AS current_people_inside OFFSET 0) live
     ORDER BY s.start_time DESC, s.id DESC;
COMMENT ON VIEW @extschema@.current_session_overview IS
    'Every session once, newest start first, with its statistics and the people inside now.';
COMMENT ON COLUMN @extschema@.current_session_overview.id IS 'Session.';
COMMENT ON COLUMN @extschema@.current_session_overview.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.current_session_overview.status IS 'active, completed, error or cancelled.';
COMMENT ON COLUMN @extschema@.current_session_overview.input_source IS 'Camera, stream or file that is counted.';
COMMENT ON COLUMN @extschema@.current_session_overview.start_time IS 'When counting began.';
COMMENT ON COLUMN @extschema@.current_session_overview.end_time IS 'When counting ended. NULL while it goes on.';
COMMENT ON COLUMN @extschema@.current_session_overview.duration_seconds IS 'Length of the session in seconds, once it has ended.';
COMMENT ON COLUMN @extschema@.current_session_overview.time_zone IS 'Zone in which its hours and days are counted.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.current_session_overview.current_people_inside IS 'People inside now, by calculate_current_people_inside().';
COMMENT ON COLUMN @extschema@.current_session_overview.capacity IS 'How many people may be inside. NULL: not limited.';
COMMENT ON COLUMN @extschema@.current_session_overview.free_places IS 'capacity less the people inside now; negative when there are too many.';
COMMENT ON COLUMN @extschema@.current_session_overview.peak_people_count IS 'Most people inside at one time.';
COMMENT ON COLUMN @extschema@.current_session_overview.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.current_session_overview.average_people_count IS 'Mean occupancy over the observed time.';
COMMENT ON COLUMN @extschema@.current_session_overview.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.current_session_overview.exits_absorbed IS 'Exits that found nobody inside: entries that the counter missed.';
COMMENT ON COLUMN @extschema@.current_session_overview.accuracy_percentage IS 'Share of right detections in percent, once audited.';
COMMENT ON COLUMN @extschema@.current_session_overview.last_movement_time IS 'Time of the latest movement.';

-- OFFSET 0 keeps the planner from turning the lateral range scan of the key into a join that reads every movement.
CREATE VIEW @extschema@.recent_movements AS
    SELECT m.id,
           st.session_id,
           s.session_name,
           m.person_id,
           m.movement_direction,
           m.movement_time,
           m.centroid_x,
           m.centroid_y,
           m.bounding_box_x1,
           m.bounding_box_y1,
           m.bounding_box_x2,
           m.bounding_box_y2,
           m.confidence_score,
           m.frame_number
      FROM @extschema@.sessions s
      JOIN @extschema@.session_statistics st ON st.session_id = s.id
     CROSS JOIN LATERAL (SELECT * FROM @extschema@.people_movements p
                          WHERE p.session_id = st.session_id
                            AND p.movement_time >= now() - interval '1 hour' OFFSET 0) m
     WHERE st.last_movement_time >= now() - interval '1 hour'
     ORDER BY m.movement_time DESC, m.id DESC;
COMMENT ON VIEW @extschema@.recent_movements IS
    'Movements of the last hour in all sessions, newest first; those of a clock that runs ahead are among them. Reads only sessions that moved lately, each by its key.';
COMMENT ON COLUMN @extschema@.recent_movements.id IS 'Id of the movement.';
COMMENT ON COLUMN @extschema@.recent_movements.session_id IS 'Session that counted it.';
COMMENT ON COLUMN @extschema@.recent_movements.session_name IS 'Name of the session.';
COMMENT ON COLUMN @extschema@.recent_movements.person_id IS 'Number that the tracker gave the person.';
COMMENT ON COLUMN @extschema@.recent_movements.movement_direction IS 'in or out.';
COMMENT ON COLUMN @extschema@.recent_movements.movement_time IS 'When the person crossed the line.';
COMMENT ON COLUMN @extschema@.recent_movements.centroid_x IS 'Centre of the person: pixels from the left.';
COMMENT ON COLUMN @extschema@.recent_movements.centroid_y IS 'Centre of the person: pixels from the top.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_x1 IS 'Left edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_y1 IS 'Top edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_x2 IS 'Right edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.bounding_box_y2 IS 'Bottom edge of the person, in pixels.';
COMMENT ON COLUMN @extschema@.recent_movements.confidence_score IS 'How sure the detector was, 0 to 1.';
COMMENT ON COLUMN @extschema@.recent_movements.frame_number IS 'Frame in which the person crossed the line.';

CREATE VIEW @extschema@.hourly_analytics AS
    SELECT h.session_id,
           s.session_name,
           h.hour_timestamp,
           h.hour_timestamp AT TIME ZONE s.time_zone AS local_hour,
           h.people_entered,
           h.people_exited,
           h.peak_people_count,
           h.peak_time,
           h.average_people_count,
           h.low_people_count,
           h.opening_count,
           h.closing_count,
           h.total_detections,
           h.detection_accuracy,
           h.exits_absorbed,
           h.occupancy_seconds,
           h.observed_seconds
      FROM @extschema@.sessions s
      JOIN @extschema@.hourly_statistics h ON h.session_id = s.id
     ORDER BY h.hour_timestamp DESC, h.session_id;
COMMENT ON VIEW @extschema@.hourly_analytics IS
    'Hourly statistics with the name of the session, newest first. Averages of several hours: sum(occupancy_seconds) / sum(observed_seconds).';
COMMENT ON COLUMN @extschema@.hourly_analytics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.hourly_analytics.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.hourly_analytics.hour_timestamp IS 'First instant of the hour.';
COMMENT ON COLUMN @extschema@.hourly_analytics.local_hour IS 'The same on the clock of the session''s zone. An hour that the clocks repeat appears twice.';
COMMENT ON COLUMN @extschema@.hourly_analytics.people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.hourly_analytics.people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.hourly_analytics.peak_people_count IS 'Most people inside at one time, counted or reported.';
COMMENT ON COLUMN @extschema@.hourly_analytics.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.hourly_analytics.average_people_count IS 'Mean occupancy over the observed time. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.hourly_analytics.low_people_count IS 'Fewest people inside at one time.';
COMMENT ON COLUMN @extschema@.hourly_analytics.opening_count IS 'People inside at the beginning of the hour.';
COMMENT ON COLUMN @extschema@.hourly_analytics.closing_count IS 'People inside just before its end.';
COMMENT ON COLUMN @extschema@.hourly_analytics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.hourly_analytics.detection_accuracy IS 'Mean confidence in percent.';
COMMENT ON COLUMN @extschema@.hourly_analytics.exits_absorbed IS 'Exits that found nobody inside.';
COMMENT ON COLUMN @extschema@.hourly_analytics.occupancy_seconds IS 'Person-seconds over the observed time.';
COMMENT ON COLUMN @extschema@.hourly_analytics.observed_seconds IS 'Observed part of the hour in seconds.';

CREATE VIEW @extschema@.daily_analytics AS
    SELECT d.session_id,
           s.session_name,
           d.date_timestamp,
           d.total_people_entered,
           d.total_people_exited,
           d.peak_people_count,
           d.peak_time,
           d.average_people_count,
           d.total_detections,
           d.total_session_duration,
           d.detection_accuracy,
           d.exits_absorbed,
           d.occupancy_seconds,
           d.observed_seconds
      FROM @extschema@.sessions s
      JOIN @extschema@.daily_statistics d ON d.session_id = s.id
     ORDER BY d.date_timestamp DESC, d.session_id;
COMMENT ON VIEW @extschema@.daily_analytics IS
    'Daily statistics with the name of the session, newest first. Averages of several days: sum(occupancy_seconds) / sum(observed_seconds).';
COMMENT ON COLUMN @extschema@.daily_analytics.session_id IS 'Session.';
COMMENT ON COLUMN @extschema@.daily_analytics.session_name IS 'Its name.';
COMMENT ON COLUMN @extschema@.daily_analytics.date_timestamp IS 'Business day in the zone of the session.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_people_entered IS 'Movements in.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_people_exited IS 'Movements out.';
COMMENT ON COLUMN @extschema@.daily_analytics.peak_people_count IS 'Most people inside at one time, counted or reported.';
COMMENT ON COLUMN @extschema@.daily_analytics.peak_time IS 'Earliest time at which that was so.';
COMMENT ON COLUMN @extschema@.daily_analytics.average_people_count IS 'Mean occupancy over the observed time. NULL if nothing was observed.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_detections IS 'Movements, in and out.';
COMMENT ON COLUMN @extschema@.daily_analytics.total_session_duration IS 'Seconds of the day within the session.';
COMMENT ON COLUMN @extschema@.daily_analytics.detection_accuracy IS 'Mean confidence in percent.';
COMMENT ON COLUMN @extschema@.daily_analytics.exits_absorbed IS 'Exits that found nobody inside.';
COMMENT ON COLUMN @extschema@.daily_analytics.occupancy_seconds IS 'Person-seconds over the observed time.';
COMMENT ON COLUMN @extschema@.daily_analytics.observed_seconds IS 'Observed seconds of the hours with activity.';
