-- Nothing below depends on who updates or on their search_path: every name is qualified, the rest is pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;
-- include: rest/02-core-version.sql
