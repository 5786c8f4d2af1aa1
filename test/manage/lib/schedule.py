"""When a cron expression is due, and the service that makes backups then."""

import os
import signal
import subprocess

from lib.server import ROOT, WORK, directory, dumps, environment, files, ok, run, wait

SCHEDULE = os.path.join(ROOT, "docker", "backup", "schedule")
NEXT = 'source "$0/docker/backup/cron.sh"; cron_next "$1" "$(date -d "$2" +%s)" || { echo "$cron_fault"; exit 1; }; date -d "@$cron_time" "+%F %H:%M"'

# (expression, after, what comes next, time zone); 2026-01-01 is a Thursday.
DUE = [
    ("0 2 * * *", "2026-01-01 01:59:59", "2026-01-01 02:00", "UTC"),
    ("0 2 * * *", "2026-01-01 02:00:00", "2026-01-02 02:00", "UTC"),
    ("*/15 * * * *", "2026-01-01 23:46:00", "2026-01-02 00:00", "UTC"),
    ("5-59/20 8-10 * * *", "2026-01-01 08:45:00", "2026-01-01 09:05", "UTC"),
    ("30 4 1,15 * *", "2026-01-01 04:30:00", "2026-01-15 04:30", "UTC"),
    ("0 0 * * 0", "2026-01-01 00:00:00", "2026-01-04 00:00", "UTC"),
    ("0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00", "UTC"),
    ("0 6 * * mon-fri", "2026-01-02 06:00:00", "2026-01-05 06:00", "UTC"),
    ("0 0 13 * fri", "2026-01-01 00:00:00", "2026-01-02 00:00", "UTC"),
    ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00", "UTC"),
    ("0 0 1 JAN *", "2026-01-01 00:00:00", "2027-01-01 00:00", "UTC"),
    ("10/20 * * * *", "2026-01-01 00:11:00", "2026-01-01 00:30", "UTC"),
    ("08 09 * * *", "2026-01-01 00:00:00", "2026-01-01 09:08", "UTC"),
    ("@daily", "2026-01-01 00:00:00", "2026-01-02 00:00", "UTC"),
    ("@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00", "UTC"),
    ("@hourly", "2026-01-01 00:00:00", "2026-01-01 01:00", "UTC"),
    ("@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00", "UTC"),
    ("0 2 * * *", "2026-01-01 00:00:00", "2026-01-01 02:00", "Asia/Ho_Chi_Minh"),
    # The hour that there is not, and the one that there is twice.
    ("30 2 * * *", "2026-03-28 12:00:00", "2026-03-30 02:30", "Europe/Berlin"),
    ("0 3 * * *", "2026-10-24 12:00:00", "2026-10-25 03:00", "Europe/Berlin"),
]
WRONG = ["", "0 2 * *", "0 2 * * * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 8", "5-1 * * * *", "*/0 * * * *",
         "a * * * *", "1, * * * *", ",1 * * * *", "1,,2 * * * *", "* * * foo *", "@sometimes", "0 0 30 2 *", "$(touch x) * * * *"]


def expressions():
    for expression, after, expected, zone in DUE:
        status, printed, errors = run(["bash", "-c", NEXT, ROOT, expression, after], TZ=zone)
        ok(status == 0 and printed.strip() == expected, f"{expression} after {after} in {zone}: {expected}", f"{printed}{errors}")
    for expression in WRONG:
        status, printed, errors = run(["bash", "-c", NEXT, ROOT, expression, "2026-01-01"])
        ok(status == 1 and printed.strip() and not errors, f"'{expression}' is no cron expression", f"{status} {printed}{errors}")
    status, _, errors = run([SCHEDULE], BACKUP_SCHEDULE="0 25 * * *")
    ok(status == 2 and "BACKUP_SCHEDULE=0 25 * * *" in errors and "hour 25" in errors, "the service refuses one, and says why", errors)


def service():
    where = directory("scheduled")
    log = os.path.join(WORK, "schedule.log")

    def output():
        with open(log, encoding="utf-8") as file:
            return file.read()

    def start(**more):
        with open(log, "w", encoding="utf-8") as file:
            return subprocess.Popen([SCHEDULE], env=environment(BACKUP_DIR=where, BACKUP_SCHEDULE="0 2 * * *", **more), stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    health = [os.path.join(ROOT, "docker", "backup", "backup"), "health"]
    ok(run(health, BACKUP_DIR=where)[0] == 1, "without a backup it is not healthy")
    one = start()
    wait("the first backup", lambda: "is due at" in output())
    ok(len(dumps("scheduled")) == 1, "the first backup is made at once", output())
    ok(run(health, BACKUP_DIR=where, BACKUP_SCHEDULE="0 2 * * *")[0] == 0, "then it is healthy")
    one.send_signal(signal.SIGTERM)
    ok(one.wait(30) == 0, "it ends when it is asked to")

    stem = dumps("scheduled")[0]
    for name in files("scheduled"):
        os.rename(os.path.join(where, name), os.path.join(where, name.replace(stem[:-5], "counting-20260101T020000Z")))
    result = os.path.join(where, ".result-counting")
    with open(result, encoding="utf-8") as file:
        text = file.read()
    with open(result, "w", encoding="utf-8") as file:
        file.write("\n".join("time=1767232800" if line.startswith("time=") else line for line in text.splitlines()) + "\n")
    status, _, errors = run(health, BACKUP_DIR=where, BACKUP_SCHEDULE="0 2 * * *")
    ok(status == 1 and "overdue since 2026-01-02 02:00" in errors, "when one was left out, it is not", errors)
    one = start(BACKUP_RETENTION_DAYS="0")
    wait("another backup", lambda: "is due at" in output())
    ok(len(dumps("scheduled")) == 2, "what was due while it was away is made when it is back", output())
    one.terminate()
    one.wait(30)

    for name in os.listdir(where):
        os.remove(os.path.join(where, name))
    one = start(PGPORT="1", BACKUP_RETRY_MINUTES="1")
    wait("a failure", lambda: "no connection" in output() and "is due at" in output())
    status, _, errors = run(health, BACKUP_DIR=where, BACKUP_SCHEDULE="0 2 * * *")
    ok(status == 1 and "the last backup failed" in errors and "no connection" in errors, "it is not healthy after a failure, and says which", errors)
    printed = run([*health[:1], "status"], BACKUP_DIR=where, BACKUP_SCHEDULE="0 2 * * *")[1]
    ok("FAILED" in printed and "no connection" in printed, "and so does status", printed)
    one.terminate()
    one.wait(30)


def all_of_it():
    expressions()
    service()
