-- Of manage_db.sh maintain: each index of the extensions' tables anew, while others read and write. One that an earlier run
-- left unfinished, because it was interrupted, is dropped first.
SET client_min_messages = warning;
CREATE TEMPORARY TABLE of_extension AS
SELECT indexrelid, indisvalid FROM pg_index JOIN pg_depend ON objid = indrelid JOIN pg_extension ON pg_extension.oid = refobjid
 WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e' AND extname IN ('people_counter', 'people_counter_rest');
\set QUIET off
\set ECHO queries
SELECT format('DROP INDEX CONCURRENTLY %s', indexrelid::regclass) FROM of_extension JOIN pg_class ON pg_class.oid = indexrelid
 WHERE NOT indisvalid AND relname ~ '_cc(new|old)[0-9]*$' \gexec
SELECT format('REINDEX INDEX CONCURRENTLY %s', indexrelid::regclass) FROM of_extension WHERE indisvalid ORDER BY 1 \gexec
\set ECHO none
\set QUIET on
