"""The adapter of the cloud's SDK: its connections heed the exchange they are used in.

Loaded with the SDK, which brings requests along.
"""

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager

from asyncconfig.destinations import bounded

POOLS = bounded.pools(HTTPConnectionPool, HTTPSConnectionPool)


class Adapter(HTTPAdapter):
    """See above; a proxy of the environment is used in the same way."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager
