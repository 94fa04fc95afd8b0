"""Find the version that a qualifier means."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions import names
from functions.exceptions import QualifierUnknown
from functions.models import Alias, Function, Version

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Resolved:
    """The version to run and the alias it was reached by ("" without one)."""

    version: Version
    alias: str = ""


def find(function: Function, qualifier: str = names.LATEST) -> Version:
    """Return the version whose settings a qualifier shows, with what they name.

    An alias shows the version that it points at, whatever share of calls it sends
    elsewhere; see `resolve` for what to run. Raises QualifierUnknown.
    """
    name = qualifier or names.LATEST
    if name.startswith("!"):
        name = _alias(function, name.removeprefix("!")).version.name
    return _version(function, name, "agency", "code", "vpc", "subnet")


def resolve(
    function: Function, qualifier: str = names.LATEST, *, headers: Headers | None = None
) -> Resolved:
    """Return the version behind `latest`, a version name, or `!alias`.

    An alias with weights sends its share of calls to the additional version, one
    with rules those whose request `headers` match; so this is asked once per
    request, when it is accepted. Raises QualifierUnknown.
    """
    if qualifier.startswith("!"):
        return _through_alias(function, qualifier.removeprefix("!"), headers or {})
    return Resolved(_version(function, qualifier or names.LATEST))


def _through_alias(function: Function, name: str, headers: Headers) -> Resolved:
    alias = _alias(function, name)
    chosen = _by_rules(alias, headers) or _by_weight(alias) or alias.version.name
    return Resolved(_version(function, chosen), alias.name)


def _alias(function: Function, name: str) -> Alias:
    aliases = Alias.objects.select_related("version")
    try:
        return aliases.get(function=function, name=name)
    except Alias.DoesNotExist as error:
        raise QualifierUnknown(f"!{name}") from error


def _by_weight(alias: Alias) -> str:
    rolled = random.uniform(0, 100)  # noqa: S311 - a share of traffic, not a secret
    for name, weight in alias.additional_weights.items():
        if rolled < weight:
            return str(name)
        rolled -= weight
    return ""


def _by_rules(alias: Alias, headers: Headers) -> str:
    sent = {name.lower(): value for name, value in headers.items()}
    for name, strategy in alias.additional_strategy.items():
        matches = [_matches(rule, sent) for rule in strategy["rules"]]
        combine = any if strategy["combine_type"] == "or" else all
        if combine(matches):
            return str(name)
    return ""


def _matches(rule: dict[str, Any], headers: Headers) -> bool:
    value = headers.get(rule["param"].lower())
    if value is None:
        return False
    if rule["op"] == "in":
        return value in [one.strip() for one in rule["value"].split(",")]
    return bool(value == rule["value"])


def _version(function: Function, name: str, *related: str) -> Version:
    versions = Version.objects.alive().select_related("function__project", *related)
    try:
        return versions.get(function=function, name=name)
    except Version.DoesNotExist as error:
        raise QualifierUnknown(name) from error


def qualifiers_of(function: Function) -> list[str]:
    """Return latest, the published versions newest first, and the aliases."""
    versions = Version.objects.alive().filter(function=function)
    published = versions.exclude(name=names.LATEST).order_by("-pk")
    aliases = function.aliases.order_by("name").values_list("name", flat=True)
    return [
        names.LATEST,
        *published.values_list("name", flat=True),
        *(f"!{name}" for name in aliases),
    ]
