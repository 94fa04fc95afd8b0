"""The API itself: what every operation of it shares."""

import json
import logging
import math
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from console.api import errors
from console.api.authentication import (
    Authentication,
    Caller,
    admit,
    check_length,
    check_small_body,
)
from console.api.errors import ApiError, Problem
from console.door.limits import ANYBODY
from functions import json_limits

logger = logging.getLogger(__name__)
Operation = TypeVar("Operation", bound=Callable[..., Any])


class StrictParser(Parser):
    """Refuses what is no JSON object, and what databases cannot keep.

    That is NUL characters, halves of surrogate pairs, NaN and infinite numbers. A
    field that is null is as if it were left out.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        text = request.body.decode()
        read = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_without_null,
        )
        if not isinstance(read, dict):
            raise ValueError
        # Only an escape can stand for what cannot be kept, and most bodies have none.
        if "\\u" in text and not json_limits.can_be_kept(read):
            raise ValueError
        return read

    def parse_querydict(self, data: Any, *args: Any) -> Any:
        if any("\x00" in value for _name, values in data.lists() for value in values):
            raise ApiError(400, "FSS.1001", _("The query holds a NUL character."))
        return super().parse_querydict(data, *args)


def _without_null(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None}


def _refuse(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


class ServiceApi(NinjaAPI):
    """Answers every failure in the envelope, and is closed by default."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        if isinstance(exc, ValidationError):
            return errors.answer_to_shape(exc)
        if isinstance(exc, HttpError):
            sentence = _(
                "The body must be a JSON object in UTF-8, without NUL characters, "
                "halves of surrogate pairs, NaN and Infinity."
            )
            return errors.answer(exc.status_code, "FSS.0406", sentence)
        known = errors.answer_to(exc)
        if known is not None:
            return known
        logger.error("An operation failed.", exc_info=exc)
        sentence = _("Something went wrong here. Request: %(id)s.")
        params = {"id": getattr(request, "request_id", "")}
        return errors.answer(500, "FSS.0500", sentence % params)

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Return the document; made once, since it is the same for everybody."""
        return self._document

    @cached_property
    def _document(self) -> OpenAPISchema:
        document = super().get_openapi_schema()
        document["components"]["schemas"]["Problem"] = Problem.json_schema()
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{name: []} for name in SECURITY]
        for methods in document["paths"].values():
            for operation in methods.values():
                operation["responses"] = REFUSALS | operation["responses"]
        return document


# What every operation may answer instead of what it promises.
REFUSALS = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for status in (400, 401, 403, 404, 406, 408, 409, 411, 413, 429, 500, 503)
}
SECURITY = {
    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "SDK-HMAC-SHA256, together with X-Sdk-Date.",
    },
}

api = ServiceApi(
    title="fgconsole",
    version="2",
    description=(
        "The FunctionGraph v2 API. Sign with SDK-HMAC-SHA256 or send X-Auth-Token."
    ),
    openapi_url="/v2/openapi.json",
    docs_url=None,
    urls_namespace="api",
    auth=Authentication(),
    parser=StrictParser(),
)


def caller_of(request: HttpRequest) -> Caller:
    """Return who called an operation that is closed."""
    caller: Caller = request.auth  # type: ignore[attr-defined]
    return caller


def unsigned(operation: Operation) -> Operation:
    """Let anybody call an operation, with a body of up to 64 KB."""

    def guard(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.check_body = check_small_body  # type: ignore[attr-defined]
            try:
                check_length(request)
                admit(request, ANYBODY)
            except ApiError as error:
                return api.on_exception(request, error)
            return run(request, *args, **kwargs)

        return guarded

    return decorate_view(guard)(operation)


def limited(check: Callable[[int], None]) -> Callable[[Operation], Operation]:
    """Give an operation a body limit of its own instead of 1 MB.

    `check` gets the declared size (bytes), before anything is read, and raises.
    """

    def note(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def noted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.check_body = check  # type: ignore[attr-defined]
            return run(request, *args, **kwargs)

        return noted

    return decorate_view(note)
