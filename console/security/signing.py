"""The request signature SDK-HMAC-SHA256: made from text alone, for every API here.

A signature covers method, path, query, the named headers and the body, so that
what arrives is what was sent. There is no session and no derived key: whoever
knows the secret can sign.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "x-sdk-date"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
BODY_HEADER = "x-sdk-content-sha256"
UNSIGNED_BODY = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Request:
    """What a signature covers.

    `path` is percent-decoded, `query` as it was sent, header names are lower-case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Credential:
    """What an Authorization header says."""

    access_key: str
    signed: tuple[str, ...]
    signature: str


def read(authorization: str) -> Credential | None:
    """Read an Authorization header; None when it is not of this algorithm."""
    algorithm, _space, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if set(parts) != {"Access", "SignedHeaders", "Signature"}:
        return None
    signed = tuple(name.lower() for name in parts["SignedHeaders"].split(";"))
    return Credential(parts["Access"], signed, parts["Signature"])


def read_date(text: str) -> datetime | None:
    """Read an X-Sdk-Date header, which is always UTC."""
    try:
        return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def signature(request: Request, *, signed: Iterable[str], secret: str) -> str:
    """Return the signature, in hexadecimal, that a request must carry."""
    canonical = hashlib.sha256(_canonical(request, tuple(signed)).encode()).hexdigest()
    text = f"{ALGORITHM}\n{request.headers.get(DATE_HEADER, '')}\n{canonical}"
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def covers_enough(credential: Credential) -> bool:
    """Say whether the date is signed, without which anything could be sent again.

    The host need not be: Terraform does not sign it, and keys are known to one
    installation only.
    """
    return DATE_HEADER in credential.signed


def is_signed_by(request: Request, credential: Credential, *, secret: str) -> bool:
    """Say whether the signature is right, in a time that tells nothing."""
    expected = signature(request, signed=credential.signed, secret=secret)
    same = hmac.compare_digest(expected.encode(), credential.signature.encode())
    return covers_enough(credential) and same and _declares_its_body(request)


def _declares_its_body(request: Request) -> bool:
    """Say whether a hash that the client sent along is that of the body."""
    declared = request.headers.get(BODY_HEADER, UNSIGNED_BODY)
    actual = hashlib.sha256(request.body).hexdigest()
    return declared == UNSIGNED_BODY or hmac.compare_digest(
        declared.encode(), actual.encode()
    )


def _canonical(request: Request, signed: tuple[str, ...]) -> str:
    uri = "/".join(_encode(segment) for segment in request.path.split("/"))
    lines = [
        request.method,
        uri if uri.endswith("/") else f"{uri}/",
        _canonical_query(request.query),
        *(f"{name}:{request.headers.get(name, '').strip()}" for name in signed),
        "",
        ";".join(signed),
        _body_hash(request),
    ]
    return "\n".join(lines)


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    # A plus sign is a plus sign here, not a space.
    decoded = sorted((unquote(name), unquote(value)) for name, _is, value in pairs)
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in decoded)


def _body_hash(request: Request) -> str:
    declared = request.headers.get(BODY_HEADER)
    if request.body and declared:
        return declared
    return hashlib.sha256(request.body).hexdigest()


def _encode(text: str) -> str:
    return quote(text, safe="~")
