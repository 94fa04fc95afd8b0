"""VPCs and subnets: create and delete them, put functions into them."""

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q, QuerySet
from django.utils.translation import gettext as _

from functions import creating
from functions.exceptions import (
    Gone,
    LimitReached,
    NameTaken,
    RangeRefused,
    StillUsed,
    in_words,
)
from functions.locks import hold
from functions.models import Project, Subnet, Version, Vpc

Network = IPv4Network | IPv6Network

MAX_VPCS = 20
MAX_SUBNETS = 50  # of one VPC


def read_range(text: str) -> Network:
    """Read a range of addresses such as 10.0.0.0/16; raises RangeRefused."""
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise RangeRefused(_hint(text.strip())) from error


def _hint(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return _("%(text)s is not an address range. Write one like 10.0.0.0/16.") % {
            "text": text
        }
    return _("%(text)s has bits set outside its mask. Write %(meant)s.") % {
        "text": text,
        "meant": meant,
    }


def create_vpc(project: Project, *, name: str, cidr: str) -> Vpc:
    """Create a VPC; raises RangeRefused, LimitReached (20 a project), NameTaken."""
    network = read_range(cidr)
    with transaction.atomic():
        if Vpc.objects.filter(project=project).count() >= MAX_VPCS:
            raise LimitReached(
                _("A project can have %(limit)d VPCs. Delete one first.")
                % {"limit": MAX_VPCS}
            )
        if Vpc.objects.filter(project=project, name=name).exists():
            raise _taken(name)
        try:
            with transaction.atomic():
                return Vpc.objects.create(project=project, name=name, cidr=str(network))
        except IntegrityError as error:
            raise _taken(name) from error


def create_subnet(vpc: Vpc, *, name: str, cidr: str) -> Subnet:
    """Create a subnet inside its VPC and beside its siblings.

    Raises RangeRefused, LimitReached (50 a VPC), NameTaken, Gone.
    """
    network = read_range(cidr)
    with transaction.atomic():
        # Whoever adds another subnet meanwhile waits, so that none can overlap.
        locked = hold(Vpc.objects, vpc)
        siblings = list(locked.subnets.order_by("pk"))
        if len(siblings) >= MAX_SUBNETS:
            raise LimitReached(
                _("A VPC can have %(limit)d subnets. Delete one first.")
                % {"limit": MAX_SUBNETS}
            )
        if name in {sibling.name for sibling in siblings}:
            raise _taken(name)
        _check_range(locked, siblings, network)
        return Subnet.objects.create(vpc=locked, name=name, cidr=str(network))


def _taken(name: str) -> NameTaken:
    return NameTaken(
        _("%(name)s already exists. Choose another name.") % {"name": name}
    )


def _check_range(vpc: Vpc, siblings: list[Subnet], network: Network) -> None:
    if not is_within(network, ip_network(vpc.cidr)):
        raise RangeRefused(
            _("%(cidr)s is not within %(outer)s, the range of VPC %(vpc)s.")
            % {"cidr": network, "outer": vpc.cidr, "vpc": vpc.name}
        )
    for sibling in siblings:
        if network.overlaps(ip_network(sibling.cidr)):
            raise RangeRefused(
                _("%(cidr)s overlaps subnet %(name)s (%(other)s). Choose a free range.")
                % {"cidr": network, "name": sibling.name, "other": sibling.cidr}
            )


def is_within(inner: Network, outer: Network) -> bool:
    """Say whether a range lies in another; different IP versions never do."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def delete_vpc(vpc: Vpc) -> None:
    """Delete a VPC and its subnets; raises StillUsed with the names of what is in."""
    _delete(vpc, Version.objects.filter(vpc=vpc))


def delete_subnet(subnet: Subnet) -> None:
    """Delete a subnet; raises StillUsed with the names of the functions in it."""
    _delete(subnet, Version.objects.filter(subnet=subnet))


def _delete(row: Vpc | Subnet, versions: QuerySet[Version]) -> None:
    try:
        with transaction.atomic(), suppress(Gone):
            # Whoever is moving in waits, and finds it gone.
            hold(type(row)._default_manager, row)
            # Deleted versions stay as history; they hold no network.
            gone = Q(deleted_at__isnull=False) | Q(function__deleted_at__isnull=False)
            history = Version.objects.filter(pk__in=versions.filter(gone).values("pk"))
            history.update(vpc=None, subnet=None)
            row.delete()
    except ProtectedError as error:
        users = sorted({str(user) for user in error.protected_objects})
        raise _still_used(row.name, users) from error


def _still_used(name: str, users: list[str]) -> StillUsed:
    return StillUsed(
        _("%(name)s is used by %(users)s. Move them elsewhere first.")
        % {"name": name, "users": in_words(users)}
    )


def connect(
    version: Version, subnet: Subnet | None, *, network: bool | None = None
) -> None:
    """Put latest into a subnet and its VPC, or take it out (None).

    `network` says whether its code has one at all; None leaves that as it is. Raises
    NotEditable for a published version, StillUsed when the subnet was deleted
    meanwhile.
    """
    changes = {} if network is None else {"network": network}
    with transaction.atomic():
        if subnet is None:
            creating.configure(version, vpc=None, subnet=None, **changes)
            return
        held = Subnet.objects.select_for_update().filter(pk=subnet.pk)
        found = held.select_related("vpc").first()
        if found is None:
            raise StillUsed(
                _("Subnet %(name)s no longer exists. Choose another.")
                % {"name": subnet.name}
            )
        creating.configure(version, vpc=found.vpc, subnet=found, **changes)


def ids_of(project: Project, *, vpc: str, subnet: str) -> dict[str, str]:
    """Return the IDs of a VPC and subnet by name; a name that is unknown stays."""
    subnets = Subnet.objects.filter(vpc__project=project, vpc__name=vpc, name=subnet)
    found = subnets.select_related("vpc").first()
    if found is None:
        return {"vpc": vpc, "subnet": subnet}
    return {"vpc": str(found.vpc.vpc_id), "subnet": str(found.subnet_id)}
