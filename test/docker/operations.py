"""operations.py ROOT WORK: docker/manage_db.sh with containers, and what the settings of docker/env.example do. Prints TAP. As
root, in namespaces of its own."""

import os
import shutil
import subprocess
import sys
import traceback

from lib import settings
from lib.container import wait
from lib.engine import Engine
from lib.stack import PASSWORD, Stack
from lib.tap import end, ok

ROOT, WORK = sys.argv[1:3]
HERE = os.path.join(WORK, "operations")
OPERATOR = os.path.join(HERE, "docker")   # the clone of whoever runs it
SESSION = "0190d8f2-7c1e-7000-8000-000000000001"
NAME = "People's counter"


def manage(*words, text="", **more):
    """(status, what it printed)."""
    done = subprocess.run([os.path.join(OPERATOR, "manage_db.sh"), *words], input=text, capture_output=True, text=True, check=False, timeout=300, env={
        "PATH": f"{os.path.join(HERE, 'bin')}:{os.environ['PATH']}", "ENGINE": os.path.join(HERE, "engine"), "HOME": "/", **more})
    return done.returncode, f"{done.stdout}{done.stderr}"


def the_clone(stack):
    """What an operator has: docker/ with a .env. The engine is reached by the name docker."""
    os.makedirs(os.path.join(HERE, "bin"))
    shutil.copy(os.path.join(ROOT, "test", "docker", "stand-ins", "docker"), os.path.join(HERE, "bin"))
    os.makedirs(OPERATOR)
    shutil.copy(os.path.join(ROOT, "docker", "manage_db.sh"), OPERATOR)
    shutil.copytree(os.path.join(ROOT, "docker", "manage"), os.path.join(OPERATOR, "manage"))
    write_env(stack)


def write_env(stack, more=""):
    quoted = {name: f'"{value}"' if " " in value else value for name, value in stack.settings.items() if name != "DB_PASSWORD_FILE"}
    with open(os.path.join(OPERATOR, ".env"), "w", encoding="utf-8") as file:
        file.write("# made of env.example\n" + "".join(f"{name}={value}\n" for name, value in quoted.items()) + more)


def the_start(stack):
    status, printed = manage("start")
    ok(status == 3 and "DB_PASSWORD_FILE" in printed and "no password" in printed and not stack["postgres"].process, "nothing starts without a password, and it says which", printed)
    status, printed = manage("start", DB_PASSWORD_FILE="/no/such")
    ok(status == 3 and "/no/such" in printed, "nor with a file that is not there", printed)
    status, printed = manage("start", DB_PASSWORD_FILE=stack.secret("other", "x\n"), COMPOSE_PROFILES="postgres-backup,pgadmin")
    ok(status == 3 and "PGADMIN_PASSWORD_FILE" in printed and not stack["postgres"].process, "nor pgAdmin without one", printed)
    write_env(stack, f"DB_PASSWORD='{PASSWORD.replace(chr(39), '')}'   # once\n")
    status, printed = manage("start")
    path = os.path.join(OPERATOR, "secrets", "db_password")
    ok(os.path.exists(path) and os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700, "DB_PASSWORD becomes a file", printed)
    ok(status == 0 and all(stack[name].runs() for name in stack.containers if name not in ("prepare", "postgres-backup")), "then everything starts", f"{status} {printed}")
    write_env(stack)
    status, printed = manage("status")
    ok(status == 0 and NAME in printed and printed.count("up to date") == 2 and "none was made yet" in printed, "status shows all of it, and that there is no backup", printed)


def count_people(stack):
    stack.sql(f"""INSERT INTO sessions (id, session_name, start_time) VALUES ('{SESSION}', 'door', '2026-01-01');
                  INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
                  SELECT '{SESSION}', timestamptz '2026-01-01' + i * interval '1 minute', i, (CASE i % 3 WHEN 0 THEN 'out' ELSE 'in' END)::movement_direction
                    FROM generate_series(1, 2000) i""")


def contents(stack):
    return stack.sql("""SELECT (SELECT count(*) FROM verify_statistics()) || ' ' || (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM people_movements m) || ' ' ||
                               (SELECT md5(string_agg(h::text, '' ORDER BY hour_timestamp)) FROM hourly_statistics h)""")


def the_backups(stack):
    count_people(stack)
    before = contents(stack)
    status, printed = manage("backup")
    ok(status == 0, "backup", printed)
    status, printed = manage("backup", "list")
    name = printed.split()[0]
    ok(status == 0 and name.endswith(".dump"), "backup list", printed)
    stack.sql("DELETE FROM sessions")
    status, printed = manage("restore", name)
    ok(status == 4 and "--yes" in printed, "restore asks", printed)
    status, printed = manage("restore", name, "--yes")
    ok(status == 0 and contents(stack) == before and before.startswith("0 "), "restore puts it in the place of the database", printed)

    # A file of the operator, whom the container does not know.
    mine = os.path.join(HERE, "mine.dump")
    for ending in ("", ".sha256"):
        shutil.copy(os.path.join(HERE, "volumes", "backups", name + ending), mine + ending)
        os.chmod(mine + ending, 0o600)
    stack.sql("DELETE FROM sessions")
    status, printed = manage("restore", mine, "--yes")
    ok(status == 0 and contents(stack) == before, "so does a file from elsewhere, which only the operator can read", printed)
    with open(mine, "r+b") as file:
        file.truncate(os.stat(mine).st_size - 1000)
    status, printed = manage("restore", mine, "--yes")
    ok(status == 1 and "damaged" in printed and contents(stack) == before, "a damaged one is refused, and nothing was changed", printed)
    status, printed = manage("cleanup", "--yes")
    ok(status == 0 and printed.count("dropped") == 2, "cleanup drops what restores have left", printed)
    return name, before


def a_full_disk(stack):
    backups = os.path.join(HERE, "volumes", "backups")
    there = sorted(os.listdir(backups))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700,uid=999,gid=999", "tmpfs", backups], check=True)
    try:
        status, printed = manage("backup")
        left = [each for each in os.listdir(backups) if not each.startswith((".lock", ".result"))]
        ok(status == 1 and "No space left" in printed and not left, "on a full disk no file is left that looks like a backup", f"{status} {left} {printed}")
        status, printed = manage("status")
        ok("FAILED" in printed, "and status says so", printed)
    finally:
        subprocess.run(["umount", backups], check=True)
    ok(sorted(os.listdir(backups)) == there, "the backups from before are there")


def the_service(stack):
    service = stack["postgres-backup"]
    service.start()
    wait("a backup by the service", lambda: "is due at" in service.output())
    ok(service.health()[0] == 0, "the service of profile postgres-backup is healthy", f"{service.health()} {service.output()}")
    ok(" 02:07:00 +07" in service.output(), "and knows when the next one is due, in its time zone", service.output())
    status, printed = manage("status")
    ok(status == 0 and "last backup:   made" in printed, "manage_db.sh status shows what it did", printed)
    ok(service.stop() == 0, "it ends when it is asked to", service.output())


def the_rest(stack):
    before = stack.sql("SELECT relfilenode FROM pg_class WHERE relname = 'people_movements_pkey'")
    status, printed = manage("maintain")
    ok(status == 0 and stack.sql("SELECT relfilenode FROM pg_class WHERE relname = 'people_movements_pkey'") != before, "maintain", printed)
    status, printed = manage("migrate", "status")
    ok(status == 0 and printed.count("up to date") == 2, "migrate status", printed)
    status, printed = manage("migrate")
    ok(status == 0 and printed.count("up to date") == 2, "migrate", printed)
    status, printed = manage("connect", "-At", text="SELECT current_user, current_database();\n")
    ok(status == 0 and printed == f"keeper|{NAME}\n", "connect", printed)
    for name, text in {"migrations": "people_counter: created", "database": "ready to accept connections", "api": '"GET /health" 200', "redis": "Ready to accept connections"}.items():
        status, printed = manage("logs", name) if stack.has_postgrest or name != "api" else (0, text)
        ok(status == 0 and text in printed, f"logs {name}", printed[-1000:])
    status, printed = manage("migrate", "reset", "--confirm", "other")
    ok(status == 4, "migrate reset wants the database's name", printed)
    status, printed = manage("restart")
    ok(status == 0 and stack["postgres"].runs(), "restart", printed)


def another_version(stack, name, before):
    """The data becomes that of a version that is not this one's, as after a change of PG_MAJOR."""
    manage("stop")
    ok(not any(one.runs() for one in stack.containers.values()), "stop")
    data = os.path.join(HERE, "volumes", "data")
    os.rename(os.path.join(data, "15"), os.path.join(data, "14"))
    version = os.path.join(data, "14", "docker", "PG_VERSION")
    with open(version, "w", encoding="utf-8") as file:
        file.write("14\n")
    postgres = stack["postgres"]
    seen = len(postgres.output())
    status = postgres.start().process.wait(60)
    said = postgres.output()[seen:]
    ok(status == 1 and "PostgreSQL 14" in said and "manage_db.sh backup" in said and "PG_MAJOR_BEFORE=14" in said, "beside the data of another version it does not start, and says how to go on", said)
    ok(not os.path.exists(os.path.join(data, "15")), "and makes nothing")
    stack.change(PG_MAJOR_BEFORE="14")
    status, printed = manage("start")
    ok(status == 0 and stack.sql("SELECT count(*) FROM sessions") == "0", "once that is named as backed up, it begins anew", printed)
    status, printed = manage("restore", name, "--yes")
    ok(status == 0 and contents(stack) == before, "and the backup brings everything back", printed)
    ok(os.path.exists(version), "the old data is still there")


def elsewhere(stack):
    """A server that is in no container of ours, and a directory of this machine for backups."""
    settings.elsewhere(stack)
    mine = os.path.join(HERE, "mine")
    os.mkdir(mine)
    stack.change(BACKUP_DIR=mine)
    write_env(stack)
    status, printed = manage("backup")
    ok(status == 1 and "must belong to user 999" in printed, "a directory for backups that is not the container's to write to is named", printed)
    os.chown(mine, 999, 999)
    status, printed = manage("backup")
    made = [name for name in os.listdir(mine) if name.endswith(".dump")]
    ok(status == 0 and len(made) == 1, "of DB_HOST a backup is made, in a directory of this machine", printed)
    before = contents(stack)
    status, printed = manage("restore", os.path.join(mine, made[0]), "--yes")
    ok(status == 0 and contents(stack) == before and not [name for name in os.listdir(mine) if "imported" in name], "its path is a file of BACKUP_DIR", printed)
    status, printed = manage("migrate", "status")
    ok(status == 0 and printed.count("up to date") == 2, "and manage_db.sh asks that server", printed)


def the_end(stack):
    status, printed = manage("stop")
    ok(status == 0 and not stack["postgres"].runs(), "everything ends", printed)
    password = PASSWORD.replace("'", "")
    logs = [os.path.join(HERE, "logs", each) for each in os.listdir(os.path.join(HERE, "logs"))]
    told = [name for name, one in stack.containers.items() if password in one.output() or settings.REDIS_PASSWORD in one.output()]
    told += [path for path in logs if password in open(path, encoding="utf-8", errors="replace").read()]
    ok(told, "no log has a password in it")


os.makedirs(HERE)
secret = os.path.join(OPERATOR, "secrets", "db_password")
stack = Stack(ROOT, WORK, HERE, {**settings.chosen(HERE), "DB_NAME": NAME, "DB_USER": "keeper", "DB_PASSWORD_FILE": secret, "BACKUP_SCHEDULE": "7 2 * * *",
                                 "BACKUP_TIME_ZONE": "Asia/Ho_Chi_Minh"}, ["redis", "postgres", "prepare", "postgrest", "gateway", "postgres-backup"])
stack.secret("redis_password", settings.REDIS_PASSWORD + "\n")
engine = Engine(stack, os.path.join(HERE, "engine"))
try:
    the_clone(stack)
    the_start(stack)
    settings.of_the_server(stack)
    settings.of_the_api(stack)
    backup, everything = the_backups(stack)
    a_full_disk(stack)
    the_service(stack)
    the_rest(stack)
    another_version(stack, backup, everything)
    settings.tls_as_given(stack, HERE)
    elsewhere(stack)
    the_end(stack)
    settings.refusals(stack)
except Exception:   # and whatever else: it is one failure more, with the end of every log
    ok(False, "the containers do what they should", f"{traceback.format_exc()}\n{stack.logs()}")
end()
