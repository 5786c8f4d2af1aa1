-- Of manage_db.sh migrate reset: both extensions anew and empty. What others built upon them keeps it from happening: it would
-- be gone, too. All of it or nothing.
SET client_min_messages = warning;
BEGIN;
SELECT extname = 'people_counter_rest' AS rest FROM pg_extension WHERE extname = 'people_counter_rest' \gset
SELECT nspname AS schema FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'people_counter' \gset
DROP EXTENSION IF EXISTS people_counter_rest;
DROP EXTENSION IF EXISTS people_counter;
\if :{?schema}
CREATE EXTENSION people_counter SCHEMA :"schema";
\else
CREATE EXTENSION people_counter;
\endif
\if :{?rest}
CREATE EXTENSION people_counter_rest;
\endif
COMMIT;
SELECT format('%s: dropped with all data, and created anew, version %s', extname, extversion) FROM pg_extension
 WHERE extname IN ('people_counter', 'people_counter_rest') ORDER BY extname;
