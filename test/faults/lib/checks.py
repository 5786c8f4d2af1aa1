"""What must hold whenever the writers rest, whatever happened before."""

import collections

from harness import note, ok, wait_for
from writers import SHARED, microseconds, text_of

RETENTION = 2 * 86_400_000_000  # of movements, where it is on

RULE = """
UPDATE alert_thresholds SET is_active = false WHERE origin = 'shipped';
INSERT INTO alert_thresholds (threshold_name, metric, comparison, threshold_value, severity)
VALUES ('crowded', 'current_people_inside', 'above', 2, 'warning')
"""


def set_up(server, webhook=None, tablespace="pg_default"):
    """The database "counting", six sessions, one rule, and perhaps a channel."""
    server.sql(f"CREATE DATABASE counting TABLESPACE {tablespace}", "postgres")
    server.sql("CREATE EXTENSION people_counter")
    server.sql("INSERT INTO sessions (id, session_name, start_time) SELECT id, 'door', now() - interval '1 day' FROM unnest(%s::uuid[]) AS id",
               values=(SHARED,))
    server.sql(RULE)
    if webhook:
        server.sql("INSERT INTO alert_channels (channel_name, kind, url, min_severity) VALUES ('hook', 'webhook', %s, 'info')", values=(webhook,))


def copied(server, query):
    with server.connect() as connection, connection.cursor().copy(f"COPY ({query}) TO STDOUT") as stream:
        return b"".join(bytes(data) for data in stream).decode().splitlines()


def differences(expected, found, what):
    expected, found = set(expected), collections.Counter(found)
    lost = [f"acknowledged, and not there: {what} {line}" for line in expected if line not in found]
    return lost + [f"there, and not acknowledged: {what} {line}" for line in found if line not in expected]


def note_archived(writers, found):
    """Movements that are older than retention allows may be gone from their table."""
    there = {line.split("\t")[0] for line in found}
    oldest = microseconds() - RETENTION
    for writer in writers:
        gone = {ident: row for ident, row in writer.movements.items() if row.usec < oldest and ident not in there}
        writer.archived.update(gone)
        writer.forget_movements(gone.values())


def base_tables(server, writers):
    """What differs from what was acknowledged."""
    usec = "(extract(epoch FROM {}) * 1000000)::bigint"
    movements = copied(server, f"SELECT id, session_id, {usec.format('movement_time')}, movement_direction FROM people_movements")
    if server.one("SELECT count(*) FROM system_config WHERE config_key = 'retention_movements_days' AND is_active AND config_value IS NOT NULL"):
        note_archived(writers, movements)
    samples = copied(server, "SELECT id, session_id FROM realtime_metrics")
    baselines = copied(server, f"SELECT session_id, {usec.format('baseline_time')}, people_count FROM occupancy_baselines")
    sessions = copied(server, "SELECT id FROM sessions")
    return (differences((row.line() for writer in writers for rows in (writer.movements, writer.kept) for row in rows.values()), movements, "movement")
            + differences((f"{ident}\t{session}" for writer in writers for ident, session in writer.samples.items()), samples, "sample")
            + differences((f"{session}\t{at}\t{people}" for writer in writers for (session, at), people in writer.baselines.items()),
                          baselines, "baseline")
            + differences(SHARED + [session for writer in writers for session in writer.sessions], sessions, "session"))


def statistics(server, writers=None):
    found = server.sql("SELECT to_jsonb(v)::text FROM verify_statistics() AS v")
    wrong = [row[0] for row in found]
    if writers is not None:  # and they rest
        counted = server.one("SELECT coalesce(sum(total_detections), 0) FROM session_statistics")
        made = sum(len(writer.movements) + len(writer.kept) + len(writer.archived) for writer in writers)
        wrong += [f"of {made} movements {counted} are counted"] if made != counted else []
    return wrong


def alert_worker(server):
    """It is alive, and has looked at all that was committed before."""
    wait_for("the alert worker to run", lambda: server.ask("SELECT state = 'running' FROM alert_worker_status"))
    for _ in range(2):
        looks = server.one("SELECT evaluations FROM alert_worker_status")
        with server.connect() as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute("SELECT evaluate_alerts()")
        wait_for("the alert worker to look", lambda before=looks: server.ask(
            f"SELECT evaluations > {before} OR started_at > now() - interval '1 second' FROM alert_worker_status"))


def alerts(server, writers):
    """Each visit has one alert, with its exact times; no rule has two at one time.

    Out of order as the other movements come, what is known of an instant changes, and an alert may be of no duration at all."""
    visits = {session: (came, left) for writer in writers for session, came, left in writer.visits}
    # A session whose look failed again and again, as on a full disk, is looked at a little later than the others.
    try:
        wait_for("an alert for each visit", lambda: (server.ask(
            "SELECT count(DISTINCT session_id) FROM alert_logs JOIN sessions s ON s.id = session_id"
            " WHERE session_name = 'visit' AND is_resolved") or 0) >= len(visits))
    except TimeoutError as error:
        note(str(error))
    found = server.sql("SELECT session_id::text, (extract(epoch FROM triggered_at) * 1000000)::bigint,"
                       " (extract(epoch FROM resolved_at) * 1000000)::bigint FROM alert_logs JOIN sessions s ON s.id = session_id"
                       " WHERE session_name = 'visit'")
    count = collections.Counter(session for session, _, _ in found)
    wrong = [f"no alert for the visit {session} at {text_of(visits[session][0])}" for session in visits if session not in count]
    wrong += [f"{number} alerts for the visit {session}" for session, number in count.items() if number > 1]
    wrong += [f"the alert of {session} is of {fired} to {resolved}, the visit was from {visits[session][0]} to {visits[session][1]}"
              for session, fired, resolved in found if session in visits and (fired, resolved) != visits[session]]
    doubled = server.sql(
        "SELECT a.session_id::text, a.triggered_at::text, a.resolved_at::text, b.triggered_at::text, b.resolved_at::text FROM alert_logs a"
        " JOIN alert_logs b ON b.session_id = a.session_id AND b.threshold_id = a.threshold_id AND b.id > a.id"
        " AND b.triggered_at < coalesce(a.resolved_at, 'infinity') AND a.triggered_at < coalesce(b.resolved_at, 'infinity')")
    return wrong + [f"raised twice: {row}" for row in doubled]


def deliveries(server, webhook):
    """Each event of an alert is delivered, once or again, with one key."""
    wait_for("all alerts to be delivered", lambda: server.ask("SELECT count(*) = 0 FROM alert_deliveries WHERE delivered_at IS NULL"))
    keys = collections.defaultdict(set)
    for entry in webhook.received():
        keys[entry["headers"]["idempotency-key"]].add(entry["body"])
    known = {row[0]: row[1:] for row in server.sql("SELECT id::text, alert_id::text, event FROM alert_deliveries")}
    wrong = [f"delivered, and not received: {ident}" for ident in known if ident not in keys]
    wrong += [f"two messages with the key {ident}" for ident, bodies in keys.items() if len(bodies) > 1]
    events = collections.Counter(known.values())
    return wrong + [f"{number} deliveries of {event}" for event, number in events.items() if number > 1 and event[1] != "repeated"]


def all_is_well(server, crowd, name, webhook=None):
    """The writers rest, and everything is compared."""
    crowd.rest()
    alert_worker(server)
    good = ok(base_tables(server, crowd), f"{name}: every commit that was acknowledged is there, and nothing else")
    good = ok(statistics(server, crowd), f"{name}: verify_statistics() finds nothing, and nothing is counted twice") and good
    good = ok(alerts(server, crowd), f"{name}: the alert worker runs, and has raised each alert once, with its exact times") and good
    if webhook:
        good = ok(deliveries(server, webhook), f"{name}: each alert was delivered") and good
    note(f"{name}: {sum(len(writer.movements) for writer in crowd)} movements, {sum(len(writer.visits) for writer in crowd)} visits,"
         f" errors {dict(crowd.errors())}")
    return good
