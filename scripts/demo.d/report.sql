-- What the demo shows of the session that the camera filled. All but one figure comes from the statistics; that one, the
-- occupancy at some moment within an hour, is an aggregate over the movements of its day.
\set ON_ERROR_STOP on
\pset footer off
\pset linestyle unicode
\pset numericlocale on
\pset pager off
SET TIME ZONE 'America/Los_Angeles';

\echo
\echo 'The ten busiest hours'
\echo
SELECT to_char(local_hour, 'Dy YYYY-MM-DD HH24:MI') AS "hour",
       people_entered AS "in", people_exited AS "out",
       peak_people_count AS peak, to_char(peak_time, 'HH24:MI:SS') AS "at", round(average_people_count, 1) AS average,
       repeat('█', total_detections / 8) AS " "
  FROM hourly_analytics
 ORDER BY total_detections DESC, hour_timestamp
 LIMIT 10;

\echo 'The last week, a business day from 04:00 to 04:00'
\echo
SELECT to_char(date_timestamp, 'Dy YYYY-MM-DD') AS "day",
       total_people_entered AS "in", total_people_exited AS "out",
       peak_people_count AS peak, to_char(peak_time, 'HH24:MI:SS') AS "at", round(average_people_count, 2) AS average,
       exits_absorbed AS absorbed, repeat('█', (average_people_count / 2.5)::integer) AS " "
  FROM daily_analytics
 WHERE date_timestamp > (SELECT max(date_timestamp) FROM daily_analytics) - 7
 ORDER BY date_timestamp;

\echo 'The night before, the clocks were set back. The file has the repeated hour only once; the'
\echo 'other one has no row and counts as not observed, not as empty:'
\echo
SELECT to_char(date_timestamp, 'Dy YYYY-MM-DD') AS "day",
       (total_session_duration / 3600)::numeric(4, 1) AS "hours long", (observed_seconds / 3600)::numeric(4, 1) AS observed
  FROM daily_analytics
 WHERE total_session_duration <> observed_seconds;

\echo 'People inside'
\echo
SELECT * FROM (
    SELECT 'at the busiest moment' AS "when", to_char(peak_time, 'Dy YYYY-MM-DD HH24:MI:SS') AS "time",
           peak_people_count AS people
      FROM current_session_overview
    UNION ALL
    SELECT 'at a moment of your choice', 'Fri 2005-11-04 15:00:00', occupancy_closing(
               movement_time, movement_direction, 0, tstzrange('2005-11-04 04:00', '2005-11-04 15:00'))
      FROM people_movements
     WHERE movement_time >= '2005-11-04 04:00' AND movement_time < '2005-11-04 15:00'
    UNION ALL
    SELECT 'after the last movement', to_char(last_movement_time, 'Dy YYYY-MM-DD HH24:MI:SS'), current_people_inside
      FROM session_statistics
    UNION ALL
    SELECT 'now', to_char(now(), 'Dy YYYY-MM-DD HH24:MI:SS'), calculate_current_people_inside(id)
      FROM sessions) AS inside;

\echo 'The drift of the door: exits that found nobody inside, and people whom the reset sent home'
\echo
SELECT count(*) AS days, sum(total_people_entered) AS "in", sum(total_people_exited) AS "out",
       sum(exits_absorbed) AS absorbed, round(100.0 * sum(exits_absorbed) / sum(total_people_exited), 1) AS "% of out",
       count(*) FILTER (WHERE exits_absorbed > 0) AS "days with any",
       sum(total_people_entered - total_people_exited + exits_absorbed) AS "sent home"
  FROM daily_analytics;

\echo 'The same exits day by day, a line a week; a dot is a day without any'
\echo
SELECT to_char(week, 'YYYY-MM-DD') AS "week of", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "all",
       repeat('█', ("all" + 1) / 2) AS " "
  FROM (SELECT week, sum(exits_absorbed)::integer AS "all",
               max(shown) FILTER (WHERE weekday = 0) AS "Sun", max(shown) FILTER (WHERE weekday = 1) AS "Mon",
               max(shown) FILTER (WHERE weekday = 2) AS "Tue", max(shown) FILTER (WHERE weekday = 3) AS "Wed",
               max(shown) FILTER (WHERE weekday = 4) AS "Thu", max(shown) FILTER (WHERE weekday = 5) AS "Fri",
               max(shown) FILTER (WHERE weekday = 6) AS "Sat"
          FROM (SELECT exits_absorbed, extract(dow FROM date_timestamp)::integer AS weekday,
                       date_timestamp - extract(dow FROM date_timestamp)::integer AS week,
                       CASE exits_absorbed WHEN 0 THEN '  ·' ELSE lpad(exits_absorbed::text, 3) END AS shown
                  FROM daily_analytics) AS day
         GROUP BY week) AS weeks
 ORDER BY week;

\echo 'The worst days'
\echo
SELECT to_char(date_timestamp, 'Dy YYYY-MM-DD') AS "day",
       total_people_entered AS "in", total_people_exited AS "out", exits_absorbed AS absorbed,
       round(100.0 * exits_absorbed / total_people_exited, 1) AS "% of out",
       total_people_entered - total_people_exited + exits_absorbed AS "sent home"
  FROM daily_analytics
 WHERE exits_absorbed > 0
 ORDER BY exits_absorbed DESC, date_timestamp
 LIMIT 5;
