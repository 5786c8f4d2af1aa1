"""docker/compose.yaml: its variables filled in, and the rules that it keeps."""

import os
import re

import yaml

VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:[-?])((?:[^{}]|\{[^{}]*\})*))?\})")
SECRET = re.compile("PASS|SECRET|TOKEN|_KEY")


class Refused(Exception):
    """What `docker compose` says when a variable that has to be set is not."""


def variables(text):
    """Of the file: {name: (":-", default), (":?", message) or (None, None)}. A default may be another variable."""
    found = {}
    for match in VARIABLE.finditer(text):
        if match[1]:
            within = variables(match[3]) if match[2] == ":-" else {}
            value = next(iter(within.values()))[1] if within else match[3]
            found.update({match[1]: (match[2], value), **within})
    return found


def fill_in(value, settings):
    """As `docker compose` does, in all texts of what yaml made."""
    if isinstance(value, dict):
        return {key: fill_in(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [fill_in(each, settings) for each in value]
    if not isinstance(value, str):
        return value

    def replace(match):
        if not match[1]:
            return "$"
        if settings.get(match[1]):
            return settings[match[1]]
        if match[2] == ":?":
            raise Refused(f"required variable {match[1]} is missing a value: {match[3]}")
        return fill_in(match[3] or "", settings)

    return VARIABLE.sub(replace, value)


def load(path, settings, *more):
    """With more files, which say otherwise in some places."""
    with open(path, encoding="utf-8") as file:
        document = fill_in(yaml.safe_load(file), settings)
    for other in more:
        merge(document, load(other, settings))
    return document


def merge(document, other):
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            merge(document[key], value)
        else:
            document[key] = value


def read_example(path):
    """Of env.example: {name: value}, and the names that are set, not only shown."""
    shown, is_set = {}, set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"(#?)([A-Za-z_][A-Za-z0-9_]*)=(.*)$", line.rstrip("\n"))
            if match:
                shown[match[2]] = match[3]
                is_set |= set() if match[1] else {match[2]}
    return shown, is_set


def faults_of_variables(text, shown, is_set, others):
    """others: what is read by something else than Compose, or by itself."""
    known = {**{name: (":-", shown.get(name, "")) for name in others}, **variables(text)}
    found = [f"{name} is not in env.example" for name in known if name not in shown]
    found += [f"{name} of env.example does nothing" for name in shown if name not in known]
    for name, (kind, value) in known.items():
        if name in shown and name not in is_set and (value or "") != shown[name]:
            found.append(f"{name}: the default is {value}, and {shown[name]} in env.example")
        if name in is_set and (kind != ":?" or shown[name]):
            found.append(f"{name}: env.example sets it")
        if SECRET.search(name) and not (kind == ":?" or (value or "").startswith("@/") or value in ("", "./none")):
            found.append(f"{name}: a secret has no default")
    return found


def files_of(document):
    """What it names on this side, relative to its directory."""
    for service in document["services"].values():
        if "build" in service:
            yield service["build"]["context"]
            yield os.path.join(service["build"]["context"], service["build"]["dockerfile"])
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith((".", "/")) and source != "./logs":   # which an engine makes
                yield source
    for secret in document["secrets"].values():
        if secret["file"].startswith("./none"):
            yield secret["file"]


def faults_of_service(name, service, document, checked):
    """checked: the services that have a health check of their own or of their image."""
    found = [f"{each} is missing" for each in ("restart", "networks", "image") if not service.get(each)]
    tag = service.get("image", "").rpartition(":")[2]
    if ":" not in service.get("image", "") or tag == "latest":
        found.append(f"which version of {service.get('image')}?")
    if service.get("restart") == "no" and name in checked:
        found.append("what ends has no health")
    if service.get("restart") != "no" and name not in checked:
        found.append("it has no health check")
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add", ["NET_BIND_SERVICE"]) != ["NET_BIND_SERVICE"] or service.get("security_opt") != ["no-new-privileges:true"]:
        found.append("it keeps rights that it does not need")
    if service.get("read_only") is not True or service.get("privileged"):
        found.append("its files can be written to")
    found += [f"{key} is a secret in the environment" for key, value in service.get("environment", {}).items()
              if SECRET.search(key) and not str(value).startswith(("/run/secrets/", "@/run/"))]
    found += [f"there is no secret {each}" for each in service.get("secrets", []) if each not in document["secrets"]]
    found += [f"there is no network {each}" for each in service.get("networks", []) if each not in document["networks"]]
    for other, how in service.get("depends_on", {}).items():
        wanted = {"service_healthy": other in checked, "service_completed_successfully": other not in checked}
        if not wanted.get(how["condition"]):
            found.append(f"{other} is never {how['condition']}")
    return found


def faults_of_networks(document):
    services, networks = document["services"], document["networks"]
    published = [name for name, service in services.items() if service.get("ports") and "profiles" not in service]
    found = [] if published == ["gateway"] else [f"ports are published by {published}"]
    ports = services["gateway"]["ports"]
    found += [] if ports == ["127.0.0.1:8000:8000"] else [f"ports by default: {ports}"]
    found += [f"{name} publishes {port}" for name, service in services.items() for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    found += [f"{name} reaches where anybody may publish" for name in ("pgadmin",) if {"backend", "frontend", "store"} & set(services[name]["networks"])]
    for name in ("backend", "store"):
        found += [] if (networks[name] or {}).get("internal") is True else [f"{name} is not internal"]
    on_store = sorted(name for name, service in services.items() if "store" in service["networks"])
    return found + ([] if on_store == ["gateway", "redis"] else [f"on the network of redis: {on_store}"])
