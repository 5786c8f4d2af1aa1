"""build.py ROOT ARCHIVES WORK MIRROR: carries out the Dockerfiles. Prints TAP. As root."""

import json
import os
import sys
import threading
from dataclasses import asdict

from lib.image import Builder, Failed, number
from lib.tap import end, ok

ROOT, ARCHIVES, WORK, MIRROR = sys.argv[1:5]
STAND_INS = os.path.join(ROOT, "test", "docker", "stand-ins")
IMAGES = {
    "postgres": (os.path.join(ROOT, "docker", "postgres", "Dockerfile"), {"PG_MAJOR": "15"}),
    "gateway": (os.path.join(ROOT, "docker", "gateway", "Dockerfile"), {}),
    "redis": (os.path.join(STAND_INS, "redis.Dockerfile"), {}),
    "postgrest": (os.path.join(STAND_INS, "postgrest.Dockerfile"), {}),
}
if not os.path.exists(os.path.join(ROOT, "build", "docker-context", "usr", "bin", "postgrest")):
    del IMAGES["postgrest"]

builder = Builder(ROOT, ARCHIVES, WORK, MIRROR, {"postgres:15-bookworm": os.path.join(STAND_INS, "postgres.Dockerfile")})
failed = {}


def make(*names):
    for name in names:
        with open(os.path.join(WORK, f"{name}.log"), "w", encoding="utf-8") as log:
            try:
                path, arguments = IMAGES[name]
                image = builder.build(path, arguments, name, log)
                image.root = builder.materialise(image.key, name, log)
                image.user = number(image, image.user)
                with open(os.path.join(WORK, f"{name}.json"), "w", encoding="utf-8") as file:
                    json.dump(asdict(image), file)
            except (Failed, OSError) as error:
                failed[name] = str(error)


with open(os.path.join(WORK, "base.log"), "w", encoding="utf-8") as base_log:
    try:
        builder.base(base_log)
    except Failed as error:
        ok(False, "debootstrap makes a Debian", error)
        end()
one = threading.Thread(target=make, args=["postgres"])
one.start()
make(*[name for name in IMAGES if name != "postgres"])
one.join()
for each in IMAGES:
    ok(failed.get(each, ""), f"every step of the image {each} is carried out")
if not failed:
    builder.forget_others()
end()
