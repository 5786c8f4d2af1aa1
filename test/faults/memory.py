"""No memory left in a process: allocations fail in triggers, in the middle of whatever they do, and in each of the workers.

The limit is on the address space of single processes. It is set just above what they have, and lifted after a few tries."""

import collections
import resource

import psycopg

from checks import all_is_well, set_up
from harness import main, ok, wait_for
from operations import EVERYTHING, batch, copy, large_batch, rebuild, zone
from receivers import Receiver
from server import Server
from writers import SHARED, Crowd

HEAVY = EVERYTHING + [(large_batch, 20), (batch, 20), (copy, 10), (zone, 6), (rebuild, 5)]
OUT_OF_MEMORY = "53200"
LAST_TRY = 8
# The stack must have what it needs: what it cannot have is no error, but a crash. And libraries are loaded.
DEEP = "SELECT " + "(" * 2000 + "1" + ")" * 2000
warm = set()


def size_of(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limit(pid, more=None):
    """Bytes beyond what it has; None: as much as it wants."""
    resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY if more is None else size_of(pid) + more, resource.RLIM_INFINITY))


def prepare(connection, chance, tries):
    pid = connection.info.backend_pid
    if pid not in warm:
        connection.execute(DEEP)
        connection.execute("INSERT INTO people_movements SELECT * FROM people_movements LIMIT 1 ON CONFLICT DO NOTHING")
        warm.add(pid)
    elif tries < LAST_TRY and chance.random() < 0.8:
        limit(pid, chance.choice((0, 0, 20_000, 100_000, 300_000, 1_000_000, 3_000_000)))
    else:
        limit(pid)


def zones(server):
    """No room for a zone does not mean that it is unknown, for a client would give up."""
    names = [name for name, in server.sql("SELECT name FROM pg_timezone_names WHERE name LIKE '%/%' AND name NOT LIKE 'posix%' ORDER BY name")]
    errors = collections.Counter()
    with server.connect() as connection:
        pid = connection.info.backend_pid
        connection.execute(DEEP)
        connection.execute("INSERT INTO sessions (id, session_name) VALUES (%s, 'zones')", (SHARED[0][:-1] + "9",))
        for number, name in enumerate(names):
            limit(pid, number % 50 * 4096)
            try:
                connection.execute("UPDATE sessions SET time_zone = %s WHERE session_name = 'zones'", (name,))
            except psycopg.Error as error:
                errors[error.sqlstate] += 1
        limit(pid)
        connection.execute("DELETE FROM sessions WHERE session_name = 'zones'")
    ok(set(errors) == {OUT_OF_MEMORY}, f"a time zone that cannot be loaded is not called unknown: {dict(errors)}")


def workers(server, crowd, webhook, stream):
    """Each has none for a while, with more to do than ever."""
    crowd.goes_on(50)
    for kind in ("alert", "stream", "delivery"):
        server.wait_for_worker(kind)
    start = server.size_of_log()
    pids = {kind: server.worker(kind) for kind in ("alert", "stream", "delivery")}
    for pid in pids.values():
        limit(pid, 0)
    rows = 60_000
    server.sql("INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, -n, 'in'"
               f" FROM (SELECT id FROM sessions WHERE session_name = 'door' ORDER BY id LIMIT 1) AS door, generate_series(1, {rows}) n")
    wait_for("a worker without memory", lambda: "out of memory" in server.said(start))
    crowd.goes_on(50)
    server.sql("DELETE FROM people_movements WHERE person_id < 0")
    for kind, pid in pids.items():
        if server.worker(kind) == pid:
            limit(pid)
    count = len(stream.received())
    crowd.goes_on(50)
    wait_for("the live stream", lambda: len(stream.received()) > count)
    all_is_well(server, crowd, "workers without memory", webhook)


def test():
    webhook, stream = Receiver("web"), Receiver("publisher", rules={"status": 200})
    server = Server("memory", conf=f"people_counter.stream_url = 'http://127.0.0.1:{stream.port}/publish'")
    server.allowed += ["out of memory", "Out of memory", "could not load library .*: (failed to map segment|cannot allocate memory)"]
    server.start()
    set_up(server, f"http://127.0.0.1:{webhook.port}/hook")
    crowd = Crowd(server.connect, HEAVY, number=4, pause=0.001, prepare=prepare).start()
    for turn in (1, 2):
        errors = crowd.errors()[OUT_OF_MEMORY]
        wait_for("enough failures", lambda: crowd.errors()[OUT_OF_MEMORY] > errors + 40)
        all_is_well(server, crowd, f"backends without memory, turn {turn}", webhook)
        crowd.resume()
    crowd.prepare = lambda connection, chance, tries: limit(connection.info.backend_pid)
    crowd.rest()
    zones(server)
    workers(server, crowd, webhook, stream)
    crowd.end()
    ok(crowd.unexpected(OUT_OF_MEMORY), "the writers have seen nothing but a lack of memory")
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
