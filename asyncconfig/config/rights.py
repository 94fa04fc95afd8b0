"""What an agency must allow before a destination can be reached."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import Chosen
from functions.models import Version


@dataclass(frozen=True)
class Need:
    """A right that a side of a configuration needs, and whether it is there."""

    action: str
    side: Side
    chosen: Chosen
    is_granted: bool


def missing(version: Version, destination: Destination, resource: str = "") -> str:
    """Return the sentence that says which right is missing, or "" when none is.

    `resource` is what is to be reached, for people; without it the service is named.
    """
    agency, action = version.agency, destination.action
    if agency is None:
        return _(
            "%(fn)s has no agency, so it can't reach %(service)s. "
            "Set an agency that allows %(action)s."
        ) % {
            "fn": version.function.name,
            "service": destination.label,
            "action": action,
        }
    if not agency.allows(action):
        return _("Agency %(agency)s lacks %(action)s on %(resource)s.") % {
            "agency": agency.name,
            "action": action,
            "resource": resource or destination.label,
        }
    return ""


def needs_of(version: Version, config: AsyncConfig | None) -> list[Need]:
    """Return what the destinations of a version need of its agency."""
    if config is None:
        return []
    found = []
    for side in Side:
        chosen = config.destination(side)
        destination = KINDS.get(chosen.kind)
        if destination is not None:
            is_granted = not missing(version, destination)
            found.append(Need(destination.action, side, chosen, is_granted))
    return found


def smallest_policy(actions: Iterable[str], *, indent: int | None = 2) -> str:
    """Return the least policy, as JSON, that allows the actions."""
    statement = {"Effect": "Allow", "Action": list(dict.fromkeys(actions))}
    policy = {"Version": "1.1", "Statement": [statement]}
    return json.dumps(policy, indent=indent)
