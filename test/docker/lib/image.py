"""Builds images as far as can be done without an engine: the steps of a Dockerfile, in root directories that chroot enters.

What a RUN with apt-get made is kept in a directory of archives (root's files stay root's, whoever owns the archive), under a
hash of all that led to it, and so is each finished image; another run begins there.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field

from lib import dockerfile

CHROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chroot.sh")
UNSHARE = ["unshare", "--mount", "--propagation", "unchanged", "--pid", "--fork", "--kill-child"]
BASE = "debian:bookworm-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MONTH = 30 * 86400

# What debian:bookworm-slim has besides debootstrap's minbase, or has not.
PREPARE_BASE = r"""
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io
printf 'path-exclude %s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' >/etc/dpkg/dpkg.cfg.d/slim
echo 'Binary::apt::APT::Keep-Downloaded-Packages "false"; APT::Keep-Downloaded-Packages "false";' >/etc/apt/apt.conf.d/clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/*
"""


class Failed(Exception):
    """A step that did not succeed; the text is the end of what it printed."""


@dataclass
class Image:
    root: str = ""
    key: str = ""
    settings: dict = field(default_factory=dict)   # of the lines ENV
    user: str = "0:0"
    directory: str = "/"
    entrypoint: list = field(default_factory=list)
    command: list = field(default_factory=list)
    health: list = field(default_factory=list)


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]


def digest_of_files(path):
    """Of what a COPY takes: names, modes and contents."""
    found = []
    for directory, below, names in os.walk(path):
        below.sort()
        found += [os.path.join(directory, name) for name in sorted(names)]
    seen = hashlib.sha256()
    for name in found or [path]:
        seen.update(f"{os.path.relpath(name, path)} {os.stat(name).st_mode & 0o111}\n".encode())
        with open(name, "rb") as file:
            seen.update(file.read())
    return seen.hexdigest()


def run(command, log, **more):
    log.write(f"+ {' '.join(command)[:300]}\n")
    log.flush()
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **more).returncode:
        with open(log.name, encoding="utf-8", errors="replace") as file:
            raise Failed("".join(file.readlines()[-25:]))


class Builder:
    """archives is kept, work is emptied; stand_ins says which Dockerfile is in the place of which image of others."""

    def __init__(self, context, archives, work, mirror, stand_ins):
        self.context, self.archives, self.work, self.mirror, self.stand_ins = context, archives, work, mirror, stand_ins
        self.used = set()

    def archive(self, key):
        path = os.path.join(self.archives, f"{key}.tar.zst")
        self.used.add(path)
        return path

    def save(self, root, key, log, paths=(".",)):
        run(["tar", "--numeric-owner", "-I", "zstd -q -1 -T0", "-C", root, "-cf", self.archive(key) + ".new", *paths], log)
        os.replace(self.archive(key) + ".new", self.archive(key))

    def forget_others(self):
        for name in os.listdir(self.archives):
            path = os.path.join(self.archives, name)
            if path not in self.used:
                os.remove(path)

    def fresh(self, name):
        root = os.path.join(self.work, name)
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root, 0o755)
        return root

    def enter(self, root, command, log, settings):
        """A RUN: as root, with the network."""
        variables = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **settings}
        variables.update({name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ})
        run([*UNSHARE, "bash", CHROOT, root, "0:0", "/bin/sh", "-c", command], log,
            env={"PATH": PATH, "RESOLVE": "yes", "VARIABLES": "|".join(f"{name}={value}" for name, value in variables.items())})

    def base(self, log):
        """Makes the archive of the base, once a month."""
        key = digest(BASE, self.mirror, PREPARE_BASE)
        path = self.archive(key)
        if not os.path.exists(path) or time.time() - os.stat(path).st_mtime > MONTH:
            root = self.fresh("base")
            run(["debootstrap", "--variant=minbase", "bookworm", root, *filter(None, [self.mirror])], log, env={**os.environ, "PATH": PATH})
            self.enter(root, PREPARE_BASE, log, {})
            self.save(root, key, log)
            shutil.rmtree(root)
        return Image(key=key)

    def parent(self, name, stages, values, label, log):
        if name in stages:
            return self.stage(stages[name], stages, values, f"{label}-{name}", log)
        if name == BASE:
            return self.base(log)
        if name in self.stand_ins:
            return self.build(self.stand_ins[name], {}, f"{label}-base", log)
        raise Failed(f"nothing stands in for {name}")

    def build(self, path, arguments, label, log):
        with open(path, encoding="utf-8") as file:
            stages, values = dockerfile.parse(file.read(), arguments)
        image = self.stage(stages[-1], {stage.name: stage for stage in stages}, values, label, log)
        return image

    def stage(self, stage, stages, values, label, log):
        """What the steps say of the image, without its files; root and key are what materialise() needs."""
        image = self.parent(stage.image, stages, values, label, log)
        known = {}
        plan = [(None, image.key, None)]
        for step in stage.steps:
            everything = {**known, **image.settings}
            if step.name == "ARG":
                name, _, default = step.text.partition("=")
                known[name] = values.get(name, default)
            elif step.name == "ENV":
                image.settings.update((name, dockerfile.expand(value, everything)) for name, value in dockerfile.assignments(step.text))
            elif step.name == "RUN":
                plan.append((step, digest(plan[-1][1], step.text, str(sorted(everything.items()))), everything))
            elif step.name == "COPY":
                plan.append((step, digest(plan[-1][1], step.text, self.copied(step, stages, values, label, log)), None))
            else:
                self.note(image, step)
        image.key = plan[-1][1]
        image.root = os.path.join(self.work, label)
        if not os.path.exists(self.archive(image.key)):
            self.carry_out(image, plan, stage.name, stages, values, label, log)
        return image

    @staticmethod
    def note(image, step):
        if step.name == "USER":
            image.user = step.text
        elif step.name == "WORKDIR":
            image.directory = step.text
        elif step.name == "ENTRYPOINT":
            image.entrypoint, image.command = step.words(), []
        elif step.name == "CMD":
            image.command = step.words()
        elif step.name == "HEALTHCHECK":
            image.health = dockerfile.Step("CMD", step.flags()[1].split(None, 1)[1]).words()

    def copied(self, step, stages, values, label, log):
        source = step.flags()[0].get("from")
        if source:
            return self.stage(stages[source], stages, values, f"{label}-{source}", log).key
        return " ".join(digest_of_files(os.path.join(self.context, each)) for each in step.words()[:-1])

    def materialise(self, key, label, log):
        root = self.fresh(label)
        run(["tar", "--numeric-owner", "-I", "zstd -q", "-C", root, "-xpf", self.archive(key)], log)
        return root

    def carry_out(self, image, plan, name, stages, values, label, log):
        """From the newest archive on."""
        first = max(i for i, (_, key, _) in enumerate(plan) if os.path.exists(self.archive(key)))
        root = self.materialise(plan[first][1], label, log)
        for step, key, settings in plan[first + 1 :]:
            if step.name == "RUN":
                self.enter(root, step.text, log, settings)
            else:
                self.copy(step, root, stages, values, label, log)
            if key == image.key:
                self.save(root, key, log, self.wanted(name, stages) or ["."])
            elif "apt-get" in step.text:
                self.save(root, key, log)
        shutil.rmtree(root)

    @staticmethod
    def wanted(name, stages):
        """What other stages copy from this one: no more of it is kept."""
        copies = [step for stage in stages.values() for step in stage.steps if step.flags()[0].get("from") == name]
        return [path.strip("/") for step in copies for path in step.words()[:-1]]

    @staticmethod
    def unpack(files, root, target, log):
        """In the root directory itself: a link in it to an absolute path must never lead to a file of this machine."""
        packed = ["tar", "--owner=0", "--group=0", "-cf", "-", *files]
        there = ["chroot", root, "/bin/sh", "-c", 'mkdir -p "$0" && exec tar -C "$0" --keep-directory-symlink -xpf -', target]
        log.write(f"+ {' '.join(packed)} | {' '.join(there)}\n")
        log.flush()
        with subprocess.Popen(packed, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as source:
            status = subprocess.run(there, stdin=source.stdout, stdout=log, stderr=log, env={"PATH": PATH}, check=False).returncode
        if status or source.returncode:
            raise Failed(f"{' '.join(files)}: tar ends with {source.returncode} and {status}")

    def copy(self, step, root, stages, values, label, log):
        flags, words = step.flags()[0], step.words()
        above, other = self.context, None
        if "from" in flags:
            other = self.stage(stages[flags["from"]], stages, values, f"{label}-{flags['from']}", log)
            above = self.materialise(other.key, f"{label}-from", log)
        for each in words[:-1]:
            source = os.path.join(above, each.strip("/"))
            if os.path.isdir(source):
                self.unpack(["-C", source, "."], root, words[-1], log)
            else:
                # Renamed, where the last word is a file and no directory.
                target, name = words[-1].rsplit("/", 1)
                self.unpack(["-C", os.path.dirname(source), f"--transform=s|.*|{name or os.path.basename(source)}|", os.path.basename(source)],
                            root, target or "/", log)
        if other:
            shutil.rmtree(above)


def number(image, who):
    """uid:gid of a user or group of the image, by name or number."""
    def find(name, file):
        with open(os.path.join(image.root, "etc", file), encoding="utf-8") as lines:
            return next(line.split(":") for line in lines if line.startswith(f"{name}:"))

    user, _, group = who.partition(":")
    uid = user if re.fullmatch(r"\d+", user) else find(user, "passwd")[2]
    gid = group if re.fullmatch(r"\d+", group) else find(group, "group")[2] if group else find(user, "passwd")[3]
    return f"{uid}:{gid}"
