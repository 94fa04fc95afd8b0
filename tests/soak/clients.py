"""Clients who ask until they are answered, and remember what they were promised."""

import http.client
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.security import signing
from tests.soak.plan import MIX

PATIENCE = 20.0
PAUSE = 0.25


@dataclass
class Promised:
    """What was answered: the request's ID by key, and what was cancelled when."""

    requests: dict = field(default_factory=dict)
    functions: dict = field(default_factory=dict)
    cancelled: dict = field(default_factory=dict)
    unanswered: int = 0
    broken: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, key, name, request):
        with self.lock:
            known = self.requests.setdefault(key, request)
            self.functions[request] = name
            if known != request:
                self.broken.append(f"key {key} stands for {known} and {request}")


class Client(threading.Thread):
    """One of several; `stop` is set when it is to come to an end."""

    def __init__(self, site, promised, stop, seed):
        super().__init__(daemon=True)
        self._site, self._promised, self._stop_asked = site, promised, stop
        self._chance = random.Random(seed)
        self._known = site.installation.credentials

    def run(self):
        while not self._stop_asked.is_set():
            self._ask()
            self._stop_asked.wait(PAUSE * self._chance.random() * 2)

    def _ask(self):
        (name,) = self._chance.choices(list(MIX), list(MIX.values()))
        key, body = uuid.uuid4().hex, json.dumps(self._event(name))
        ends = time.monotonic() + 10 * PATIENCE
        while time.monotonic() < ends:
            answer = self._post(name, "invocations-async", body, key)
            if answer is not None and "request_id" in answer:
                self._promised.answered(key, name, answer["request_id"])
                self._follow_up(name, key, body, answer["request_id"])
                return
            if self._stop_asked.wait(0.3):
                break
        with self._promised.lock:
            self._promised.unanswered += 1

    def _event(self, name):
        event = {"id": uuid.uuid4().hex}
        if name in ("work", "first"):
            event["seconds"] = self._chance.choice((0, 0, 0, 0.2, 1.0))
        if name == "work":
            event["fails"] = self._chance.choice((0, 0, 0, 0, 1, 2))
        if name == "warned":
            event["fails"] = 1_000_000
        return event

    def _follow_up(self, name, key, body, request):
        dice = self._chance.random()
        if dice < 0.1:  # The answer might have been lost: the same key again.
            again = self._post(name, "invocations-async", body, key) or {}
            if "request_id" in again:
                self._promised.answered(key, name, again["request_id"])
        elif dice < 0.15:
            told = json.dumps({"request_id": request, "type": "force"})
            if self._post(name, "cancel", told) is not None:
                with self._promised.lock:
                    self._promised.cancelled[request] = time.monotonic()

    def _post(self, name, verb, body, key=""):
        """Return the answer of a success; None for everything else."""
        project = self._known["project_id"]
        urn = f"urn:fss:{self._known['region']}:{project}:function:default:{name}"
        path = f"/v2/{project}/fgs/functions/{urn}:latest/{verb}"
        line = http.client.HTTPConnection(
            "127.0.0.1", self._site.installation.port, timeout=PATIENCE
        )
        try:
            line.request("POST", path, body, self._signed(path, body, key))
            answer = line.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        else:
            if answer.status == 202:
                return json.loads(text)
            return {} if answer.status == 200 else None
        finally:
            line.close()

    def _signed(self, path, body, key):
        told = {
            "host": f"127.0.0.1:{self._site.installation.port}",
            "content-type": "application/json",
            "x-sdk-date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        }
        names = tuple(sorted(told))
        request = signing.Request("POST", path, "", told, body.encode())
        secret = self._known["secret_key"]
        signature = signing.signature(request, signed=names, secret=secret)
        told["authorization"] = (
            f"SDK-HMAC-SHA256 Access={self._known['access_key']}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return told | ({"idempotency-key": key} if key else {})
