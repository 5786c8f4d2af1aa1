"""The recovery of docs/backup.md, with its own words: pg_basebackup, and pgBackRest to a point in time."""

import os
import re
import shutil
import subprocess

from lib.server import ROOT, SESSION, WORK, contents, directory, environment, faults, fill, ok, run, skip, sql, wait

DOC = os.path.join(ROOT, "docs", "backup.md")


def blocks(language):
    with open(DOC, encoding="utf-8") as file:
        return re.findall(rf"^```{language}\n(.*?)^```$", file.read(), re.M | re.S)


def commands():
    """Those of pgBackRest, in their order."""
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("pgbackrest ")]


class Cluster:
    """A server of its own, at its socket only. pgBackRest is told by the environment where things are."""

    def __init__(self):
        self.data, self.socket, self.port = os.path.join(WORK, "main"), directory("s"), "5432"
        self.repository = directory("repository")
        self.variables = {"PGHOST": self.socket, "PGPORT": self.port, "PGDATABASE": "counting", "PGBACKREST_CONFIG": os.path.join(WORK, "pgbackrest.conf"),
                          "PGBACKREST_LOG_PATH": directory("log"), "PGBACKREST_LOCK_PATH": directory("lock"), "PGBACKREST_PG1_SOCKET_PATH": self.socket,
                          "PGBACKREST_PG1_PORT": self.port, "PGBACKREST_SPOOL_PATH": directory("spool")}
        for name in ("PGDATA", "PGPASSWORD"):
            self.variables[name] = None

    def call(self, words):
        return run(words, **self.variables)

    def sql(self, text):
        return sql(text, **self.variables)

    def make(self):
        subprocess.run(["initdb", "-D", self.data, "-U", os.environ["PGUSER"], "--no-sync", "-A", "trust", "-E", "UTF8", "--no-locale"], check=True, stdout=subprocess.DEVNULL)
        config, settings = blocks("ini")
        with open(self.variables["PGBACKREST_CONFIG"], "w", encoding="utf-8") as file:
            file.write(config.replace("/var/lib/pgbackrest", self.repository).replace("/var/lib/postgresql/15/main", self.data))
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(settings + f"listen_addresses = ''\nunix_socket_directories = '{self.socket}'\nshared_preload_libraries = 'people_counter'\n")

    def start(self, data=None):
        with open(os.path.join(WORK, "start.out"), "w", encoding="utf-8") as out:
            subprocess.run(["pg_ctl", "-D", data or self.data, "-l", os.path.join(WORK, "server.log"), "-w", "-t", "120", "-s", "start"], check=True,
                           stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(**self.variables))

    def stop(self, data=None):
        subprocess.run(["pg_ctl", "-D", data or self.data, "-m", "fast", "-w", "-t", "120", "-s", "stop"], check=True)


def a_copy(cluster):
    command = next(line for block in blocks("sh") for line in block.splitlines() if line.startswith("pg_basebackup"))
    verify = next(line for block in blocks("sh") for line in block.splitlines() if line.startswith("pg_verifybackup"))
    before = contents_of(cluster)
    copy = os.path.join(WORK, "copy")
    for line in (command, verify):
        status, printed, errors = cluster.call(["bash", "-c", line.replace("/srv/copy", copy)])
        ok(status == 0, line, f"{printed}{errors}")
    cluster.stop()
    with open(os.path.join(copy, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
        file.write("archive_mode = off\n")
    cluster.start(copy)
    ok(contents_of(cluster) == before and faults_of(cluster) == "0", "the copy of pg_basebackup has every row, and its statistics agree")
    cluster.stop(copy)
    shutil.rmtree(copy)
    cluster.start()


def contents_of(cluster):
    return contents(**cluster.variables)


def faults_of(cluster):
    return faults(**cluster.variables)


def archive_nothing(cluster):
    """Or the log would pile up."""
    cluster.sql("ALTER SYSTEM SET archive_command = '/bin/true'")
    cluster.sql("SELECT pg_reload_conf()")


def a_moment(cluster):
    first = True
    for line in commands():
        if " restore" in line:
            break
        status, printed, errors = cluster.call(["bash", "-c", line])
        if first and (unknown := re.search(r"unexpected control version.*|is this version of PostgreSQL supported", errors + printed)):
            skip("recovery to a point in time", f"this pgBackRest is older than this PostgreSQL: {unknown[0]}")
            archive_nothing(cluster)
            return
        first = False
        ok(status == 0, line, f"{printed}{errors}")
    ok("full backup" in printed and "diff backup" in printed, "info has both backups", printed)

    cluster.sql(f"INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) "
                f"SELECT '{SESSION}1', timestamptz '2026-02-01' + i * interval '1 second', i, 'in' FROM generate_series(1, 1000) i")
    before = contents_of(cluster)
    moment = cluster.sql("SELECT clock_timestamp()")
    cluster.sql("DELETE FROM sessions")
    cluster.sql("SELECT pg_switch_wal()")
    wait("the log is archived", lambda: cluster.sql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777216) FROM pg_stat_archiver") == "t")
    cluster.stop()
    command = next(line for line in commands() if " restore" in line)
    status, printed, errors = cluster.call(["bash", "-c", re.sub(r'--target="[^"]*"', f'--target="{moment}"', command)])
    ok(status == 0, command, f"{printed}{errors}")
    cluster.start()
    wait("it is promoted", lambda: cluster.sql("SELECT pg_is_in_recovery()") == "f")
    ok(contents_of(cluster) == before, "the server is as it was at that moment: what came after the backup is there, the mistake is not",
       f"{before}\n{contents_of(cluster)}")
    ok(faults_of(cluster) == "0", "verify_statistics() finds nothing")
    cluster.sql(f"INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES ('{SESSION}1', '2026-02-02', 1, 'out')")
    ok(faults_of(cluster) == "0" and contents_of(cluster) != before, "and it counts on")


def all_of_it():
    cluster = Cluster()
    cluster.make()
    cluster.start()
    try:
        sql("CREATE DATABASE counting", "postgres", **cluster.variables)
        cluster.sql("CREATE EXTENSION people_counter")
        fill(**cluster.variables)
        if shutil.which("pgbackrest"):
            a_moment(cluster)
        else:
            skip("recovery to a point in time", "there is no pgbackrest")
            archive_nothing(cluster)
        a_copy(cluster)
    finally:
        subprocess.run(["pg_ctl", "-D", cluster.data, "-m", "immediate", "-s", "stop"], check=False, stderr=subprocess.DEVNULL)
