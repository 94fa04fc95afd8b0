"""What can go wrong with functions; each message says what to do."""

from django.utils.translation import gettext as _


class FunctionsError(Exception):
    """The base of this package's errors."""


class SecretUnreadable(FunctionsError):
    """A stored secret was encrypted with another key."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be read: it was encrypted with another key. "
            "Put the old encryption.key back or set ENCRYPTION_KEY to it."
        )


class NotEditable(FunctionsError):
    """A published version cannot be changed; latest can."""

    def __init__(self, version: str) -> None:
        super().__init__(
            _("Version %(version)s is read-only. Switch to latest to edit.")
            % {"version": version}
        )


class CodeRefused(FunctionsError):
    """The code is empty, too large or not an archive."""


class ChangedMeanwhile(FunctionsError):
    """Somebody else deployed since the person began to edit."""

    def __init__(self) -> None:
        super().__init__(
            _("The code was changed meanwhile. Deploying again replaces that change.")
        )


class LimitReached(FunctionsError):
    """A project or function already has as many of these as it may have."""


class NameTaken(FunctionsError):
    """Something of that name exists already."""


class StillUsed(FunctionsError):
    """Something else still points at this."""


class QualifierUnknown(FunctionsError):
    """The function has no such version or alias."""

    def __init__(self, qualifier: str) -> None:
        super().__init__(
            _("There is no version or alias %(qualifier)s.") % {"qualifier": qualifier}
        )
