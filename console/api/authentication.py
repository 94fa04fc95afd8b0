"""Who calls: an access key's signature or a token; everything else is closed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.api.errors import ApiError
from console.door import limits
from console.models import AccessKey
from console.security import access_keys, signing, tokens
from console.security.callers import address_of, neighbourhood_of
from console.security.limits import Lock

SKEW = timedelta(minutes=15)
MAX_BODY_BYTES = 1024 * 1024

UNSIGNED, WRONG, VOID, DISABLED, LOCKED = (
    "FSS.0401",
    "APIGW.0301",
    "APIGW.0307",
    "APIGW.0302",
    "APIGW.0303",
)


@dataclass(frozen=True)
class Caller:
    """Who calls; `by` is what stays written with what they do."""

    user: User
    by: str


class Authentication:
    """Accepts an SDK-HMAC-SHA256 signature or an X-Auth-Token.

    Raises 401 with a code of its own for each reason. A wrong signature counts:
    five lock the key for its address for five minutes.
    """

    def __call__(self, request: HttpRequest) -> Caller:
        check_length(request)
        if "\x00" in request.path_info:
            raise ApiError(404, "FSS.0404", _("The path holds a NUL character."))
        token = request.headers.get("X-Auth-Token")
        caller = _by_token(request, token) if token else _by_signature(request)
        request.user = caller.user
        return caller


def admit(request: HttpRequest, who: str) -> None:
    """Let the body in, on somebody's account, where only the head is here so far.

    The door asks so before it receives a body. Nothing else may happen then, so
    this raises, and what is raised is answered to nobody.
    """
    if limits.HEAD_ONLY in request.META:
        request.admitted = who  # type: ignore[attr-defined]
        raise ApiError(HTTPStatus.CONTINUE, "FSS.0100", "")


def check_length(request: HttpRequest) -> None:
    """Refuse a body that is too long, or of unknown length, before it is read."""
    if request.headers.get("Transfer-Encoding"):
        raise ApiError(
            411, "FSS.0411", _("Send a Content-Length; a chunked body is not read.")
        )
    check = getattr(request, "check_body", check_usual_body)
    check(int(request.META.get("CONTENT_LENGTH") or 0))


def check_usual_body(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ApiError(413, "FSS.0413", _("The body is over 1 MB. Send less."))


def check_small_body(size: int) -> None:
    if size > limits.SMALL:
        raise ApiError(413, "FSS.0413", _("The body is over 64 KB. Send less."))


def _by_token(request: HttpRequest, token: str) -> Caller:
    bearer = tokens.read(token)
    if bearer is None:
        raise ApiError(
            401,
            VOID,
            _("The token is invalid or has expired. Get a new one at /v3/auth/tokens."),
        )
    admit(request, str(bearer.user.pk))
    if bearer.access_key:
        access_keys.note_use_by_token(bearer.access_key, address_of(request))
    return Caller(bearer.user, bearer.user.get_username())


def _by_signature(request: HttpRequest) -> Caller:
    """Check what costs nothing first; a stranger's body is never read."""
    credential = _credential(request)
    lock = Lock("key", credential.access_key, neighbourhood_of(request))
    if lock.is_closed:
        raise ApiError(
            401,
            LOCKED,
            _("AK access failed to reach the limit, forbidden for 5 minutes."),
        )
    _check_date(request)
    key = AccessKey.objects.filter(access_key=credential.access_key).first()
    if key is not None:
        admit(request, str(key.user_id))
    if not _is_signed(request, credential, key) or key is None:
        _check_arrived(request, credential)
        lock.count_failure()
        raise ApiError(
            401,
            WRONG,
            _(
                "Incorrect IAM authentication information: verify aksk signature "
                "fail. Check the access key, its secret, and that no proxy changes "
                "the Host header."
            ),
        )
    lock.open()
    _check_key(key)
    access_keys.note_use(key, address_of(request))
    return Caller(key.user, f"{key.user.get_username()} · {key.access_key}")


def _credential(request: HttpRequest) -> signing.Credential:
    """Read the Authorization header; raises 401 for one that cannot be right."""
    authorization = request.headers.get("Authorization", "")
    if not authorization:
        raise ApiError(
            401,
            UNSIGNED,
            _("Sign the request with an access key, or send an X-Auth-Token."),
        )
    credential = signing.read(authorization)
    if credential is None:
        raise ApiError(
            401,
            WRONG,
            _("Incorrect IAM authentication information: sign with SDK-HMAC-SHA256."),
        )
    if not signing.covers_enough(credential):
        raise ApiError(401, WRONG, _("Sign the header X-Sdk-Date as well."))
    return credential


def _is_signed(
    request: HttpRequest, credential: signing.Credential, key: AccessKey | None
) -> bool:
    """Say whether the key signed the request.

    A key that does not exist takes as long as one that does, but for the body.
    """
    body = request.body if key else b""
    secret = key.secret if key else credential.signature
    signed = _signed(request, body)
    return signing.is_signed_by(signed, credential, secret=secret) and key is not None


def _check_arrived(request: HttpRequest, credential: signing.Credential) -> None:
    """Name a signed header that came without a value: the signature cannot be right.

    It counts as no failure, since the client may be as surprised. Secrets are
    random and long; the lock is not what keeps them from being guessed.
    """
    for name in credential.signed:
        if not request.headers.get(name):
            raise ApiError(
                401,
                WRONG,
                _(
                    "The signed header %(name)s arrived without a value: web servers "
                    "drop what is not ASCII. Do not sign it, or write it in ASCII."
                )
                % {"name": name},
            )


def _signed(request: HttpRequest, body: bytes) -> signing.Request:
    return signing.Request(
        method=request.method or "",
        path=request.path_info,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        body=body,
    )


def _text(value: str) -> str:
    """Return a header as its client wrote it: WSGI hands UTF-8 on as Latin-1."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


def _check_date(request: HttpRequest) -> None:
    """Refuse what was signed long ago: a request that was listened to dies soon."""
    date = signing.read_date(request.headers.get(signing.DATE_HEADER, ""))
    if date is None or abs(datetime.now(UTC) - date) > SKEW:
        raise ApiError(
            401,
            VOID,
            _(
                "The signature expired: X-Sdk-Date is over 15 minutes from this "
                "server's time. Set the clock, then sign again."
            ),
        )


def _check_key(key: AccessKey) -> None:
    if not key.is_active or not key.user.is_active:
        raise ApiError(401, DISABLED, _("The access key is disabled. Enable it first."))
