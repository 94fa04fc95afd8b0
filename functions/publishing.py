"""Publish versions and delete them."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from functions import names
from functions.exceptions import (
    NothingToPublish,
    StillAdditional,
    StillUsed,
    VersionExists,
    VersionLimit,
)
from functions.models import Alias, Function, Version

MAX_VERSIONS = 20
COPIED = (
    "description",
    "runtime",
    "handler",
    "timeout",
    "memory_size",
    "initializer_handler",
    "initializer_timeout",
    "user_data_json",
    "encrypted_user_data_json",
    "echoed",
    "agency",
    "network",
    "vpc",
    "subnet",
    "code",
    "code_type",
    "code_filename",
)


def publish(
    function: Function, *, name: str, description: str, now: datetime
) -> Version:
    """Copy latest as a version that never changes; "" makes a name from the time.

    Raises VersionExists, VersionLimit (20 versions, latest included) and
    NothingToPublish when the newest published version is exactly latest.
    """
    with transaction.atomic():
        versions = Version.objects.alive().filter(function=function)
        latest = versions.get(name=names.LATEST)
        if versions.count() >= MAX_VERSIONS:
            raise VersionLimit(
                _("A function can have %(limit)d versions. Delete one first.")
                % {"limit": MAX_VERSIONS}
            )
        newest = versions.exclude(pk=latest.pk).order_by("-pk").first()
        if newest and all(getattr(newest, f) == getattr(latest, f) for f in COPIED):
            raise NothingToPublish(
                _("Nothing changed since version %(name)s was published.")
                % {"name": newest.name}
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
        raise VersionExists(
            _("Version %(name)s already exists. Choose another name.") % {"name": name}
        ) from error


def delete_version(
    version: Version, *, now: datetime, with_alias: bool = False
) -> None:
    """Delete a published version; raises StillUsed for latest or an aliased one.

    An alias that points at it goes along if that is wanted.
    """
    if version.is_latest:
        raise StillUsed(_("latest goes only with the whole function."))
    for alias in Alias.objects.filter(function=version.function):
        params = {"alias": alias.name, "name": version.name}
        if alias.version_id == version.pk and not with_alias:
            raise StillUsed(
                _("Alias %(alias)s points at version %(name)s. Point it elsewhere.")
                % params
            )
        if version.name in {**alias.additional_weights, **alias.additional_strategy}:
            raise StillAdditional(
                _("Alias %(alias)s sends calls to version %(name)s. Change it first.")
                % params
            )
    with transaction.atomic():
        Alias.objects.filter(version=version).delete()
        Version.objects.filter(pk=version.pk, deleted_at=None).update(deleted_at=now)
