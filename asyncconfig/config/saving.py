"""Save and remove async configurations; each change is a new revision."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from asyncconfig import clock, uses
from asyncconfig.config import rights, verifying
from asyncconfig.decisions import loops
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination, Target
from asyncconfig.exceptions import Conflict
from asyncconfig.models import AsyncConfig, Subscription, Topic
from asyncconfig.models.config import DEFAULT_AGE_SECONDS, DEFAULT_RETRIES, SMN
from asyncconfig.services.topics import keeping
from functions.locks import hold
from functions.models import Function, Project, Version


@dataclass(frozen=True)
class Destined:
    """A chosen destination; an empty kind means nobody is told."""

    kind: str = ""
    param: str = ""
    target: Target = field(default_factory=lambda: Target("", ""))


NOBODY = Destined()


@dataclass(frozen=True)
class Wanted:
    """A configuration as asked for; the age is in seconds."""

    max_retries: int = DEFAULT_RETRIES
    max_age_seconds: int = DEFAULT_AGE_SECONDS
    record_status: bool = False
    on_success: Destined = NOBODY
    on_failure: Destined = NOBODY
    accepted_loop: str = ""


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


def find_kind(side: str, kind: str) -> Destination:
    """Return the kind of destination; ValidationError where a side has it not."""
    found = KINDS.get(kind)
    if found is None:
        raise ValidationError(_("Choose a target service of the list."), code="kind")
    if why_not := found.why_not(side):
        raise ValidationError(why_not, code="kind")
    return found


def examine(
    version: Version, side: str, kind: str, param: str, *, afresh: bool = False
) -> Examined:
    """Look at a destination as API clients write it, and collect every problem.

    Their codes: "kind" (not offered there), "agency" (it may not reach the target),
    or what the kind calls them. The service is asked whether the target is there,
    or, unless `afresh`, what it said in the last seconds counts.
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
    answer = verifying.ask(destination, param, version, afresh=afresh)
    problems = (answer.error,) if answer.error else ()
    return Examined(destined, problems, target.warnings, answer.warning)


def examine_kind(version: Version, side: str, kind: str) -> Examined:
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


def destine(version: Version, side: str, kind: str, param: str) -> Destined:
    """Return a destination that may be saved; raises its first ValidationError."""
    examined = examine(version, side, kind, param, afresh=True)
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

    `expected` is the number the person saw; Conflict is raised when it is not the
    current one any more. None replaces whatever is there (API).
    """
    fields = {
        "max_retries": wanted.max_retries,
        "max_age_seconds": wanted.max_age_seconds,
        "record_status": wanted.record_status,
        "accepted_loop": wanted.accepted_loop,
        "on_success_kind": wanted.on_success.kind,
        "on_success_param": wanted.on_success.param,
        "on_success_target": wanted.on_success.target.name,
        "on_success_place": wanted.on_success.target.place,
        "on_success_function": wanted.on_success.target.function,
        "on_failure_kind": wanted.on_failure.kind,
        "on_failure_param": wanted.on_failure.param,
        "on_failure_target": wanted.on_failure.target.name,
        "on_failure_place": wanted.on_failure.target.place,
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


def graph_of(version: Version, *, edges: Iterable[loops.Edge] = ()) -> loops.Graph:
    """Return who tells whom in the version's project, this version left out.

    `edges` are the arrows of this version that will be followed from.
    """
    return graph_of_project(version.function.project, without=version, more=list(edges))


def graph_of_project(
    project: Project,
    *,
    without: Version | None = None,
    more: Iterable[loops.Edge] = (),
) -> loops.Graph:
    """Return who tells whom in a project, by the names of functions and topics.

    Every version's configuration counts: a loop through any of them runs. Who
    subscribed is only asked where an arrow, one of `more` included, leads to a topic.
    """
    graph: dict[str, set[loops.Edge]] = {}
    configs = AsyncConfig.objects.current().filter(
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
    )
    if without is not None:
        configs = configs.exclude(version=without)
    for config in _related(configs):
        edges = graph.setdefault(config.version.function.shown_name, set())
        edges |= edges_of(config, project)
    if any(_is_topic(edge.target) for edge in chain(more, *graph.values())):
        graph |= _subscribed(project)
    return {
        name: sorted(edges, key=lambda edge: (edge.target, edge.side))
        for name, edges in graph.items()
    }


def _subscribed(project: Project) -> dict[str, set[loops.Edge]]:
    """Return which functions each topic tells."""
    found: dict[str, set[loops.Edge]] = {}
    subscriptions = Subscription.objects.filter(
        topic__project=project, function__deleted_at=None
    ).select_related("topic", "function")
    for subscription in subscriptions:
        if subscription.function is not None:
            edge = loops.Edge(loops.SUBSCRIPTION, subscription.function.shown_name)
            found.setdefault(topic_node(subscription.topic.name), set()).add(edge)
    return found


def _related(configs: QuerySet[AsyncConfig]) -> QuerySet[AsyncConfig]:
    return configs.select_related(
        "version__function__project", "on_success_function", "on_failure_function"
    )


def edges_of(config: AsyncConfig, project: Project) -> set[loops.Edge]:
    """Return the arrows of a saved configuration to functions and topics."""
    sides = (
        (loops.SUCCESS, config.destination(succeeded=True), config.on_success_function),
        (
            loops.FAILURE,
            config.destination(succeeded=False),
            config.on_failure_function,
        ),
    )
    told = (
        (side, _told(chosen.kind, chosen.place, function, project))
        for side, chosen, function in sides
    )
    return {loops.Edge(side, name) for side, name in told if name}


def _wanted_edges(wanted: Wanted, project: Project) -> set[loops.Edge]:
    sides = ((loops.SUCCESS, wanted.on_success), (loops.FAILURE, wanted.on_failure))
    told = (
        (side, _told(one.kind, one.target.place, one.target.function, project))
        for side, one in sides
    )
    return {loops.Edge(side, name) for side, name in told if name}


def _told(kind: str, place: str, function: Function | None, project: Project) -> str:
    """Return the node that a destination leads to, or "" where nothing goes on."""
    if function is not None:
        return function.shown_name
    if kind == SMN and keeping.is_here(project, place):
        return topic_node(place.rpartition(":")[2])
    return ""


def topic_node(name: str) -> str:
    """Return a topic's name in paths; no function's name has a space."""
    return f"SMN {name}"


def _is_topic(node: str) -> bool:
    return node.startswith("SMN ")


def loops_of(version: Version, wanted: Wanted) -> list[loops.Path]:
    """Return the loops that a configuration would close."""
    edges = _wanted_edges(wanted, version.function.project)
    return loops.paths_back(
        graph_of(version, edges=edges),
        source=version.function.shown_name,
        edges=sorted_edges(edges),
    )


def accepting_loops(wanted: Wanted, paths: list[loops.Path]) -> Wanted:
    """Return the configuration with exactly these loops accepted."""
    return replace(wanted, accepted_loop=loops.digest(paths))


def sorted_edges(edges: set[loops.Edge]) -> list[loops.Edge]:
    return sorted(edges, key=lambda edge: (edge.side != loops.SUCCESS, edge.target))


def saved_loops(function: Function) -> list[loops.Path]:
    """Return the loops that this function's saved configurations are part of."""
    found: list[loops.Path] = []
    configs = AsyncConfig.objects.current().filter(
        version__function=function, version__deleted_at=None
    )
    for config in _related(configs):
        edges = edges_of(config, config.version.function.project)
        graph = graph_of(config.version, edges=edges)
        found += loops.paths_back(
            graph, source=function.shown_name, edges=sorted_edges(edges)
        )
    return list(dict.fromkeys(found))


def told_by(function: Function) -> list[Function]:
    """Return the functions that send their results to this one, or to its topics."""
    told = AsyncConfig.objects.current().filter(on_success_function=function)
    warned = AsyncConfig.objects.current().filter(on_failure_function=function)
    sources = (told | warned).values("version__function")
    found = Function.objects.alive().filter(pk__in=sources)
    listened = Topic.objects.filter(subscriptions__function=function)
    urns = [topic.urn for topic in listened.select_related("project")]
    told_topics = uses.of_places(function.project, SMN, urns).values()
    through = [use.function for each in told_topics for use in each]
    known = dict.fromkeys([*found, *through])
    return [one for one in known if one.pk != function.pk]
