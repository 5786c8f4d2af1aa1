"""What happens to a server in a long life: functions of soak.World. Each leaves it able to recover by itself. A new one is a function
here, and a line in MISFORTUNES."""

import os
import resource
import signal
import threading

import psycopg

import clocks
from disk import fill, make_room
from harness import wait_for

CLIENTS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'writer'"
WORKERS = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'people_counter%'"


def some_time(seconds, enough):
    """Until it is enough, but no longer than that."""
    try:
        wait_for("enough of it", enough, timeout=seconds)
    except TimeoutError:
        pass


def terminate_everything(world):
    world.server.sql(f"SELECT pg_terminate_backend(pid) FROM ({CLIENTS} UNION ALL {WORKERS}) AS them", "postgres")


def terminate_one(world):
    world.server.sql(f"SELECT pg_terminate_backend(pid) FROM ({CLIENTS} UNION ALL {WORKERS}) AS them ORDER BY random() LIMIT 1", "postgres")


def cancel(world):
    for _ in range(20):
        world.server.sql(f"SELECT pg_cancel_backend(pid) FROM ({CLIENTS} UNION ALL {WORKERS}) AS them ORDER BY random() LIMIT 3", "postgres")


def kill_one(world):
    """As the kernel does that is out of memory."""
    victims = world.server.sql(f"{CLIENTS} UNION ALL {WORKERS}", "postgres")
    if victims:
        os.kill(world.chance.choice(victims)[0], signal.SIGKILL)
        # The postmaster may take its time to notice.
        wait_for("the server to come back", lambda: world.server.ask("SELECT pg_postmaster_start_time() IS NOT NULL"))


def kill_the_server(world):
    world.server.kill()
    world.server.start()


def restart(world):
    world.server.stop(world.chance.choice(("fast", "immediate")))
    world.server.start()


def no_memory(world):
    """Nobody gets more for a while."""
    pids = [row[0] for row in world.server.sql(f"{CLIENTS} UNION ALL {WORKERS}", "postgres")]

    def limit(more):
        for pid in pids:
            try:
                with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                    size = int(file.read().split()[0]) * resource.getpagesize()
                resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY if more is None else size + more, resource.RLIM_INFINITY))
            except OSError:
                pass  # it has ended

    limit(world.chance.choice((200_000, 500_000, 2_000_000)))
    wrote = world.crowd.wrote()
    some_time(3, lambda: world.crowd.wrote() > wrote + 100)
    limit(None)


def no_connections(world):
    taken = []
    try:
        while len(taken) < 40:
            taken.append(world.server.connect("postgres"))
    except psycopg.OperationalError:
        pass
    if taken:
        taken[0].execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'")
    some_time(1, lambda: all(writer.connection is None for writer in world.crowd))
    for connection in taken:
        connection.close()


def short_of_time(world):
    """A timeout for all who do not say otherwise, which is lifted again."""
    world.server.sql(f"ALTER DATABASE counting SET statement_timeout = '{world.chance.choice((5, 20, 50))}ms'", "postgres")
    world.server.sql(f"SELECT pg_terminate_backend(pid) FROM ({CLIENTS}) AS them", "postgres")
    errors = world.crowd.errors()["57014"]
    some_time(5, lambda: world.crowd.errors()["57014"] > errors + 20)
    world.server.sql("ALTER DATABASE counting RESET statement_timeout", "postgres")
    world.server.sql(f"SELECT pg_terminate_backend(pid) FROM ({CLIENTS}) AS them", "postgres")


def receivers_away(world):
    for receiver in (world.webhook, world.stream):
        receiver.stop()
    world.crowd.goes_on(50)
    for receiver in (world.webhook, world.stream):
        receiver.start()


def reload(world):
    world.server.set(people_counter__stream_interval=f"{world.chance.choice((20, 50, 200))}ms")


def full_disk(world):
    fill(world.chance.randrange(2_000_000))
    errors = world.crowd.errors()["53100"]
    some_time(5, lambda: world.crowd.errors()["53100"] > errors + 20)
    make_room()


def wrong_clock(world):
    """Less than people_counter.alert_max_lag, for writers go by the right one."""
    clocks.jump(world.chance.choice((-60, -20, 20, 60)))
    world.crowd.goes_on(30)
    clocks.jump(0)


def few_worker_slots(world):
    """The launchers', and one for all the others."""
    world.server.set(max_worker_processes=3)
    restart(world)
    world.crowd.goes_on(30)
    world.server.set(max_worker_processes=24)
    restart(world)


def retention(world):
    """What is older than two days goes into the archive, beside the writers; at times it is interrupted."""
    with world.server.connect(application_name="retention") as connection:
        timer = threading.Timer(world.chance.random(), lambda: world.server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'retention'"))
        if world.chance.random() < 0.5:
            timer.start()
        try:
            connection.execute("CALL apply_retention(500)")
        except psycopg.OperationalError:
            pass  # interrupted, or another one is at it
        finally:
            timer.cancel()


def maintenance(world):
    world.server.sql(world.chance.choice(("VACUUM ANALYZE", "CHECKPOINT", "REINDEX TABLE CONCURRENTLY people_movements",
                                          "VACUUM (FREEZE) session_statistics", "ANALYZE people_movements")))


MISFORTUNES = [(strike.__name__, strike) for strike in (
    terminate_everything, terminate_one, cancel, kill_one, kill_the_server, restart, no_memory, no_connections, short_of_time, receivers_away,
    reload, retention, maintenance, full_disk, wrong_clock, few_worker_slots)]
