"""What can go wrong with asynchronous invocation; each says what to do."""

from django.utils.translation import gettext as _

from functions.exceptions import Gone, NameTaken


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
            _(
                "%(limit)d requests are already waiting for this function. Try again "
                "later."
            )
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


class StillRunning(AsyncConfigError):
    """What the same form has started is not done yet."""

    def __init__(self) -> None:
        super().__init__(_("This has already been started and is still running."))


class Conflict(AsyncConfigError):
    """The row changed meanwhile."""


class NotCancellable(AsyncConfigError):
    """The request has ended already."""

    def __init__(self) -> None:
        super().__init__(_("This request has already ended."))


class TopicGone(Gone):
    """A topic that does not exist, or no longer does."""

    @staticmethod
    def sentence() -> str:
        return _("Topic %(name)s does not exist.")


class DeliveryError(AsyncConfigError):
    """A target could not be told; `permanent` when trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class StreamError(AsyncConfigError):
    """The base of what can go wrong with streams and their records."""


class StreamUnknown(StreamError, Gone):
    """The project has no stream of this name."""

    @staticmethod
    def sentence() -> str:
        return _("Stream %(name)s does not exist.")


class StreamExists(StreamError, NameTaken):
    """The project has a stream of this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("Stream %(name)s already exists. Choose another name.") % {"name": name}
        )


class PartitionRefused(StreamError):
    """A partition ID is not of the form the service knows."""

    def __init__(self, text: str) -> None:
        super().__init__(
            _("%(text)s is no partition ID. Write shardId-0000000000, or 0.")
            % {"text": text}
        )


class PartitionUnknown(StreamError):
    """The stream has fewer partitions."""

    def __init__(self, text: str) -> None:
        super().__init__(_("Partition %(text)s does not exist.") % {"text": text})


class RecordsRefused(StreamError):
    """The records are none, too many or too large."""


class CursorRefused(StreamError):
    """A cursor was not given out by this installation, or not for this project."""


class CursorExpired(StreamError):
    """A cursor is older than five minutes."""


class PositionRefused(StreamError):
    """A cursor is asked for with a position that is missing or no number."""


class PositionOutOfRange(StreamError):
    """The sequence number is before the oldest record or after the newest."""


class RecordsAway(StreamError):
    """The store of the records does not answer, or could not write in time."""

    def __init__(self) -> None:
        super().__init__(
            _("The store of the records does not answer. Try again shortly.")
        )
