"""Take functions and versions out of service; what waits for them ends."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from asyncconfig import clock, subscribing, sweeping
from asyncconfig.models import Delivery
from functions import agencies, creating, publishing
from functions.exceptions import StillUsed
from functions.models import Agency, Function, Version


def delete_function(function: Function) -> None:
    """Delete a function; its history stays, its waiting requests are discarded.

    It is no subscriber of topics any more. If the process dies in between, the next
    sweep ends what still waits.
    """
    with transaction.atomic():
        creating.mark_deleted(function)
        subscribing.unsubscribe_function(function)
    sweeping.end_unavailable()


def disable_function(function: Function) -> None:
    creating.set_max_instances(function, 0)
    sweeping.end_unavailable()


def delete_version(version: Version, *, now: datetime | None = None) -> None:
    """Delete a published version; raises StillUsed."""
    publishing.delete_version(version, now=now or clock.now())
    sweeping.end_unavailable()


def delete_agency(agency: Agency) -> None:
    """Delete an agency; raises StillUsed.

    A deleted function no longer counts, but what it still owes does: without the
    agency its notifications would not arrive.
    """
    owed = Delivery.objects.filter(invocation__version__agency=agency)
    if owed.filter(status__in=(Delivery.Status.WAIT, Delivery.Status.SENDING)).exists():
        agencies.check_unused(agency)
        raise StillUsed(
            _(
                "Notifications of a deleted function are still sent with agency "
                "%(agency)s. Try again later."
            )
            % {"agency": agency.name}
        )
    agencies.delete(agency)
