"""Create, change and delete agencies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from functions.exceptions import AgencyExists, StillUsed, in_words
from functions.locks import hold
from functions.models import Agency, Function, Project, Version
from functions.models.agency import Reach


@dataclass(frozen=True)
class WantedAgency:
    """What an agency allows and reaches, as asked for.

    `reach.secret_key` is "" where the stored one stays. Without an access key
    there is no secret either.
    """

    actions: Sequence[str]
    reach: Reach


def create(project: Project, name: str, wanted: WantedAgency) -> Agency:
    """Create an agency; raises AgencyExists."""
    agency = Agency(project=project, name=name, actions=list(wanted.actions))
    agency.reach = _without_orphan(wanted.reach)
    try:
        with transaction.atomic():
            agency.save()
    except IntegrityError as error:
        raise AgencyExists(
            _("Agency %(name)s already exists. Choose another name.") % {"name": name}
        ) from error
    return agency


def change(agency: Agency, wanted: WantedAgency) -> None:
    """Replace what an agency allows and reaches; its name stays. Raises Gone.

    API clients know it by its name (`xrole`), and functions may be made from
    templates that hold it.
    """
    with transaction.atomic():
        held = hold(Agency.objects, agency)
        secret = wanted.reach.secret_key or held.reach.secret_key
        held.actions = list(wanted.actions)
        held.reach = _without_orphan(replace(wanted.reach, secret_key=secret))
        held.save(update_fields=["actions", "reach_json"])
    agency.refresh_from_db()


def grant(agency: Agency, actions: Iterable[str]) -> None:
    """Allow more; what is allowed already stays, in its order. Raises Gone."""
    with transaction.atomic():
        held = hold(Agency.objects, agency)
        held.actions = list(dict.fromkeys([*held.actions, *actions]))
        held.save(update_fields=["actions"])
    agency.refresh_from_db()


def check_unused(agency: Agency) -> None:
    """Raise StillUsed, naming the functions that have the agency."""
    users = users_of(agency)
    if users:
        raise StillUsed(
            _(
                "Agency %(agency)s is used by %(functions)s. Choose another one for "
                "them first."
            )
            % {"agency": agency.name, "functions": in_words(users)}
        )


def delete(agency: Agency) -> None:
    """Delete an agency; raises StillUsed. Deleted versions let go of it."""
    check_unused(agency)
    try:
        with transaction.atomic():
            alive = Version.objects.alive().values("pk")
            Version.objects.filter(agency=agency).exclude(pk__in=alive).update(
                agency=None
            )
            agency.delete()
    except IntegrityError as error:  # ProtectedError is one too
        raise StillUsed(
            _(
                "Meanwhile a function was given agency %(agency)s. Choose another "
                "agency for it first."
            )
            % {"agency": agency.name}
        ) from error


def users_of(agency: Agency) -> list[Function]:
    """Return the functions with a version that has the agency, by name."""
    versions = Version.objects.alive().filter(agency=agency)
    found = Function.objects.filter(pk__in=versions.values("function"))
    return list(found.order_by("package", "name"))


def _without_orphan(reach: Reach) -> Reach:
    return reach if reach.access_key else replace(reach, secret_key="")
