"""The server's clock jumps, forwards and backwards, while everything is at work. Counts are those of the movements' own times and do not
depend on it; alerts, deliveries and the live stream go on at once, and whoever is ended is started again, although by the
clock it is not yet the time for that.

Only the clock of the server's processes is set; that one which nobody can set, CLOCK_MONOTONIC, goes on as it does."""

import datetime

import clocks
from checks import all_is_well, set_up, statistics
from harness import main, note, ok, wait_for
from operations import EVERYTHING, visit
from receivers import Receiver
from server import Server
from writers import Crowd

HOUR, DAY = 3600, 86400


def crossing(server):
    """A new session that crosses the rule's threshold by the time of the server; its id."""
    session = server.one("INSERT INTO sessions (session_name) VALUES ('crossing') RETURNING id::text")
    server.sql("INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)"
               " SELECT %s, at, n, 'in' FROM (SELECT clock_timestamp() AS at) AS t, generate_series(1, 3) AS n", values=(session,))
    return session


def goes_on(server, webhook, stream, name):
    """Alerts of people inside and of a sample are raised and sent, and the live stream tells of it, now and not when it is as late as before."""
    session = crossing(server)
    server.sql('INSERT INTO realtime_metrics (session_id, "timestamp", cpu_usage_percentage) VALUES (%s, clock_timestamp(), 99)', values=(session,))
    wait_for(f"two alerts after {name}", lambda: server.ask(f"SELECT count(*) = 2 FROM alert_logs WHERE session_id = '{session}'"))
    wait_for(f"a webhook after {name}", lambda: any(session in entry["body"] for entry in webhook.received()))
    wait_for(f"the live stream after {name}", lambda: any(session in entry["path"] for entry in stream.received()))
    ok(True, f"{name}: alerts are raised, delivered and streamed")


def workers_return(server, name):
    """Each that is ended is there again soon."""
    for kind in ("alert", "delivery", "stream"):
        old = server.worker(kind)
        if old is not None:
            server.sql(f"SELECT pg_terminate_backend({old})")
        if kind != "delivery":
            server.wait_for_worker(kind, other_than=old)
    ok(True, f"{name}: workers that are ended are started again")


def test():
    ok(clocks.build(), "there is a clock that can be set")
    clocks.jump(-3 * DAY)  # what was observed before the extension was there is history to it
    webhook, stream = Receiver("web"), Receiver("publisher", rules={"status": 200})
    server = Server("clock", f"people_counter.stream_url = 'http://127.0.0.1:{stream.port}/publish'\npeople_counter.alert_max_interval = 1s",
                    environment=clocks.ENVIRONMENT)
    server.start()
    set_up(server, f"http://127.0.0.1:{webhook.port}/hook")
    server.sql("UPDATE alert_thresholds SET is_active = true WHERE threshold_name = 'cpu_usage_high'")
    server.wait_for_worker("stream")
    operations = [pair for pair in EVERYTHING if pair[0] is not visit]  # its times are those of this process
    crowd = Crowd(server.connect, operations, number=3, pause=0.005).start()
    offset = -3 * DAY
    for by, name in ((3 * DAY, "days forward"), (-HOUR, "an hour back"), (2 * HOUR, "hours forward"), (-DAY, "a day back"),
                     (-30, "half a minute back")):
        crowd.goes_on(60)
        if by == -DAY:  # the launcher has made up its mind when to start them again
            for kind in ("alert", "stream"):
                server.sql(f"SELECT pg_terminate_backend({server.worker(kind)}, 10000)")
        offset += by
        clocks.jump(offset)
        said = server.one("SELECT clock_timestamp()")
        away = said - datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=offset)
        note(f"{name}: the server's clock says {said}")
        ok(abs(away) < datetime.timedelta(seconds=60), f"{name}: the server's clock has jumped")
        goes_on(server, webhook, stream, name)
        workers_return(server, name)
        goes_on(server, webhook, stream, f"{name}, workers started again")
        ok(statistics(server), f"{name}: verify_statistics() finds nothing")
    server.sql("DELETE FROM sessions WHERE session_name = 'crossing'")
    all_is_well(server, crowd, "the clock has jumped", webhook)
    ok(crowd.unexpected(), "the writers have seen nothing")
    crowd.end()
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
