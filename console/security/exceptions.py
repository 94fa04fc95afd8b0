"""Why nothing is done now, and when to try again."""

from django.utils.translation import gettext as _


class TryLater(Exception):
    """Nothing was done, no password looked at; try again after `seconds`.

    `status` is the HTTP status of a page that says so.
    """

    status = 429

    def __init__(self, seconds: int, sentence: str) -> None:
        self.seconds = seconds
        super().__init__(sentence)


class Locked(TryLater):
    """Too many wrong passwords for one account from one client."""


class TooOften(TryLater):
    """Too many sign-ins from one client within a minute, right or wrong."""

    def __init__(self, seconds: int) -> None:
        sentence = _("Too many sign-ins from your network. Try again in %(n)d s.")
        super().__init__(seconds, sentence % {"n": seconds})


class Full(TryLater):
    """Everybody together signs in faster than hashes can be computed."""

    status = 503

    def __init__(self, seconds: int) -> None:
        sentence = _("Many people are signing in right now. Try again in %(n)d s.")
        super().__init__(seconds, sentence % {"n": seconds})


class QueuesAway(TryLater):
    """The pages of RQ show what Redis holds, and it does not answer."""

    status = 503

    def __init__(self) -> None:
        sentence = _(
            "Redis does not answer, so its queues cannot be shown. "
            "Requests are accepted and run all the same."
        )
        super().__init__(5, sentence)
