-- Of manage_db.sh migrate: both extensions are there, at the version that is installed. One of them that is not on the server, or
-- not for this user to make, is left out. All of it or nothing.
SET client_min_messages = warning;
CREATE TEMPORARY TABLE before AS SELECT extname, extversion FROM pg_extension;
BEGIN;
CREATE EXTENSION IF NOT EXISTS people_counter;
ALTER EXTENSION people_counter UPDATE;
SELECT format('CREATE EXTENSION IF NOT EXISTS %I', name) FROM pg_available_extensions
 WHERE name = 'people_counter_rest' AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec
SELECT format('ALTER EXTENSION %I UPDATE', extname) FROM pg_extension WHERE extname = 'people_counter_rest' \gexec
COMMIT;
SELECT format('%s: %s', name, CASE
           WHEN now.extversion IS NULL THEN 'left out: it is not on this server, or only a superuser can create it'
           WHEN before.extversion IS NULL THEN 'created, version ' || now.extversion
           WHEN before.extversion = now.extversion THEN 'up to date, version ' || now.extversion
           ELSE format('updated from version %s to %s', before.extversion, now.extversion) END)
  FROM unnest(ARRAY['people_counter', 'people_counter_rest']) WITH ORDINALITY AS wanted (name, place)
  LEFT JOIN before ON before.extname = name LEFT JOIN pg_extension AS now ON now.extname = name ORDER BY place;
