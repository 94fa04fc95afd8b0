"""The functions of a soak and whom they tell; run inside the installation."""

import json

from functions.models import Function, Project
from functions.models.agency import PUBLISH, PUT_OBJECT
from tests.soak.plan import RETRIES
from tests.support.factories import (
    allow,
    make_bucket,
    make_config,
    make_function,
    make_topic,
    obs_destination,
    subscribe,
    topic_destination,
)
from tests.support.factories import latest as latest_of

# What a run does: it says that it begins, may sleep or fail, and says that it ends.
SOURCE = """
import http.client, json, os, time

def say(path, told):
    line = http.client.HTTPConnection("127.0.0.1", %(port)d, timeout=20)
    line.request("POST", path, json.dumps(told))
    count = int(line.getresponse().read())
    line.close()
    return count

def handler(event, context):
    told = {"request": context.getRequestID(), "run": os.urandom(8).hex()}
    count = say("/begin", told)
    event = event if isinstance(event, dict) else {}
    time.sleep(event.get("seconds", 0))
    if event.get("fails", 0) >= count:
        raise ValueError("asked to fail")
    say("/end", told)
    return {"fails": 0}
"""


def furnish(port):
    """Make everything once; `port` is where the witness listens."""
    if Function.objects.filter(name="told").exists():
        return
    made = {
        name: make_function(name, source=SOURCE % {"port": port}, timeout=30)
        for name in (*RETRIES, "told")
    }
    project = Project.objects.get(functions=made["told"])
    topic, bucket = make_topic("soak", project=project), make_bucket("soak")
    subscribe(topic, "http", f"http://127.0.0.1:{port}/letter")
    subscribe(topic, "functionstage", made["told"])
    allow(made["work"], PUT_OBJECT)
    allow(made["letters"], PUBLISH)
    told = {
        "work": (made["told"], obs_destination(made["work"], bucket)),
        "warned": (None, made["told"]),
        "first": (made["second"], made["told"]),
        "second": (made["told"], made["told"]),
        "loop": (made["loop"], None),
        "letters": (topic_destination(topic, latest_of(made["letters"])),) * 2,
    }
    for name, (success, failure) in told.items():
        make_config(
            made[name],
            on_success=success,
            on_failure=failure,
            max_retries=RETRIES[name],
        )


def objects():
    """Print the keys that the bucket holds."""
    from asyncconfig.clients import storage  # noqa: PLC0415 - boto3 is slow to load

    keys, folders = [], [""]
    for folder in folders:
        token = None
        while token != "":
            page = storage.own().find("soak", folder, token=token or "", most=1000)
            folders += page.folders
            keys += [one.key for one in page.objects]
            token = page.token
    print(json.dumps(keys))
