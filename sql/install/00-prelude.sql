-- Nothing below depends on who installs or on their search_path: own objects are qualified, the rest is pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;
