"""The API as its explorer uses it: the document, a request, and its answer.

It is called as any client calls it, through the whole of this application; only
the network is left out. Nothing here knows how the API is made.
"""

import base64
import io
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from http.client import responses
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.contrib.auth.models import User
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from console.security import tokens

DOCUMENT = "/v2/openapi.json"
TOKEN_LIFETIME = timedelta(minutes=5)
METHODS = ("get", "post", "put", "delete")
JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A field of a request: where it goes, and what the document says of it."""

    name: str
    location: str
    is_required: bool
    description: str
    default: str


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    id: str
    tag: str
    summary: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    has_body: bool
    example: Any = None

    @property
    def segments(self) -> list[str]:
        return self.path.strip("/").split("/")


@dataclass(frozen=True)
class ApiCall:
    """A request that is ready to be sent."""

    operation: Operation
    url: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiAnswer:
    """What came back; headers without the token that may be among them."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_fine(self) -> bool:
        return self.status < 400

    def written(self) -> str:
        """Return it as text, which `read` makes the same answer of."""
        body = base64.b64encode(self.body).decode()
        return json.dumps([self.status, self.reason, self.headers, body])

    @classmethod
    def read(cls, text: str) -> "ApiAnswer":
        status, reason, headers, body = json.loads(text)
        pairs = [(name, value) for name, value in headers]
        return cls(status, reason, pairs, base64.b64decode(body))


@lru_cache(maxsize=1)
def _handler() -> BaseHandler:
    handler = BaseHandler()
    handler.load_middleware()
    return handler


def _perform(
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    *,
    host: str,
    caller: str = "",
) -> HttpResponse:
    """Call the API as a client at the address `caller` would."""
    path, _mark, query = target.partition("?")
    address = urlsplit(host)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": address.hostname or "localhost",
        "SERVER_PORT": str(address.port or (443 if address.scheme == "https" else 80)),
        "HTTP_HOST": address.netloc,
        "wsgi.url_scheme": address.scheme,
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": caller,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": JSON,
    }
    for name, value in headers.items():
        # The server hands a header that is not ASCII on as an empty one.
        shown = value if value.isascii() else ""
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = shown
    with translation.override(translation.get_language()):
        answer = _handler().get_response(WSGIRequest(environ))
    if not isinstance(answer, HttpResponse):
        raise TypeError("The API does not stream.")
    return answer


def host_of(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


@lru_cache(maxsize=1)
def _read(text: bytes) -> dict[str, Operation]:
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    found = [
        _operation(path, method, told, schemas)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if method in METHODS
    ]
    return {operation.id: operation for operation in found}


def operations(request: HttpRequest) -> dict[str, Operation]:
    """Return the operations that the API's own document lists, by their ID."""
    return _read(_perform("GET", DOCUMENT, {}, b"", host=host_of(request)).content)


def _operation(
    path: str, method: str, told: dict[str, Any], schemas: dict[str, Any]
) -> Operation:
    body = told.get("requestBody", {}).get("content", {}).get(JSON)
    return Operation(
        id=told["operationId"],
        tag=told["tags"][0],
        summary=told["summary"],
        method=method.upper(),
        path=path,
        parameters=tuple(
            Parameter(
                name=one["name"],
                location=one["in"],
                is_required=bool(one.get("required")),
                description=one["schema"].get("description", ""),
                default=_text(one["schema"].get("default")),
            )
            for one in told.get("parameters", [])
        ),
        has_body=body is not None,
        example=body and (body.get("example") or _example(body["schema"], schemas)),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a small value of a schema: required members, and given examples."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return _example(schema[name][0], schemas)
    if "default" in schema or schema.get("enum"):
        return schema.get("default", (schema.get("enum") or [""])[0])
    if schema.get("type") == "object":
        needed = schema.get("required", [])
        return {
            name: _example(member, schemas)
            for name, member in schema.get("properties", {}).items()
            if name in needed or member.get("examples")
        }
    empty: dict[str, Any] = {"array": [], "integer": 1, "number": 1, "boolean": True}
    return empty.get(schema.get("type", ""), "")


def prepare(
    request: HttpRequest, operation: Operation, values: dict[str, str], body: str
) -> ApiCall:
    """Put what a person filled in where it belongs; empty fields are left out."""
    path = operation.path
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    for parameter in operation.parameters:
        value = _in_one_line(values.get(parameter.name, ""))
        if parameter.location == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
        elif value and parameter.location == "query":
            query.append((parameter.name, value))
        elif value:
            headers[parameter.name] = value
    target = path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
    if operation.has_body:
        headers["Content-Type"] = JSON
    return ApiCall(operation, host_of(request) + target, target, headers, body, values)


def _in_one_line(value: str) -> str:
    """Return a field without what would begin a header of its own."""
    return "".join(letter for letter in value if letter.isprintable())


def send(call: ApiCall, user: User, *, caller: str) -> ApiAnswer:
    """Send a call in a person's name, with a token that lives five minutes.

    `caller` is the person's address: failures count against it, as elsewhere.
    """
    token = tokens.issue(user, lifetime=TOKEN_LIFETIME)
    headers = {n: value for n, value in call.headers.items() if n != "Content-Type"}
    path, mark, query = call.target.partition("?")
    answer = _perform(
        call.operation.method,
        _decoded(path) + mark + query,
        headers | {"X-Auth-Token": token, "Accept-Language": _language()},
        call.body.encode(),
        host=call.url.removesuffix(call.target),
        caller=caller,
    )
    told = [(n, v) for n, v in answer.items() if n != "X-Subject-Token"]
    return ApiAnswer(
        answer.status_code, responses.get(answer.status_code, ""), told, answer.content
    )


def _decoded(path: str) -> str:
    """Return the path as servers hand it on: bytes, each as one character."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), path.encode())
    return raw.decode("latin-1")


def _language() -> str:
    return translation.get_language() or "en"
