"""The adapter of the cloud's SDK: where its connections lead, and when they end.

Loaded with the SDK, which brings requests along.
"""

from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from asyncconfig.clients import bounded
from functions import endpoints

POOLS = bounded.pools(HTTPConnectionPool, HTTPSConnectionPool, endpoints.resolve)


class Adapter(HTTPAdapter):
    """See above. No proxy is used: it would connect where it likes."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        return super().send(request, *args, **kwargs | {"proxies": {}})
