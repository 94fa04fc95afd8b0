"""Aliases: names that point at versions, and share calls with another one."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from functions.exceptions import (
    AliasExists,
    AliasLimit,
    SplitRefused,
    VersionAliased,
)
from functions.models import Alias, Function, Version

MAX_ALIASES = 10
COMBINATIONS = ("and", "or")
OPERATORS = ("=", "in")


@dataclass(frozen=True)
class Split:
    """Which calls go to another version than the alias's own.

    Either `weights`, {"v2": 20} for 20 % of the calls, or a `strategy`, {"v2":
    {"combine_type": "and", "rules": [{"rule_type": "Header", "param": "x-beta",
    "op": "=", "value": "1"}]}}. With `in` the value is a list divided by commas.
    """

    weights: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)


def create(
    function: Function,
    name: str,
    *,
    version: Version,
    description: str = "",
    split: Split | None = None,
) -> Alias:
    """Create an alias.

    Raises AliasExists, AliasLimit (10), VersionAliased (a version has at most one
    alias) and SplitRefused.
    """
    if Alias.objects.filter(function=function).count() >= MAX_ALIASES:
        raise AliasLimit(
            _("A function can have %(limit)d aliases. Delete one first.")
            % {"limit": MAX_ALIASES}
        )
    if Alias.objects.filter(function=function, name=name).exists():
        raise _taken(name)
    try:
        return _save(Alias(function=function, name=name), version, description, split)
    except IntegrityError as error:
        raise _taken(name) from error


def point(
    alias: Alias,
    *,
    version: Version,
    description: str = "",
    split: Split | None = None,
) -> Alias:
    """Point an alias elsewhere; raises VersionAliased and SplitRefused."""
    return _save(alias, version, description, split)


def _taken(name: str) -> AliasExists:
    return AliasExists(
        _("Alias %(name)s already exists. Choose another name.") % {"name": name}
    )


@transaction.atomic
def _save(
    alias: Alias, version: Version, description: str, split: Split | None
) -> Alias:
    others = Alias.objects.filter(function=alias.function).exclude(pk=alias.pk)
    if (other := others.filter(version=version).first()) is not None:
        raise VersionAliased(
            _("Alias %(alias)s already points at version %(version)s.")
            % {"alias": other.name, "version": version.name}
        )
    split = split or Split()
    _check(alias.function, version, split)
    alias.version, alias.description = version, description
    alias.additional_weights = split.weights
    alias.additional_strategy = split.strategy
    alias.save()
    return alias


def _check(function: Function, version: Version, split: Split) -> None:
    if split.weights and split.strategy:
        raise SplitRefused("rules", _("Choose weights or rules, not both."))
    named = [*split.weights, *split.strategy]
    if len(named) > 1:
        raise SplitRefused(
            "version", _("An alias can have only one additional version.")
        )
    for name in named:
        _check_version(function, version, name)
    for weight in split.weights.values():
        if isinstance(weight, bool) or not isinstance(weight, int):
            weight = -1
        if not 0 <= weight <= 100:
            raise SplitRefused("weight", _("Enter a whole number from 0 to 100."))
    for strategy in split.strategy.values():
        _check_strategy(strategy)


def _check_version(function: Function, version: Version, name: str) -> None:
    if name == version.name:
        raise SplitRefused(
            "same", _("Choose another version than the alias's own as additional one.")
        )
    if not Version.objects.alive().filter(function=function, name=name).exists():
        raise SplitRefused(
            "version", _("There is no version %(name)s.") % {"name": name}
        )


def _check_strategy(strategy: Any) -> None:
    rules = strategy.get("rules") if isinstance(strategy, dict) else None
    if not isinstance(rules, list) or not rules:
        raise SplitRefused("rules", _("Give at least one rule."))
    if strategy.get("combine_type") not in COMBINATIONS:
        raise SplitRefused("rules", _("Combine the rules with “and” or “or”."))
    for rule in rules:
        is_whole = isinstance(rule, dict) and all(
            isinstance(rule.get(part), str) and rule[part]
            for part in ("rule_type", "param", "op", "value")
        )
        if not is_whole or rule["rule_type"] != "Header":
            raise SplitRefused(
                "rules",
                _("A rule needs rule_type “Header”, a param, an op and a value."),
            )
        if rule["op"] not in OPERATORS:
            raise SplitRefused("rules", _("Compare with “=” or “in”."))
