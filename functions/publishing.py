"""Publish versions, and point aliases at them."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from functions import names
from functions.exceptions import LimitReached, NameTaken, StillUsed
from functions.models import Alias, Function, Version

MAX_VERSIONS = 20
MAX_ALIASES = 10
COPIED = (
    "description",
    "runtime",
    "handler",
    "timeout",
    "memory_size",
    "initializer_handler",
    "initializer_timeout",
    "user_data_json",
    "agency",
    "code",
    "code_type",
    "code_filename",
)


def publish(
    function: Function, *, name: str, description: str, now: datetime
) -> Version:
    """Copy latest as a version that never changes; "" makes a name from the time.

    Raises NameTaken and LimitReached (20 versions, latest included).
    """
    with transaction.atomic():
        latest = Version.objects.get(
            function=function, name=names.LATEST, deleted_at=None
        )
        if Version.objects.alive().filter(function=function).count() >= MAX_VERSIONS:
            raise LimitReached(
                _("A function can have %(limit)d versions. Delete one first.")
                % {"limit": MAX_VERSIONS}
            )
        return _publish(latest, name or f"v{now:%Y%m%d-%H%M%S}", description)


def _publish(latest: Version, name: str, description: str) -> Version:
    try:
        with transaction.atomic():
            return Version.objects.create(
                function=latest.function,
                name=name,
                version_description=description,
                **{field: getattr(latest, field) for field in COPIED},
            )
    except IntegrityError as error:
        raise NameTaken(
            _("Version %(name)s exists already. Choose another name.") % {"name": name}
        ) from error


def delete_version(version: Version, *, now: datetime) -> None:
    """Delete a published version; raises StillUsed for latest or an aliased one."""
    if version.is_latest:
        raise StillUsed(_("latest goes only with the whole function."))
    if Alias.objects.filter(version=version).exists():
        raise StillUsed(
            _("An alias points at version %(name)s. Point it elsewhere first.")
            % {"name": version.name}
        )
    Version.objects.filter(pk=version.pk, deleted_at=None).update(deleted_at=now)


def point(
    function: Function, name: str, *, version: Version, description: str = ""
) -> Alias:
    """Create an alias or point it elsewhere; raises LimitReached (10)."""
    taken = Alias.objects.filter(function=function)
    if not taken.filter(name=name).exists() and taken.count() >= MAX_ALIASES:
        raise LimitReached(
            _("A function can have %(limit)d aliases. Delete one first.")
            % {"limit": MAX_ALIASES}
        )
    alias, _created = Alias.objects.update_or_create(
        function=function,
        name=name,
        defaults={"version": version, "description": description},
    )
    return alias
