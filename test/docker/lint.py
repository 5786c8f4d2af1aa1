"""What can be seen of docker/ without running it: compose.yaml, env.example, the Dockerfiles. Prints TAP."""

import os
import re
import shutil
import subprocess
import sys

from lib import compose, dockerfile
from lib.tap import end, ok

ROOT = os.path.abspath(sys.argv[1])
HERE = os.path.join(ROOT, "docker")

# The rules, on files that break them: each must be found out.
BAD = {
    "no version": "FROM debian\nUSER a\nHEALTHCHECK CMD true",
    "the latest version": "FROM debian:latest\nUSER a\nHEALTHCHECK CMD true",
    "a version that is empty": "ARG V\nFROM debian:$V\nUSER a\nHEALTHCHECK CMD true",
    "root": "FROM debian:12\nHEALTHCHECK CMD true",
    "root again in the end": "FROM debian:12\nUSER a\nUSER 0:0\nHEALTHCHECK CMD true",
    "no health check": "FROM debian:12\nUSER a",
    "recommended packages": "FROM debian:12\nRUN apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*\nUSER a\nHEALTHCHECK CMD true",
    "the lists of apt": "FROM debian:12\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends x\nUSER a\nHEALTHCHECK CMD true",
    "ADD": "FROM debian:12\nADD https://example.org/x /x\nUSER a\nHEALTHCHECK CMD true",
    "a download": "FROM debian:12\nRUN curl -fso /x https://example.org/x\nUSER a\nHEALTHCHECK CMD true",
    "a secret in ENV": "FROM debian:12\nENV A=1 DB_PASSWORD=x\nUSER a\nHEALTHCHECK CMD true",
    "a secret in ARG": "FROM debian:12\nARG API_TOKEN\nUSER a\nHEALTHCHECK CMD true",
    "a file that is not there": "FROM debian:12\nCOPY docker/nothing /x\nUSER a\nHEALTHCHECK CMD true",
    "a file that .dockerignore keeps away": "FROM debian:12\nCOPY README.md /x\nUSER a\nHEALTHCHECK CMD true",
    "all files": "FROM debian:12\nCOPY . /x\nUSER a\nHEALTHCHECK CMD true",
    "a stage that is not there": "FROM debian:12\nCOPY --from=build /x /x\nUSER a\nHEALTHCHECK CMD true",
    "cd": "FROM debian:12\nRUN make && cd /x && make\nUSER a\nHEALTHCHECK CMD true",
    "a pipe": "FROM debian:12\nRUN make | tee log\nUSER a\nHEALTHCHECK CMD true",
    "a relative WORKDIR": "FROM debian:12\nWORKDIR x\nUSER a\nHEALTHCHECK CMD true",
    "two CMD": "FROM debian:12\nUSER a\nHEALTHCHECK CMD true\nCMD [\"a\"]\nCMD [\"b\"]",
    "two stages of one name": "FROM debian:12 AS a\nRUN make\nFROM debian:12 AS a\nUSER a\nHEALTHCHECK CMD true",
    "a shell as process 1": "FROM debian:12\nUSER a\nHEALTHCHECK CMD true\nCMD nginx",
}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def dockerfiles():
    ignored = dockerfile.read_ignored(ROOT)
    for name in ("postgres", "gateway"):
        ok(dockerfile.faults(read("docker", name, "Dockerfile"), ROOT, ignored), f"docker/{name}/Dockerfile keeps the rules")
    for name, text in BAD.items():
        ok(len(dockerfile.faults(text, ROOT, ignored)) == 1, f"the rules find {name}", dockerfile.faults(text, ROOT, ignored))
    for name in (".git", "build", "docker/.env", "docker/secrets/db_password", "test"):
        ok(dockerfile.is_ignored(name, ignored), f"no image gets {name}")


def has_health_check(service):
    if "healthcheck" in service:
        return not service["healthcheck"].get("disable")
    return "build" in service and "HEALTHCHECK" in read("docker", service["build"]["context"], service["build"]["dockerfile"])


def the_compose_file():
    text = read("docker", "compose.yaml")
    shown, is_set = compose.read_example(os.path.join(HERE, "env.example"))
    by_scripts = set(re.findall(r"\$\(setting (\w+)", read("docker", "manage", "connection.sh") + read("docker", "manage_db.sh"))) - set(compose.variables(text))
    ok(compose.faults_of_variables(text, shown, is_set, by_scripts | {"COMPOSE_FILE", "COMPOSE_PROFILES"}), "compose.yaml and env.example have the same variables and defaults")
    ok([name for name in shown if f"`{name}`" not in read("docker", "README.md")], "docker/README.md has all of them")
    lines = read("docker", "env.example").split("\n\n")
    ok([block for block in lines if "=" in block and not block.startswith("# ")], "env.example explains each of them")
    for what, settings in {"without .env": {}, "with env.example as it is": {name: shown[name] for name in is_set}}.items():
        try:
            compose.load(os.path.join(HERE, "compose.yaml"), settings)
            ok(False, f"nothing starts {what}")
        except compose.Refused as refusal:
            ok("DB_PASSWORD_FILE" in str(refusal) and "docker/.env" in str(refusal), f"nothing starts {what}", refusal)
    document = compose.load(os.path.join(HERE, "compose.yaml"), {"DB_PASSWORD_FILE": "./secrets/db_password"})
    services = document["services"]
    ok(set(services) >= {"postgres", "postgrest", "gateway", "redis"}, "the services are there", list(services))
    optional = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    ok(optional == {name: [name] for name in ("postgres-backup", "pgadmin")}, "two of them only if their profile is wanted", optional)
    ok([each for each in compose.files_of(document) if not os.path.exists(os.path.join(HERE, each))], "what it names is there")
    checked = [name for name, service in services.items() if has_health_check(service)]
    for name, service in services.items():
        ok(compose.faults_of_service(name, service, document, checked), f"service {name} keeps the rules")
    ok(compose.faults_of_networks(document), "only the gateway publishes a port, on 127.0.0.1, and only gateways reach redis")
    used = str([service.get(kind) for service in services.values() for kind in ("volumes", "secrets", "networks")])
    names = [name for kind in ("volumes", "secrets", "networks") for name in document[kind]]
    ok([name for name in names if name not in used], "every volume, secret and network is used")
    for name, network in {"postgres": "backend", "redis": "store"}.items():
        other = os.path.join(HERE, f"compose.{name.replace('postgres', 'database')}-elsewhere.yaml")
        elsewhere = compose.load(os.path.join(HERE, "compose.yaml"), {"DB_PASSWORD_FILE": "x", "DB_HOST": "db.example.org"}, other)
        services[name]["scale"], document["networks"][network]["internal"] = 0, False
        changed = elsewhere["services"].keys() == services.keys() and elsewhere["services"][name] == services[name] and elsewhere["networks"] == document["networks"]
        ok(changed, f"with {os.path.basename(other)} there is no {name}, and a way to one elsewhere", elsewhere["services"][name])
        del services[name]["scale"]
        document["networks"][network]["internal"] = True
    ok(os.path.getsize(os.path.join(HERE, "none")) == 0, "the file of what is not given is empty")
    the_real_one()
    conf = re.search(r"PostgREST (\d+) to (\d+)", read("docker", "postgrest", "postgrest.conf"))
    version = re.search(r":v(\d+)", services["postgrest"]["image"])
    ok(int(conf[1]) <= int(version[1]) <= int(conf[2]), "its PostgREST is one that postgrest.conf is for", version[0])


def the_real_one():
    """docker compose config, where there is one."""
    program = next((words for words in (["docker", "compose"], ["docker-compose"])
                    if shutil.which(words[0]) and re.search(r"v?2\.(2[3-9]|[3-9]\d)|v?[3-9]\d*\.", subprocess.run([*words, "version", "--short"], capture_output=True, text=True, check=False).stdout)), None)
    if not program:
        print("ok - docker compose config # SKIP there is no Docker Compose here")
        return
    for files in (["compose.yaml"], ["compose.yaml", "compose.database-elsewhere.yaml"], ["compose.yaml", "compose.redis-elsewhere.yaml"]):
        words = [*program, "--profile", "*", *[word for name in files for word in ("-f", os.path.join(HERE, name))], "config", "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "DB_PASSWORD_FILE": "./none"}, check=False)
        ok(done.returncode == 0, f"docker compose config of {' and '.join(files)}", done.stderr)


dockerfiles()
the_compose_file()
end()
