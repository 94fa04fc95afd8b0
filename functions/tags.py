"""Tags of functions: keys and values that people sort them by."""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from functions.exceptions import LimitReached, TagRefused
from functions.models import Function

MAX_TAGS = 20
MAX_KEY_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 255
RESERVED = "_sys_"


def add(function: Function, tags: Mapping[str, str]) -> None:
    """Give a function tags, or other values; raises TagRefused and LimitReached."""
    for key, value in tags.items():
        if not 0 < len(key) <= MAX_KEY_CHARACTERS or len(value) > MAX_VALUE_CHARACTERS:
            raise TagRefused(
                _("A tag's key has 1 to 128 characters, its value at most 255.")
            )
        if key.startswith(RESERVED):
            raise TagRefused(_("A tag's key must not start with _sys_."))
    with transaction.atomic():
        locked = Function.objects.select_for_update().get(pk=function.pk)
        locked.tags |= tags
        if len(locked.tags) > MAX_TAGS:
            raise LimitReached(
                _("A function can have %(limit)d tags. Delete one first.")
                % {"limit": MAX_TAGS}
            )
        locked.save(update_fields=["tags"])


def remove(function: Function, keys: Iterable[str]) -> None:
    """Take tags from a function; keys it has not are passed over."""
    with transaction.atomic():
        locked = Function.objects.select_for_update().get(pk=function.pk)
        gone = set(keys)
        locked.tags = {k: v for k, v in locked.tags.items() if k not in gone}
        locked.save(update_fields=["tags"])
