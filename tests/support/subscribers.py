"""Real subscribers: an HTTP server and a mail server, each in a thread."""

import email
import email.policy
import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web(ThreadingHTTPServer):
    """Keeps what is POSTed to it; answers `status` with `headers` and `body`."""

    daemon_threads = True

    def __init__(self, status=200, body=b"thanks", headers=(), hangs=False):
        super().__init__(("127.0.0.1", 0), _WebHandler)
        self.status, self.body, self.headers = status, body, headers
        self.gate = threading.Event()
        if not hangs:
            self.gate.set()
        self.received = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/told"

    def letters(self, kind="Notification"):
        return [body for _headers, body in self.received if body["type"] == kind]


class _WebHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), json.loads(content)))
        self.server.gate.wait(30)
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except OSError:
            return

    def log_message(self, *_args):
        return


class Mail(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take mail; refuses recipients with `refusal`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refusal=""):
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.refusal = refusal
        self.received = []

    @property
    def port(self):
        return self.server_address[1]


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "QUIT":
                self._say("221 bye")
                return
            if verb == "DATA":
                self._take()
            elif verb == "RCPT" and self.server.refusal:
                self._say(self.server.refusal)
            else:
                self._say("250 fine")

    def _take(self):
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".").replace(b"\r\n", b"\n"))
        policy = email.policy.default
        self.server.received.append(
            email.message_from_bytes(b"".join(lines), policy=policy)
        )
        self._say("250 taken")

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving(server):
    """Serve in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        gate = getattr(server, "gate", None)
        if gate:
            gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
