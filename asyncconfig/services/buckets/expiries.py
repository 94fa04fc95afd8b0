"""When objects of our own storage are to go.

An object is deleted in two steps, so that neither a death in between nor a sender
who writes the same key again loses anything: whoever deletes takes the row by
moving its time a little ahead, a sender moves it further. Both say which time they
saw, so only one of them succeeds, and the sender waits for a deletion under way.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Bucket, ObjectExpiry

# Longer than a deletion may take.
TAKEN = timedelta(seconds=60)
PUT_OFF = timedelta(hours=1)


def note(bucket: Bucket, key: str, lifetime: timedelta | None) -> None:
    """Say how long the object that is about to be written lives; None is for good.

    Raises DeliveryError, not a permanent one, while its predecessor is deleted.
    """
    now = clock.now()
    rows = ObjectExpiry.objects.filter(bucket=bucket, key=key)
    known = rows.values_list("expires_at", flat=True).first()
    if known is None:
        moved = lifetime is None or _create(bucket, key, now + lifetime)
    elif now < known <= now + TAKEN:
        moved = False
    elif lifetime is None:
        moved = bool(rows.filter(expires_at=known).delete()[0])
    else:
        moved = bool(rows.filter(expires_at=known).update(expires_at=now + lifetime))
    if not moved:
        raise DeliveryError(
            _("The previous object is still being deleted. Try again later."),
            permanent=False,
        )


def _create(bucket: Bucket, key: str, expires_at: datetime) -> bool:
    fields = {"bucket": bucket, "key": key, "expires_at": expires_at}
    try:
        with transaction.atomic():
            ObjectExpiry.objects.create(**fields)
    except IntegrityError:
        return False
    return True


def take(*, most: int) -> Iterator[ObjectExpiry]:
    """Yield objects that are to go now, each taken for a minute."""
    now = clock.now()
    due = ObjectExpiry.objects.filter(expires_at__lte=now).order_by("expires_at")
    for row in due.select_related("bucket")[:most]:
        held = ObjectExpiry.objects.filter(pk=row.pk, expires_at=row.expires_at)
        row.expires_at = clock.now() + TAKEN
        if held.update(expires_at=row.expires_at):
            yield row


def done(row: ObjectExpiry) -> None:
    """Forget an object that is gone."""
    ObjectExpiry.objects.filter(pk=row.pk, expires_at=row.expires_at).delete()


def forget(bucket: Bucket, key: str) -> None:
    """Forget an object that somebody deleted; one written again has a later time."""
    ObjectExpiry.objects.filter(bucket=bucket, key=key).delete()


def put_off(row: ObjectExpiry) -> None:
    """Leave an object that cannot be deleted alone for an hour."""
    later = clock.now() + PUT_OFF
    ObjectExpiry.objects.filter(pk=row.pk, expires_at=row.expires_at).update(
        expires_at=later
    )
