-- Nothing below depends on who updates or on their search_path: own objects are qualified, the rest is pg_catalog. Beware of
-- @extowner@: in a step it is whoever updates, who need not own the extension.
SET LOCAL search_path TO pg_catalog, pg_temp;
