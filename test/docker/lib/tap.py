"""Prints TAP; run numbers it."""

import sys

failures = 0


def ok(good, what, why=""):
    """good may be a text or list: what is wrong, or nothing."""
    global failures
    if not isinstance(good, bool):
        good, why = not good, good
    print(f"{'ok' if good else 'not ok'} - {what}", flush=True)
    if not good:
        failures += 1
        lines = why if isinstance(why, (list, tuple, set)) else str(why).splitlines()
        for line in lines:
            print(f"# {line}", flush=True)
    return good


def end():
    sys.exit(1 if failures else 0)
