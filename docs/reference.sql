-- Makes docs/reference.md from the comments and rights of people_counter and people_counter_rest:
--
--   psql -XAtq -f docs/reference.sql DATABASE >docs/reference.md
--
-- in a new database that has both extensions, of a server that preloads the library: otherwise the settings that can only be
-- made at its start are not there. test/docs compares.
\pset format unaligned
\pset tuples_only on
\set QUIET on
SELECT format('SET search_path = %I, people_counter_rest, pg_catalog, pg_temp', extnamespace::regnamespace)
  FROM pg_extension WHERE extname = 'people_counter' \gexec

CREATE TEMPORARY TABLE members AS
SELECT e.extname, e.extnamespace AS namespace, d.classid, d.objid
  FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname IN ('people_counter', 'people_counter_rest');

-- The largest unit in which a time is a whole number, as postgresql.conf takes it.
CREATE FUNCTION pg_temp.with_unit(value text, unit text) RETURNS text LANGUAGE sql
    RETURN coalesce((SELECT (total / length)::bigint || name
                       FROM (SELECT value::numeric * CASE unit WHEN 's' THEN 1000 ELSE 1 END AS total WHERE unit IN ('ms', 's')) AS t
                      CROSS JOIN (VALUES ('d', 86400000), ('h', 3600000), ('min', 60000), ('s', 1000), ('ms', 1)) AS u (name, length)
                      WHERE total > 0 AND total % length = 0 ORDER BY length DESC LIMIT 1), value || coalesce(unit, ''));
CREATE FUNCTION pg_temp.cell(content text) RETURNS text LANGUAGE sql RETURN replace(replace(content, '|', '\|'), E'\n', ' ');
CREATE FUNCTION pg_temp.columns_of(relation oid, with_defaults boolean) RETURNS text LANGUAGE sql
    RETURN (SELECT CASE WHEN with_defaults THEN E'| column | type | default | |\n| --- | --- | --- | --- |\n'
                        ELSE E'| column | type | |\n| --- | --- | --- |\n' END
                   || string_agg(format('| `%s` | %s | %s%s |', a.attname, pg_temp.cell(format_type(a.atttypid, a.atttypmod)),
                                        CASE WHEN with_defaults
                                             THEN coalesce('`' || pg_temp.cell(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '(?<='')::[a-z_ ]+$', '')) || '`',
                                                           CASE WHEN a.attnotnull THEN 'required' ELSE 'NULL' END) || ' | ' END,
                                        pg_temp.cell(col_description(a.attrelid, a.attnum))), E'\n' ORDER BY a.attnum)
              FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
-- What a dump takes, of the rows of a table.
CREATE FUNCTION pg_temp.dumped(relation oid) RETURNS text LANGUAGE sql
    RETURN coalesce((SELECT CASE condition WHEN '' THEN 'In a dump.' ELSE 'In a dump: rows `' || condition || '`.' END
                       FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS u (table_id, condition)
                      WHERE u.table_id = relation), 'Not in a dump.');
CREATE FUNCTION pg_temp.of_the_public(rights text[]) RETURNS text LANGUAGE sql
    RETURN CASE WHEN rights IS NULL THEN 'For the owner, until granted.' ELSE 'PUBLIC: `' || array_to_string(rights, '`, `') || '`.' END;
CREATE FUNCTION pg_temp.rights_of_public(relation oid) RETURNS text LANGUAGE sql
    RETURN pg_temp.of_the_public((SELECT array_agg(p) FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p
                                   WHERE has_table_privilege('public', relation, p)));
-- Of a function: how it behaves, and who may call it.
CREATE FUNCTION pg_temp.behaviour(function oid) RETURNS text LANGUAGE sql
    RETURN (SELECT concat_ws(', ', CASE provolatile WHEN 'i' THEN 'Immutable' WHEN 's' THEN 'Stable' ELSE 'Volatile' END,
                             CASE WHEN proisstrict AND prokind <> 'a' THEN 'NULL if an argument is' END,
                             CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' END,
                             CASE WHEN prosecdef THEN 'with the rights of the owner' END)
                   || '. ' || pg_temp.of_the_public(CASE WHEN has_function_privilege('public', oid, 'EXECUTE') THEN '{EXECUTE}'::text[] END)
              FROM pg_proc WHERE oid = function);

CREATE TEMPORARY TABLE functions AS
SELECT p.oid, p.proname AS name, m.extname, p.prokind,
       p.prorettype = 'trigger'::regtype AS is_trigger, p.prokind <> 'a' AND 'internal'::regtype = ANY (p.proargtypes || p.prorettype) AS is_part,
       format('%s(%s)', p.proname, pg_get_function_arguments(p.oid))
       || coalesce(' → ' || nullif(pg_get_function_result(p.oid), ''), '') AS signature,
       pg_get_function_identity_arguments(p.oid) AS identity,
       CASE WHEN row_number() OVER (PARTITION BY m.extname, p.proname ORDER BY pg_get_function_identity_arguments(p.oid) COLLATE "C") = 1
            THEN E'\n### ' || p.proname || E'\n' END AS heading,   -- one for all of a name
       obj_description(p.oid, 'pg_proc') AS comment
  FROM pg_proc AS p JOIN members AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.pronamespace <> coalesce(to_regnamespace('people_counter_api'), 0);
CREATE TEMPORARY TABLE relations AS
SELECT c.oid, c.relname AS name, m.extname, c.relkind
  FROM pg_class AS c JOIN members AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relkind IN ('r', 'v') AND c.relnamespace <> coalesce(to_regnamespace('people_counter_api'), 0);

\echo '# SQL reference'
\echo
\echo 'Made from the comments of the extensions by [reference.sql](reference.sql). What the figures mean and how they go together is in the'
\echo '[guide](guide.md); where each setting is made, in [configuring](configuring.md); what is called over HTTP, in the [API reference](api.md).'
\echo
\echo '[Types](#types) · [Tables](#tables) · [Views](#views) · [Functions](#functions) · [Aggregates](#aggregates) ·'
\echo '[Called by the server](#called-by-the-server) · [Settings](#settings) · [people_counter_rest](#people_counter_rest)'
\echo
\echo '*Required* is a column that is NOT NULL and has no default; some are filled in by a trigger. *PUBLIC* is every role; what a role of yours needs is in'
\echo '[administration](administration.md#roles).'
\echo
\echo '## Types'
SELECT format(E'\n### %s\n\n%s\n\nValues: %s.', t.typname, obj_description(t.oid, 'pg_type'),
              (SELECT string_agg('`' || enumlabel || '`', ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
  FROM pg_type AS t JOIN members AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
 WHERE t.typtype = 'e' ORDER BY t.typname COLLATE "C";
\echo
\echo '## Tables'
SELECT format(E'\n### %s\n\n%s\n\nKey: %s. %s %s\n\n%s%s', r.name, obj_description(r.oid, 'pg_class'),
              (SELECT string_agg('`' || a.attname || '`', ', ' ORDER BY array_position(c.conkey, a.attnum))
                 FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                WHERE c.conrelid = r.oid AND c.contype = 'p'),
              pg_temp.dumped(r.oid), pg_temp.rights_of_public(r.oid), pg_temp.columns_of(r.oid, true),
              (SELECT E'\n\nTriggers:\n\n' || string_agg(format('* `%s`: %s', tgname, obj_description(oid, 'pg_trigger')), E'\n' ORDER BY tgname COLLATE "C")
                 FROM pg_trigger WHERE tgrelid = r.oid AND NOT tgisinternal))
  FROM relations AS r WHERE r.relkind = 'r' AND r.extname = 'people_counter' ORDER BY r.name COLLATE "C";
\echo
\echo '## Views'
SELECT format(E'\n### %s\n\n%s\n\n%s\n\n%s', r.name, obj_description(r.oid, 'pg_class'), pg_temp.rights_of_public(r.oid), pg_temp.columns_of(r.oid, false))
  FROM relations AS r WHERE r.relkind = 'v' AND r.extname = 'people_counter' ORDER BY r.name COLLATE "C";
\echo
\echo '## Functions'
SELECT format(E'%s\n`%s`%s\n\n%s\n\n%s', heading, signature, CASE prokind WHEN 'p' THEN ', a procedure: `CALL`' END, comment, pg_temp.behaviour(oid))
  FROM functions WHERE prokind IN ('f', 'p') AND NOT is_trigger AND NOT is_part AND extname = 'people_counter' ORDER BY name COLLATE "C", identity COLLATE "C";
\echo
\echo '## Aggregates'
SELECT format(E'%s\n`%s`\n\n%s\n\n%s', heading, signature, comment, pg_temp.behaviour(oid))
  FROM functions WHERE prokind = 'a' AND extname = 'people_counter' ORDER BY name COLLATE "C", identity COLLATE "C";
\echo
\echo '## Called by the server'
\echo
\echo 'The functions of the triggers, which serve the tables of the extension only, and those that aggregates are made of.'
\echo
\echo '| function | |'
\echo '| --- | --- |'
SELECT format('| `%s` | %s |', name, pg_temp.cell(comment)) FROM functions WHERE (is_trigger OR is_part) AND extname = 'people_counter' ORDER BY name COLLATE "C";
\echo
\echo '## Settings'
\echo
\echo '### Of the server'
\echo
\echo '`postgresql.conf` or `ALTER SYSTEM`. Context: *postmaster* is read when the server starts, and is there only if the library is preloaded;'
\echo '*sighup* when it is told to reload (`SELECT pg_reload_conf()`); *superuser* as well, and it may be set for a database, a role or a session.'
\echo
\echo '| setting | default | values | context | |'
\echo '| --- | --- | --- | --- | --- |'
SELECT format('| `%s` | %s | %s | %s | %s |', name, coalesce('`' || nullif(pg_temp.with_unit(boot_val, unit), '') || '`', 'empty'),
              CASE vartype WHEN 'enum' THEN array_to_string(enumvals, ', ') WHEN 'bool' THEN 'on, off' WHEN 'string' THEN 'text'
                           ELSE pg_temp.with_unit(min_val, unit) || ' to ' || pg_temp.with_unit(max_val, unit) END,
              context, pg_temp.cell(concat_ws(' ', short_desc, extra_desc)))
  FROM pg_settings WHERE name LIKE 'people_counter.%' ORDER BY name COLLATE "C";
\echo
\echo '### Rows of system_config'
\echo
\echo '| config_key | as shipped | config_type | |'
\echo '| --- | --- | --- | --- |'
SELECT format('| `%s` | %s | %s | %s |', config_key, coalesce('`' || config_value || '`', 'NULL'), config_type, pg_temp.cell(description))
  FROM system_config WHERE origin = 'shipped' ORDER BY config_key COLLATE "C";
\echo
\echo '### Rules of alert_thresholds'
\echo
\echo 'As shipped, for all sessions; each may be changed, switched off or deleted.'
\echo
\echo '| threshold_name | metric | fires | severity | alert_message |'
\echo '| --- | --- | --- | --- | --- |'
SELECT format('| `%s` | `%s` | %s %s | %s | %s |', threshold_name, metric, comparison, threshold_value, severity, pg_temp.cell(alert_message))
  FROM alert_thresholds WHERE origin = 'shipped' ORDER BY id;
\echo
\echo '## people_counter_rest'
\echo
\echo 'What clients call is schema `people_counter_api`: [API reference](api.md). Behind it are, in schema `people_counter_rest`, these tables'
\echo 'and the functions that those of the API are made of. Nobody but the owner of the API has a right to them, and they may change with any version.'
SELECT format(E'\n### %s\n\n%s\n\nKey: %s. %s\n\n%s', r.name, obj_description(r.oid, 'pg_class'),
              (SELECT string_agg('`' || a.attname || '`', ', ' ORDER BY array_position(c.conkey, a.attnum))
                 FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                WHERE c.conrelid = r.oid AND c.contype = 'p'), pg_temp.dumped(r.oid), pg_temp.columns_of(r.oid, true))
  FROM relations AS r WHERE r.relkind = 'r' AND r.extname = 'people_counter_rest' ORDER BY r.name COLLATE "C";
