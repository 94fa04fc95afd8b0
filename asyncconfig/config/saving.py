"""Save and remove async configurations; each change is a new revision."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.config import rights, verifying
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination
from asyncconfig.exceptions import Conflict
from asyncconfig.models import AsyncConfig
from asyncconfig.wanted import NOBODY, Destined, Wanted
from functions.locks import hold
from functions.models import Version


@dataclass(frozen=True)
class Examined:
    """A destination that was looked at: what it is, and what speaks against it.

    `destined` is NOBODY when the parameters say nothing that could be read;
    `unverified` says why the service could not be asked about the target.
    """

    destined: Destined = NOBODY
    problems: tuple[ValidationError, ...] = ()
    warnings: tuple[str, ...] = ()
    unverified: str = ""


def find_kind(side: Side, kind: str) -> Destination:
    """Return the kind of destination; ValidationError where a side has it not."""
    found = KINDS.get(kind)
    if found is None:
        raise ValidationError(_("Choose a target service from the list."), code="kind")
    if why_not := found.why_not(side):
        raise ValidationError(why_not, code="kind")
    return found


def examine(
    version: Version, side: Side, kind: str, param: str, *, fresh: bool = False
) -> Examined:
    """Look at a destination as API clients write it, and collect every problem.

    Their codes: "kind" (not offered there), "agency" (it may not reach the target),
    or what the kind calls them. The service is asked whether the target is there,
    or, unless `fresh`, what it said in the last seconds counts.
    """
    unread = examine_kind(version, side, kind)
    if any(problem.code == "kind" for problem in unread.problems):
        return unread
    destination = KINDS[kind]
    try:
        target = destination.read(param, version)
    except ValidationError as error:
        return Examined(problems=(*unread.problems, error))
    destined = Destined(kind, param, target)
    if refused := _refused(version, destination, target.name):
        return Examined(destined, refused, target.warnings)
    answer = verifying.ask(destination, param, version, fresh=fresh)
    problems = (answer.error,) if answer.error else ()
    return Examined(destined, problems, target.warnings, answer.warning)


def examine_kind(version: Version, side: Side, kind: str) -> Examined:
    """Look at a destination whose parameters cannot be read."""
    try:
        destination = find_kind(side, kind)
    except ValidationError as error:
        return Examined(problems=(error,))
    return Examined(problems=_refused(version, destination))


def _refused(
    version: Version, destination: Destination, resource: str = ""
) -> tuple[ValidationError, ...]:
    missing = rights.missing(version, destination, resource)
    return (ValidationError(missing, code="agency"),) if missing else ()


def destine(version: Version, side: Side, kind: str, param: str) -> Destined:
    """Return a destination that may be saved; raises its first ValidationError."""
    examined = examine(version, side, kind, param, fresh=True)
    if examined.problems:
        raise examined.problems[0]
    return examined.destined


def revision_of(version: Version) -> int:
    """Return the number of the revision in force, a removal included; 0 for none."""
    current = AsyncConfig.objects.filter(version=version, is_current=True).first()
    return current.number if current else 0


def save(
    version: Version, wanted: Wanted, *, by: User | None, expected: int | None = None
) -> AsyncConfig:
    """Put a new revision in force.

    `expected` is the number the person saw; Conflict is raised when it is
    no longer the current one. None replaces whatever is there (API).
    """
    fields = {
        "max_retries": wanted.max_retries,
        "max_age_seconds": wanted.max_age_seconds,
        "record_status": wanted.record_status,
        "accepted_loop": wanted.accepted_loop,
        "on_success_kind": wanted.on_success.kind,
        "on_success_param": wanted.on_success.param,
        "on_success_target": wanted.on_success.target.name,
        "on_success_target_key": wanted.on_success.target.key,
        "on_success_function": wanted.on_success.target.function,
        "on_failure_kind": wanted.on_failure.kind,
        "on_failure_param": wanted.on_failure.param,
        "on_failure_target": wanted.on_failure.target.name,
        "on_failure_target_key": wanted.on_failure.target.key,
        "on_failure_function": wanted.on_failure.target.function,
    }
    return _revise(version, fields, by=by, expected=expected)


def remove(version: Version, *, by: User | None, expected: int | None = None) -> bool:
    """Take the configuration out of force; False when there was none."""
    if AsyncConfig.objects.for_version(version) is None:
        return False
    _revise(version, {"removed": True}, by=by, expected=expected)
    return True


def _revise(
    version: Version,
    fields: dict[str, object],
    *,
    by: User | None,
    expected: int | None,
) -> AsyncConfig:
    with transaction.atomic():
        # Whoever else revises it waits; what is only accepted for it does not.
        hold(Version.objects, version, no_key=True)
        now = clock.now()
        current = AsyncConfig.objects.filter(version=version, is_current=True)
        last = current.first()
        number = last.number if last else 0
        if expected is not None and expected != number:
            raise Conflict
        current.update(is_current=False)
        # Set up again after it was removed, it is a new one with a new beginning.
        goes_on = last is not None and not last.removed
        return AsyncConfig.objects.create(
            version=version,
            number=number + 1,
            first_created_at=last.first_created_at if goes_on and last else now,
            created_at=now,
            created_by=by,
            **fields,
        )


def copy(latest: Version, published: Version, *, by: User | None) -> None:
    """Give a published version the configuration that latest has."""
    config = AsyncConfig.objects.for_version(latest)
    if config is None:
        return
    now = clock.now()
    config.pk = None
    config.version, config.number = published, 1
    config.created_at = config.first_created_at = now
    config.created_by = by
    config.save(force_insert=True)
