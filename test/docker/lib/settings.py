"""What the settings of docker/env.example do, in containers that run: for operations.py."""

import os
import subprocess
import threading

from lib import http
from lib.container import wait
from lib.tap import ok

REDIS_PASSWORD = "a.redis_password~2"

# Names of the server, and what SHOW says.
TUNING = {
    "shared_buffers": "64MB", "effective_cache_size": "333MB", "work_mem": "5MB", "maintenance_work_mem": "77MB", "max_connections": "44",
    "max_worker_processes": "11", "max_parallel_workers": "3", "max_parallel_workers_per_gather": "1", "wal_buffers": "3MB", "min_wal_size": "96MB",
    "max_wal_size": "512MB", "checkpoint_timeout": "7min", "checkpoint_completion_target": "0.7", "random_page_cost": "1.1",
    "effective_io_concurrency": "7", "default_statistics_target": "222", "log_min_duration_statement": "4s",
}


def chosen(work):
    """Everything is another than by default."""
    return {**{f"POSTGRES_{name.upper()}": value for name, value in TUNING.items()}, "POSTGRES_SSL_MODE": "verify-full", "DB_PORT": "5433", "DB_POOL_SIZE": "4",
            "LOG_LEVEL": "info", "ENABLE_METRICS": "false", "API_TIMEOUT": "2s", "API_RATE_LIMIT": "50r/m", "API_STREAM_MEMORY": "32m", "REDIS_PORT": "6380",
            "REDIS_DB": "2", "REDIS_MAXMEMORY": "64mb", "REDIS_PASSWORD_FILE": os.path.join(work, "secrets", "redis_password")}


def of_the_server(stack):
    found = {name: stack.sql(f"SHOW {name}") for name in TUNING}
    ok([f"{name}: {found[name]}" for name in TUNING if found[name] != TUNING[name]], "each of the POSTGRES_ settings is the server's")
    ok(stack.sql("SHOW port") == "5433" and stack.sql("SHOW log_min_messages") == "info" and stack.sql("SELECT current_user") == "keeper",
       "and so are DB_PORT, LOG_LEVEL and DB_USER")
    uri = f"host=postgres port=5433 dbname=postgres user=keeper password='{password_of(stack).replace(chr(39), chr(92) + chr(39))}'"
    public = "sslrootcert=/run/people_counter_public/root.crt"
    postgres = stack["postgres"]
    status, printed = postgres.execute(["psql", f"{uri} sslmode=verify-full {public}", "-XAtc", "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"])
    ok(status == 0 and printed.startswith("t|TLSv1."), "POSTGRES_SSL_MODE=verify-full: the certificate that the server made itself is verified", printed)
    status, printed = postgres.execute(["psql", f"{uri} sslmode=disable", "-XAtc", "SELECT 1"])
    ok(status != 0 and "rejects connection" in printed and "no encryption" in printed, "and whoever does not encrypt is refused", printed)
    status, printed = postgres.execute(["psql", f"{uri.replace('host=postgres', 'host=localhost hostaddr=127.0.0.1')} sslmode=disable", "-XAtc", "SELECT 1"])
    ok(status != 0 and "no encryption" in printed, "even from the server's own container", printed)
    key = os.path.join(stack.work, "volumes", "data", "tls", "server.key")
    ok(os.stat(key).st_mode & 0o777 == 0o600 and not os.path.exists(os.path.join(stack.work, "volumes", "public", "server.key")), "its key is its own")
    with open(os.path.join(stack.work, "volumes", "public", "servers.json"), encoding="utf-8") as file:
        text = file.read()
    ok('"Port" : 5433' in text and '"verify-full"' in text and "password" not in text, "pgAdmin is told where the server is", text)
    redis = stack["redis"]
    status, printed = redis.execute(["redis-cli", "-p", "6380", "ping"])
    ok("NOAUTH" in printed, "redis is at REDIS_PORT, and wants its password", printed)
    status, printed = redis.execute(["redis-cli", "-p", "6380", "ping"], REDISCLI_AUTH=REDIS_PASSWORD)
    ok(printed == "PONG", "which is the one of REDIS_PASSWORD_FILE", printed)


def password_of(stack):
    with open(stack.settings["DB_PASSWORD_FILE"], encoding="utf-8") as file:
        return file.read().rstrip("\n")


def of_the_api(stack):
    gateway = stack["gateway"]
    address = gateway.addresses["frontend"]
    ok(stack.takes("gateway"), "the gateway publishes by redis, with the password")
    status, printed = stack["redis"].execute(["redis-cli", "-p", "6380", "client", "list"], REDISCLI_AUTH=REDIS_PASSWORD)
    ok(" db=2 " in printed, "in REDIS_DB", printed)
    for path in ("/metrics", "/metrics/", "/rest/rpc/prometheus_metrics", "/rest//rpc/prometheus_metrics", "/rest/rpc/prometheus%5Fmetrics"):
        answer = http.get(address, 8000, path)
        ok(answer[0] == 404, f"ENABLE_METRICS=false: there is no {path}", answer)
    status, printed = gateway.execute(["grep", "-h", "error_log ", "/tmp/gateway/conf/nginx.conf"])
    ok(printed.endswith("info;"), "LOG_LEVEL is the gateway's", printed)
    if not stack.has_postgrest:
        print("ok - LOG_LEVEL, API_TIMEOUT and DB_POOL_SIZE in PostgREST # SKIP postgrest is not on PATH")
    else:
        of_postgrest(stack, address)
    ok(429 in [http.get(address, 8000, "/health")[0] for _ in range(60)], "API_RATE_LIMIT: the sixtieth request of a minute is one too many")


def of_postgrest(stack, address):
    key = {"X-API-Key": stack.sql("SELECT people_counter_api.create_api_key('test', 'admin')->>'api_key'")}
    ok(http.get(address, 8000, "/rest/")[0] in (200, 401), "PostgREST's dialect is there")
    answer = http.ask("GET", address, 8000, "/health/detailed", headers=key)
    ok(answer[0] == 200 and b'4' in answer[1], "the API answers", answer)
    wait("PostgREST says what it was asked", lambda: "/rpc/health_detailed" in stack["postgrest"].output())
    ok(True, "LOG_LEVEL is PostgREST's")
    found = stack.sql("SELECT count(*), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'people_counter_authenticator'")
    ok(int(found.split("|")[0]) > 0 and found.endswith("|0"), "PostgREST's connections are encrypted", found)
    # Whoever waits for the table has a connection of the pool.
    answers = []
    with subprocess.Popen(stack["postgres"].within(["psql", "-XqAt", "-U", "keeper", "-d", stack.settings["DB_NAME"]]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lock:
        lock.stdin.write("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
        lock.stdin.flush()
        lock.stdout.readline()
        callers = [threading.Thread(target=lambda: answers.append(http.ask("GET", address, 8000, "/sessions", headers=key)[0])) for _ in range(8)]
        for caller in callers:
            caller.start()
        wait("all of the pool waits", lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'people_counter_authenticator' AND wait_event_type = 'Lock'") == "4")
        for caller in callers:
            caller.join()
        lock.communicate("ROLLBACK;\n")
    ok(len(answers) == 8 and all(answer >= 500 for answer in answers), "DB_POOL_SIZE is its pool, and API_TIMEOUT ends what waits", answers)


def tls_as_given(stack, work):
    """Certificates of an authority of one's own."""
    place = os.path.join(work, "pki")
    os.makedirs(place)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=place, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=postgres", "-addext", "subjectAltName=DNS:postgres,DNS:db.example.org", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy", "-days", "2", "-out", "server.crt")
    for name in os.listdir(place):
        os.chmod(os.path.join(place, name), 0o644)
    postgres = stack["postgres"]
    postgres.stop(2)
    given = {f"POSTGRES_SSL_{name}": os.path.join(place, file) for name, file in (("CERT", "server.crt"), ("KEY", "server.key"), ("CA", "ca.crt"))}
    stack.change(**given)
    postgres.start().healthy()
    ok(stack["prepare"].start().process.wait(60) == 0, "with a certificate of an authority of one's own, clients verify the server by that", stack["prepare"].output()[-500:])
    uri = f"host=postgres port=5433 dbname=postgres user=keeper password='{password_of(stack)}' sslmode=verify-full sslrootcert="
    made = "/var/lib/postgresql/tls/server.crt"
    status, printed = postgres.execute(["psql", uri + made, "-XAtc", "SELECT 1"])
    ok(status != 0 and "certificate verify failed" in printed, "and no more by the one that it had made itself", printed)


def elsewhere(stack):
    """The server by another name, as one that is not of this stack."""
    network = stack.networks.names["backend"]
    network.append((stack["postgres"].addresses["backend"], "db.example.org"))
    stack.change(DB_HOST="db.example.org")
    prepare = stack["prepare"].start()
    ok(prepare.process.wait(60) == 0, "DB_HOST is where prepare goes", prepare.output()[-500:])
    with open(os.path.join(stack.work, "volumes", "credentials", "db-uri"), encoding="utf-8") as file:
        text = file.read()
    ok("host='db.example.org' port=5433" in text, "and where PostgREST is sent", text.split(" password")[0])
    if stack.has_postgrest:
        stack["postgrest"].stop()
        stack["postgrest"].start().healthy()
        found = stack.sql("SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'people_counter_authenticator'")
        ok(found == "t", "which goes there, and verifies it by that name", found)


def refusals(stack):
    """Starts that come to nothing, and say why."""
    pki = os.path.join(stack.work, "pki")
    for settings, said in (({"POSTGRES_SSL_MODE": "yes"}, "POSTGRES_SSL_MODE=yes"), ({"LOG_LEVEL": "loud"}, "LOG_LEVEL=loud"),
                           ({"POSTGRES_SSL_KEY": os.path.join(pki, "ca.key")}, "not the key of the certificate"),
                           ({"POSTGRES_SSL_KEY": "./none"}, "POSTGRES_SSL_CERT and POSTGRES_SSL_KEY"),
                           ({"POSTGRES_SSL_CA": "./none"}, "POSTGRES_SSL_CA")):
        before = dict(stack.settings)
        stack.change(**settings)
        seen = len(stack["postgres"].output())
        status = stack["postgres"].start().process.wait(60)
        ok(status == 1 and said in stack["postgres"].output()[seen:], f"{settings} is refused", stack["postgres"].output()[seen:])
        stack.change(**before)
    for settings, said in (({"ENABLE_METRICS": "maybe"}, "API_METRICS=maybe"), ({"LOG_LEVEL": "loud"}, "GATEWAY_LOG_LEVEL=loud"), ({"API_TIMEOUT": "30"}, "API_TIMEOUT=30")):
        before = dict(stack.settings)
        stack.change(**settings)
        status = stack["gateway"].start().process.wait(60)
        ok(status == 1 and said in stack["gateway"].output(), f"{settings} is refused by the gateway", stack["gateway"].output()[-300:])
        stack.change(**before)
