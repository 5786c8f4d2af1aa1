-- Of manage_db.sh logs: the end of the server's log, where it collects one and we may read it.
SELECT line FROM (
    SELECT line, place FROM regexp_split_to_table(
               pg_read_file(pg_current_logfile(), greatest(0, (pg_stat_file(pg_current_logfile())).size - 100000), 100000), E'\n')
           WITH ORDINALITY AS lines (line, place)
     ORDER BY place DESC LIMIT 100) AS newest
 ORDER BY place;
