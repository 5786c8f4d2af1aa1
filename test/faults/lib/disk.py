"""The small disk of a test that has a line SMALL_DISK = megabytes, and how it gets full."""

import os
import shutil

from harness import PLACE

DISK = f"{PLACE}/disk"
BALLAST = f"{DISK}/ballast"


def fill(leave):
    """But for so many bytes, while others write there, too."""
    with open(BALLAST, "wb", buffering=0) as file:
        while shutil.disk_usage(DISK).free > leave:
            try:
                file.write(bytes(65536))
            except OSError:
                return


def make_room():
    os.unlink(BALLAST)
