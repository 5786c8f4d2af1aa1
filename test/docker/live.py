"""live.py ROOT WORK: starts what build.py made, as docker/compose.yaml says. Prints TAP. As root, in namespaces of its own."""

import json
import os
import signal
import sys
import traceback

from lib import compose, http
from lib.container import Container, Networks, wait
from lib.image import Image
from lib.tap import end, ok

ROOT, WORK = sys.argv[1:3]
HERE = os.path.join(ROOT, "docker")
PASSWORD = "a secret 'with' $signs"
SESSION = "0190d8f2-7c1e-7000-8000-000000000001"


def image_of(name):
    with open(os.path.join(WORK, f"{name}.json"), encoding="utf-8") as file:
        return Image(**json.load(file))


def prepare_files():
    """What an operator makes: .env and the file with the password."""
    secrets = os.path.join(WORK, "secrets")
    os.makedirs(secrets, 0o700)
    with open(os.path.join(secrets, "db_password"), "w", encoding="utf-8") as file:
        file.write(PASSWORD + "\n")
    os.chmod(file.name, 0o644)
    document = compose.load(os.path.join(HERE, "compose.yaml"), {"DB_PASSWORD_FILE": file.name, "PG_MAJOR": "15", "API_STREAM_MEMORY": "32m",
                                                                 "REDIS_MAXMEMORY": "64mb", "DB_NAME": "People's counter"})
    return {"directory": HERE, **document}


class Stack:
    """The containers, by name; gateway is there twice."""

    def __init__(self):
        self.document = prepare_files()
        self.networks = Networks(self.document["networks"])
        self.containers = {}
        names = ["redis", "postgres", "prepare", "gateway", "gateway2"]
        self.has_postgrest = os.path.exists(os.path.join(WORK, "postgrest.json"))
        for count, name in enumerate(names + ["postgrest"] * self.has_postgrest, 11):
            service = name.rstrip("2")
            image = image_of("postgres" if service == "prepare" else service)
            self.containers[name] = Container(service, self.document["services"][service], image, self.document, self.networks, WORK, count)

    def __getitem__(self, name):
        return self.containers[name]

    def sql(self, text):
        status, printed = self["postgres"].execute(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "People's counter", "-c", text])
        if status:
            raise AssertionError(printed)
        return printed


def the_database(stack):
    postgres = stack["postgres"].start().healthy()
    ok(True, "postgres starts, and is healthy")
    ok(stack["prepare"].start().process.wait(timeout=60) == 0, "prepare ends well", stack["prepare"].output())
    first = stack.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'people_counter_authenticator'")
    found = stack.sql("SELECT extname, extversion FROM pg_extension WHERE extname LIKE 'people%' ORDER BY 1").split("\n")
    ok([name.split("|")[0] for name in found] == ["people_counter", "people_counter_rest"], "both extensions are there", found)
    ok(stack.sql("SHOW shared_preload_libraries") == "people_counter", "the library is loaded from the start")
    with open(os.path.join(ROOT, "scripts", "lib", "stack.sh"), encoding="utf-8") as file:
        ok(f"log_line_prefix = '{stack.sql('SHOW log_line_prefix')} '" in file.read(), "lines of its log begin as those of scripts/stack")
    ok(stack.sql("SHOW people_counter.stream_url") == "http://gateway:8001/publish", "the stream goes to the gateways")
    secrets = os.path.join(WORK, "volumes", "credentials")
    kept = {name: open(os.path.join(secrets, name), encoding="utf-8").read() for name in ("jwt-secret", "password", "db-uri")}
    ok([name for name in kept if os.stat(os.path.join(secrets, name)).st_mode & 0o7777 != 0o600], "what it made is for one user only")
    ok(len(kept["jwt-secret"]) == 64 and kept["password"] != kept["jwt-secret"], "the secrets are long, and not the same")
    status, printed = postgres.execute(["psql", kept["db-uri"], "-XAtc", "SELECT current_user"])
    ok(printed == "people_counter_authenticator", "PostgREST's role signs in with what it made", f"{status} {printed}")
    status, printed = postgres.execute(["psql", kept["db-uri"].replace(kept["password"], "wrong"), "-XAtc", "SELECT 1"])
    ok(status != 0 and "password authentication failed" in printed, "and not with anything else", printed)
    ok(stack["prepare"].start().process.wait(timeout=60) == 0, "prepare ends well again", stack["prepare"].output())
    again = {name: open(os.path.join(secrets, name), encoding="utf-8").read() for name in kept}
    ok(again == kept, "and leaves its secrets as they are")
    status, printed = postgres.execute(["psql", again["db-uri"], "-XAtc", "SELECT 1"])
    ok(status == 0 and first.startswith("SCRAM-SHA-256$"), "which are still good", printed)
    ok(postgres.execute(["touch", "/usr/x"])[0] != 0, "the files of the image cannot be written to")


def takes(stack, name):
    """Whether a gateway takes what is published to it, by the network of the database; it is of no database that there is."""
    status, printed = stack["postgres"].execute(["perl", "-MIO::Socket::INET", "-e", http.PERL_POST, stack[name].addresses["backend"]])
    return status == 0 and " 20" in printed


def the_gateways(stack):
    """Without PostgREST: they start, serve files, and take what is published."""
    for name in ("gateway", "gateway2"):
        stack[name].start()
        address = stack[name].addresses["frontend"]
        answer = wait(f"{name} serves the dashboard", lambda: http.get(address, 8000, "/"))
        ok(answer[0] == 200 and b"<title>" in answer[1], f"{name} starts, read-only and not as root, and serves the dashboard", answer)
        ok(http.get(address, 8000, "/health")[0] == 503 and stack[name].health()[0] != 0, "it is not healthy before PostgREST is there")
        ok(http.post(address, 8000, "/publish", b'"x"')[0] == 404, "nothing is published at the port that is open to all")
        ok(takes(stack, name), "the database may publish to it")
    ok(stack["gateway"].output().count('"GET /health" 503') > 0 or wait("a line", lambda: '"GET /health" 503' in stack["gateway"].output()),
       "what is asked is logged to standard output")


def movements(stack, first, count):
    stack.sql(f"""INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
                  SELECT '{SESSION}', now(), person, 'in' FROM generate_series({first}, {first + count - 1}) AS person""")


def the_stream(stack):
    """Two gateways, one redis, and the extension that publishes to their common name."""
    stack["postgrest"].start().healthy()
    ok(True, "postgrest starts, and is healthy")
    for name in ("gateway", "gateway2"):
        stack[name].healthy()
        ok(True, f"{name} is healthy")
    key = stack.sql("SELECT people_counter_api.create_api_key('test', 'admin')->>'api_key'")
    stack.sql(f"INSERT INTO sessions (id, session_name, start_time) VALUES ('{SESSION}', 'door', now())")
    address = {name: stack[name].addresses["frontend"] for name in ("gateway", "gateway2")}
    crowd = {name: http.Subscriber(address[name], 8000, key) for name in address}

    def arrives(name, subscriber, last, what):
        wait(f"{what}: {name}", lambda: len(subscriber.people) >= last or subscriber.closed)
        ok(subscriber.people == list(range(1, last + 1)), what, f"{subscriber.people[-20:]} {subscriber.closed}")

    movements(stack, 1, 50)
    for name, subscriber in crowd.items():
        arrives(name, subscriber, 50, f"what is counted arrives at {name}")

    # One after the other: whichever it was that the extension published to, it is one of them.
    for gone, other in (("gateway", "gateway2"), ("gateway2", "gateway")):
        last = len(crowd[other].people)
        stack[gone].kill()
        wait("it is disconnected", lambda: crowd[gone].closed)
        for i in range(5):
            movements(stack, last + 10 * i + 1, 10)
        arrives(other, crowd[other], last + 50, f"{gone} is killed, and nothing is missing at {other}")
        stack[gone].start().healthy()
        crowd[gone] = http.Subscriber(address[gone], 8000, key, crowd[gone])
        arrives(gone, crowd[gone], last + 50, f"{gone} is back, and who comes back has missed nothing")

    last = len(crowd["gateway"].people)
    stack["redis"].kill()
    movements(stack, last + 1, 20)
    wait("the extension has noticed", lambda: "the live stream cannot be sent" in stack["postgres"].output())
    stack["redis"].start().healthy()
    wait("the extension goes on", lambda: "the live stream is sent again" in stack["postgres"].output())
    # One gateway finds redis before the other, which does not have what is published meanwhile.
    for name in crowd:
        wait(f"{name} finds redis", lambda: takes(stack, name))
    movements(stack, last + 21, 20)
    for name, subscriber in crowd.items():
        wait(f"what comes behind: {name}", lambda: subscriber.people[-1] == last + 40 or subscriber.closed)
        ok(subscriber.people[:last] + subscriber.people[-20:] == [*range(1, last + 1), *range(last + 21, last + 41)] and
           subscriber.people == sorted(set(subscriber.people)), f"redis is killed and starts again, and {name} goes on", f"{subscriber.people}")
    ok(stack.sql("SELECT count(*) FROM verify_statistics()") == "0", "verify_statistics() finds nothing")


def the_end(stack):
    for name, how, status in (("gateway", signal.SIGTERM, 0), ("gateway2", signal.SIGTERM, 0), ("redis", signal.SIGTERM, 0), ("postgres", signal.SIGINT, 0)):
        ok(stack[name].stop(how) == status, f"{name} ends when it is asked to", stack[name].output()[-1000:])
    told = [name for name, one in stack.containers.items() if PASSWORD in one.output()]
    ok(told, "no log has the password in it")


stack = Stack()
try:
    stack["redis"].start().healthy()
    ok(True, "redis starts, and is healthy")
    if stack.has_postgrest:
        ok(stack["redis"].execute(["getent", "hosts", "postgres"])[0] != 0, "redis knows no other service than the gateways")
    the_database(stack)
    the_gateways(stack)
    if stack.has_postgrest:
        the_stream(stack)
    else:
        print("ok - the stream through two gateways # SKIP postgrest is not on PATH")
    the_end(stack)
except Exception:   # and whatever else: it is one failure more, with the end of every log
    logs = "\n".join(f"{name}: {one.output()[-1500:]}" for name, one in stack.containers.items() if one.process)
    ok(False, "the containers do what they should", f"{traceback.format_exc()}\n{logs}")
end()
