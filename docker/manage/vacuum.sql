-- Of manage_db.sh maintain. It waits for nobody: a table that somebody holds is left for the next time.
\set QUIET off
SELECT format('VACUUM (ANALYZE, SKIP_LOCKED) %s', objid::regclass) FROM pg_depend JOIN pg_class ON pg_class.oid = objid JOIN pg_extension ON pg_extension.oid = refobjid
 WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e' AND relkind = 'r'
   AND extname IN ('people_counter', 'people_counter_rest') ORDER BY 1 \gexec
\set QUIET on
