"""What targets are owed: open notifications and dead letters, counted by target."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, Value

from asyncconfig.models import Delivery
from asyncconfig.models.config import ROCKETMQ, SMN
from asyncconfig.models.outbox import target_key_of
from functions.models import Project

OPEN = (Delivery.Status.WAIT, Delivery.Status.SENDING)
BY_ID = frozenset({SMN, ROCKETMQ})
COUNTED = (*OPEN, Delivery.Status.FAILED)


@dataclass(frozen=True)
class Backlog:
    """The figures of one real target; `oldest` is when its oldest open one was made."""

    target_key: str
    waiting: int = 0
    failed: int = 0
    oldest: datetime | None = None
    project_name: str = ""
    target: str = ""

    @property
    def label(self) -> str:
        """Return what people call it: some keys are URNs or IDs."""
        return self.target if self.target and self.kind in BY_ID else self.name

    @property
    def kind(self) -> str:
        return self.target_key.split(":", 2)[1]

    @property
    def name(self) -> str:
        return self.target_key.split(":", 2)[2]

    @property
    def last_name(self) -> str:
        """The part that a page about the rest need not repeat: an instance's topic."""
        return self.name.rpartition("/")[2]


def of_target(project: Project, kind: str, name: str) -> Backlog:
    """Return the figures of one target; all zero when nothing is owed to it."""
    target_key = target_key_of(project.pk, kind, name)
    found = _figures(Q(target_key=target_key))
    return found[0] if found else Backlog(target_key)


def by_target(
    project: Project | None = None, kind: str = "", prefix: str = ""
) -> list[Backlog]:
    """Return every target that is owed something, the most dead letters first.

    Of a project, they may be those of one kind whose names begin with `prefix`.
    """
    mine = Q()
    if project:
        start = target_key_of(project.pk, kind, prefix) if kind else f"{project.pk}:"
        mine = Q(target_key__startswith=start)
    figures = _figures(mine)
    return sorted(figures, key=lambda one: (-one.failed, -one.waiting, one.target_key))


def _figures(which: Q) -> list[Backlog]:
    """Count what is owed; each status has an index of its own, all together none."""
    counted = [_counted(which, status) for status in COUNTED]
    found: dict[str, Backlog] = {}
    for row in counted[0].union(*counted[1:], all=True):
        one = found.get(row["target_key"], Backlog(row["target_key"]))
        found[one.target_key] = replace(
            one,
            project_name=row["project_name"],
            target=row["shown"],
            **_of(row, one),
        )
    return list(found.values())


def _counted(which: Q, status: str) -> Any:
    rows = Delivery.objects.filter(which, status=status).order_by()
    project_name = F("function__project__name")
    if status == Delivery.Status.SENDING:
        # As many as there are slots, in an index by worker: they are not grouped.
        return rows.filter(worker__isnull=False).values(
            "target_key",
            n=Value(1),
            since=F("created_at"),
            project_name=project_name,
            counted=Value(status),
            shown=F("target"),
        )
    return rows.values("target_key").annotate(
        n=Count("pk"),
        since=Min("created_at"),
        project_name=Min(project_name),
        counted=Value(status),
        shown=Max("target"),
    )


def _of(row: dict[str, Any], one: Backlog) -> dict[str, Any]:
    """Return the figures of a target with those of one more status."""
    if row["counted"] not in OPEN:
        return {"failed": row["n"]}
    oldest = min(row["since"], one.oldest or row["since"])
    return {"waiting": one.waiting + row["n"], "oldest": oldest}
