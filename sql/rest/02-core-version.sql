-- Also in the step to this version: this extension may be behind people_counter, but not ahead of it.
DO $$
DECLARE
    core text := (SELECT extversion FROM pg_extension WHERE extname = 'people_counter');
BEGIN
    IF string_to_array(core, '.')::int[] < string_to_array('1.1', '.')::int[] THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('people_counter_rest 1.1 needs people_counter 1.1 or later, and this database has %s', core),
            HINT = 'ALTER EXTENSION people_counter UPDATE comes first.';
    END IF;
END $$;
