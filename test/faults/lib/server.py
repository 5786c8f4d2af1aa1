"""A private cluster with the extension, which is treated badly."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess

import psycopg

from harness import PLACE, TIMEOUT, at_end, note, ok, wait_for

CONF = """
listen_addresses = ''
fsync = off
max_connections = 40
shared_buffers = 32MB
max_wal_size = 256MB
max_worker_processes = 24
max_parallel_workers_per_gather = 0
jit = off
shared_preload_libraries = 'people_counter'
timezone = 'UTC'
restart_after_crash = on
log_line_prefix = '%m [%p] %b %e '
log_error_verbosity = default
people_counter.alert_log_level = debug
people_counter.delivery_max_backoff = 1
people_counter.stream_interval = 50ms
"""

# What a server says of its own accord, or because of what we do to it; and to a COPY that is tried again although it was committed,
# see operations.copy(). Whatever else is an error or worse is a finding.
HARMLESS = """
terminating connection due to (administrator command|unexpected postmaster exit)
terminating background worker .* due to administrator command
terminating autovacuum process due to administrator command
terminating walreceiver process due to administrator command
terminating connection because of crash of another server process
the database system is (starting up|shutting down|in recovery mode|not yet accepting connections)
canceling (statement|autovacuum task)
PID \d+ is not a PostgreSQL backend process
connection to client lost
duplicate key value violates unique constraint "people_movements_pkey"
""".strip().splitlines()


# A postmaster that is killed must be buried before another one can start; not every system has an init that does.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*words, **options):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def processes_at(place):
    """Pids of those who work in a directory, such as the processes of a cluster."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == place:
                found.append(int(pid))
        except OSError:
            pass
    return found


class Server:
    def __init__(self, name, conf="", environment=None, options=()):
        self.place = f"{PLACE}/{name}"
        self.data = f"{self.place}/data"
        self.log = f"{self.place}/log"
        self.port = free_port()
        self.environment = {**os.environ, **(environment or {})}
        self.allowed = list(HARMLESS)
        shutil.rmtree(self.place, ignore_errors=True)
        os.makedirs(self.place, mode=0o700)
        result = run("initdb", "-N", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-locale", "--encoding=UTF8",
                     *options)
        if result.returncode != 0:
            raise RuntimeError(result.stdout)
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"{CONF}\nport = {self.port}\nunix_socket_directories = '{self.place}'\n{conf}\n")
        at_end.append(self.end)

    def connect(self, database="counting", **options):
        return psycopg.connect(host=self.place, port=self.port, user="postgres", dbname=database,
                               **{"autocommit": True, "connect_timeout": 20, "prepare_threshold": None, **options})

    def sql(self, query, database="counting", values=None):
        """Rows; of a command none."""
        with self.connect(database) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, query, database="counting", values=None):
        return self.sql(query, database, values)[0][0]

    def ask(self, query, database="counting"):
        """The first value, if any, or None of a server that is not there."""
        try:
            rows = self.sql(query, database)
        except psycopg.OperationalError:
            return None
        return rows[0][0] if rows else None

    def try_to_start(self):
        result = run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60", "-s", "start", env=self.environment)
        return result.returncode == 0

    def start(self):
        """What a killed one left may hold the data directory for a moment."""
        try:
            wait_for("the server to start", self.try_to_start, timeout=60, pause=0.3)
        except TimeoutError:
            note(self.said(-3000))
            raise

    def stop(self, mode="fast"):
        return run("pg_ctl", "-D", self.data, "-w", "-t", str(int(TIMEOUT)), "-s", "-m", mode, "stop").returncode == 0

    def postmaster(self):
        with open(f"{self.data}/postmaster.pid", encoding="utf-8") as file:
            return int(file.readline())

    def kill(self):
        postmaster = self.postmaster()
        os.kill(postmaster, signal.SIGKILL)
        try:
            os.waitpid(postmaster, 0)
        except ChildProcessError:
            pass
        wait_for("all processes of the server to go", lambda: not processes_at(self.data))

    def wait(self, database="counting"):
        wait_for("the server to answer", lambda: self.ask("SELECT 1", database))

    def set(self, **settings):
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as file:
            for name, value in settings.items():
                file.write(f"{name.replace('__', '.')} = '{value}'\n")
        os.kill(self.postmaster(), signal.SIGHUP)

    def said(self, start=0):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            if start < 0:
                start = max(0, os.path.getsize(self.log) + start)
            file.seek(start)
            return file.read()

    def size_of_log(self):
        return os.path.getsize(self.log)

    def worker(self, kind="alert", database="counting"):
        """Its pid, or None."""
        return self.ask("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                        f" AND backend_type = 'people_counter {kind} worker'", database)

    def wait_for_worker(self, kind="alert", other_than=None, database="counting"):
        return wait_for(f"the {kind} worker", lambda: (self.worker(kind, database) or other_than) != other_than) and self.worker(kind, database)

    def unexpected(self, start=0):
        """Lines of the log that nobody has an explanation for."""
        pattern = re.compile("|".join(self.allowed))
        return [line for line in self.said(start).splitlines()
                if re.search(r" (ERROR|FATAL|PANIC|WARNING):  |was terminated by signal (?!9:)|TRAP:|stuck spinlock", line) and not pattern.search(line)]

    def end(self):
        if os.path.exists(f"{self.data}/postmaster.pid"):
            self.stop("immediate")
        for pid in processes_at(self.data):
            os.kill(pid, signal.SIGKILL)

    def ends_cleanly(self):
        stopped = self.stop()
        try:  # the last one goes a moment after its file
            wait_for("the processes to go", lambda: not processes_at(self.data), timeout=TIMEOUT / 4)
        except TimeoutError:
            pass
        left = processes_at(self.data)
        ok([f"{pid} is left" for pid in left] + ([] if stopped else ["it does not stop"]), "the server stops, and leaves no process behind")
