"""How the API says no: one envelope, the cloud's codes, a sentence that helps."""

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.forms import BaseForm
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.errors import ValidationError
from pydantic import Field

import asyncconfig.exceptions
import console.security.exceptions
import functions.exceptions
from asyncconfig.decisions import loops
from console.access import Denied
from console.sqlite.turn import NoTurn

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
    (asyncconfig.exceptions.FunctionDisabled, 429, "FSS.0429"),
    (asyncconfig.exceptions.TooManyWaiting, 429, "FSS.0429"),
    (asyncconfig.exceptions.Throttled, 429, "FSS.0429"),
    (asyncconfig.exceptions.PayloadTooLarge, 413, "FSS.0413"),
    (asyncconfig.exceptions.PayloadRefused, 400, "FSS.0406"),
    (asyncconfig.exceptions.MemoryRefused, 406, "FSS.0406"),
    (asyncconfig.exceptions.KeyReused, 409, "FSS.0409"),
    (asyncconfig.exceptions.DiskFull, 503, "FSS.0503"),
    (asyncconfig.exceptions.Conflict, 409, "FSS.0409"),
    (asyncconfig.exceptions.StreamUnknown, 400, "DIS.4301"),
    (asyncconfig.exceptions.StreamExists, 400, "DIS.4307"),
    (asyncconfig.exceptions.PartitionRefused, 400, "DIS.4201"),
    (asyncconfig.exceptions.PartitionUnknown, 400, "DIS.4302"),
    (asyncconfig.exceptions.CursorRefused, 400, "DIS.4217"),
    (asyncconfig.exceptions.CursorExpired, 400, "DIS.4225"),
    (asyncconfig.exceptions.PositionRefused, 400, "DIS.4216"),
    (asyncconfig.exceptions.PositionOutOfRange, 400, "DIS.4224"),
    (asyncconfig.exceptions.RecordsAway, 503, "DIS.5000"),
    (asyncconfig.exceptions.StreamError, 400, "DIS.4200"),
    (asyncconfig.exceptions.TopicGone, 404, "SMN.0006"),
    (asyncconfig.exceptions.AsyncConfigError, 400, INVALID),
    (functions.exceptions.FunctionExists, 409, "FSS.1061"),
    (functions.exceptions.VersionExists, 409, "FSS.1062"),
    (functions.exceptions.AliasExists, 409, "FSS.1063"),
    (functions.exceptions.VersionAliased, 409, "FSS.1066"),
    (functions.exceptions.FunctionLimit, 403, "FSS.1041"),
    (functions.exceptions.AliasLimit, 403, "FSS.1043"),
    (functions.exceptions.LimitReached, 403, INVALID),
    (functions.exceptions.TagRefused, 400, INVALID),
    (functions.exceptions.ImportRefused, 400, "FSS.1011"),
    (functions.exceptions.NothingToPublish, 400, "FSS.1016"),
    (functions.exceptions.CodeRefused, 400, "FSS.1011"),
    (functions.exceptions.StillAdditional, 403, "FSS.1094"),
    (functions.exceptions.StillUsed, 409, "FSS.0409"),
    (functions.exceptions.NotEditable, 403, "FSS.0403"),
    (functions.exceptions.ChangedMeanwhile, 409, "FSS.0409"),
    (functions.exceptions.Gone, 404, "FSS.0404"),
    (functions.exceptions.FunctionsError, 400, INVALID),
    (console.security.exceptions.Locked, 401, "APIGW.0303"),
    (console.security.exceptions.TooOften, 429, "FSS.0429"),
    (console.security.exceptions.Full, 503, "FSS.0503"),
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
    if isinstance(error, functions.exceptions.QualifierUnknown):
        return answer(404, _unknown(error.qualifier), str(error))
    if isinstance(error, functions.exceptions.SplitRefused):
        return answer(400, SPLIT[error.part], str(error))
    if isinstance(error, functions.exceptions.CodeTooLarge):
        return answer(413, "FSS.1072" if error.is_text else "FSS.1071", str(error))
    if isinstance(error, OperationalError | InterfaceError):
        return answer(503, "FSS.0503", _no_database(error))
    for kind, status, code in KNOWN:
        if isinstance(error, kind):
            return answer(status, code, str(error) or _("Not found."))
    return None


def _no_database(error: Exception) -> str:
    if isinstance(error, NoTurn):
        return _("The database is busy. Nothing was saved; try again shortly.")
    return _("The database does not answer. Try again shortly.")


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
