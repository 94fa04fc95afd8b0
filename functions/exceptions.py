"""What can go wrong with functions; each message says what to do."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

MAX_NAMED_USERS = 5


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
    """The code is empty or not an archive that can be read."""


class CodeTooLarge(CodeRefused):
    """The code is over a limit; `is_text` for what is edited in place."""

    def __init__(self, sentence: str, *, is_text: bool = False) -> None:
        self.is_text = is_text
        super().__init__(sentence)


class ChangedMeanwhile(FunctionsError):
    """Somebody else deployed since the person began to edit."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Somebody else changed the code in the meantime. Deploying again "
                "overwrites that change."
            )
        )


class Gone(FunctionsError):
    """Somebody deleted it meanwhile, or it never was there."""

    def __init__(self, name: str) -> None:
        super().__init__(self.sentence() % {"name": name})

    @staticmethod
    def sentence() -> str:
        return _("%(name)s no longer exists.")


class LimitReached(FunctionsError):
    """A project or function already has as many of these as it may have."""


class FunctionLimit(LimitReached):
    """The project has as many functions as it may have."""


class VersionLimit(LimitReached):
    """The function has as many versions as it may have."""


class AliasLimit(LimitReached):
    """The function has as many aliases as it may have."""


class NameTaken(FunctionsError):
    """Something of that name exists already."""


class FunctionExists(NameTaken):
    """The project has a function of that name in that application."""


class VersionExists(NameTaken):
    """The function has a version of that name."""


class AliasExists(NameTaken):
    """The function has an alias of that name."""


class AgencyExists(NameTaken):
    """The project has an agency of that name."""


class VersionAliased(NameTaken):
    """Another alias points at that version already; one version has one alias."""


class RangeRefused(FunctionsError):
    """A range of addresses is none, or not where it has to be."""


class NothingToPublish(FunctionsError):
    """Latest is exactly what the newest published version is."""


class SplitRefused(FunctionsError):
    """The additional version of an alias cannot be.

    `part` says what is wrong: "version", "weight", "same" (it is the main one) or
    "rules".
    """

    def __init__(self, part: str, sentence: str) -> None:
        self.part = part
        super().__init__(sentence)


class TagRefused(FunctionsError):
    """A tag's key or value is not one there can be."""


class ImportRefused(FunctionsError):
    """The file is not an exported function."""


class StillUsed(FunctionsError):
    """Something else still points at this."""


def in_words(users: Sequence[object]) -> str:
    """Name who still uses something: the first five, and dots for the others."""
    named = ", ".join(str(user) for user in users[:MAX_NAMED_USERS])
    return named + (" …" if len(users) > MAX_NAMED_USERS else "")


class StillAdditional(StillUsed):
    """An alias sends a share of its calls to this version."""


class QualifierUnknown(FunctionsError):
    """The function has no such version or alias."""

    def __init__(self, qualifier: str) -> None:
        self.qualifier = qualifier
        super().__init__(
            _("There is no version or alias %(qualifier)s.") % {"qualifier": qualifier}
        )
