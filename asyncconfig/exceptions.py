"""What can go wrong with asynchronous invocation; each says what to do."""

from django.utils.translation import gettext as _


class AsyncConfigError(Exception):
    """The base of this package's errors."""


class NotAccepted(AsyncConfigError):
    """A request was refused before anything was stored."""


class FunctionDisabled(NotAccepted):
    """The function exists but is disabled."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("Function %(name)s is disabled. Enable it, then try again.")
            % {"name": name}
        )


class PayloadRefused(NotAccepted):
    """The body is not JSON."""


class PayloadTooLarge(NotAccepted):
    """The body is over the limit of its mode."""


class TooManyWaiting(NotAccepted):
    """The function's queue is full."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            _("%(limit)d requests wait for this function already. Try again later.")
            % {"limit": limit}
        )


class DiskFull(NotAccepted):
    """There is too little free disk to promise that a request is kept."""

    def __init__(self) -> None:
        super().__init__(
            _("The disk is nearly full, so no request is accepted. Free some space.")
        )


class Throttled(NotAccepted):
    """Too many synchronous calls wait for their results at once."""

    def __init__(self, seconds: int = 1) -> None:
        self.seconds = seconds
        super().__init__(_("Too many requests. Try again in %(n)d s.") % {"n": seconds})


class MemoryRefused(NotAccepted):
    """The memory size that a call asks for is not one there is."""


class KeyReused(NotAccepted):
    """The idempotency key belongs to a request that asked for something else."""

    def __init__(self, key: str) -> None:
        super().__init__(
            _(
                "Idempotency key %(key)s was used for another request. "
                "Use a new key for this one."
            )
            % {"key": key}
        )


class Conflict(AsyncConfigError):
    """The row changed meanwhile."""


class NotCancellable(AsyncConfigError):
    """The request has ended already."""

    def __init__(self) -> None:
        super().__init__(_("This request has ended already."))


class DeliveryError(AsyncConfigError):
    """A target could not be told; `permanent` when trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)
