"""Who notifies whom: functions, the targets they send to, and the loops between them.

Names of functions and topics are the nodes; what is configured, and who subscribed,
are the arrows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from django.conf import settings
from django.db.models import Q, QuerySet

from asyncconfig.decisions import loops
from asyncconfig.decisions.sides import Side
from asyncconfig.models import AsyncConfig, Subscription, Topic
from asyncconfig.models.config import SMN
from asyncconfig.models.topic import is_here
from asyncconfig.wanted import Wanted
from functions.models import Function, Project, Version


@dataclass(frozen=True)
class Use:
    """A function's version that tells a target of its successes or failures."""

    function: Function
    version: str
    side: Side


def uses_by_key(
    project: Project, kind: str, keys: Iterable[str]
) -> dict[str, list[Use]]:
    """Return by key who of the project sends there, from one query."""
    found: dict[str, list[Use]] = {key: [] for key in keys}
    if not found:
        return found
    configs = AsyncConfig.objects.current().filter(
        Q(on_success_kind=kind, on_success_target_key__in=found)
        | Q(on_failure_kind=kind, on_failure_target_key__in=found),
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
    )
    related = configs.select_related("version__function")
    for config in related.order_by("version__function__name", "version__name"):
        for side in Side:
            chosen = config.destination(side)
            if chosen.kind == kind and chosen.key in found:
                use = Use(config.version.function, config.version.name, side)
                found[chosen.key].append(use)
    return found


def uses_of(project: Project, kind: str, key: str) -> list[Use]:
    """Return who of the project sends to one target."""
    return uses_by_key(project, kind, [key])[key]


def of_version(version: Version, *, edges: Iterable[loops.Edge] = ()) -> loops.Graph:
    """Return who tells whom in the version's project, this version left out.

    `edges` are the arrows of this version that will be followed from.
    """
    return of_project(version.function.project, without=version, more=list(edges))


def of_project(
    project: Project,
    *,
    without: Version | None = None,
    more: Iterable[loops.Edge] = (),
) -> loops.Graph:
    """Return who tells whom in a project, by the names of functions and topics.

    Every version's configuration counts: a loop through any of them runs. Who
    subscribed is only asked where an arrow, one of `more` included, leads to a topic.
    """
    arrows: dict[str, set[loops.Edge]] = {}
    configs = AsyncConfig.objects.current().filter(
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
    )
    if without is not None:
        configs = configs.exclude(version=without)
    for config in _related(configs):
        edges = arrows.setdefault(config.version.function.shown_name, set())
        edges |= edges_of(config, project)
    if any(_is_topic(edge.target) for edge in chain(more, *arrows.values())):
        arrows |= _subscribed(project)
    return {
        name: sorted(edges, key=lambda edge: (edge.target, edge.side))
        for name, edges in arrows.items()
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
    sides = ((side, config.destination(side)) for side in Side)
    told = (
        (side, _told(one.kind, one.key, config.function_told(side), project))
        for side, one in sides
    )
    return {loops.Edge(side, name) for side, name in told if name}


def _wanted_edges(wanted: Wanted, project: Project) -> set[loops.Edge]:
    sides = ((side, wanted.destined(side)) for side in Side)
    told = (
        (side, _told(one.kind, one.target.key, one.target.function, project))
        for side, one in sides
    )
    return {loops.Edge(side, name) for side, name in told if name}


def _told(kind: str, key: str, function: Function | None, project: Project) -> str:
    """Return the node that a destination leads to, or "" where nothing goes on."""
    if function is not None:
        return function.shown_name
    if kind == SMN and is_here(project, key):
        return topic_node(key.rpartition(":")[2])
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
        of_version(version, edges=edges),
        source=version.function.shown_name,
        edges=sorted_edges(edges),
    )


def are_loops_allowed() -> bool:
    """Say whether this installation lets loops be accepted at all."""
    return bool(settings.ASYNC_LOOPS != "refuse")


def judge(paths: list[loops.Path], *, accepted: str | None) -> loops.Verdict:
    """Say what becomes of a configuration, or a subscription, that closes loops.

    `accepted` is as for `loops.judge`: None where nobody is asked.
    """
    return loops.judge(paths, are_allowed=are_loops_allowed(), accepted=accepted)


def accepting_loops(wanted: Wanted, paths: list[loops.Path]) -> Wanted:
    """Return the configuration with exactly these loops accepted."""
    return replace(wanted, accepted_loop=loops.digest(paths))


def sorted_edges(edges: set[loops.Edge]) -> list[loops.Edge]:
    return sorted(edges, key=lambda edge: (edge.side != Side.SUCCESS, edge.target))


def saved_loops(function: Function) -> list[loops.Path]:
    """Return the loops that this function's saved configurations are part of."""
    found: list[loops.Path] = []
    configs = AsyncConfig.objects.current().filter(
        version__function=function, version__deleted_at=None
    )
    for config in _related(configs):
        edges = edges_of(config, config.version.function.project)
        found += loops.paths_back(
            of_version(config.version, edges=edges),
            source=function.shown_name,
            edges=sorted_edges(edges),
        )
    return list(dict.fromkeys(found))


def told_by(function: Function) -> list[Function]:
    """Return the functions that send their results to this one, or to its topics."""
    told = AsyncConfig.objects.current().filter(on_success_function=function)
    warned = AsyncConfig.objects.current().filter(on_failure_function=function)
    sources = (told | warned).values("version__function")
    found = Function.objects.alive().filter(pk__in=sources)
    # Through a topic as well: who publishes there starts what has subscribed.
    listened = Topic.objects.filter(subscriptions__function=function)
    urns = [topic.urn for topic in listened.select_related("project")]
    told_topics = uses_by_key(function.project, SMN, urns).values()
    through = [use.function for each in told_topics for use in each]
    known = dict.fromkeys([*found, *through])
    return [one for one in known if one.pk != function.pk]
