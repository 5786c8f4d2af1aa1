"""What the tests of docker/manage_db.sh have in common: TAP, the server that PG* name, and how its commands are called."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
MANAGE = os.path.join(ROOT, "docker", "manage_db.sh")
BACKUP = os.path.join(ROOT, "docker", "backup", "backup")
WORK = tempfile.mkdtemp(prefix="people_counter_manage.")
SESSION = "0190d8f2-7c1e-7000-8000-00000000000"
tests = failures = 0


def ok(good, what, why=""):
    global tests, failures
    tests += 1
    print(f"{'ok' if good else 'not ok'} {tests} - {what}", flush=True)
    if not good:
        failures += 1
        for line in str(why).splitlines():
            print(f"# {line}", flush=True)
    return good


def skip(what, why):
    global tests
    tests += 1
    print(f"ok {tests} - {what} # SKIP {why}", flush=True)


def end():
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"1..{tests}")
    sys.exit(1 if failures else 0)


def wait(what, condition, seconds=120):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def directory(name):
    path = os.path.join(WORK, name)
    os.makedirs(path, 0o700, exist_ok=True)
    return path


def environment(**more):
    """Of a call: what this process has, and the directories of the test. A value None takes a variable away."""
    found = {**os.environ, "BACKUP_DIR": directory("backups"), "LOG_DIR": directory("logs"), "PGDATABASE": "counting", "TZ": "UTC", "TMPDIR": WORK, **more}
    return {name: value for name, value in found.items() if value is not None}


def run(words, text="", **more):
    """(status, standard output, standard error) of a command that is given a text."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=300, env=environment(**more), check=False)
    return done.returncode, done.stdout, done.stderr


def manage(*words, text="", **more):
    return run([MANAGE, *words], text, **more)


def backup(*words, text="", **more):
    return run([BACKUP, *words], text, **more)


def by_hand(*words, answer, **more):
    """(status, all that is shown) to somebody at a terminal who answers."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(MANAGE, [MANAGE, *words], environment(**more))
    shown, limit = "", time.monotonic() + 300
    while time.monotonic() < limit:
        if select.select([terminal], [], [], 1)[0]:
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                break
        if answer is not None and re.search(r"(\[y/N\]|meant:) $", shown):
            os.write(terminal, answer.encode() + b"\n")
            answer = None
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown


def sql(text, database="counting", **more):
    status, printed, errors = run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text], **more)
    if status:
        raise AssertionError(f"{text}: {errors}")
    return printed.strip()


def new_database(name="counting"):
    sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', "postgres")
    sql(f'CREATE DATABASE "{name}"', "postgres")


def fill(sessions=2, movements=500, **more):
    """Some of everything that a dump has to take along."""
    sql(f"""INSERT INTO sessions (id, session_name, start_time) SELECT ('{SESSION}' || n)::uuid, 'door ' || n, '2026-01-01' FROM generate_series(1, {sessions}) n;
            INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
            SELECT ('{SESSION}' || n)::uuid, timestamptz '2026-01-01' + i * interval '1 minute', i, (CASE i % 3 WHEN 0 THEN 'out' ELSE 'in' END)::movement_direction
              FROM generate_series(1, {sessions}) n, generate_series(1, {movements}) i;
            INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ('{SESSION}1', '2026-01-01 02:00Z', 7);
            UPDATE system_config SET config_value = 'Asia/Ho_Chi_Minh' WHERE config_key = 'default_time_zone'""", **more)


def contents(database="counting", **more):
    """Of all tables that count, as text; but not when a row was made: that of shipped and derived ones is another."""
    return sql("""SELECT string_agg(t || ':' || (xpath('/row/h/text()', query_to_xml(
                      format('SELECT md5(coalesce(string_agg(x, E''\\n'' ORDER BY x), '''')) AS h FROM (SELECT (to_jsonb(y) - ''updated_at'' - ''created_at'')::text AS x FROM %I y) z', t), false, true, '')))[1]::text, ' ' ORDER BY t)
                    FROM unnest(ARRAY['sessions', 'people_movements', 'occupancy_baselines', 'system_config', 'session_statistics',
                                      'hourly_statistics', 'daily_statistics', 'alert_thresholds']) t""", database, **more)


def faults(database="counting", **more):
    return sql("SELECT count(*) FROM verify_statistics()", database, **more)


def files(where="backups"):
    """All names in a directory of backups, but for what is only about them."""
    return sorted(name for name in os.listdir(directory(where)) if not name.startswith((".result", ".lock")))


def dumps(where="backups"):
    return [name for name in files(where) if name.endswith(".dump") and not name.startswith(".")]
