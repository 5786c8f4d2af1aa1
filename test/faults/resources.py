"""No connections left, and no worker slots: ingest goes on by those who have a connection, whoever waits for a slot gets one when it is
free, and the log says so once."""

import psycopg

from checks import all_is_well, set_up
from harness import main, ok, wait_for
from operations import EVERYTHING
from receivers import Receiver
from server import Server
from writers import GONE, Crowd



def connections(server, crowd):
    taken = [server.connect("postgres")]
    crowd.resume()

    def take_all():
        try:
            while True:
                taken.append(server.connect("postgres"))
        except psycopg.OperationalError:
            pass

    # The writers lose theirs, one after the other, and find that others were quicker.
    for _ in range(4):
        taken[0].execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'counting' AND backend_type = 'client backend'")
        take_all()
    wait_for("the writers to be locked out", lambda: sum(writer.connection is None for writer in crowd) >= 3)
    asking = taken[0]
    worker = asking.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'people_counter alert worker'").fetchone()[0]
    asking.execute("SELECT pg_terminate_backend(%s)", (worker,))
    wait_for("another alert worker", lambda: asking.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'people_counter alert worker' AND pid <> %s", (worker,)).fetchone())
    ok(True, "without connections the alert worker is started again")
    for connection in taken:
        connection.close()
    crowd.goes_on(50)
    all_is_well(server, crowd, "out of connections")
    ok(crowd.unexpected(*GONE), "the writers have seen nothing but refused connections")
    ok("too many clients" in server.said(), "which were refused because there were too many")


def slots(server, crowd, webhook):
    """Four: those of the two launchers, and two to have. The alert worker and the stream take them."""
    start = server.size_of_log()
    server.sql("CREATE DATABASE second", "postgres")
    server.sql("CREATE EXTENSION people_counter", "second")
    lines = [f"no free background worker for the people_counter {kind} worker of database "
             + str(server.one("SELECT oid FROM pg_database WHERE datname = %s", values=(database,)))
             for kind, database in (("alert", "second"), ("delivery", "counting"))]
    wait_for("the log", lambda: all(line in server.said(start) for line in lines))
    crowd.goes_on(300)
    ok(server.worker("alert", "second") is None and server.worker("delivery") is None, "who finds no slot does not run")
    ok(server.one("SELECT state FROM alert_worker_status", "second") == "not running", "and alert_worker_status says so")
    # A worker that is started again is no news for those who wait.
    alive = server.worker()
    server.sql(f"SELECT pg_terminate_backend({alive})")
    wait_for("somebody in its place", lambda: server.worker("alert", "second") or (server.worker() or alive) != alive)
    server.sql("DROP DATABASE second WITH (FORCE)", "postgres")
    server.set(people_counter__stream_url="")
    server.wait_for_worker("delivery")
    server.wait_for_worker()
    all_is_well(server, crowd, "out of worker slots", webhook)
    ok([line for line in lines if server.said(start).count(line) != 1], "who finds no slot is named once in the log, and not at each try")


def test():
    webhook, stream = Receiver("web"), Receiver("publisher", rules={"status": 200})
    server = Server("resources", "max_connections = 12\nmax_worker_processes = 4\n"
                    f"people_counter.stream_url = 'http://127.0.0.1:{stream.port}/publish'")
    server.allowed += ["sorry, too many clients already", "remaining connection slots are reserved"]
    server.start()
    set_up(server, f"http://127.0.0.1:{webhook.port}/hook")
    server.wait_for_worker("stream")  # before there is anything to deliver
    crowd = Crowd(server.connect, EVERYTHING, number=5, pause=0.01).start()
    slots(server, crowd, webhook)
    connections(server, crowd)
    crowd.end()
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
