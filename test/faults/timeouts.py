"""statement_timeout, lock_timeout and cancelled statements in the middle of triggers: in large batches and while sessions are derived
again, at as many points as chance finds."""

import threading

from checks import all_is_well, set_up
from harness import dice, main, ok, wait_for
from operations import EVERYTHING, batch, copy, large_batch, rebuild, session_life, zone
from server import Server
from writers import Crowd

# More of what takes long.
HEAVY = EVERYTHING + [(large_batch, 15), (batch, 20), (copy, 10), (zone, 8), (rebuild, 5), (session_life, 5)]
CANCELED, LOCK_TIMEOUT = "57014", "55P03"
LAST_TRY = 8  # from then on it may take as long as it likes


def prepare(connection, chance, tries):
    some = [f"{chance.choice((1, 2, 3, 5, 10, 20, 50))}ms" if tries < LAST_TRY and chance.random() < 0.7 else "0" for _ in range(2)]
    connection.execute("SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)", some)


def cancel(server, chance, over):
    with server.connect("postgres") as connection:
        while not over.wait(chance.random() * 0.1):
            connection.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'counting'"
                               " AND state = 'active' AND (application_name = 'writer' OR backend_type LIKE 'people_counter%') ORDER BY random() LIMIT 1")


def test():
    server = Server("timeouts")
    server.allowed += ["canceling statement due to"]
    server.start()
    set_up(server)
    crowd = Crowd(lambda: server.connect(application_name="writer"), HEAVY, number=5, pause=0.001, prepare=prepare).start()
    over = threading.Event()
    canceller = threading.Thread(target=cancel, args=(server, dice("cancel"), over), daemon=True)
    canceller.start()
    for turn in (1, 2):
        errors = crowd.errors()
        wait_for("enough timeouts", lambda: (crowd.errors() - errors)[CANCELED] > 150 and (crowd.errors() - errors)[LOCK_TIMEOUT] > 3)
        if turn == 2:
            over.set()
        all_is_well(server, crowd, f"timeouts, turn {turn}")
        crowd.resume()
    canceller.join()
    crowd.end()
    ok(crowd.unexpected(CANCELED, LOCK_TIMEOUT), "the writers have seen nothing but timeouts")
    said = server.said()
    ok("canceling statement due to user request" in said and "due to statement timeout" in said and "due to lock timeout" in said,
       "there were some of each kind")
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
