"""Dockerfiles as far as this project uses them: what they say, and the rules that they keep."""

import fnmatch
import json
import os
import re
from dataclasses import dataclass, field

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass
class Step:
    """One instruction; the text has no continuation lines."""

    name: str
    text: str

    def flags(self):
        """The --options at its beginning, and what comes after them."""
        found, rest = {}, self.text
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            found[match[1]] = match[2]
            rest = rest[match.end() :]
        return found, rest

    def words(self):
        """What a COPY, a CMD or an ENTRYPOINT says, as a list."""
        rest = self.flags()[1]
        return json.loads(rest) if rest.startswith("[") else rest.split()


@dataclass
class Stage:
    image: str
    name: str
    steps: list = field(default_factory=list)


def expand(text, values):
    """With $NAME and ${NAME}; one that is not known is left as it is."""
    return VARIABLE.sub(lambda match: values.get(match[1] or match[2], match[0]), text)


def assignments(text):
    """NAME=value NAME="value" ..., of an ENV."""
    return [(name, quoted or plain) for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\S*))', text)]


def parse(text, arguments=None):
    """The stages, in order. Arguments before the first FROM are expanded in the names of images."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*#", line) and line.strip()]
    steps = [Step(*line.strip().split(None, 1)) for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()]
    values, stages = {}, []
    for step in steps:
        if step.name == "FROM":
            image, _, name = step.text.partition(" AS ")
            stages.append(Stage(expand(image, values), name.strip()))
        elif not stages:
            name, _, default = step.text.partition("=")
            values[name] = (arguments or {}).get(name, default)
        else:
            stages[-1].steps.append(step)
    return stages, values


def is_ignored(path, patterns):
    """Whether .dockerignore keeps a path from the builder: the last line that matches it, or a directory above it, decides."""
    parts = path.strip("/").split("/")
    above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    ignored = False
    for pattern in patterns:
        wanted = pattern.lstrip("!").strip("/")
        if any(fnmatch.fnmatchcase(each, wanted) for each in above):
            ignored = not pattern.startswith("!")
    return ignored


def read_ignored(root):
    with open(os.path.join(root, ".dockerignore"), encoding="utf-8") as lines:
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def faults_of_image(image, stages):
    if image in [stage.name for stage in stages]:
        return []
    tag = image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else ""
    return [] if tag and tag != "latest" and "$" not in tag else [f"FROM {image}: which version?"]


def faults_of_run(text):
    faults = []
    for command in re.findall(r"apt-get\s+([^&|;]*)", text):
        if "install" in command and not ("--no-install-recommends" in command and re.search(r"\s-y\b", command)):
            faults.append(f"apt-get {command.strip()}: without -y or --no-install-recommends")
        if re.search(r"\b(dist-)?upgrade\b", command):
            faults.append("an upgrade belongs to the base image")
    if "apt-get" in text:
        if "apt-get update" not in text:
            faults.append("an install without update takes what an old layer knew")
        if "rm -rf /var/lib/apt/lists/*" not in text:
            faults.append("the lists of apt stay in the image")
    if re.search(r"\b(curl|wget)\b[^&|;]*://", text) or re.search(r"\|\s*(ba)?sh\b", text):
        faults.append("something is downloaded that nobody signed")
    if re.search(r"\bsudo\b", text):
        faults.append("sudo")
    if re.search(r"(^|[;&]\s*)cd\s", text):
        faults.append("cd: WORKDIR, or a path")
    if re.search(r"[^|]\|[^|]", re.sub(r"'[^']*'", "", text)) and "pipefail" not in text:
        faults.append("a pipe hides that its first part failed")
    return faults


def faults_of_copy(step, root, ignored, stages):
    flags, _ = step.flags()
    if "from" in flags:
        return [] if flags["from"] in [stage.name for stage in stages] else [f"there is no stage {flags['from']}"]
    *sources, target = step.words()
    if "." in sources:
        return ["everything is copied"]
    faults = [f"COPY {each}: it is not there" for each in sources if not os.path.exists(os.path.join(root, each))]
    faults += [f"COPY {each}: .dockerignore keeps it away" for each in sources if is_ignored(each, ignored)]
    faults += ["several files need a directory"] if len(sources) > 1 and not target.endswith("/") else []
    return faults


def faults(text, root, ignored):
    """What the rules say against a Dockerfile, as a list."""
    stages, arguments = parse(text)
    if not stages:
        return ["it has no FROM"]
    found = []
    names = list(arguments)
    for stage in stages:
        found += faults_of_image(stage.image, stages[: stages.index(stage)])
        for step in stage.steps:
            if step.name == "RUN":
                found += faults_of_run(step.text)
            elif step.name == "COPY":
                found += faults_of_copy(step, root, ignored, stages)
            elif step.name in ("ARG", "ENV"):
                names += re.findall(r"(\w+)=", step.text) or [step.text]
            elif step.name == "WORKDIR" and not step.text.startswith("/"):
                found.append("WORKDIR: where is that?")
            elif step.name in ("CMD", "ENTRYPOINT"):
                found += [] if step.text.startswith("[") else [f"{step.name}: a shell would be process 1, and get the signals"]
            elif step.name not in ("USER", "HEALTHCHECK", "EXPOSE", "WORKDIR", "LABEL", "STOPSIGNAL"):
                found.append(f"{step.name} is not used here")
        named = [step.name for step in stage.steps]
        found += [f"two {name}: the last one counts" for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK") if named.count(name) > 1]
    found += ["two stages of one name"] if len({stage.name for stage in stages}) < len(stages) else []
    found += [f"{name}: a secret would stay in the image" for name in names if re.search("PASS|SECRET|TOKEN|_KEY", name)]
    users = [step.text for step in stages[-1].steps if step.name == "USER"]
    if not users or re.match(r"(root|0)(:|$)", users[-1]):
        found.append("it runs as root")
    if not any(step.name == "HEALTHCHECK" and "CMD" in step.text for step in stages[-1].steps):
        found.append("it has no HEALTHCHECK")
    return found
