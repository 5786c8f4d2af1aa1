"""Each command of docker/manage_db.sh, against a server that is named by PGHOST."""

import os
import re

from lib.server import MANAGE, by_hand, directory, dumps, environment, fill, manage, new_database, ok, run, sql


def calls():
    status, shown, _ = manage("--help")
    names = set(re.findall(r"^  manage_db\.sh ([a-z]+)", shown, re.M)) | {"stop", "restart"}
    ok(status == 0 and names >= {"start", "status", "backup", "restore", "migrate", "maintain", "logs", "connect", "cleanup"}, "--help names every command", shown)
    for words in ([], ["drop"], ["status", "now"], ["migrate", "up"], ["maintain", "all", "of"], ["maintain", "everything"], ["backup", "all"], ["restore"],
                  ["restore", "a", "b"], ["restore", "--into"], ["cleanup", "all"], ["logs", "a", "b"], ["logs", "-x"]):
        status, printed, errors = manage(*words)
        ok(status == 2 and errors and not printed, f"'{' '.join(words)}' is a wrong call", f"{status} {printed} {errors}")
    status, _, errors = manage("start")
    ok(status == 2 and "PGDATA" in errors, "start says whose server it is not", errors)


def what_is_missing():
    empty = directory("empty")
    for name in ("bash", "dirname", "readlink", "id", "cat", "sed", "tail"):
        if not os.path.exists(os.path.join(empty, name)):
            os.symlink(f"/usr/bin/{name}" if os.path.exists(f"/usr/bin/{name}") else f"/bin/{name}", os.path.join(empty, name))
    status, _, errors = manage("status", PATH=empty)
    ok(status == 3 and "no psql" in errors and "postgresql-client" in errors, "no psql: it says what to install", errors)
    status, _, errors = run([MANAGE, "status"], PGHOST=None, PATH=empty)
    ok(status == 3 and "no docker" in errors and "PGHOST" in errors, "no docker: it says so, and what to do without", errors)
    status, _, errors = manage("status", PGHOST="127.0.0.1", PGPASSWORD=None, PGPASSFILE="/dev/null")
    ok(status == 1 and "DB_PASSWORD_FILE" in errors, "no password: it says where to put it", errors)
    status, _, errors = manage("migrate", PGHOST="127.0.0.1", PGPASSWORD="wrong")
    ok(status == 1 and "password authentication failed" in errors, "a wrong password is called wrong", errors)
    status, _, errors = manage("maintain", PGDATABASE="no_such")
    ok(status == 1 and "no_such" in errors, "a database that is not there is named", errors)
    status, _, errors = manage("backup", BACKUP_DIR="/no/such")
    ok(status == 3 and "/no/such" in errors, "BACKUP_DIR that is not there is named", errors)


def migrate():
    new_database()
    status, printed, errors = manage("migrate", "status")
    ok(status == 0 and printed.count("migrate creates it") == 2 and sql("SELECT count(*) FROM pg_extension WHERE extname LIKE 'people%'") == "0",
       "migrate status says what migrate would do, and does nothing", f"{printed}{errors}")
    status, printed, errors = manage("migrate")
    ok(status == 0 and printed.count("created, version") == 2 and sql("SELECT count(*) FROM pg_extension WHERE extname LIKE 'people%'") == "2",
       "migrate creates both extensions", f"{printed}{errors}")
    status, printed, errors = manage("migrate")
    ok(status == 0 and printed.count("up to date") == 2, "and has nothing to do the next time", f"{printed}{errors}")
    status, printed, _ = manage("migrate", "status")
    ok(status == 0 and printed.count("up to date") == 2, "migrate status says so, too", printed)
    log = open(os.path.join(directory("logs"), "migrations.log"), encoding="utf-8").read()
    ok(re.search(r"^20\S+Z \[counting\] people_counter: created, version", log, re.M) and log.count("\n") == 4, "migrations.log has what was done, and when", log)

    sql("DROP ROLE IF EXISTS manage_owner", "postgres")
    sql("CREATE ROLE manage_owner LOGIN", "postgres")
    sql("DROP DATABASE IF EXISTS owned", "postgres")
    sql("CREATE DATABASE owned OWNER manage_owner", "postgres")
    status, printed, errors = manage("migrate", PGUSER="manage_owner", PGDATABASE="owned")
    ok(status == 0 and "people_counter: created" in printed and "people_counter_rest: left out" in printed, "an owner who is no superuser gets what they may have",
       f"{printed}{errors}")
    status, printed, errors = manage("migrate", PGUSER="manage_owner")
    ok(status == 1 and "must be owner" in printed, "whoever may not is told, and it fails", f"{printed}{errors}")
    ok("must be owner" in open(os.path.join(directory("logs"), "migrations.log"), encoding="utf-8").read(), "which is in migrations.log as well")
    sql("DROP DATABASE owned", "postgres")


def reset():
    fill()
    status, _, errors = manage("migrate", "reset")
    ok(status == 4 and "--confirm" in errors and sql("SELECT count(*) FROM sessions") == "2", "migrate reset does nothing unasked", errors)
    status, _, errors = manage("migrate", "reset", "--confirm", "other")
    ok(status == 4 and sql("SELECT count(*) FROM sessions") == "2", "nor with another database's name", errors)
    status, shown = by_hand("migrate", "reset", answer="yes")
    ok(status == 4 and "counting" in shown and sql("SELECT count(*) FROM sessions") == "2", "nor for a yes", shown)
    sql("CREATE VIEW mine AS SELECT * FROM sessions")
    status, printed, errors = manage("migrate", "reset", "--confirm", "counting")
    ok(status == 1 and "view mine" in printed and sql("SELECT count(*) FROM sessions") == "2", "nor where somebody built upon it, and names what",
       f"{printed}{errors}")
    sql("DROP VIEW mine")
    status, shown = by_hand("migrate", "reset", answer="counting")
    ok(status == 0 and sql("SELECT count(*) FROM sessions") == "0" and shown.count("created anew") == 2, "the name typed in: both extensions are anew, and empty", shown)


def maintain():
    fill()
    before = sql("SELECT relfilenode FROM pg_class WHERE relname = 'people_movements_pkey'")
    status, printed, errors = manage("maintain", "analyze")
    ok(status == 0 and "ANALYZE" in printed and sql("SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'people_movements'") == "t",
       "maintain analyze", f"{printed}{errors}")
    status, printed, errors = manage("maintain")
    ok(status == 0 and "people_movements_pkey" in printed and sql("SELECT relfilenode FROM pg_class WHERE relname = 'people_movements_pkey'") != before,
       "maintain: indexes are made anew", f"{printed}{errors}")
    ok(sql("SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'session_statistics'") == "t", "and tables are vacuumed")
    sql("CREATE UNIQUE INDEX people_movements_pkey_ccnew ON people_movements (session_id, movement_time, id)")
    sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'people_movements_pkey_ccnew'::regclass")
    status, printed, errors = manage("maintain", "reindex")
    ok(status == 0 and sql("SELECT count(*) FROM pg_class WHERE relname LIKE '%_ccnew%'") == "0" and sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0",
       "what an interrupted REINDEX left is cleared away", f"{printed}{errors}")


def the_rest():
    status, printed, errors = manage("status")
    ok(status == 0 and all(text in printed for text in ("database:      counting", "connections:", "people_counter ", "up to date", "sessions:      2", "backups:")),
       "status", f"{printed}{errors}")
    status, printed, errors = manage("connect", "-XAtc", "SELECT current_database()")
    ok(status == 0 and printed == "counting\n", "connect is psql", f"{printed}{errors}")
    status, printed, errors = manage("connect", "-X", text="\\conninfo\n")
    ok(status == 0 and '"counting"' in printed, "and takes a script", f"{printed}{errors}")
    status, printed, errors = manage("logs", "migrations")
    ok(status == 0 and "created" in printed, "logs migrations", f"{printed}{errors}")
    status, printed, errors = manage("logs", "api")
    ok(status == 1 and "api.log" in errors, "a log that is not there is named", f"{printed}{errors}")
    with open(os.path.join(directory("logs"), "api.log"), "w", encoding="utf-8") as file:
        file.write("GET /health\n")
    ok(manage("logs", "api")[:2] == (0, "GET /health\n"), "logs api")


def start_and_stop():
    data = sql("SHOW data_directory", "postgres")
    for words, runs in ((["stop"], False), (["start"], True), (["restart"], True)):
        status, _, errors = manage(*words, PGDATA=data, PGLOG=os.path.join(directory("logs"), "server.log"))
        answers = run(["pg_isready", "-q"])[0] == 0
        ok(status == 0 and answers is runs, f"{words[0]}, with the data directory of the server", errors)
    status, _, errors = manage("stop", PGDATA=directory("empty"))
    ok(status == 3 and "PGDATA" in errors, "PGDATA that is none is named", errors)


def cleanup():
    manage("backup")
    name = dumps()[0]
    manage("restore", name, "--yes")
    left = sql("SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'counting%before%'", "postgres")
    open(os.path.join(directory("backups"), ".counting-20260101T000000Z.dump.part"), "w", encoding="utf-8").close()
    status, _, errors = manage("cleanup")
    ok(left and status == 4 and sql(f"SELECT count(*) FROM pg_database WHERE datname = '{left}'", "postgres") == "1", "cleanup drops no database unasked", errors)
    status, shown = by_hand("cleanup", answer="n")
    ok(left in shown and sql(f"SELECT count(*) FROM pg_database WHERE datname = '{left}'", "postgres") == "1", "nor against a no", shown)
    status, printed, errors = manage("cleanup", "--yes")
    ok(status == 0 and sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'counting\\_%'", "postgres") == "0", "with --yes it does", f"{printed}{errors}")
    ok(name in dumps() and not [each for each in os.listdir(environment()["BACKUP_DIR"]) if each.endswith(".part")], "what failed backups left is gone, backups are not")


def all_of_it():
    for each in (calls, migrate, what_is_missing, reset, maintain, the_rest, cleanup, start_and_stop):
        each()
