"""A clock of its own for a server: clock.c."""

import os
import struct

from harness import PLACE, SOURCE
from server import run

CLOCK, LIBRARY = f"{PLACE}/time", f"{PLACE}/clock.so"
ENVIRONMENT = {"LD_PRELOAD": LIBRARY, "CLOCK_OFFSET": CLOCK}


def build():
    """For the environment of a server; what went wrong, if anything."""
    jump(0)
    built = run("cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", LIBRARY, f"{SOURCE}/test/faults/lib/clock.c")
    return "" if built.returncode == 0 else built.stdout


def jump(seconds):
    """From the real time."""
    with open(CLOCK, "r+b" if os.path.exists(CLOCK) else "wb") as file:
        file.write(struct.pack("=q", seconds))
