"""Runs services of docker/compose.yaml without an engine: an image of image.py in its root directory, with the mounts, the
variables, the user and the networks that the file says. Networks are bridges in the network namespace of this process."""

import os
import signal
import subprocess
import time

from lib.image import CHROOT, PATH, UNSHARE, number


def wait(what, condition, seconds=60):
    """The first true answer; an AssertionError if there is none."""
    end, seen = time.monotonic() + seconds, None
    while time.monotonic() < end:
        seen = condition()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s ({seen})")


def command(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def hardware(prefix, count):
    """Of an address, so that neighbours know it again that is started again."""
    return f"02:00:0a:4d:{int(prefix.split('.')[2]):02x}:{count:02x}"


class Networks:
    """One bridge each. Container number N of all has the address 10.77.M.N in network M; this process is 10.77.M.1."""

    def __init__(self, names):
        self.bridges = {name: f"10.77.{i}" for i, name in enumerate(names, 1)}
        self.names = {name: [] for name in names}   # (address, name of a service), known before anything starts
        command("ip", "link", "set", "lo", "up")
        for name, prefix in self.bridges.items():
            # The address of a bridge is otherwise one of its ports', and another one when that is gone.
            command("ip", "link", "add", f"br-{name}", "address", hardware(prefix, 1), "type", "bridge")
            command("ip", "addr", "add", f"{prefix}.1/24", "dev", f"br-{name}")
            command("ip", "link", "set", f"br-{name}", "up")

    def address(self, network, count, name):
        address = f"{self.bridges[network]}.{count}"
        self.names[network].append((address, name))
        return address

    def hosts(self, networks):
        lines = ["127.0.0.1 localhost"] + [f"{address} {name}" for each in networks for address, name in self.names[each]]
        return "|".join(lines)

    def join(self, process, count, networks):
        for i, network in enumerate(networks):
            outside, inside = f"v{count}-{i}", f"w{count}-{i}"
            subprocess.run(["ip", "link", "del", outside], check=False, stderr=subprocess.DEVNULL)
            command("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "address",
                    hardware(self.bridges[network], count))
            command("ip", "link", "set", outside, "master", f"br-{network}", "up")
            command("ip", "link", "set", inside, "netns", str(process), "name", f"eth{i}")
            there = ["nsenter", "-t", str(process), "-n", "ip"]
            command(*there, "addr", "add", f"{self.bridges[network]}.{count}/24", "dev", f"eth{i}")
            command(*there, "link", "set", f"eth{i}", "up")
            command(*there, "link", "set", "lo", "up")


class Container:
    """One of a service. work has its volumes and logs; count is its number among all."""

    def __init__(self, name, service, image, document, networks, work, count):
        self.name, self.service, self.image, self.networks, self.count, self.work = name, service, image, networks, count, work
        self.document, self.process, self.log = document, None, os.path.join(work, f"{name}-{count}.log")
        self.addresses = {each: networks.address(each, count, name) for each in service["networks"]}
        self.user = number(image, str(service.get("user", image.user)))

    def variables(self):
        return {"PATH": PATH, "HOME": "/", **self.image.settings, **self.service.get("environment", {})}

    def mounts(self):
        """Of volumes and secrets. A new volume gets the owner of what the image has there."""
        found = []
        for volume in self.service.get("volumes", []):
            if isinstance(volume, dict):
                source, target, how = volume["source"], volume["target"], "ro" if volume.get("read_only") else ""
            else:
                source, target, how = (volume.split(":") + [""])[:3]
            if source in self.document["volumes"]:
                path = os.path.join(self.work, "volumes", source)
                if not os.path.exists(path):
                    os.makedirs(path)
                    there = os.stat(self.image.root + target)
                    os.chown(path, there.st_uid, there.st_gid)
                    os.chmod(path, there.st_mode & 0o7777)
            else:
                path = os.path.normpath(os.path.join(self.document["directory"], source))
            found.append(f"{path}:{target}:{how}")
        for secret in self.service.get("secrets", []):
            path = os.path.normpath(os.path.join(self.document["directory"], self.document["secrets"][secret]["file"]))
            found.append(f"{path}:/run/secrets/{secret}:ro")
        return "|".join(found)

    def start(self, streams=None):
        """streams: what it gets as standard input, output and error, instead of nothing and its log."""
        entrypoint = self.service.get("entrypoint", self.image.entrypoint)
        words = self.service.get("command") or ([] if "entrypoint" in self.service else self.image.command)
        settings = {"PATH": PATH, "WAIT": "yes", "LIMITED": "yes", "DIRECTORY": self.image.directory, "MOUNTS": self.mounts(),
                    "TMPFS": "|".join(self.service.get("tmpfs", [])), "NAMES": self.networks.hosts(self.addresses),
                    "READ_ONLY": "yes" if self.service.get("read_only") else "",
                    "VARIABLES": "|".join(f"{name}={value}" for name, value in self.variables().items())}
        with open(self.log, "a", encoding="utf-8") as log:
            os.chown(self.log, *map(int, self.user.split(":")))   # as an engine does with what it gives a process to write to
            given, output, errors = streams or (None, log, log)
            if streams:
                settings["INPUT"] = str(given)
            self.process = subprocess.Popen([*UNSHARE, "--net", "bash", CHROOT, self.image.root, self.user, *entrypoint, *map(str, words)],
                                            stdin=subprocess.PIPE, stdout=output, stderr=errors, env=settings, pass_fds=[given] if streams else [])
        self.networks.join(wait("a process", self.inside), self.count, list(self.addresses))
        self.process.stdin.write(b"\n")
        self.process.stdin.close()
        return self

    def inside(self):
        """The process that is number 1 in there."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as children:
            return int((children.read().split() or ["0"])[0])

    def within(self, words, user=None, **more):
        """The command that carries out a command in the container, as its user."""
        uid, gid = (user or self.user).split(":")
        variables = [f"{name}={value}" for name, value in {**self.variables(), **more}.items()]
        return ["nsenter", "-t", str(self.inside()), "-m", "-p", "-n", "-r", "-w", "-S", uid, "-G", gid, "--", "/usr/bin/env", "-i", *variables, *words]

    def execute(self, words, user=None, **more):
        """(status, output) of a command in the container; with more variables."""
        done = subprocess.run(self.within(words, user, **more), capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def health(self):
        """(status, output) of its health check: of the file, or else of the image."""
        words = self.service.get("healthcheck", {}).get("test")
        if not words:
            return self.execute(self.image.health)
        return self.execute(["/bin/sh", "-c", *words[1:]] if words[0] == "CMD-SHELL" else words[1:])

    def healthy(self):
        try:
            wait(f"{self.name} is healthy", lambda: self.process.poll() is not None or self.health()[0] == 0)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.health()}: {self.output()[-2000:]}") from error
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} has ended: {self.output()[-2000:]}")
        return self

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        """As what falls over: all of it at once, with its first process."""
        os.kill(self.inside(), signal.SIGKILL)
        self.process.wait()

    def stop(self, what=signal.SIGTERM):
        """Its status, when it has ended."""
        os.kill(self.inside(), what)
        return self.process.wait(timeout=60)
