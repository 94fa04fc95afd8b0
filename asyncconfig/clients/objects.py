"""What an object storage is to us: what it can be asked, and what can go wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from asyncconfig.exceptions import DeliveryError


class Trouble(StrEnum):
    """What went wrong, for those who act upon it; the sentence is for people."""

    NO_STORAGE = "no storage"
    NO_BUCKET = "no bucket"
    NO_OBJECT = "no object"
    NOT_EMPTY = "not empty"
    BAD_NAME = "bad name"
    DENIED = "denied"
    WRONG_KEY = "wrong key"
    AWAY = "away"
    OTHER = "other"


class StorageError(DeliveryError):
    """The storage did not do as asked; the sentence says why and what to do."""

    def __init__(self, message: str, trouble: Trouble, *, permanent: bool) -> None:
        self.trouble = trouble
        super().__init__(message, permanent=permanent)


@dataclass(frozen=True)
class Patience:
    """How long the storage may take to take a connection, and to answer; seconds."""

    connect: float
    read: float


@dataclass(frozen=True)
class Account:
    """Where a storage is and with which key it is called; `is_own` is our own one."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    is_own: bool


@dataclass(frozen=True)
class Found:
    """An object of a listing; `size` is in bytes."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class Listing:
    """A page of a bucket: folders end with a slash; `token` leads to the next."""

    folders: tuple[str, ...]
    objects: tuple[Found, ...]
    token: str = ""


class Storage(Protocol):
    """One account's storage; every method raises StorageError."""

    def put(
        self, bucket: str, key: str, body: bytes, *, notes: dict[str, str], days: int
    ) -> None:
        """Write an object of JSON with metadata.

        It lives for `days` (0: for good) where the storage heeds that itself.
        """

    def check(self, bucket: str) -> None:
        """Ask whether the bucket is there."""

    def create(self, bucket: str) -> None:
        """Create a bucket; one of our own that is there already is as good."""

    def remove(self, bucket: str) -> None:
        """Delete an empty bucket."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; one that is gone already is as good."""

    def find(
        self, bucket: str, prefix: str, *, token: str = "", most: int = 50
    ) -> Listing:
        """List what is right below a prefix, in the order of keys."""

    def count(self, bucket: str, *, most: int) -> int:
        """Count the objects of a bucket; `most` stands for that many or more."""

    def read(self, bucket: str, key: str, *, most: int) -> bytes:
        """Return the object's first bytes."""

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """Return the object in pieces; the first answer is awaited."""
