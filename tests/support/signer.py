"""A client that signs with an access key."""

import json
from datetime import UTC, datetime, timedelta

from console.security import signing


class Signer:
    """Sends signed requests through Django's test client."""

    def __init__(self, client, key):
        self._client = client
        self._key = key

    def send(
        self, method, path, body=b"", *, secret=None, age=0.0, signed=None, **headers
    ):
        date = datetime.now(UTC) - timedelta(seconds=age)
        told = {
            "host": "testserver",
            "content-type": "application/json",
            "x-sdk-date": f"{date:%Y%m%dT%H%M%SZ}",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        names = signed or tuple(sorted(told))
        bare, _mark, query = path.partition("?")
        request = signing.Request(method, bare, query, told, body)
        signature = signing.signature(
            request, signed=names, secret=secret or self._key.secret
        )
        told["authorization"] = (
            f"SDK-HMAC-SHA256 Access={self._key.access_key}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        self.last = told
        return self._client.generic(
            method, path, body, "application/json", headers=told
        )


def code_of(answer):
    return answer.status_code, json.loads(answer.content)["error_code"]
