"""Who takes webhooks and the live stream: the programs of test/server/receivers."""

import json
import os
import socket
import subprocess
import sys

from harness import PLACE, SOURCE, at_end, wait_for
from server import free_port


class Receiver:
    def __init__(self, program, *arguments, rules=None):
        self.port = free_port()
        self.arguments = [f"{SOURCE}/test/server/receivers/{program}.py", str(self.port), f"{PLACE}/{program}.rules",
                          f"{PLACE}/{program}.log", *arguments]
        self.log = self.arguments[3]
        self.read, self.entries, self.rest = 0, [], b""
        with open(self.arguments[2], "w", encoding="utf-8") as file:
            json.dump(rules or {}, file)
        with open(self.log, "w", encoding="utf-8"):
            pass
        self.process = None
        at_end.append(self.stop)
        self.start()

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen([sys.executable, *self.arguments], env=environment, stdin=subprocess.DEVNULL)  # pylint: disable=consider-using-with
        wait_for("a receiver to listen", self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def received(self):
        """All that it has received so far."""
        with open(self.log, "rb") as file:
            file.seek(self.read)
            lines = (self.rest + file.read()).split(b"\n")
            self.read = file.tell()
        self.rest = lines.pop()
        self.entries += [json.loads(line) for line in lines]
        return self.entries
