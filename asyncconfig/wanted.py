"""A configuration as somebody wants it, before it is saved."""

from dataclasses import dataclass, field

from asyncconfig.decisions.sides import Side
from asyncconfig.models.config import DEFAULT_AGE_SECONDS, DEFAULT_RETRIES
from functions.models import Function


@dataclass(frozen=True)
class Target:
    """A destination's parameters, read.

    `name` is for people; `key` is the real thing behind it, at most 512
    characters (a bucket without its prefix). `function` is the target when it is
    one; `warnings` are sentences about what need not stop anybody.
    """

    name: str
    key: str
    function: Function | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Destined:
    """A chosen destination; an empty kind means nobody is notified."""

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

    def destined(self, side: Side) -> Destined:
        """Return who is to be told on a side."""
        return self.on_success if side == Side.SUCCESS else self.on_failure
