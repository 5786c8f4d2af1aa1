-- Makes docs/api.md from the comments and rights of people_counter_rest:
--
--   psql -XAtq -f docs/api_reference.sql DATABASE >docs/api.md
--
-- in a database that has the extension. test/docs compares.
\pset format unaligned
\pset tuples_only on
\set QUIET on
SET search_path = pg_catalog, pg_temp;
CREATE TEMPORARY TABLE roles (position, name, label) AS
VALUES (1, 'people_counter_anonymous'::name, 'anybody'), (2, 'people_counter_reader', 'reader'), (3, 'people_counter_device', 'device'),
       (4, 'people_counter_operator', 'operator'), (5, 'people_counter_admin', 'admin');
CREATE FUNCTION pg_temp.rights_on(relation oid, role name) RETURNS text LANGUAGE sql
    RETURN concat_ws(', ', CASE WHEN has_table_privilege(role, relation, 'SELECT') THEN 'GET' END,
                     CASE WHEN has_table_privilege(role, relation, 'INSERT') THEN 'POST' END,
                     CASE WHEN has_table_privilege(role, relation, 'UPDATE') THEN 'PATCH' END,
                     CASE WHEN has_table_privilege(role, relation, 'DELETE') THEN 'DELETE' END);
CREATE TEMPORARY TABLE calls AS
SELECT p.oid, p.proname AS name, split_part(c.comment, E'\n', 1) AS head,
       CASE WHEN c.comment ~ '^[A-Z]+ /' THEN regexp_replace(c.comment, E'^[^\n]*\n+', '') ELSE c.comment END AS text,
       c.comment ~ '^[A-Z]+ /' AS has_url,
       (SELECT string_agg(r.label, ', ' ORDER BY r.position) FROM pg_temp.roles AS r WHERE has_function_privilege(r.name, p.oid, 'EXECUTE')) AS who,
       pg_get_function_arguments(p.oid) AS arguments
  FROM pg_proc AS p CROSS JOIN LATERAL (SELECT obj_description(p.oid, 'pg_proc') AS comment) AS c
 WHERE p.pronamespace = 'people_counter_api'::regnamespace;

\echo '# API reference'
\echo
\echo 'Made from the comments of the extension `people_counter_rest` by [api_reference.sql](api_reference.sql). How to begin is in'
\echo 'the [quick start](quickstart.md); who is who, in [securing](securing.md).'
\echo
\echo 'Bodies and answers are JSON. Every answer that is not 200 is `{"detail": "what is wrong", "timestamp": "..."}`, with status 400'
\echo '(bad input, named by field and value), 401 (no credentials, or bad ones), 403 (they do not allow it), 404, 405, 409 (it is there'
\echo 'already), 413, 414, 415, 429 (over the rate limit; `Retry-After` says when), 503 (database away or overloaded) or 500 (our fault).'
\echo
\echo '## URLs'
SELECT format(E'\n### %s\n\n%s\n\nFor: %s. In PostgREST''s dialect: `/rest/rpc/%s`.', head, text, who, name)
  FROM calls WHERE has_url
 ORDER BY regexp_replace(head, '^[A-Z]+ /([a-z]+).*', '\1') NOT IN ('sessions'), regexp_replace(head, '^[A-Z]+ ', ''), head COLLATE "C";
\echo
\echo '## PostgREST'
\echo
\echo 'Below `/rest/` PostgREST answers in [its own dialect](https://docs.postgrest.org): filters, ordering, paging, embedding by foreign'
\echo 'keys, CSV by `Accept: text/csv`, upserts, and an OpenAPI description of what the caller may use at `/rest/`. Its errors have its'
\echo 'own keys beside ours.'
\echo
\echo '### Functions'
SELECT format(E'\n#### /rest/rpc/%s\n\n%s\n\n%sFor: %s.', name, text, 'Arguments: `' || nullif(arguments, '') || '`. ', who)
  FROM calls WHERE NOT has_url ORDER BY name COLLATE "C";
\echo
\echo '### Tables and views'
SELECT E'\n| | ' || string_agg(label, ' | ' ORDER BY position) || E' |\n| --- |' || repeat(' --- |', count(*)::integer) FROM roles WHERE position > 1;
SELECT format('| [%s](#%1$s) | %s |', c.relname, string_agg(pg_temp.rights_on(c.oid, r.name), ' | ' ORDER BY r.position))
  FROM pg_class AS c CROSS JOIN roles AS r
 WHERE c.relnamespace = 'people_counter_api'::regnamespace AND c.relkind = 'v' AND r.position > 1 GROUP BY c.relname ORDER BY c.relname COLLATE "C";
\echo
\echo 'A device sees and writes its own sessions only.'
SELECT format(E'\n#### %s\n\n%s\n\n| column | type | |\n| --- | --- | --- |\n%s', c.relname, obj_description(c.oid, 'pg_class'),
              (SELECT string_agg(format('| %s | %s | %s |', a.attname, regexp_replace(format_type(a.atttypid, a.atttypmod), '^\w+\.', ''),
                                        col_description(c.oid, a.attnum)), E'\n' ORDER BY a.attnum)
                 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
  FROM pg_class AS c
 WHERE c.relnamespace = 'people_counter_api'::regnamespace AND c.relkind = 'v' ORDER BY c.relname COLLATE "C";
