-- Nothing below depends on who updates or on their search_path: own objects are qualified, the rest is pg_catalog. Beware of
-- @extowner@: in a step it is whoever updates, who need not own the extension.
SET LOCAL search_path TO pg_catalog, pg_temp;
DO $$
BEGIN
    IF string_to_array(@extschema@.people_counter_library_version(), '.')::int[] < string_to_array('1.1', '.')::int[] THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('people_counter 1.1 needs the library of version 1.1, and this session has that of %s',
                             @extschema@.people_counter_library_version()),
            HINT = 'Install it; then restart the server if it preloads people_counter, reconnect, and update again.';
    END IF;
END $$;
