"""A full disk: the one with the tables, and the one with the WAL. What is not acknowledged is tried again by its writer until there
is room, and nothing else is needed but room (and a start of the server, where it could not recover by itself)."""

import os
import shutil

import psycopg

from checks import all_is_well, set_up
from disk import DISK, fill, make_room
from harness import dice, main, note, ok, wait_for
from operations import EVERYTHING
from receivers import Receiver
from server import Server
from writers import GONE, Crowd

SMALL_DISK = 200
NO_SPACE = "53100"


def tables(chance):
    webhook = Receiver("web")
    server = Server("tables")
    server.allowed += ["No space left on device", "could not extend file"]
    os.mkdir(f"{DISK}/space")
    server.start()
    server.sql(f"CREATE TABLESPACE small LOCATION '{DISK}/space'", "postgres")
    set_up(server, f"http://127.0.0.1:{webhook.port}/hook", "small")
    crowd = Crowd(server.connect, EVERYTHING, pause=0.002).start()
    for turn in (1, 2):
        crowd.goes_on(100)
        start = server.size_of_log()
        fill(chance.randrange(2_000_000))
        errors = crowd.errors()[NO_SPACE]
        wait_for("the disk to be full", lambda: crowd.errors()[NO_SPACE] > errors + 40)
        alive = server.worker()
        make_room()
        said = server.said(start)
        crowd.goes_on(50)
        all_is_well(server, crowd, f"disk full, turn {turn}", webhook)
        ok(crowd.unexpected(NO_SPACE), "the writers have seen nothing but the full disk")
        ok(server.worker() == alive, "the alert worker has lived through it")
        ok(said.count("the alert worker failed") <= 2, "and has not filled the log as well")
        note(f"the log has {said.count('No space left')} lines about it")
    crowd.end()
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


def flood(server):
    """More than all segments hold that are there to be used again; otherwise none might have to be made."""
    try:
        server.sql("SELECT pg_logical_emit_message(false, 'flood', repeat('x', 5000000))")
    except psycopg.Error:
        pass


def wal(chance):
    server = Server("wal", "max_wal_size = 16MB\nmin_wal_size = 4MB", options=("--wal-segsize=2", f"--waldir={DISK}/wal"))
    server.allowed += ["No space left on device", "PANIC", "was terminated by signal 6: Aborted"]
    server.start()
    set_up(server)
    crowd = Crowd(server.connect, EVERYTHING, pause=0.002).start()
    for turn in (1, 2):
        crowd.goes_on(100)
        panics = server.said().count(" PANIC:  ")
        fill(chance.randrange(3_000_000))
        wait_for("a PANIC", lambda: flood(server) or server.said().count(" PANIC:  ") > panics)
        # It recovers by itself, or has not even the room for that.
        wait_for("the server to be there, or to give up", lambda: server.ask("SELECT 1") or not os.path.exists(f"{server.data}/postmaster.pid"))
        gave_up = not os.path.exists(f"{server.data}/postmaster.pid")
        make_room()
        note("it had to be started" if gave_up else "it recovered by itself")
        # What answered may have been on its way down; it may yet come back, or give up.
        wait_for("the server to be there again", lambda: server.ask("SELECT 1") or (
            not os.path.exists(f"{server.data}/postmaster.pid") and server.try_to_start()))
        server.wait()
        crowd.goes_on(50)
        all_is_well(server, crowd, f"WAL full, turn {turn}")
        ok(crowd.unexpected(NO_SPACE, *GONE), "the writers have seen nothing but that and lost connections")
    crowd.end()
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


def test():
    ok(not os.listdir(DISK) and shutil.disk_usage(DISK).total < 300_000_000, "there is a small disk")
    tables(dice("tables"))
    shutil.rmtree(f"{DISK}/space")
    wal(dice("wal"))


main(test)
