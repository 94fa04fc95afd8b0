"""Who sees from outside what really ran and what really arrived."""

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise


@dataclass
class Run:
    """One run as its own code told of it; `ended` is None where it never said so."""

    began: float
    ended: float | None = None


@dataclass
class Seen:
    """All runs by request ID and their own name, and letters by message ID."""

    runs: dict = field(default_factory=lambda: defaultdict(dict))
    letters: dict = field(default_factory=lambda: defaultdict(int))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, request, run):
        """Note that a run has begun; return how many of its request have."""
        with self.lock:
            self.runs[request][run] = Run(time.monotonic())
            return len(self.runs[request])

    def end(self, request, run):
        with self.lock:
            self.runs[request][run].ended = time.monotonic()
            return 0

    def letter(self, message):
        with self.lock:
            self.letters[message] += 1
            return 0

    def finished(self, request):
        """Count the runs of a request that came to their end."""
        return sum(run.ended is not None for run in self.runs[request].values())

    def overlaps(self):
        """Return (request, moment) of each run that ran beside one of the same."""
        found = []
        for request, runs in self.runs.items():
            ended = sorted(
                ((run.began, run.ended) for run in runs.values() if run.ended),
            )
            for one, other in pairwise(ended):
                if other[0] < one[1]:
                    found.append((request, other[0]))
        return found


class Witness(ThreadingHTTPServer):
    """Listens to runs at /begin and /end, and to a topic at any other address."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen = Seen()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = self.server.seen
        if self.path == "/begin":
            count = seen.begin(told["request"], told["run"])
        elif self.path == "/end":
            count = seen.end(told["request"], told["run"])
        else:
            count = seen.letter(told.get("message_id", ""))
        body = str(count).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        return
