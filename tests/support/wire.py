"""A client that sends plain requests, signed as those of the cloud's Go clients."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from console.security import signing

SECONDS = 60


class Wire:
    """Sends JSON below /v2/{project_id}; the host is not signed, as in Go."""

    def __init__(self, known, **headers):
        self._known = known
        self._headers = headers
        self.sent = []

    def ask(self, method, path, body=None):
        """Send a request whose body is JSON, or nothing; return the answer."""
        return self.send(method, f"/v2/{self._known['project_id']}{path}", body)

    def send(self, method, path, body=None):
        url = f"{self._known['url']}{path}"
        prepared = requests.Request(method, url, json=body).prepare()
        told = {
            "accept": "application/json",
            "content-type": "application/json",
            "user-agent": "huaweicloud-terraform",
            "x-sdk-date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        } | self._headers
        prepared.headers.update(told | {"Authorization": self._signed(prepared, told)})
        prepared.headers["X-Project-Id"] = self._known["project_id"]
        self.sent.append((method, path))
        with requests.Session() as session:
            session.trust_env = False
            return session.send(prepared, timeout=SECONDS, allow_redirects=False)

    def _signed(self, prepared, told):
        parts = urlsplit(prepared.url)
        body = prepared.body or b""
        request = signing.Request(
            prepared.method, parts.path, parts.query, told, bytes(body)
        )
        names = sorted(told)
        secret = self._known["secret_key"]
        signature = signing.signature(request, signed=names, secret=secret)
        return (
            f"{signing.ALGORITHM} Access={self._known['access_key']}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
