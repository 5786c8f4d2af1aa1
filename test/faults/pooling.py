"""Behind PgBouncer in transaction mode: many clients on a few connections, which are cut now and then. What docs/pooling.md says works
does, and what it says needs a connection of its own does."""

import json
import os
import re
import shutil
import subprocess
import urllib.request

import psycopg

from checks import alert_worker, all_is_well, set_up
from harness import PLACE, SOURCE, at_end, main, note, ok, wait_for
from operations import EVERYTHING
from server import Server, free_port, run
from writers import GONE, SHARED, Crowd

POOLER = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")


class Pooler:
    def __init__(self, server):
        self.port = free_port()
        self.place = f"{PLACE}/pooler"
        os.makedirs(self.place, mode=0o700)
        with open(f"{SOURCE}/docs/pgbouncer.ini", encoding="utf-8") as file:
            settings = file.read()
        self.version = tuple(map(int, re.search(r"(\d+)\.(\d+)", run(POOLER, "--version").stdout).groups()))
        self.prepares = self.version >= (1, 21)
        if not self.prepares:  # one line that it does not know
            settings = re.sub(r"(?m)^max_prepared_statements.*\n", "", settings)
        with open(f"{self.place}/pgbouncer.ini", "w", encoding="utf-8") as file:
            file.write(settings)
            # What is different here: where it is, and who may use it.
            file.write(f"listen_port = {self.port}\nlisten_addr = 127.0.0.1\nunix_socket_dir = {self.place}\nauth_type = any\n"
                       f"admin_users = admin\nserver_login_retry = 0\ndefault_pool_size = 4\nlog_disconnections = 0\nlog_connections = 0\n"
                       f"[databases]\n* =\ncounting = host={server.place} port={server.port} user=postgres\n"
                       f"api = host={server.place} port={server.port} dbname=counting user=people_counter_authenticator\n"
                       f"whole = host={server.place} port={server.port} dbname=counting user=postgres pool_mode=session\n")
        self.process = subprocess.Popen([POOLER, f"{self.place}/pgbouncer.ini"], stdin=subprocess.DEVNULL,  # pylint: disable=consider-using-with
                                        stdout=subprocess.DEVNULL, stderr=open(f"{self.place}/log", "wb"))  # pylint: disable=consider-using-with
        at_end.append(self.stop)
        wait_for("PgBouncer", self.listens)

    def listens(self):
        try:
            self.connect("pgbouncer", user="admin").close()
            return True
        except psycopg.OperationalError:
            return False

    def connect(self, database="counting", **options):
        return psycopg.connect(host=self.place, port=self.port, dbname=database,
                               **{"user": "postgres", "autocommit": True, "prepare_threshold": None, **options})

    def stop(self):
        self.process.kill()
        self.process.wait()


def settings_stay(pooler):
    """SET LOCAL is of a transaction; whoever has the connection next does not see it."""
    clients = [pooler.connect() for _ in range(8)]
    wrong = []
    for turn in range(40):
        client, others = clients[turn % 8], clients[:turn % 8] + clients[turn % 8 + 1:]
        with client.transaction():
            client.execute("SET LOCAL statement_timeout = '77s'")
            if client.execute("SHOW statement_timeout").fetchone()[0] != "77s":
                wrong.append("SET LOCAL had no effect")
        wrong += [value for other in others[:3] for (value,) in other.execute("SHOW statement_timeout") if value != "0"]
    ok(wrong, "SET LOCAL holds for its transaction, and for nobody else")
    for client in clients:
        client.close()


def locks_end(server, pooler):
    """What the extension locks it locks until the end of the transaction. So nothing stays with a connection of the pool."""
    with pooler.connect() as client:
        with client.transaction():
            client.execute("INSERT INTO sessions (id, session_name) VALUES (generate_uuid_v7(), 'locks')")
            client.execute("SELECT rebuild_statistics()")
            held = server.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        client.execute("SET client_min_messages = error; SELECT evaluate_alerts(); RESET client_min_messages")
        client.execute("DELETE FROM sessions WHERE session_name = 'locks'")
    ok(held > 0, "a transaction that makes a session and rebuilds holds advisory locks")
    ok([str(row) for row in server.sql("SELECT * FROM pg_locks WHERE locktype = 'advisory'")], "none of them outlives it")


def prepared(pooler):
    def use(database):
        clients = [pooler.connect(database, prepare_threshold=0) for _ in range(6)]
        try:
            for turn in range(60):
                client = clients[turn % 6]
                with client.transaction():
                    client.execute("SELECT count(*) FROM people_movements WHERE session_id = %s", (SHARED[turn % 5],))
                    client.execute("INSERT INTO realtime_metrics (session_id, current_people_count) SELECT id, %s FROM sessions WHERE false", (turn,))
        finally:
            for client in clients:
                client.close()

    note("PgBouncer", ".".join(map(str, pooler.version)))
    if pooler.prepares:
        use("counting")
        ok(True, "statements that a driver prepares work in transaction mode, with max_prepared_statements")
    else:
        try:
            use("counting")
            failed = ""
        except psycopg.Error as error:
            failed = error.sqlstate or str(error)
        ok(failed in ("26000", "42P05"), f"before 1.21, statements that a driver prepares do not work in transaction mode ({failed})")
    with pooler.connect() as client, client.transaction():
        client.execute(f"PREPARE inside AS SELECT calculate_current_people_inside('{SHARED[0]}')")
        first = client.execute("EXECUTE inside").fetchone()
        client.execute("DEALLOCATE inside")
    ok(first is not None, "PREPARE and DEALLOCATE within a transaction work in any")


def notifications(server, pooler):
    """LISTEN needs a connection that stays."""
    direct, through, heard_direct, heard_through = server.connect(), pooler.connect(), [], []
    for connection, heard in ((direct, heard_direct), (through, heard_through)):
        connection.add_notify_handler(heard.append)
        connection.execute("LISTEN people_counter_alert")
    with pooler.connect() as client:
        session = client.execute("INSERT INTO sessions (session_name) VALUES ('listened to') RETURNING id::text").fetchone()[0]
        client.execute("INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT %s, n, 'in' FROM generate_series(1, 3) n",
                       (session,))
    wait_for("a notification on a connection of its own",
             lambda: direct.execute("SELECT") and any(session in notify.payload for notify in heard_direct))
    through.execute("SELECT")
    ok(not any(session in notify.payload for notify in heard_through), "notifications arrive on a connection of one's own, and not through the pool")
    direct.close()
    through.close()
    server.sql("DELETE FROM sessions WHERE session_name = 'listened to'")


def ask(port, path, body=None, session=None):
    headers = {"Content-Type": "application/json", **({"X-Session-Id": session} if session else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, data=body and json.dumps(body).encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def postgrest(server, pooler):
    program = shutil.which("postgrest")
    if program is None:
        print("ok - PostgREST through PgBouncer # SKIP there is no postgrest on PATH")
        return
    with open(f"{SOURCE}/docker/postgres/database.sql", encoding="utf-8") as file:
        statements = re.sub(r"(?m)^\\(if|else|endif).*\n|^.*PASSWORD :'password'.*\n", "", file.read())
    server.sql(statements)
    port = free_port()
    environment = {**os.environ, "PGRST_DB_URI": f"host='{pooler.place}' port={pooler.port} dbname=api user=people_counter_authenticator",
                   "PGRST_DB_PREPARED_STATEMENTS": "false", "PGRST_DB_CHANNEL_ENABLED": "false", "PGRST_SERVER_HOST": "127.0.0.1",
                   "PGRST_SERVER_PORT": str(port), "PGRST_DB_ANON_ROLE": "people_counter_operator", "PGRST_JWT_SECRET": "x" * 40}
    process = subprocess.Popen([program, f"{SOURCE}/docker/postgrest/postgrest.conf"], env=environment, stdin=subprocess.DEVNULL,  # pylint: disable=consider-using-with
                               stdout=subprocess.DEVNULL, stderr=open(f"{PLACE}/postgrest.log", "wb"))  # pylint: disable=consider-using-with
    at_end.append(process.kill)

    def answers():
        try:
            return ask(port, "/rpc/health")
        except OSError:
            return None

    wait_for("PostgREST", answers)
    session = ask(port, "/rpc/create_session?columns=body", {"session_name": "over HTTP"})
    ident = session.get("id") or session.get("session_id")
    for turn in range(60):
        ask(port, "/rpc/record_movements?columns=body", {"person_id": turn, "movement_direction": "in"}, ident)
        if turn % 20 == 10:  # the pool's connections are cut between requests, and PostgREST sees to new ones
            server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'people_counter_authenticator'")
            wait_for("PostgREST to be well again", answers)
    counted = server.one("SELECT total_people_entered FROM session_statistics WHERE session_id = %s", values=(ident,))
    ok(counted == 60, f"PostgREST through PgBouncer: {counted} of 60 movements are counted")
    ok(server.one("SELECT count(*) FROM pg_prepared_xacts") == 0 and not server.sql("SELECT * FROM pg_locks WHERE locktype = 'advisory'"),
       "and nothing is left behind")
    process.kill()
    process.wait()
    server.sql("DELETE FROM sessions WHERE session_name = 'over HTTP'")


def test():
    server = Server("server")
    server.allowed += ["prepared statement .* (does not exist|already exists)"]
    server.start()
    set_up(server)
    pooler = Pooler(server)
    crowd = Crowd(pooler.connect, EVERYTHING, number=12, pause=0.02).start()
    crowd.goes_on(200)
    backends = server.one("SELECT count(*) FROM pg_stat_activity WHERE datname = 'counting' AND backend_type = 'client backend'"
                          " AND pid <> pg_backend_pid()")
    ok(1 <= backends <= 4, f"12 clients share {backends} connections")
    for _ in range(3):
        crowd.goes_on(60)
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'counting' AND backend_type = 'client backend'"
                   " AND pid <> pg_backend_pid()")
    all_is_well(server, crowd, "through PgBouncer")
    ok(crowd.unexpected(*GONE, "08P01"), "the writers have seen nothing but connections that were cut")
    settings_stay(pooler)
    locks_end(server, pooler)
    prepared(pooler)
    notifications(server, pooler)
    postgrest(server, pooler)
    all_is_well(server, crowd, "in the end")
    crowd.end()
    alert_worker(server)
    ok(server.unexpected(), "nothing in the log that was not expected")
    server.ends_cleanly()


main(test)
