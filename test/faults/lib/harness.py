"""What the tests of faults share: TAP, a seed that is printed, and waiting for conditions."""

import os
import random
import sys
import time
import traceback

TIMEOUT = float(os.environ.get("PG_TEST_TIMEOUT_DEFAULT", 120))
SOURCE = os.environ["PEOPLE_COUNTER_SOURCE"]
PLACE = os.environ["PEOPLE_COUNTER_PLACE"]  # a directory of our own

seed = int(os.environ.get("PC_SEED") or time.time())
failures = 0
at_end = []  # what is to be ended, last first


def note(*words):
    for line in " ".join(map(str, words)).splitlines():
        print(f"# {line}", flush=True)


def ok(good, what):
    """good: a bool, or what is wrong: a text or a collection, empty if all is well."""
    global failures
    wrong = None if isinstance(good, bool) else good
    good = good if isinstance(good, bool) else not good
    print(f"{'ok' if good else 'not ok'} - {what}", flush=True)
    if not good:
        failures += 1
        lines = str(wrong or "").splitlines() if isinstance(wrong, (str, type(None))) else [str(line) for line in wrong]
        for line in lines[:25]:
            note(line[:600])
        if len(lines) > 25:
            note(f"... and {len(lines) - 25} more")
    return good


def wait_for(what, condition, timeout=TIMEOUT, pause=0.05):
    """Until the condition holds; its value. An exception is what it waited for in vain."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(pause)


def dice(name):
    """Chance of its own for each who needs some, so that threads do not disturb one another's."""
    return random.Random(f"{seed} {name}")


def main(test):
    note(f"seed {seed}")
    try:
        test()
    except Exception:  # pylint: disable=broad-except
        ok(traceback.format_exc(), f"seed {seed}: it comes to its end")
    for step in reversed(at_end):
        try:
            step()
        except Exception:  # pylint: disable=broad-except
            ok(traceback.format_exc(), "what was started can be ended")
    sys.stdout.flush()
    os._exit(1 if failures else 0)  # whatever threads still wait for
