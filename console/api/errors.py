"""How the API says no: one envelope, the cloud's codes, a sentence that helps."""

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.forms import BaseForm
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.errors import ValidationError
from pydantic import Field

from asyncconfig import exceptions as asynchronous
from asyncconfig.decisions import loops
from console.access import Denied
from console.security import exceptions as security
from console.sqlite.turn import NoTurn
from functions import exceptions as functions

INVALID = "FSS.0400"


class Problem(Schema):
    """What went wrong, and what to do."""

    error_code: str = Field(examples=["FSS.1051"])
    error_msg: str = Field(examples=["Function test1 does not exist."])


class ApiError(Exception):
    """A refusal with its HTTP status and the cloud's code."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        self.status = status
        self.code = code
        super().__init__(sentence)


# The first class that fits decides; subclasses stand before their bases.
KNOWN: tuple[tuple[type[Exception], int, str], ...] = (
    (functions.FunctionExists, 409, "FSS.1061"),
    (functions.VersionExists, 409, "FSS.1062"),
    (functions.AliasExists, 409, "FSS.1063"),
    (functions.VersionAliased, 409, "FSS.1066"),
    (functions.FunctionLimit, 403, "FSS.1041"),
    (functions.AliasLimit, 403, "FSS.1043"),
    (functions.LimitReached, 403, INVALID),
    (functions.TagRefused, 400, INVALID),
    (functions.ImportRefused, 400, "FSS.1011"),
    (functions.NothingToPublish, 400, "FSS.1016"),
    (functions.CodeRefused, 400, "FSS.1011"),
    (functions.StillAdditional, 403, "FSS.1094"),
    (functions.StillUsed, 409, "FSS.0409"),
    (functions.NotEditable, 403, "FSS.0403"),
    (functions.ChangedMeanwhile, 409, "FSS.0409"),
    (functions.Gone, 404, "FSS.0404"),
    (functions.FunctionsError, 400, INVALID),
    (asynchronous.FunctionDisabled, 429, "FSS.0429"),
    (asynchronous.TooManyWaiting, 429, "FSS.0429"),
    (asynchronous.Throttled, 429, "FSS.0429"),
    (asynchronous.PayloadTooLarge, 413, "FSS.0413"),
    (asynchronous.PayloadRefused, 400, "FSS.0406"),
    (asynchronous.MemoryRefused, 406, "FSS.0406"),
    (asynchronous.KeyReused, 409, "FSS.0409"),
    (asynchronous.DiskFull, 503, "FSS.0503"),
    (asynchronous.Conflict, 409, "FSS.0409"),
    (asynchronous.StreamUnknown, 400, "DIS.4301"),
    (asynchronous.StreamExists, 400, "DIS.4307"),
    (asynchronous.PartitionRefused, 400, "DIS.4201"),
    (asynchronous.PartitionUnknown, 400, "DIS.4302"),
    (asynchronous.CursorRefused, 400, "DIS.4217"),
    (asynchronous.CursorExpired, 400, "DIS.4225"),
    (asynchronous.PositionRefused, 400, "DIS.4216"),
    (asynchronous.PositionOutOfRange, 400, "DIS.4224"),
    (asynchronous.RecordsAway, 503, "DIS.5000"),
    (asynchronous.StreamError, 400, "DIS.4200"),
    (asynchronous.TopicGone, 404, "SMN.0006"),
    (asynchronous.TopicUsed, 409, "FSS.0409"),
    (asynchronous.TopicLimit, 403, INVALID),
    (asynchronous.AsyncConfigError, 400, INVALID),
    (security.Locked, 401, "APIGW.0303"),
    (security.TooOften, 429, "FSS.0429"),
    (security.Full, 503, "FSS.0503"),
    (Denied, 403, "FSS.1126"),
    (PermissionDenied, 403, "FSS.0403"),
    (Http404, 404, "FSS.0404"),
)
SPLIT = {
    "version": "FSS.1091",
    "weight": "FSS.1092",
    "same": "FSS.1093",
    "rules": INVALID,
}


def loops_refused(paths: list[loops.Path]) -> ApiError:
    """Return the refusal of a change that closes loops where none are allowed."""
    sentence = _("Loops are not allowed here: %(path)s. Choose another target.")
    return ApiError(400, INVALID, sentence % {"path": loops.all_in_line(paths)})


def answer(status: int, code: str, sentence: str) -> HttpResponse:
    """Return the envelope of every refusal."""
    return JsonResponse({"error_code": code, "error_msg": sentence}, status=status)


def answer_to(error: Exception) -> HttpResponse | None:
    """Return the answer to an error that has one, and when to try again if it says."""
    known = _answer_to(error)
    if known is not None and hasattr(error, "seconds"):
        known["Retry-After"] = str(error.seconds)
    return known


def _answer_to(error: Exception) -> HttpResponse | None:
    if isinstance(error, ApiError):
        return answer(error.status, error.code, str(error))
    if isinstance(error, functions.QualifierUnknown):
        return answer(404, _unknown(error.qualifier), str(error))
    if isinstance(error, functions.SplitRefused):
        return answer(400, SPLIT[error.part], str(error))
    if isinstance(error, functions.CodeTooLarge):
        return answer(413, "FSS.1072" if error.is_text else "FSS.1071", str(error))
    if isinstance(error, OperationalError | InterfaceError):
        return answer(503, "FSS.0503", _no_database(error))
    for kind, status, code in KNOWN:
        if isinstance(error, kind):
            return answer(status, code, str(error) or _("This was not found."))
    return None


def _no_database(error: Exception) -> str:
    if isinstance(error, NoTurn):
        return _("The database is busy. Nothing was saved; try again shortly.")
    return _("The database is away. Try again shortly.")


def _unknown(qualifier: str) -> str:
    return "FSS.1053" if qualifier.startswith("!") else "FSS.1052"


def answer_to_shape(error: ValidationError) -> HttpResponse:
    """Return the answer to a request that is not of the declared shape."""
    first = error.errors[0]
    where = ".".join(str(part) for part in first["loc"][2:] or first["loc"][1:])
    return answer(400, INVALID, f"{where}: {first['msg']}" if where else first["msg"])


def refuse(
    form: BaseForm, codes: dict[str, str], *, names: dict[str, str] | None = None
) -> ApiError:
    """Return the refusal of an invalid form.

    `codes` gives the code of a field, or of one of its errors ("name.taken"), with
    an HTTP status before it where that is not 400. `names` says what the API calls
    a field where that differs.
    """
    field, errors = next(iter(form.errors.as_data().items()))
    error = errors[0]
    code = codes.get(f"{field}.{error.code}") or codes.get(field, INVALID)
    status, _space, code = code.rpartition(" ")
    shown = (names or {}).get(field, field)
    sentence = str(error.messages[0])
    if field != NON_FIELD_ERRORS:
        sentence = f"{shown}: {sentence}"
    return ApiError(int(status or 400), code, sentence)
