"""Everything at once, for as long as one likes: see scripts/soak. Writers and readers at work, and a misfortune at random every few
seconds; every minute, and at the end, they rest, and all is compared."""

import collections
import os
import time

import clocks
from checks import all_is_well, set_up
from disk import DISK
from harness import dice, main, note, ok, wait_for
from misfortunes import MISFORTUNES
from operations import EVERYTHING
from receivers import Receiver
from server import Server
from writers import GONE, Crowd

SMALL_DISK = 1000
SECONDS = float(os.environ.get("PC_SECONDS") or 45)
BETWEEN_CHECKS = min(60, SECONDS / 2)
MOST_MEMORY = 100_000  # kB that a worker may have for itself
MOST_FILES = 200
# What writers may meet with: a full disk, no connections, cancelled, no memory.
EXPECTED = {*GONE, "53100", "53300", "57014", "53200", "55P03"}


class World:
    """What misfortunes work on."""

    def __init__(self):
        self.webhook, self.stream = Receiver("web"), Receiver("publisher", rules={"status": 200})
        ok(clocks.build(), "there is a clock that can be set")
        os.mkdir(f"{DISK}/space")
        self.server = Server("soak", "max_connections = 30\n"
                             f"people_counter.stream_url = 'http://127.0.0.1:{self.stream.port}/publish'", clocks.ENVIRONMENT)
        self.server.allowed += ["out of memory", "Out of memory", "sorry, too many clients already", "remaining connection slots",
                                "the live stream cannot be sent", "canceling statement", "No space left on device", "could not extend file"]
        self.server.start()
        self.server.sql(f"CREATE TABLESPACE small LOCATION '{DISK}/space'", "postgres")
        set_up(self.server, f"http://127.0.0.1:{self.webhook.port}/hook", "small")
        self.server.sql("UPDATE system_config SET config_value = '2', is_active = true WHERE config_key = 'retention_movements_days'")
        self.crowd = Crowd(self.connect, EVERYTHING, number=5, pause=float(os.environ.get("PC_PAUSE") or 0.03), touches=86400)
        self.chance = dice("misfortunes")
        self.largest = collections.Counter()

    def connect(self):
        return self.server.connect(application_name="writer")


def bounded(world, name):
    """The workers' memory and files."""
    wrong = []
    for kind in ("alert", "delivery", "stream"):
        pid = world.server.worker(kind)
        if pid is None:
            continue
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            memory = int(next(line for line in file if line.startswith("RssAnon:")).split()[1])
        files = len(os.listdir(f"/proc/{pid}/fd"))
        world.largest[f"kB of the {kind} worker"] = max(world.largest[f"kB of the {kind} worker"], memory)
        world.largest[f"files of the {kind} worker"] = max(world.largest[f"files of the {kind} worker"], files)
        wrong += [f"the {kind} worker has {memory} kB and {files} files"] if memory > MOST_MEMORY or files > MOST_FILES else []
    ok(wrong, f"{name}: memory and files of the workers are bounded")


def check(world, name):
    server, crowd = world.server, world.crowd
    server.wait()
    server.wait_for_worker("stream")
    all_is_well(server, crowd, name, world.webhook)
    ok(crowd.unexpected(*EXPECTED), f"{name}: the writers have seen nothing that was not expected")
    ok(server.unexpected(), f"{name}: nothing in the log that was not expected")
    bounded(world, name)
    # What was verified may go; so the database stays as large as it is.
    for writer in crowd:
        writer.sessions.update((session, False) for session, _, _ in writer.visits)
        writer.visits.clear()
    before = len(world.stream.received())
    crowd.goes_on()
    wait_for("the live stream", lambda: len(world.stream.received()) > before)


def test():
    world = World()
    world.crowd.start()
    done = collections.Counter()
    begin = last = time.monotonic()
    checks = 0
    while time.monotonic() - begin < SECONDS:
        world.crowd.goes_on(world.chance.randrange(20, 120))
        name, strike = world.chance.choice(MISFORTUNES)
        strike(world)
        done[name] += 1
        if time.monotonic() - last > BETWEEN_CHECKS:
            checks += 1
            note(f"after {time.monotonic() - begin:.0f} s: {dict(done)}")
            check(world, f"check {checks}")
            last = time.monotonic()
    world.crowd.goes_on(50)
    check(world, "at the end")
    world.crowd.end()
    ok(sum(done.values()) > 3, "misfortunes have come")
    world.server.ends_cleanly()
    note(f"{world.crowd.wrote()} operations of {len(world.crowd.writers)} writers in {time.monotonic() - begin:.0f} s;"
         f" errors they met: {dict(world.crowd.errors())}")
    note("operations:", dict(sum((writer.done for writer in world.crowd), collections.Counter())))
    note("misfortunes:", dict(done))
    note(sum(len(writer.archived) for writer in world.crowd), "movements were archived")
    note("largest:", dict(world.largest), "; webhooks:", len(world.webhook.received()), "; messages of the live stream:",
         len(world.stream.received()))


main(test)
