-- The alerts of that day. The shipped rule has no clear_value, so it comes and goes with each person around its 50.
\pset linestyle unicode
\pset footer off
SELECT alert_type AS "alert", severity, threshold_value AS "above", current_value AS "fired at", peak_value AS "peak",
       resolved_reason AS "ended"
  FROM alert_logs ORDER BY triggered_at;
