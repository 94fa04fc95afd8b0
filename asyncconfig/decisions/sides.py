"""The sides of a configuration: who is notified of success, who of failure. Pure."""

from enum import StrEnum


class Side(StrEnum):
    """A side; its value is what forms, URLs, the API and rows call it."""

    SUCCESS = "success"
    FAILURE = "failure"

    @classmethod
    def after(cls, status: str) -> "Side":
        """Return which side is told when a request ended in a final status."""
        return cls.SUCCESS if status == "SUCCESS" else cls.FAILURE

    @property
    def other(self) -> "Side":
        return Side.FAILURE if self is Side.SUCCESS else Side.SUCCESS

    @classmethod
    def read(cls, text: str | None) -> "Side | None":
        """Return the side that a form or a URL names; None for anything else."""
        return next((side for side in cls if side == text), None)
