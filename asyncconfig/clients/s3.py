"""The S3 protocol over boto3: signature v4, path style, each trouble a sentence."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions
from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
from botocore.config import Config
from django.utils.translation import gettext as _
from urllib3.exceptions import NameResolutionError

from asyncconfig.clients import bounded
from asyncconfig.clients.objects import (
    Account,
    Found,
    Listing,
    Patience,
    Storage,
    StorageError,
    Trouble,
)
from functions import addresses, endpoints

LIFETIME_HEADER = "x-obs-expires"
LIFETIME_NOTE = "lifetime-days"
PIECE = 64 * 1024
# The codes of S3's errors, and statuses in their place. Nothing is repeated of what an
# error of another form says: it is not the storage's.
CODE = re.compile(r"\A([A-Za-z]{1,64}|[0-9]{3})\Z")
MAX_REASON_CHARACTERS = 300
CONNECTIONS = 32
BUSY = (408, 425, 429)
# Troubles that pass by themselves; some storages send them with 400 or 403.
PASSING = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "OperationAborted",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
# By whether the storage is our own: where that one is says the operator.
POOLS = {
    is_own: bounded.pools(AWSHTTPConnectionPool, AWSHTTPSConnectionPool, find)
    for is_own, find in ((True, addresses.resolve), (False, endpoints.resolve))
}
_making = threading.Lock()


def storage(account: Account, pace: Patience) -> "S3Storage":
    """Return the client of an account; made once, for all threads."""
    with _making:  # Clients may be shared between threads, but not made by two.
        return _storage(account, pace)


@lru_cache(maxsize=64)
def _storage(account: Account, pace: Patience) -> "S3Storage":
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=account.endpoint,
            region_name=account.region,
            aws_access_key_id=account.access_key,
            aws_secret_access_key=account.secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=pace.connect,
                read_timeout=pace.read,
                # The engine's own tries are the ones that are seen and counted.
                retries={"total_max_attempts": 1},
                max_pool_connections=CONNECTIONS,
                # Newer checksums are not understood by every S3, OBS among them.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # A proxy would not be on this machine, and connect where it likes.
                proxies={},
            ),
        )
    except (ValueError, exceptions.BotoCoreError) as error:
        raise StorageError(
            _("The endpoint %(endpoint)s cannot be used. Write a URL with a host.")
            % {"endpoint": _shown(account.endpoint)},
            Trouble.OTHER,
            permanent=True,
        ) from error
    session = client._endpoint.http_session
    pools = POOLS[account.is_own]
    session._pool_classes_by_scheme = session._manager.pool_classes_by_scheme = pools
    client.meta.events.register("before-parameter-build.s3.PutObject", _take_lifetime)
    client.meta.events.register("before-call.s3.PutObject", _send_lifetime)
    client.meta.events.register("before-call.s3", _send_at_once)
    client.meta.events.register_first("needs-retry.s3", _stay)
    return S3Storage(client, account, pace)


def _take_lifetime(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Take the lifetime out of the metadata: it is a header of its own."""
    context[LIFETIME_HEADER] = params.get("Metadata", {}).pop(LIFETIME_NOTE, "")


def _send_lifetime(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Add the header before the request is signed; boto3 has no name for it."""
    if days := context.get(LIFETIME_HEADER):
        params["headers"][LIFETIME_HEADER] = days


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Ask for no leave to send the body: it is short, and an early answer is unlimited.

    boto3 reads that one in a class of its own, around `bounded`.
    """
    params["headers"].pop("Expect", None)


def _stay(request_dict: dict[str, Any], response: Any, **_: Any) -> None:
    """Follow no redirect: boto3 would ask for the bucket's region, which redirects."""
    if response is not None and 300 <= response[0].status_code < 400:
        request_dict["context"].setdefault("s3_redirect", {})["redirected"] = True


class S3Storage(Storage):
    """See `objects.Storage`."""

    def __init__(self, client: Any, account: Account, pace: Patience) -> None:
        self._client = client
        self._account = account
        self._pace = pace

    def put(
        self, bucket: str, key: str, body: bytes, *, notes: dict[str, str], days: int
    ) -> None:
        metadata = dict(notes)
        if days and not self._account.is_own:
            metadata[LIFETIME_NOTE] = str(days)
        answer = self._call(
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
            Metadata=metadata,
        )
        if not answer.get("ETag"):
            params = {"endpoint": _shown(self._account.endpoint), "service": "OBS"}
            sentence = (
                _("The server at %(endpoint)s did not answer like %(service)s.")
                % params
            )
            raise StorageError(sentence, Trouble.AWAY, permanent=False)

    def check(self, bucket: str) -> None:
        self._call("head_bucket", Bucket=bucket)

    def create(self, bucket: str) -> None:
        known = self._client.exceptions.BucketAlreadyOwnedByYou
        with self._exchange(bucket), suppress(known):
            self._client.create_bucket(Bucket=bucket)

    def remove(self, bucket: str) -> None:
        self._call("delete_bucket", Bucket=bucket)

    def delete(self, bucket: str, key: str) -> None:
        self._call("delete_object", Bucket=bucket, Key=key)

    def find(
        self, bucket: str, prefix: str, *, token: str = "", most: int = 50
    ) -> Listing:
        further = {"ContinuationToken": token} if token else {}
        page = self._call(
            "list_objects_v2",
            Bucket=bucket,
            Prefix=prefix,
            Delimiter="/",
            MaxKeys=most,
            **further,
        )
        return Listing(
            tuple(one["Prefix"] for one in page.get("CommonPrefixes", ())),
            tuple(
                Found(one["Key"], one["Size"], one["LastModified"])
                for one in page.get("Contents", ())
            ),
            page.get("NextContinuationToken", ""),
        )

    def count(self, bucket: str, *, most: int) -> int:
        page = self._call("list_objects_v2", Bucket=bucket, MaxKeys=most)
        return len(page.get("Contents", ()))

    def read(self, bucket: str, key: str, *, most: int) -> bytes:
        with self._exchange(bucket):
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            with closing(body):
                return bytes(body.read(most))

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        body = self._call("get_object", Bucket=bucket, Key=key)["Body"]
        pieces: Iterator[bytes] = body.iter_chunks(PIECE)
        return pieces

    def _call(self, operation: str, **kwargs: Any) -> Any:
        with self._exchange(kwargs["Bucket"]):
            return getattr(self._client, operation)(**kwargs)

    @contextmanager
    def _exchange(self, bucket: str) -> Iterator[None]:
        """Keep a call within its limits, and say what went wrong with it."""
        where = _shown(self._account.endpoint)
        try:
            with bounded.exchange(where, self._pace.connect + self._pace.read):
                yield
        except bounded.CutOff as error:
            trouble = Trouble.OTHER if error.permanent else Trouble.AWAY
            raise StorageError(
                str(error), trouble, permanent=error.permanent
            ) from error
        except exceptions.ClientError as error:
            raise _refused(error, where, bucket) from error
        except exceptions.BotoCoreError as error:
            raise _unreached(error, where, self._pace) from error


def _shown(endpoint: str) -> str:
    """Return an endpoint without what may be secret in it."""
    try:
        parts = urlsplit(endpoint)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return endpoint.rpartition("@")[2]
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _refused(error: exceptions.ClientError, where: str, bucket: str) -> StorageError:
    """Read an answer of the storage; a HEAD has no code but the status."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code, reason = _said(error.response.get("Error", {}))
    known = _known(code, where, bucket)
    if known is not None:
        return known
    facts = {"endpoint": where, "code": code or status}
    if status >= 500 or status in BUSY or code in PASSING:
        sentence = _(
            "%(endpoint)s is temporarily unavailable (%(code)s). Try again later."
        )
        return StorageError(sentence % facts, Trouble.AWAY, permanent=False)
    facts["reason"] = reason
    sentence = _("%(endpoint)s refuses the request: %(code)s %(reason)s") % facts
    return StorageError(sentence.strip(), Trouble.OTHER, permanent=True)


def _said(told: dict[str, Any]) -> tuple[str, str]:
    """Return code and message of an error, or "" twice where it is not S3's."""
    code, reason = told.get("Code", ""), told.get("Message", "")
    if not (isinstance(code, str) and CODE.match(code)):
        return "", ""
    return code, " ".join(str(reason).split())[:MAX_REASON_CHARACTERS]


def _known(code: str, where: str, bucket: str) -> StorageError | None:
    """Return what a code of S3 means, or None for one that needs no own words."""
    facts = {"bucket": bucket, "endpoint": where}
    match code:
        case "NoSuchBucket" | "404":
            trouble = Trouble.NO_BUCKET
            sentence = _("Bucket %(bucket)s does not exist. Create it, then try again.")
        case "NoSuchKey":
            trouble = Trouble.NO_OBJECT
            sentence = _("This object no longer exists.")
        case "AccessDenied" | "403":
            trouble = Trouble.DENIED
            sentence = _(
                "%(endpoint)s denies access to bucket %(bucket)s. "
                "Allow the key to write there."
            )
        case "InvalidAccessKeyId":
            trouble = Trouble.WRONG_KEY
            sentence = _("%(endpoint)s does not know the access key. Check the key.")
        case "SignatureDoesNotMatch":
            trouble = Trouble.WRONG_KEY
            sentence = _(
                "%(endpoint)s does not accept the signature. Check the secret key."
            )
        case "BucketNotEmpty":
            trouble = Trouble.NOT_EMPTY
            sentence = _("Bucket %(bucket)s is not empty. Delete its objects first.")
        case "InvalidBucketName" | "BucketAlreadyExists":
            trouble = Trouble.BAD_NAME
            sentence = _("The name %(bucket)s cannot be used. Choose another one.")
        case _:
            return None
    return StorageError(sentence % facts, trouble, permanent=True)


def _unreached(error: Exception, where: str, pace: Patience) -> StorageError:
    """Say why no answer came; all of it may be over in a while."""
    facts: dict[str, Any] = {"endpoint": where}
    cause = getattr(error, "kwargs", {}).get("error")
    if isinstance(cause, NameResolutionError):
        sentence = _("The host of %(endpoint)s is not known. Check its name.")
    elif isinstance(error, exceptions.EndpointConnectionError):
        sentence = _("Nothing can be reached at %(endpoint)s. Check that it runs.")
    elif isinstance(error, exceptions.ConnectTimeoutError):
        facts["seconds"] = f"{pace.connect:g}"
        sentence = _("%(endpoint)s took no connection within %(seconds)s s.")
    elif isinstance(error, exceptions.ReadTimeoutError):
        facts["seconds"] = f"{pace.read:g}"
        sentence = _("%(endpoint)s did not answer within %(seconds)s s.")
    elif isinstance(error, exceptions.SSLError):
        sentence = _("The certificate of %(endpoint)s cannot be verified.")
    elif isinstance(error, exceptions.ParamValidationError):
        sentence = _("The bucket or the prefix has a character that S3 does not take.")
        return StorageError(sentence, Trouble.BAD_NAME, permanent=True)
    else:
        sentence = _("The connection to %(endpoint)s broke. Try again.")
    return StorageError(sentence % facts, Trouble.AWAY, permanent=False)
