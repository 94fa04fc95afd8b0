"""Find the version that a qualifier means."""

import random
from dataclasses import dataclass

from functions import names
from functions.exceptions import QualifierUnknown
from functions.models import Alias, Function, Version


@dataclass(frozen=True)
class Resolved:
    """The version to run and the alias it was reached by ("" without one)."""

    version: Version
    alias: str = ""


def resolve(function: Function, qualifier: str = names.LATEST) -> Resolved:
    """Return the version behind `latest`, a version name, or `!alias`.

    An alias with weights sends its share of calls to the additional version, so
    this is asked once per request, when it is accepted. Raises QualifierUnknown.
    """
    if qualifier.startswith("!"):
        return _through_alias(function, qualifier.removeprefix("!"))
    return Resolved(_version(function, qualifier or names.LATEST))


def _through_alias(function: Function, name: str) -> Resolved:
    try:
        alias = Alias.objects.get(function=function, name=name)
    except Alias.DoesNotExist as error:
        raise QualifierUnknown(f"!{name}") from error
    return Resolved(_version_behind(alias), alias.name)


def _version_behind(alias: Alias) -> Version:
    rolled = random.uniform(0, 100)  # noqa: S311 - a share of traffic, not a secret
    for name, weight in alias.additional_weights.items():
        if rolled < weight:
            return _version(alias.function, name)
        rolled -= weight
    return _version(alias.function, alias.version.name)


def _version(function: Function, name: str) -> Version:
    versions = Version.objects.alive().select_related("function__project")
    try:
        return versions.get(function=function, name=name)
    except Version.DoesNotExist as error:
        raise QualifierUnknown(name) from error
