"""Secrets at rest: text columns that the database only ever sees encrypted."""

import base64
import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models

from functions.exceptions import SecretUnreadable


@lru_cache(maxsize=4)
def _fernet(key: str) -> Fernet:
    digest = hashlib.sha256(key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def encrypt(text: str) -> bytes:
    return _fernet(settings.ENCRYPTION_KEY).encrypt(text.encode())


def decrypt(token: bytes) -> str:
    """Return the text behind a token; SecretUnreadable when the key is another."""
    try:
        return _fernet(settings.ENCRYPTION_KEY).decrypt(bytes(token)).decode()
    except InvalidToken as error:
        raise SecretUnreadable from error


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text that is a str in Python and a Fernet token in the database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def _check_str_default_value(self) -> list[Any]:
        return []  # The default is text here, and bytes only in the database.

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else encrypt(str(value))

    def from_db_value(self, value: Any, *args: Any) -> str | None:
        return None if value is None else decrypt(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value

    def get_default(self) -> Any:
        return self.default() if callable(self.default) else self.default

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))
