"""What targets are owed: open notifications and dead letters, counted by place."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q

from asyncconfig.models import Delivery
from asyncconfig.models.config import ROCKETMQ, SMN
from asyncconfig.models.outbox import place_of
from functions.models import Project

OPEN = (Delivery.Status.WAIT, Delivery.Status.SENDING)
BY_ID = frozenset({SMN, ROCKETMQ})
COUNTED = (*OPEN, Delivery.Status.FAILED)


@dataclass(frozen=True)
class Backlog:
    """The figures of one real target; `oldest` is when its oldest open one was made."""

    place: str
    waiting: int = 0
    failed: int = 0
    oldest: datetime | None = None
    project_name: str = ""
    target: str = ""

    @property
    def label(self) -> str:
        """Return what people call it: some places are URNs or IDs."""
        return self.target if self.target and self.kind in BY_ID else self.name

    @property
    def kind(self) -> str:
        return self.place.split(":", 2)[1]

    @property
    def name(self) -> str:
        return self.place.split(":", 2)[2]

    @property
    def last_name(self) -> str:
        """The part that a page about the rest need not repeat: an instance's topic."""
        return self.name.rpartition("/")[2]


def of_target(project: Project, kind: str, name: str) -> Backlog:
    """Return the figures of one target; all zero when nothing is owed to it."""
    place = place_of(project.pk, kind, name)
    found = _figures(Q(place=place))
    return found[0] if found else Backlog(place)


def by_target(
    project: Project | None = None, kind: str = "", prefix: str = ""
) -> list[Backlog]:
    """Return every target that is owed something, the most dead letters first.

    Of a project, they may be those of one kind whose names begin with `prefix`.
    """
    mine = Q()
    if project:
        start = place_of(project.pk, kind, prefix) if kind else f"{project.pk}:"
        mine = Q(place__startswith=start)
    figures = _figures(mine)
    return sorted(figures, key=lambda one: (-one.failed, -one.waiting, one.place))


def _figures(which: Q) -> list[Backlog]:
    rows = Delivery.objects.filter(which, status__in=COUNTED).order_by()
    counted = rows.values("place").annotate(
        waiting=Count("pk", filter=Q(status__in=OPEN)),
        failed=Count("pk", filter=Q(status=Delivery.Status.FAILED)),
        oldest=Min("created_at", filter=Q(status__in=OPEN)),
        project_name=Min("function__project__name"),
        target=Max("target"),
    )
    return [Backlog(**row) for row in counted]
