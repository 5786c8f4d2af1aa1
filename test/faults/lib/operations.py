"""What writers do: functions of a writer. A new one is a function here, and a line with its weight in EVERYTHING."""

import datetime

import psycopg

from writers import SHARED, Movement, microseconds, text_of

INSERT = """INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, confidence_score)
SELECT s, t, i, %s, d, 0.9 FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[], %s::movement_direction[]) AS new (s, t, i, d)
ON CONFLICT DO NOTHING"""
KEY = "session_id = %s AND movement_time = %s AND id = %s"


def insert(connection, writer, rows):
    connection.execute(INSERT, (writer.number, [row.session for row in rows], [text_of(row.usec) for row in rows],
                                [row.id for row in rows], [row.direction for row in rows]))


def add(writer, rows):
    writer.commit(lambda connection: insert(connection, writer, rows))
    writer.note_movements(rows)


def add_for_good(writer, rows):
    writer.commit(lambda connection: insert(connection, writer, rows))
    writer.kept.update((row.id, row) for row in rows)


def key(row):
    return row.session, text_of(row.usec), row.id


# ---- movements ---------------------------------------------------------------------------------------------------------


def single(writer):
    add(writer, writer.new_movements(writer.any_session(), 1))


def batch(writer):
    """Of several sessions."""
    rows = []
    for _ in range(writer.dice.randint(1, 4)):
        rows += writer.new_movements(writer.any_session(), writer.dice.randint(1, 100), spread=60)
    add(writer, rows)


def large_batch(writer):
    add(writer, writer.new_movements(writer.any_session(), 1500, spread=6 * 3600))


def late(writer):
    days = writer.dice.choice((0.01, 0.3, 3))
    add(writer, writer.new_movements(writer.any_session(), writer.dice.randint(1, 20), before=days * 86400, spread=3600))


def copy(writer):
    """COPY does not skip what is there: a second try that meets its own rows was acknowledged, too late to be heard."""
    rows = writer.new_movements(writer.any_session(), writer.dice.randint(1, 400), spread=600)
    columns = "session_id, movement_time, id, person_id, movement_direction"

    def attempt(connection):
        try:
            with connection.cursor().copy(f"COPY people_movements ({columns}) FROM STDIN") as stream:
                stream.write("".join(f"{row.session}\t{text_of(row.usec)}\t{row.id}\t{writer.number}\t{row.direction}\n" for row in rows))
        except psycopg.errors.UniqueViolation:
            # All or nothing.
            if connection.execute("SELECT count(*) FROM people_movements WHERE id = ANY (%s::uuid[])",
                                  ([row.id for row in rows],)).fetchone()[0] != len(rows):
                raise

    writer.commit(attempt)
    writer.note_movements(rows)


def correct(writer):
    """Other directions, or other times."""
    rows = writer.some_movements(writer.dice.randint(1, 5))
    if writer.dice.random() < 0.5:
        new = [row._replace(direction="out" if row.direction == "in" else "in") for row in rows]
    else:
        new = [row._replace(usec=row.usec - writer.dice.randrange(7_200_000_000)) for row in rows]

    def attempt(connection):
        with connection.transaction():
            for old, row in zip(rows, new):
                connection.execute(f"UPDATE people_movements SET movement_direction = %s, movement_time = %s WHERE {KEY}",
                                   (row.direction, text_of(row.usec), *key(old)))

    writer.commit(attempt)
    writer.note_movements(new)


def delete(writer):
    """The more of them there are, the more."""
    rows = writer.some_movements(max(3, len(writer.movements) // 4))
    writer.commit(lambda connection: connection.execute(
        "DELETE FROM people_movements WHERE session_id = ANY (%s::uuid[]) AND id = ANY (%s::uuid[])",
        ([row.session for row in rows[:1]], [row.id for row in rows])))
    writer.forget_movements(rows)


def savepoints(writer):
    """A part of a transaction is rolled back."""
    session = writer.any_session()
    kept, dropped, more = (writer.new_movements(session, count) for count in (2, 30, 1))

    def attempt(connection):
        with connection.transaction():
            insert(connection, writer, kept)
            connection.execute("SAVEPOINT before")
            insert(connection, writer, dropped)
            connection.execute("ROLLBACK TO before")
            insert(connection, writer, more)

    writer.commit(attempt)
    writer.note_movements(kept + more)


def rolled_back(writer):
    rows = writer.new_movements(writer.any_session(), 10)

    def attempt(connection):
        with connection.transaction(force_rollback=True):
            insert(connection, writer, rows)

    writer.commit(attempt)


# ---- the rest of the base tables --------------------------------------------------------------------------------------


def sample(writer):
    session, at, ident = writer.any_session(), microseconds(), writer.new_id()
    writer.commit(lambda connection: connection.execute(
        'INSERT INTO realtime_metrics (session_id, "timestamp", id, current_people_count, detection_status, fps_current)'
        " VALUES (%s, %s, %s, %s, 'tracking', 25) ON CONFLICT DO NOTHING",
        (session, text_of(at), ident, writer.dice.randrange(40))))
    writer.samples[ident] = session


def baseline(writer):
    """At most two dozen of each writer."""
    if len(writer.baselines) > 24:
        gone = writer.dice.choice(list(writer.baselines))
        writer.commit(lambda connection: connection.execute(
            "DELETE FROM occupancy_baselines WHERE session_id = %s AND baseline_time = %s", (gone[0], text_of(gone[1]))))
        del writer.baselines[gone]
        return
    session = writer.any_session()
    at = microseconds() - writer.dice.randrange(2 * 86_400_000_000)
    at += writer.number - at % 100  # no other writer's
    people = writer.dice.randrange(20)
    writer.commit(lambda connection: connection.execute(
        "INSERT INTO occupancy_baselines (session_id, baseline_time, people_count, kind) VALUES (%s, %s, %s, 'manual')"
        " ON CONFLICT (session_id, baseline_time) DO UPDATE SET people_count = excluded.people_count", (session, text_of(at), people)))
    writer.baselines[session, at] = people


def zone(writer):
    """Everything of the session is derived again."""
    name = writer.dice.choice(("UTC", "Asia/Ho_Chi_Minh", "America/St_Johns", "Europe/Berlin"))
    reset = writer.dice.choice((None, datetime.time(4), datetime.time(2, 30)))
    session = writer.dice.choice(SHARED)
    writer.commit(lambda connection: connection.execute(
        "UPDATE sessions SET time_zone = %s, reset_time = %s WHERE id = %s", (name, reset, session)))


def session_life(writer):
    """Opens one, ends one, or deletes one with all that it has."""
    closed = [session for session, is_open in writer.sessions.items() if is_open is False]
    opened = [session for session, is_open in writer.sessions.items() if is_open]
    if len(closed) > 2:
        gone = set(closed[:20])
        writer.commit(lambda connection: connection.execute("DELETE FROM sessions WHERE id = ANY (%s::uuid[])", (list(gone),)))
        writer.sessions = {session: state for session, state in writer.sessions.items() if session not in gone}
        writer.movements = {ident: row for ident, row in writer.movements.items() if row.session not in gone}
        writer.archived = {ident: row for ident, row in writer.archived.items() if row.session not in gone}
        writer.kept = {ident: row for ident, row in writer.kept.items() if row.session not in gone}
        writer.samples = {ident: session for ident, session in writer.samples.items() if session not in gone}
        writer.baselines = {at: people for at, people in writer.baselines.items() if at[0] not in gone}
    elif len(opened) > 2:
        ended = opened[0]
        writer.commit(lambda connection: connection.execute(
            "UPDATE sessions SET status = 'completed' WHERE id = %s AND status = 'active'", (ended,)))
        writer.sessions[ended] = False
    else:
        new = writer.new_id()
        writer.commit(lambda connection: connection.execute(
            "INSERT INTO sessions (id, session_name) VALUES (%s, 'of a writer') ON CONFLICT DO NOTHING", (new,)))
        writer.sessions[new] = True


def visit(writer):
    """Three come and go: an alert, which must have these very times."""
    session, start = writer.new_id(), microseconds()
    writer.commit(lambda connection: connection.execute(
        "INSERT INTO sessions (id, session_name, start_time) VALUES (%s, 'visit', %s) ON CONFLICT DO NOTHING", (session, text_of(start))))
    writer.sessions[session] = None
    came = microseconds()
    add_for_good(writer, [Movement(writer.new_id(), session, came, "in") for _ in range(3)])
    left = microseconds()
    add_for_good(writer, [Movement(writer.new_id(), session, left, "out") for _ in range(3)])
    writer.visits.append((session, came, left))


# ---- readers -----------------------------------------------------------------------------------------------------------


def read(writer):
    query = writer.dice.choice((
        "SELECT count(*) FROM current_session_overview", "SELECT count(*) FROM recent_movements", "SELECT count(*) FROM hourly_analytics",
        "SELECT count(*) FROM daily_analytics", "SELECT count(*) FROM alert_worker_status",
        "SELECT sum(calculate_current_people_inside(id)) FROM sessions",
        "SELECT occupancy_peak(movement_time, movement_direction) FROM people_movements"))
    writer.commit(lambda connection: connection.execute(query).fetchall())


def rebuild(writer):
    session = writer.dice.choice(SHARED)
    writer.commit(lambda connection: connection.execute("SELECT rebuild_statistics(%s)", (session,)).fetchall())


EVERYTHING = [
    (single, 30), (batch, 10), (large_batch, 1), (late, 6), (copy, 5), (correct, 6), (delete, 4), (savepoints, 5), (rolled_back, 2),
    (sample, 10), (baseline, 3), (zone, 1), (session_life, 3), (visit, 6), (read, 8), (rebuild, 1),
]
MOVEMENTS = [pair for pair in EVERYTHING if pair[0] in (single, batch, late, copy, correct, delete, savepoints, rolled_back)]
