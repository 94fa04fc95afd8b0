"""Take functions and versions out of service; what waits for them ends."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.models import Delivery, Invocation
from asyncconfig.models.config import ROCKETMQ
from asyncconfig.services.topics import subscribing
from asyncconfig.worker import sweep
from functions import agencies, creating, networks, publishing
from functions.exceptions import StillUsed, in_words
from functions.models import Agency, Function, Subnet, Version, Vpc


def delete_function(function: Function) -> None:
    """Delete a function; its history stays, its waiting requests are discarded.

    It is no longer a subscriber of topics. If the process dies in between, the next
    sweep ends what still waits.
    """
    with transaction.atomic():
        creating.mark_deleted(function)
        subscribing.unsubscribe_function(function)
    sweep.end_unavailable()


def disable_function(function: Function) -> None:
    creating.set_max_instances(function, 0)
    sweep.end_unavailable()


def delete_version(
    version: Version, *, now: datetime | None = None, with_alias: bool = False
) -> None:
    """Delete a published version, with its alias if wanted; raises StillUsed."""
    publishing.delete_version(version, now=now or clock.now(), with_alias=with_alias)
    sweep.end_unavailable()


def delete_agency(agency: Agency) -> None:
    """Delete an agency; raises StillUsed.

    A deleted function no longer counts, but what it still owes, or will when what
    is running has ended, does: without the agency its notifications would not arrive.
    """
    if debtors := _debtors(Version.objects.filter(agency=agency)):
        agencies.check_unused(agency)
        raise StillUsed(
            _(
                "Notifications of %(functions)s are still sent with agency "
                "%(agency)s. Try again later."
            )
            % {"functions": in_words(debtors), "agency": agency.name}
        )
    agencies.delete(agency)


def delete_vpc(vpc: Vpc) -> None:
    """Delete a VPC and its subnets; raises StillUsed as for a subnet."""
    with _unless_owed(vpc, Version.objects.filter(vpc=vpc)):
        networks.delete_vpc(vpc)


def delete_subnet(subnet: Subnet) -> None:
    """Delete a subnet; raises StillUsed with the names of the functions in it.

    Deleted functions count while they owe notifications to RocketMQ, which are only
    let in from there.
    """
    with _unless_owed(subnet, Version.objects.filter(subnet=subnet)):
        networks.delete_subnet(subnet)


@contextmanager
def _unless_owed(network: Vpc | Subnet, versions: QuerySet[Version]) -> Iterator[None]:
    """Undo what the block does when notifications still need the network."""
    name = network.name
    with transaction.atomic():
        debtors = _debtors(versions, kinds=[ROCKETMQ])
        yield
        if debtors:
            raise StillUsed(
                _(
                    "Notifications of %(functions)s are still sent from %(name)s. "
                    "Try again later."
                )
                % {"functions": in_words(debtors), "name": name}
            )


def _debtors(
    versions: QuerySet[Version], *, kinds: Iterable[str] = tuple(KINDS)
) -> list[Function]:
    """Return the functions that have notifications to send, or are to have some.

    One query: what ends meanwhile is still unfinished in it, or owes already.
    """
    owed = Delivery.objects.filter(
        kind__in=kinds,
        invocation__version__in=versions,
        status__in=Delivery.OPEN,
    )
    unfinished = Invocation.objects.filter(
        Q(config__on_success_kind__in=kinds) | Q(config__on_failure_kind__in=kinds),
        function__in=versions.values("function"),
        version__in=versions,
        mode=Invocation.Mode.ASYNC,
    ).exclude(status__in=Invocation.FINAL)
    found = Function.objects.filter(
        Q(pk__in=owed.values("function")) | Q(pk__in=unfinished.values("function"))
    )
    return list(found.order_by("package", "name"))
