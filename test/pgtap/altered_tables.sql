-- Tables that somebody altered: native code reads rows by column number and type, so a change that it cannot take must be an
-- error, in the server as in the statistics, and never a crash.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS people_counter;
SET LOCAL timezone = 'UTC';
SELECT plan(33);

INSERT INTO sessions (id, session_name, start_time)
VALUES ('00000000-0000-7000-8000-0000000000e1', 'altered', '2025-06-16 08:00');
CREATE FUNCTION movement(minutes integer) RETURNS text
    LANGUAGE sql AS $$
    SELECT format('INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
                   VALUES (%L, %L, 1, ''in'')', '00000000-0000-7000-8000-0000000000e1',
                  timestamptz '2025-06-16 09:00' + minutes * interval '1 minute')
$$;
SELECT lives_ok(movement(0), 'before anything is altered');

-- refused(DDL, error): what is altered is refused by every kind of writer and reader, and is fine again once undone.
CREATE FUNCTION refused(ddl text, expected text) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE ddl;
        RETURN NEXT throws_like(movement(1), expected, ddl || ': a movement');
        RETURN NEXT throws_like(movement(-600), expected, ddl || ': a late movement');
        RETURN NEXT throws_like('SELECT rebuild_statistics()', expected, ddl || ': a rebuild');
        RAISE SQLSTATE 'UNDO1';
    EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
        NULL;
    END;
END
$$;

SELECT refused('ALTER TABLE hourly_statistics ALTER COLUMN counted_peak TYPE bigint',
    'table "hourly_statistics" is not as people_counter made it: column 16 must be of type integer');
SELECT refused('ALTER TABLE session_statistics ALTER COLUMN fold_state TYPE text USING ''x''',
    'table "session_statistics" is not as people_counter made it: column 20 must be of type bytea');
SELECT refused('ALTER TABLE daily_statistics DROP COLUMN confidence_count',
    'table "daily_statistics" is not as people_counter made it: column 15 must be of type integer');
SELECT refused('ALTER TABLE daily_statistics DROP CONSTRAINT daily_statistics_pkey',
    'table "daily_statistics" has lost its primary key');
SELECT refused('ALTER TABLE hourly_statistics DROP CONSTRAINT hourly_statistics_pkey;
                ALTER TABLE hourly_statistics ADD PRIMARY KEY (hour_timestamp, session_id)',
    'table "hourly_statistics" is not as people_counter made it: it has another primary key');
SELECT refused('ALTER TABLE daily_statistics RENAME TO of_somebody', 'table "daily_statistics" is missing from schema "public"');
SELECT lives_ok(movement(2), 'after all of it is undone');

-- A row that the table as we made it could not hold

SAVEPOINT nulls;
ALTER TABLE people_movements ALTER COLUMN movement_direction DROP NOT NULL;
SELECT throws_ok($$ INSERT INTO people_movements (session_id, movement_time, person_id)
                    VALUES ('00000000-0000-7000-8000-0000000000e1', '2025-06-16 09:03', 1) $$,
    '23502', 'movement_direction must not be null', 'a movement in no direction');
ALTER TABLE sessions ALTER COLUMN time_zone DROP NOT NULL, DISABLE TRIGGER ALL;
UPDATE sessions SET time_zone = NULL;
ALTER TABLE sessions ENABLE TRIGGER ALL;
SELECT throws_ok(movement(120), '23502', 'time_zone must not be null', 'a session without a zone');
SELECT throws_ok($$ UPDATE sessions SET start_time = start_time - interval '1 hour' $$, '23502', NULL, 'its update');
ROLLBACK TO nulls;

-- A state of the fold that we did not write

SAVEPOINT states;
ALTER TABLE session_statistics DISABLE TRIGGER guard_write;
CREATE FUNCTION overwritten(bytes bytea) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE session_statistics SET fold_state = bytes;
    RETURN NEXT throws_ok('SELECT calculate_current_people_inside(session_id) FROM session_statistics', '55000',
        'session "00000000-0000-7000-8000-0000000000e1" has no statistics of this version of people_counter',
        'no number rather than a wrong one');
    RETURN NEXT lives_ok(movement(4 + length(bytes) % 50), 'a movement after a state of ' || length(bytes) || ' bytes');
    RETURN NEXT is_empty('SELECT * FROM verify_statistics()', 'is counted right');
END
$$;
SELECT overwritten('');
SELECT overwritten(decode(repeat('ff', (SELECT length(fold_state) FROM session_statistics)), 'hex'));
SELECT overwritten((SELECT set_byte(fold_state, 216, 255) FROM session_statistics));  -- OpenFold::count
ROLLBACK TO states;

SELECT is_empty('SELECT * FROM verify_statistics()', 'the statistics are as they were');
SELECT * FROM finish();
ROLLBACK;
