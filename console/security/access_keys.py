"""Create, switch and delete access keys; each belongs to one person."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.models import AccessKey

MAX_KEYS = 2
NOTED_EVERY = timedelta(minutes=1)
RECENT = timedelta(hours=24)


class KeyRefused(Exception):
    """What was asked for cannot be done to a key; the sentence says what can."""


def create(user: User, *, description: str = "") -> AccessKey:
    """Create a key; raises KeyRefused when the person has two."""
    with transaction.atomic():
        # The person's row is what two tabs that create at once wait for.
        User.objects.select_for_update().get(pk=user.pk)
        if AccessKey.objects.filter(user=user).count() >= MAX_KEYS:
            raise KeyRefused(_("You already have two keys. Delete one first."))
        return AccessKey.objects.create(user=user, description=description)


def set_active(key: AccessKey, *, active: bool) -> None:
    key.is_active = active
    key.save(update_fields=["is_active"])


def delete(key: AccessKey) -> None:
    """Delete a disabled key; raises KeyRefused for one that still works."""
    if key.is_active:
        raise KeyRefused(_("Disable the key first, then delete it."))
    key.delete()


def note_use(key: AccessKey, address: str) -> None:
    """Note when and from where a key was used, as a person or for a token.

    At most once a minute, whoever uses it: what is noted already is not written again.
    """
    now = timezone.now()
    noted = key.last_used_at
    if noted and now - noted < NOTED_EVERY:
        return
    # Of many calls at one moment the first one writes.
    same = AccessKey.objects.filter(pk=key.pk, last_used_at=noted)
    same.update(last_used_at=now, last_used_from=address or None)


def note_use_by_token(access_key: str, address: str) -> None:
    """Note the use of a token that was got with a key, if the key is still there."""
    key = AccessKey.objects.filter(access_key=access_key).first()
    if key is not None:
        note_use(key, address)


def is_recent(key: AccessKey) -> bool:
    """Say whether a key was used within a day: somebody may miss it."""
    return bool(key.last_used_at and timezone.now() - key.last_used_at < RECENT)
