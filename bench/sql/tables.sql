-- The contenders of one database: three schemas with a people_movements table each.
--
--   ours    the extension
--   bare    the same columns, defaults, primary key and foreign key, without statistics
--   counts  the bare table with a PL/pgSQL statement trigger that keeps hourly, daily and session counts: no occupancy,
--           no peak, no average
\set QUIET on
SET client_min_messages = warning;
CREATE SCHEMA ours;
CREATE EXTENSION people_counter SCHEMA ours;

CREATE SCHEMA bare;
CREATE TABLE bare.sessions (LIKE ours.sessions INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE bare.people_movements (
    LIKE ours.people_movements INCLUDING DEFAULTS INCLUDING STORAGE,
    PRIMARY KEY (session_id, movement_time, id),
    FOREIGN KEY (session_id) REFERENCES bare.sessions ON DELETE CASCADE
);

CREATE SCHEMA counts;
CREATE TABLE counts.sessions (LIKE ours.sessions INCLUDING DEFAULTS, PRIMARY KEY (id));
CREATE TABLE counts.people_movements (
    LIKE ours.people_movements INCLUDING DEFAULTS INCLUDING STORAGE,
    PRIMARY KEY (session_id, movement_time, id),
    FOREIGN KEY (session_id) REFERENCES counts.sessions ON DELETE CASCADE
);
CREATE TABLE counts.session_counts (
    session_id uuid    NOT NULL PRIMARY KEY REFERENCES counts.sessions ON DELETE CASCADE,
    entered    integer NOT NULL,
    exited     integer NOT NULL
) WITH (fillfactor = 30);
CREATE TABLE counts.hourly_counts (
    session_id     uuid        NOT NULL REFERENCES counts.sessions ON DELETE CASCADE,
    hour_timestamp timestamptz NOT NULL,
    entered        integer     NOT NULL,
    exited         integer     NOT NULL,
    PRIMARY KEY (session_id, hour_timestamp)
) WITH (fillfactor = 50);
CREATE TABLE counts.daily_counts (
    session_id     uuid    NOT NULL REFERENCES counts.sessions ON DELETE CASCADE,
    date_timestamp date    NOT NULL,
    entered        integer NOT NULL,
    exited         integer NOT NULL,
    PRIMARY KEY (session_id, date_timestamp)
) WITH (fillfactor = 50);

-- Sessions in order, so that statements that share sessions cannot deadlock.
CREATE FUNCTION counts.count_movements() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO counts.session_counts AS c (session_id, entered, exited)
    SELECT session_id, count(*) FILTER (WHERE movement_direction = 'in'),
           count(*) FILTER (WHERE movement_direction = 'out')
      FROM new_rows GROUP BY 1 ORDER BY 1
        ON CONFLICT (session_id) DO UPDATE
       SET entered = c.entered + excluded.entered, exited = c.exited + excluded.exited;
    INSERT INTO counts.hourly_counts AS c (session_id, hour_timestamp, entered, exited)
    SELECT session_id, date_trunc('hour', movement_time, 'UTC'), count(*) FILTER (WHERE movement_direction = 'in'),
           count(*) FILTER (WHERE movement_direction = 'out')
      FROM new_rows GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (session_id, hour_timestamp) DO UPDATE
       SET entered = c.entered + excluded.entered, exited = c.exited + excluded.exited;
    INSERT INTO counts.daily_counts AS c (session_id, date_timestamp, entered, exited)
    SELECT session_id, (movement_time AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE movement_direction = 'in'),
           count(*) FILTER (WHERE movement_direction = 'out')
      FROM new_rows GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (session_id, date_timestamp) DO UPDATE
       SET entered = c.entered + excluded.entered, exited = c.exited + excluded.exited;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_movements AFTER INSERT ON counts.people_movements
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION counts.count_movements();

-- The id of the n-th session, the same in every schema.
CREATE SCHEMA bench;
CREATE FUNCTION bench.session_id(n integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT
    RETURN ('0197a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;

-- Empties all contenders and gives each so many sessions.
CREATE PROCEDURE bench.begin_anew(sessions integer)
    LANGUAGE plpgsql
    SET client_min_messages = warning
    AS $$
DECLARE
    contender text;
BEGIN
    FOREACH contender IN ARRAY ARRAY['ours', 'bare', 'counts'] LOOP
        EXECUTE format('TRUNCATE %I.sessions CASCADE', contender);
        EXECUTE format('INSERT INTO %I.sessions (id, session_name, start_time)
                        SELECT bench.session_id(n), ''Door '' || n, ''2025-06-01 00:00+00'' FROM generate_series(1, $1) n',
                       contender) USING sessions;
    END LOOP;
END
$$;

-- Movements of a place: visitors enter, stay for a while and leave, and the camera misses one in a hundred passages.
-- p_visits visitors enter in each of p_hours hours from p_from on; what would happen after the last hour is left out.
CREATE FUNCTION bench.visits(p_from timestamptz, p_hours integer, p_visits integer, p_stay interval DEFAULT '20 min')
    RETURNS TABLE (movement_time timestamptz, movement_direction ours.movement_direction)
    LANGUAGE sql VOLATILE ROWS 100000
    AS $$
        WITH visitors AS MATERIALIZED (
            SELECT e.entered, e.entered - ln(1 - random()) * p_stay AS gone
              FROM (SELECT p_from + random() * p_hours * interval '1 hour' AS entered
                      FROM generate_series(1, p_hours * p_visits)) e
        )
        SELECT m.t, m.d::ours.movement_direction
          FROM visitors CROSS JOIN LATERAL (VALUES (entered, 'in'), (gone, 'out')) m (t, d)
         WHERE m.t < p_from + p_hours * interval '1 hour' AND random() >= 0.01
         ORDER BY m.t
    $$;
