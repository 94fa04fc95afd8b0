"""Which partition a record belongs to. Pure.

Hash keys go from 0 to 2^63 − 1 (the SDK's explicit_hash_key); partitions share them
in equal ranges. A partition key counts by the first 63 bits of its MD5.
"""

import hashlib
import re

from asyncconfig.exceptions import PartitionRefused, PartitionUnknown

HASH_KEYS = 2**63
FORM = re.compile(r"\A(?:shardId-)?([0-9]{1,10})\Z", re.ASCII)


def name_of(number: int) -> str:
    return f"shardId-{number:010d}"


def parse(text: str, *, count: int) -> int:
    """Read `shardId-0000000000` or `0`; raises when the stream has it not."""
    match = FORM.match(text)
    if match is None:
        raise PartitionRefused(text)
    number = int(match[1])
    if number >= count:
        raise PartitionUnknown(text)
    return number


def of_hash(key: int, *, count: int) -> int:
    """Return the partition whose range holds a hash key (0 … 2^63 − 1)."""
    return key * count // HASH_KEYS


def of_key(key: str, *, count: int) -> int:
    """Return the partition of a partition key; the same key, the same partition."""
    digest = hashlib.md5(key.encode("utf-8", "replace"), usedforsecurity=False)
    return of_hash(int.from_bytes(digest.digest()[:8]) >> 1, count=count)


def hash_range(number: int, *, count: int) -> tuple[int, int]:
    """Return the first and the last hash key of a partition."""
    first = -(-number * HASH_KEYS // count)
    after = -(-(number + 1) * HASH_KEYS // count)
    return first, after - 1
