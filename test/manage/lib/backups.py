"""Backups: that they hold everything, and that what failed is no backup."""

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time

from lib.server import (BACKUP, SESSION, backup, by_hand, contents, directory, dumps, environment, faults, files, fill, manage, new_database, ok, run, sql,
                        wait)

DAY = 86400


def path(name, where="backups"):
    return os.path.join(directory(where), name)


def databases():
    return sql("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datname LIKE 'counting%'", "postgres")


def drop_left():
    for name in databases().split(","):
        if name != "counting":
            sql(f'DROP DATABASE "{name}" WITH (FORCE)', "postgres")


class Ingest:
    """One client that counts people, one commit after another, until it is ended."""

    def __init__(self):
        self.done, self.thread, self.errors = False, threading.Thread(target=self.work), ""

    def work(self):
        statement = (f"INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) "
                     f"VALUES ('{SESSION}2', now(), 1, (CASE WHEN random() < 0.6 THEN 'in' ELSE 'out' END)::movement_direction);\n")
        with subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            try:
                while not self.done:
                    client.stdin.write(statement * 20)
                    client.stdin.flush()
                    time.sleep(0.01)   # of both, the backup is to be the one that works
            except BrokenPipeError:
                pass
            self.errors = client.communicate()[1]

    def __enter__(self):
        before = int(sql("SELECT count(*) FROM people_movements"))
        self.thread.start()
        wait("ingest has begun", lambda: self.errors or int(sql("SELECT count(*) FROM people_movements")) > before)
        if self.errors:
            raise AssertionError(self.errors)
        return self

    def __exit__(self, *_):
        self.done = True
        self.thread.join()


def good_ones():
    new_database()
    manage("migrate")
    fill()
    sql("DROP ROLE IF EXISTS manage_reader; CREATE ROLE manage_reader; ALTER DATABASE counting SET search_path = \"$user\", public; "
        "ALTER DATABASE counting SET work_mem = '5MB'; GRANT TEMPORARY, CONNECT ON DATABASE counting TO manage_reader; GRANT SELECT ON sessions TO manage_reader")
    with Ingest():
        status, printed, errors = manage("backup")
        ok(status == 0 and len(dumps()) == 1, "a backup is made while people are counted", f"{printed}{errors}")
    name = dumps()[0]
    ok(files() == sorted([name, f"{name}.sha256", name.replace(".dump", ".roles.sql")]), "it is three files, and nothing else is left", files())
    ok([each for each in files() if os.stat(path(each)).st_mode & 0o077] == [], "which nobody else can read")
    with open(path(name), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(path(f"{name}.sha256"), encoding="utf-8") as file:
        ok(file.read() == f"{digest}  {name}\n", "the checksum is what sha256sum -c reads")
    with open(path(name.replace(".dump", ".roles.sql")), encoding="utf-8") as file:
        ok("manage_reader" in file.read(), "the roles of the server are beside it")
    ok(backup("verify")[0] == 0 and backup("verify", name)[0] == 0, "verify finds it good")
    ok(name in backup("list")[1], "list has it")

    status, printed, errors = manage("restore", name, "--into", "counting_again", "--jobs", "2")
    ok(status == 0 and "agree with the movements" in printed, "it can be restored into a new database", f"{printed}{errors}")
    ok(faults("counting_again") == "0", "where verify_statistics() finds nothing")
    counted = sql("SELECT count(*) FROM people_movements", "counting_again")
    ok(int(counted) > 1000 and sql("SELECT count(*) FROM people_movements") >= counted, "with some of what was counted meanwhile", counted)
    status, _, errors = manage("restore", name, "--into", "counting_again")
    ok(status == 1 and "already" in errors, "an existing database is not taken for a new one", errors)
    return name


def in_its_place(name):
    before = contents("counting_again")
    ok(backup("restore", name)[0] == 4 and databases() == "counting,counting_again", "restore does nothing unasked")
    status, shown = by_hand("restore", name, answer="no")
    ok(status == 4 and "counting" in shown and databases() == "counting,counting_again", "nor against a no", shown)
    sql("DELETE FROM sessions")
    with subprocess.Popen(["psql", "-XqAt"], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as guest:
        guest.stdin.write("SELECT 'here';\n")
        guest.stdin.flush()
        ok(guest.stdout.readline() == "here\n", "somebody is connected")
        status, shown = by_hand("restore", name, answer="y")
        ok(status == 0 and "kept as counting_before_" in shown, "a yes: the database is what the backup is", shown)
        guest.communicate("SELECT 1;\n")
    ok(contents() == before, "with the same rows, derived ones too", f"{before}\n{contents()}")
    ok(faults() == "0", "and verify_statistics() finds nothing")
    found = sql("SELECT setconfig FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase WHERE datname = 'counting'", "postgres")
    ok('search_path=\\"$user\\", public' in found and "work_mem=5MB" in found, "the settings of the database are there", found)
    found = sql("SELECT datacl FROM pg_database WHERE datname = 'counting'", "postgres")
    ok(sorted(found.strip("{}").split(",")) == ["=Tc/postgres", "manage_reader=Tc/postgres", "postgres=CTc/postgres"], "and so are its grants", found)
    kept = next(each for each in databases().split(",") if "before" in each)
    ok(sql(f"SELECT datallowconn FROM pg_database WHERE datname = '{kept}'", "postgres") == "f", "what it was before is kept, and shut", kept)
    drop_left()
    new_database("counting")
    ok(manage("restore", path(name), "--yes")[0] == 0 and contents() == before, "a path is a file, too")
    drop_left()
    sql("DROP DATABASE counting", "postgres")
    status, printed, errors = manage("restore", name)
    ok(status == 0 and contents() == before, "where there is no database, nothing is asked", f"{printed}{errors}")


def damaged_ones(name):
    before, there = contents(), databases()
    with open(path(name), "rb") as file:
        good = file.read()
    with open(path(f"{name}.sha256"), encoding="utf-8") as file:
        digest = file.read()
    middle = len(good) // 2
    cases = {
        "a byte of it is another": (good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:], digest),
        "it is cut short": (good[:middle], digest),
        "it is cut short, and has no checksum": (good[:-len(good) // 4], None),
        "it is empty": (b"", None),
        "it is a text": (b"CREATE TABLE x ();\n", None),
        "its checksum is damaged": (good, "x"),
    }
    directory("damaged")
    for what, (text, checksum) in cases.items():
        with open(path("bad.dump", "damaged"), "wb") as file:
            file.write(text)
        if os.path.exists(path("bad.dump.sha256", "damaged")):
            os.remove(path("bad.dump.sha256", "damaged"))
        if checksum is not None:
            with open(path("bad.dump.sha256", "damaged"), "w", encoding="utf-8") as file:
                file.write(checksum.replace(name, "bad.dump"))
        status, printed, errors = manage("restore", path("bad.dump", "damaged"), "--yes")
        ok(status == 1 and errors and "bad.dump" in errors and databases() == there, f"restore refuses a backup if {what}", f"{printed}{errors}")
        ok(backup("verify", path("bad.dump", "damaged"))[0] == 1, "and so does verify")
        if text == good:
            continue
        # Without a checksum, what cannot be read is found out all the same.
        wanted = digest.split()[0] if checksum else ""
        status, _, errors = run(["bash", "-c", '"$0" import taken.dump $2 <"$1"', BACKUP, path("bad.dump", "damaged"), wanted])
        ok(status != 0 and "taken.dump" not in files(), "nor is it taken from elsewhere", errors)
    ok(contents() == before, "and the database is as it was")
    status, _, errors = manage("restore", "no_such.dump", "--yes")
    ok(status == 1 and "no_such.dump" in errors, "a file that is not there is named", errors)
    status, printed, errors = run(["bash", "-c", '"$0" import taken.dump "$2" <"$1"', BACKUP, path(name), digest.split()[0]])
    ok(status == 0 and backup("verify", "taken.dump")[0] == 0, "a good one is taken from elsewhere", f"{printed}{errors}")
    os.remove(path("taken.dump"))
    os.remove(path("taken.dump.sha256"))

    # An archive that is good, of a database that cannot be restored here: somebody's rights go to a role that is not there.
    sql("GRANT SELECT ON people_movements TO manage_reader")
    manage("backup", BACKUP_DIR=directory("other"))
    sql("DROP OWNED BY manage_reader")
    sql("DROP OWNED BY manage_reader; DROP ROLE manage_reader", "postgres")
    other = path(dumps("other")[0], "other")
    status, printed, errors = manage("restore", other, "--yes")
    ok(status == 1 and "manage_reader" in errors and databases() == there and contents() == before,
       "a restore that fails midway leaves the database as it was, and nothing beside it", f"{databases()} {printed}{errors}")
    status, printed, errors = manage("restore", other, "--yes", "--no-privileges")
    ok(status == 0 and faults() == "0", "and can do without the grants", f"{printed}{errors}")
    drop_left()


def failed_ones():
    def left(where):
        shown = [name for name in files(where) if not name.startswith(".")]
        return shown or [name for name in files(where) if name.endswith(".part")]

    def state(where):
        return backup("status", BACKUP_DIR=directory(where))[1]

    for what, more in {"the password is wrong": {"PGHOST": "127.0.0.1", "PGPASSWORD": "wrong"}, "nobody listens": {"PGPORT": "1"},
                       "there is no such database": {"PGDATABASE": "no_such"}, "there is no people_counter in it": {"PGDATABASE": "postgres"}}.items():
        status, printed, errors = backup("create", BACKUP_DIR=directory("failed"), **more)
        ok(status == 1 and errors and not left("failed"), f"no backup if {what}", f"{left('failed')} {printed}{errors}")
    ok("FAILED" in backup("status", BACKUP_DIR=directory("failed"), PGDATABASE="no_such")[1], "status says so")

    # As on a full disk, a write fails in the middle: no file may be larger than 8 kB. (A disk that is full: test/docker.)
    status, printed, errors = run(["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$0" create', BACKUP], BACKUP_DIR=directory("failed"))
    ok(status == 1 and not left("failed") and "FAILED" in state("failed"), "nor if a write fails", f"{status} {left('failed')} {printed}{errors}")

    # Whatever takes the table keeps pg_dump waiting, so that there is time to end it.
    for what in ("pg_dump is killed", "its connection is ended", "the backup is ended", "the backup is killed by force"):
        with subprocess.Popen(["psql", "-XqAt"], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lock:
            lock.stdin.write("BEGIN; LOCK TABLE people_movements IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
            lock.stdin.flush()
            lock.stdout.readline()
            log = open(path("log", "other"), "w", encoding="utf-8")
            with log, subprocess.Popen([BACKUP, "create"], env=environment(BACKUP_DIR=directory("failed")), stdout=log, stderr=log) as one:
                backend = wait("pg_dump waits", lambda: sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"))
                status, _, errors = backup("create", BACKUP_DIR=directory("failed"))
                ok(status == 1 and "another backup" in errors, "two at a time are one too many", errors)
                ok("being made" in state("failed"), "status says that one is being made")
                if what == "pg_dump is killed":
                    with open(f"/proc/{one.pid}/task/{one.pid}/children", encoding="utf-8") as children:
                        os.kill(int(children.read().split()[0]), signal.SIGKILL)
                elif what == "its connection is ended":
                    sql(f"SELECT pg_terminate_backend({backend})")
                else:
                    one.send_signal(signal.SIGTERM if what == "the backup is ended" else signal.SIGKILL)
                one.wait(60)
                if what == "the backup is killed by force":
                    sql(f"SELECT pg_terminate_backend({backend})")   # pg_dump is left, and ends by this
                    wait("pg_dump has ended", lambda: "FAILED" in state("failed"))
                    found = [name for name in files("failed") if not name.startswith(".")]
                else:
                    found = left("failed")
            with open(log.name, encoding="utf-8") as printed:
                ok(one.returncode != 0 and not found and "FAILED" in state("failed"), f"no backup if {what}",
                   f"{one.returncode} {found} {state('failed')} {printed.read()}")
            sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'")
            lock.communicate("ROLLBACK;\n")
    status, printed, errors = backup("create", BACKUP_DIR=directory("failed"))
    ok(status == 0 and len(files("failed")) == 3, "and the next one clears away what is left", f"{files('failed')} {printed}{errors}")


def retention(name):
    where = directory("old")

    def put(days, damaged=False, checksum=True, database="counting"):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - days * DAY))
        new = f"{database}-{stamp}.dump"
        shutil.copy(path(name), path(new, "old"))
        for ending in (".sha256", ""):
            text = open(path(name + ending), "rb").read() if ending else None
            if ending and checksum:
                with open(path(new + ending, "old"), "wb") as file:
                    file.write(text.replace(name.encode(), new.encode()) if not damaged else b"0" * 64 + b"  " + new.encode() + b"\n")
        open(path(new.replace(".dump", ".roles.sql"), "old"), "w", encoding="utf-8").close()
        return new

    def empty():
        for each in os.listdir(where):
            os.remove(path(each, "old"))

    def prune(days):
        status, printed, errors = backup("prune", BACKUP_DIR=where, BACKUP_RETENTION_DAYS=days)
        return status == 0, f"{dumps('old')} {printed}{errors}"

    old, middle, new, others = put(40), put(20), put(1), put(100, database="other")
    mine = path("counting-notes.dump", "old")
    open(mine, "w", encoding="utf-8").close()
    ok(prune("0")[0] and len(dumps("old")) == 5, "BACKUP_RETENTION_DAYS=0 keeps all")
    good, why = prune("30")
    ok(good and set(dumps("old")) == {middle, new, others, "counting-notes.dump"}, "what is older than BACKUP_RETENTION_DAYS goes, and nothing of others", why)
    ok(not [each for each in files("old") if each.startswith(old[:-5])], "with all that belongs to it")
    empty()
    old, older = put(40), put(50)
    good, why = prune("7")
    ok(good and dumps("old") == [old], "the last good one stays, however old it is", why)
    empty()
    old, older, bad = put(40), put(50), put(1, damaged=True)
    good, why = prune("7")
    ok(good and set(dumps("old")) == {old, bad}, "and is not the one that is damaged", why)
    empty()
    old, older = put(40, damaged=True), put(50, checksum=False)
    good, why = prune("7")
    ok(good and set(dumps("old")) == {old, older}, "if none is good, nothing is removed", why)
    empty()
    old = put(40)
    status, printed, errors = backup("create", BACKUP_DIR=where, PGPORT="1", BACKUP_RETENTION_DAYS="7")
    ok(status == 1 and dumps("old") == [old], "a failed backup removes nothing", f"{printed}{errors}")
    status, printed, errors = backup("create", BACKUP_DIR=where, BACKUP_RETENTION_DAYS="7")
    ok(status == 0 and len(dumps("old")) == 1 and old not in dumps("old") and old in printed, "one that was made removes what is too old", f"{printed}{errors}")
    for days in ("-1", "x", "1.5", "123456"):
        ok(backup("prune", BACKUP_DIR=where, BACKUP_RETENTION_DAYS=days)[0] == 2, f"BACKUP_RETENTION_DAYS={days} is refused")


def odd_names():
    odd = "People's \"counter\" / $(x) - 1"
    quoted = odd.replace('"', '""')
    sql(f'DROP DATABASE IF EXISTS "{quoted}"', "postgres")
    sql(f'CREATE DATABASE "{quoted}"', "postgres")
    where = directory("odd")
    for words in (["migrate"], ["backup"]):
        status, printed, errors = manage(*words, PGDATABASE=odd, BACKUP_DIR=where)
        ok(status == 0, f"{words[0]} of a database with an odd name", f"{printed}{errors}")
    status, printed, errors = manage("restore", dumps("odd")[0], "--yes", PGDATABASE=odd, BACKUP_DIR=where)
    ok(status == 0 and sql("SELECT count(*) FROM verify_statistics()", odd) == "0", "and its restore", f"{printed}{errors}")
    status, printed, errors = manage("cleanup", "--yes", PGDATABASE=odd, BACKUP_DIR=where)
    ok(status == 0 and printed.count("dropped") == 1, "and its cleanup", f"{printed}{errors}")
    sql(f'DROP DATABASE "{quoted}" WITH (FORCE)', "postgres")


def all_of_it():
    name = good_ones()
    in_its_place(name)
    damaged_ones(name)
    failed_ones()
    retention(name)
    odd_names()
