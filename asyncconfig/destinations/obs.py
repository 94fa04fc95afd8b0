"""Destination: an object with the record in a bucket of OBS, or of any other S3."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig import clock
from asyncconfig.clients import storage
from asyncconfig.clients.objects import StorageError, Trouble
from asyncconfig.destinations.base import (
    Destination,
    ParamForm,
    Parcel,
    read_param,
)
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Bucket
from asyncconfig.models.config import OBS
from asyncconfig.receipt import Receipt
from asyncconfig.services.buckets import expiries
from asyncconfig.wanted import Target
from functions.models import Version
from functions.models.agency import PUT_OBJECT

MAX_DAYS = 365
MAX_PREFIX_BYTES = 256
NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]\Z")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
CHOOSE = gettext_lazy("Choose a bucket.")
PREFIX = gettext_lazy("The prefix can't start with “/” or contain “..”.")
DAYS = gettext_lazy("Enter whole days from 0 to 365. 0 means never.")


class Param:
    """The members of `param`: bucket, prefix as it was written, days until expiry."""

    def __init__(self, param: str) -> None:
        """Read the API's string; raises ValidationError."""
        given = read_param(param, CHOOSE, own="prefix")
        self.bucket = given.get("bucket")
        self.prefix = given.get("prefix", "")
        self.days = given.get("expires", 0)
        if not (isinstance(self.bucket, str) and NAME.match(self.bucket)):
            raise ValidationError(CHOOSE)
        _check_prefix(self.prefix)
        if type(self.days) is not int or not 0 <= self.days <= MAX_DAYS:
            raise ValidationError(DAYS)

    @property
    def folder(self) -> str:
        return folder_of(self.prefix)


def folder_of(prefix: str) -> str:
    """Return the beginning of keys: no slash in front, one behind, or nothing."""
    inner = prefix.strip("/")
    return f"{inner}/" if inner else ""


def _check_prefix(prefix: object) -> None:
    """Raise ValidationError for what no key may have; a leading slash is allowed."""
    if not isinstance(prefix, str) or UNPRINTABLE.search(prefix) or ".." in prefix:
        raise ValidationError(PREFIX)
    if len(prefix.encode()) > MAX_PREFIX_BYTES:
        raise ValidationError(
            _("The prefix can have at most %(most)d bytes.")
            % {"most": MAX_PREFIX_BYTES}
        )


def key_of(folder: str, function: str, accepted_at: datetime, request_id: UUID) -> str:
    """Name an object by the function, the day of acceptance in TIME_ZONE, the ID."""
    zone = timezone.get_default_timezone()
    day = accepted_at.astimezone(zone).date().isoformat()
    return f"{folder}{function}/{day}/{request_id}.json"


class ObsForm(ParamForm):
    """Bucket, prefix and days; `is_own` says that the buckets are our own."""

    bucket = forms.CharField(
        label=gettext_lazy("Target bucket"),
        max_length=63,
        error_messages={"required": CHOOSE},
    )
    # The name is the API's; Django takes fields off the class, so nothing is hidden.
    prefix = forms.CharField(  # type: ignore[assignment]
        label=gettext_lazy("Object prefix"), required=False, strip=False
    )
    expires = forms.IntegerField(
        label=gettext_lazy("Object expiry (days)"),
        min_value=0,
        max_value=MAX_DAYS,
        initial=0,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), DAYS
        ),
    )

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version
        self.is_own = storage.own_endpoint(version)
        if self.is_own:
            self.fields["bucket"].widget = forms.Select(choices=self._choices())

    def _choices(self) -> list[tuple[str, Any]]:
        """Return the project's buckets, and what is chosen even when it is gone."""
        buckets = Bucket.objects.filter(project=self._version.function.project)
        names = list(buckets.order_by("name").values_list("name", flat=True))
        chosen = str(self["bucket"].value() or "")
        if chosen and chosen not in names:
            names.append(chosen)
        return [("", gettext_lazy("Choose a bucket")), *((n, n) for n in names)]

    def clean_prefix(self) -> str:
        prefix: str = self.cleaned_data["prefix"]
        _check_prefix(prefix)
        if prefix.startswith("/"):
            raise ValidationError(PREFIX)
        return prefix

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        bucket = cleaned.get("bucket")
        if bucket:
            try:
                _check_bucket(bucket, self._version)
            except ValidationError as error:
                self.add_error("bucket", error)
        return cleaned

    def param(self) -> str:
        names = ("bucket", "prefix", "expires")
        return json.dumps({name: self.cleaned_data[name] for name in names})

    def note(self) -> str:
        """Show the key of an object of today."""
        bucket = str(self["bucket"].value() or "")
        prefix = str(self["prefix"].value() or "")
        if not bucket or ".." in prefix or prefix.startswith("/"):
            return ""
        sample = key_of(
            folder_of(prefix), self._version.function.name, clock.now(), UUID(int=0)
        )
        key = sample.replace(str(UUID(int=0)), "<request_id>")
        return _("Example: %(key)s") % {"key": f"{bucket}/{key}"}


def _check_bucket(bucket: str, version: Version) -> None:
    """Raise ValidationError when the bucket cannot be one of the version's."""
    if not NAME.match(bucket):
        raise ValidationError(CHOOSE)
    if not storage.own_endpoint(version):
        return
    buckets = Bucket.objects.filter(project=version.function.project, name=bucket)
    if not buckets.exists():
        raise ValidationError(
            _("Bucket %(bucket)s does not exist. Create it, then try again.")
            % {"bucket": bucket},
            code="gone",
        )


class ObsDestination(Destination):
    kind = OBS
    label = gettext_lazy("OBS")
    action = PUT_OBJECT

    def form(self, version: Version, **kwargs: Any) -> ObsForm:
        return ObsForm(version=version, **kwargs)

    def initial(self, param: str, version: Version) -> dict[str, Any]:
        read = Param(param)
        # The dialog knows no leading slash; the key has none either way.
        prefix = read.prefix.lstrip("/")
        return {"bucket": read.bucket, "prefix": prefix, "expires": read.days}

    def read(self, param: str, version: Version) -> Target:
        """Read {"bucket", "prefix", "expires"}.

        A bucket of this installation must be one of the version's project.
        """
        read = Param(param)
        bucket = str(read.bucket)
        _check_bucket(bucket, version)
        return Target(f"{bucket}/{read.folder}", version.reach.key(OBS, bucket))

    def verify(self, param: str, version: Version) -> str:
        """Ask for the bucket; only the storage itself can say that it is missing."""
        try:
            account = storage.account_of(version)
            storage.connect(account, storage.LOOKING).check(str(Param(param).bucket))
        except StorageError as error:
            if error.trouble is Trouble.NO_BUCKET:
                raise ValidationError(str(error), code="gone") from error
            return str(error)
        return ""

    def send(self, parcel: Parcel) -> Receipt:
        """Put the object; sent again, it is the same key with the same delivery ID."""
        param = Param(parcel.param)
        account = storage.account_of(parcel.version)
        bucket = str(param.bucket)
        key = key_of(
            param.folder,
            parcel.version.function.name,
            parcel.accepted_at,
            parcel.request_id,
        )
        if account.is_own:
            _note_expiry(parcel.version, bucket, key, param.days)
        notes = {
            "delivery-id": str(parcel.parcel_id),
            "request-id": str(parcel.request_id),
        }
        storage.connect(account, storage.SENDING).put(
            bucket, key, parcel.record, notes=notes, days=param.days
        )
        return Receipt(_("Stored as %(object)s.") % {"object": f"{bucket}/{key}"}, key)


def _note_expiry(version: Version, bucket: str, key: str, days: int) -> None:
    """Write down when the object is to go, before it is there.

    A process that dies in between leaves a row without an object, which does no
    harm; the other way round an object would stay for good.
    """
    lifetime = timedelta(days=days) if days else None
    try:
        row = Bucket.objects.get(project=version.function.project, name=bucket)
        expiries.note(row, key, lifetime)
    except Bucket.DoesNotExist as error:
        raise DeliveryError(
            _("Bucket %(bucket)s does not exist. Create it, then try again.")
            % {"bucket": bucket},
            permanent=True,
        ) from error
    except DatabaseError as error:
        raise DeliveryError(str(error), permanent=False) from error
