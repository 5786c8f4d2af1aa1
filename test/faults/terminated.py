"""pg_terminate_backend() of everything, in a loop, during load; and kill -9 of single backends, as the kernel does that is out of
memory, with clients that try again what was not acknowledged."""

import os
import signal

from checks import all_is_well, alert_worker, set_up
from harness import dice, main, ok, wait_for
from operations import EVERYTHING
from receivers import Receiver
from server import Server
from writers import GONE, Crowd


def test():
    chance = dice("terminated")
    webhook = Receiver("web")
    stream = Receiver("publisher", rules={"status": 200})
    server = Server("terminated", conf=f"people_counter.stream_url = 'http://127.0.0.1:{stream.port}/publish'")
    server.start()
    set_up(server, f"http://127.0.0.1:{webhook.port}/hook")
    server.wait_for_worker("stream")
    crowd = Crowd(server.connect, EVERYTHING, number=4, pause=0.005).start()

    workers = set()
    for turn in range(8):
        server.wait_for_worker()  # it is started again after a second, and the launcher after five
        crowd.goes_on(chance.randrange(100))
        workers.update(row[0] for row in server.sql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'people_counter % worker'", "postgres"))
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type <> 'checkpointer'"
                   " AND (backend_type LIKE 'people_counter % worker' OR backend_type IN ('client backend', 'autovacuum worker')"
                   f" OR backend_type = 'people_counter launcher' AND {turn} = 3)", "postgres")
    all_is_well(server, crowd, "everything terminated", webhook)
    ok(crowd.unexpected(*GONE), "the writers have seen nothing but lost connections")
    ok(len(workers) >= 8, f"{len(workers)} workers were terminated")
    server.wait_for_worker("stream")

    crowd.resume()
    kills = 0
    while kills < 3:
        crowd.goes_on(chance.randrange(100))
        victims = server.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                             " AND datname = 'counting' AND state <> 'idle'", "postgres")
        if victims:
            os.kill(chance.choice(victims)[0], signal.SIGKILL)
            kills += 1
            wait_for("the server to notice", lambda: server.said().count("was terminated by signal 9") >= kills)
            server.wait()
    all_is_well(server, crowd, "backends killed in mid write", webhook)
    ok(crowd.unexpected(*GONE), "the writers have seen nothing but lost connections")
    crowd.end()
    alert_worker(server)
    count = len(stream.received())
    server.wait_for_worker("stream")
    server.sql("INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, 1, 'in' FROM sessions LIMIT 1")
    wait_for("the live stream", lambda: len(stream.received()) > count)
    ok(True, "the live stream goes on")
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
