"""The containers of docker/compose.yaml that a test wants, made of what build.py left."""

import json
import os

from lib import compose, http
from lib.container import Container, Networks
from lib.image import Image

PASSWORD = "a secret 'with' $signs"


class Stack:
    """By name; a name that ends with 2 is a second container of a service. Settings are those of .env."""

    def __init__(self, root, images, work, settings, names):
        self.images, self.work, self.here, self.count = images, work, os.path.join(root, "docker"), 10
        self.settings = {"PG_MAJOR": "15", "LOG_DIR": os.path.join(work, "logs"), **settings}
        os.makedirs(self.settings["LOG_DIR"], exist_ok=True)   # of another part of the test, perhaps
        os.chmod(self.settings["LOG_DIR"], 0o1777)
        if "DB_PASSWORD_FILE" not in settings:
            self.settings["DB_PASSWORD_FILE"] = self.secret("db_password", PASSWORD + "\n")
        self.document = self.read(self.settings)
        self.networks = Networks(self.document["networks"])
        self.has_postgrest = os.path.exists(os.path.join(images, "postgrest.json"))
        self.containers = {}
        for name in names:
            if name != "postgrest" or self.has_postgrest:
                self.add(name)

    def secret(self, name, text):
        """What an operator makes: a file that the user of a container can read, in a directory that nobody else enters."""
        secrets = os.path.join(self.work, "secrets")
        os.makedirs(secrets, 0o700, exist_ok=True)
        path = os.path.join(secrets, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def read(self, settings):
        return {"directory": self.here, **compose.load(os.path.join(self.here, "compose.yaml"), settings)}

    def make(self, service):
        image = {"prepare": "postgres", "postgres-backup": "postgres"}.get(service, service)
        with open(os.path.join(self.images, f"{image}.json"), encoding="utf-8") as file:
            found = Image(**json.load(file))
        self.count += 1
        return Container(service, self.document["services"][service], found, self.document, self.networks, self.work, self.count)

    def add(self, name):
        self.containers[name] = self.make(name.rstrip("2"))

    def change(self, **settings):
        """As what was written to .env before a new start; who runs goes on as it was."""
        self.settings.update(settings)
        self.document = self.read(self.settings)
        for container in self.containers.values():
            container.document = self.document
            container.service = self.document["services"][container.name]

    def __getitem__(self, name):
        return self.containers[name]

    def sql(self, text, database=None):
        user, name = self.settings.get("DB_USER", "postgres"), database or self.settings.get("DB_NAME", "people_counter")
        status, printed = self["postgres"].execute(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", name, "-c", text])
        if status:
            raise AssertionError(printed)
        return printed

    def takes(self, name):
        """Whether a gateway takes what is published to it, by the network of the database; it is of no database that there is."""
        status, printed = self["postgres"].execute(["perl", "-MIO::Socket::INET", "-e", http.PERL_POST, self[name].addresses["backend"]])
        return status == 0 and " 20" in printed

    def logs(self):
        return "\n".join(f"{name}: {one.output()[-1500:]}" for name, one in self.containers.items() if one.process)
