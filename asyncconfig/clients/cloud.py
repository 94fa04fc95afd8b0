"""The cloud's services through its official SDK: one try each, and every end told.

The SDK belongs to the extra "cloud" and takes a second to import, so it is loaded
when a service elsewhere is first called.

Whoever names an endpoint reads what comes of calling it. So nothing is repeated of an
answer that has not the form of the cloud's: it may be another server's.
"""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from asyncconfig.clients import bounded
from asyncconfig.exceptions import DeliveryError
from functions import endpoints
from functions.addresses import AddressRefused
from functions.models.agency import Reach

logger = logging.getLogger(__name__)

# Seconds to connect and to wait for an answer, when sending and when verifying.
SENDING = (5.0, 15.0)
ASKING = (1.0, 2.0)
# The codes of errors (DIS.4301, APIGW.0301), and the IDs that services give.
CODE = re.compile(r"\A[A-Za-z]{2,32}\.\w{1,16}\Z", re.ASCII)
ID = re.compile(r"\A[\w-]{1,64}\Z", re.ASCII)
MAX_ANSWER_CHARACTERS = 300
# 441 is what the cloud's gateway says of a key it does not know.
WRONG_KEY = (401, 441)


@dataclass(frozen=True, eq=False)
class Service:
    """A service of the cloud, and what its own codes mean.

    `kind` is the destination's and `sdk` the SDK's module. `denied` and `missing` are
    codes beside the statuses 403 and 404, `passing` those below 500 that pass by
    themselves. `not_there` is the sentence for a missing target, with `code` and
    `message`.
    """

    kind: str
    sdk: str
    client: str
    not_there: str | Promise
    missing: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()

    def is_permanent(self, status: int, code: str) -> bool:
        """Say whether trying again cannot help; 408, 429 and 5xx pass by themselves."""
        is_refused = 400 <= status < 500 and status not in (408, 429)
        return is_refused and code not in self.passing


class NotThere(DeliveryError):
    """The service does not have what was asked for."""


def call(
    service: Service,
    reach: Reach,
    operation: str,
    timeout: tuple[float, float] | None = None,
    **fields: Any,
) -> Any:
    """Call an operation once; raises DeliveryError with a sentence, or NotThere.

    `operation` is a method of the SDK's client, `fields` those of its request.
    """
    sdk = _sdk(service)
    from huaweicloudsdkcore.exceptions import exceptions  # noqa: PLC0415 - see above

    _check(service, reach)
    url = reach.endpoint(service.kind)
    keys = reach.access_key, reach.secret_key, reach.project_id
    timeout = timeout or SENDING
    client = _client(service, keys, url, timeout)
    request = getattr(sdk, operation.title().replace("_", "") + "Request")
    try:
        with bounded.exchange(url, sum(timeout)):
            return getattr(client, operation)(request(**fields))
    except exceptions.ServiceResponseException as error:
        raise _refusal(service, error, url) from error
    except exceptions.SslHandShakeException as error:
        sentence = _("The certificate of %(url)s is not trusted.")
        raise DeliveryError(sentence % {"url": url}, permanent=False) from error
    except (OSError, exceptions.SdkException) as error:
        raise DeliveryError(_silence(error) % {"url": url}, permanent=False) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        # The SDK takes for granted that what answers is the service.
        logger.warning("An answer made the SDK raise %s.", type(error).__name__)
        raise stranger(service, reach) from error


def stranger(service: Service, reach: Reach) -> DeliveryError:
    """Return what is said of an answer that the service would not give."""
    params = {"endpoint": reach.endpoint(service.kind), "service": service.kind}
    sentence = _("The server at %(endpoint)s did not answer like %(service)s.")
    return DeliveryError(sentence % params, permanent=False)


def said(code: object, message: object) -> tuple[str, str]:
    """Return code and message of an error, or "" twice where it is not the cloud's."""
    if not (isinstance(code, str) and CODE.match(code)):
        return "", ""
    words = " ".join(str(message or "").split())
    return code, words[:MAX_ANSWER_CHARACTERS]


def look(service: Service, reach: Reach, operation: str, **fields: str) -> str:
    """Ask whether a target is there; a warning when that stays unknown, or "".

    Raises ValidationError for one that is missing.
    """
    try:
        call(service, reach, operation, ASKING, **fields)
    except NotThere as error:
        raise ValidationError(str(error), code="gone") from error
    except DeliveryError as error:
        return str(error)
    return ""


def _check(service: Service, reach: Reach) -> None:
    """Raise DeliveryError for what the SDK would guess, and where it may not go."""
    try:
        endpoints.check(reach.endpoint(service.kind))
    except AddressRefused as error:
        raise DeliveryError(str(error), permanent=True) from error
    if not (reach.access_key and reach.secret_key):
        sentence = _("The agency has no access key for %(service)s. Set one.")
    elif not reach.project_id:
        sentence = _("The agency has no project ID for %(service)s. Set one.")
    else:
        return
    raise DeliveryError(sentence % {"service": service.kind}, permanent=True)


def _sdk(service: Service) -> Any:
    try:
        return import_module(service.sdk)
    except ImportError as error:
        sentence = _(
            "The client of %(service)s is not installed here. "
            "Install the extra “cloud”."
        )
        params = {"service": service.kind}
        raise DeliveryError(sentence % params, permanent=True) from error


@lru_cache(maxsize=64)
def _client(
    service: Service,
    keys: tuple[str, str, str],
    endpoint: str,
    timeout: tuple[float, float],
) -> Any:
    """Return a client that keeps its connections; it tries once and checks TLS."""
    from huaweicloudsdkcore.auth.credentials import (  # noqa: PLC0415
        BasicCredentials,
    )
    from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: PLC0415

    from asyncconfig.clients.cloud_adapter import Adapter  # noqa: PLC0415

    config = HttpConfig(
        timeout=timeout,
        retry_times=0,
        ignore_ssl_verification=False,
        allow_redirects=False,
    )
    credentials = BasicCredentials(*keys)
    builder = getattr(_sdk(service), service.client).new_builder()
    builder = builder.with_http_config(config).with_credentials(credentials)
    client = builder.with_endpoint(endpoint).build()
    # It would write what a server said that speaks no HTTP.
    client._logger.disabled = True
    session = client.get_http_client()._session
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return client


def _refusal(service: Service, error: Any, url: str) -> DeliveryError:
    """Translate an error answer of the service."""
    status = int(error.status_code)
    code, message = said(error.error_code, error.error_msg)
    code = code or str(status)
    params = {"url": url, "service": service.kind, "code": code, "message": message}
    if code in service.missing or status == 404:
        return NotThere((str(service.not_there) % params).strip(), permanent=True)
    if status in WRONG_KEY:
        sentence = _("%(url)s does not accept the agency's key: %(code)s %(message)s")
    elif code in service.denied or status == 403:
        sentence = _("The agency's key has no permission: %(code)s %(message)s")
    else:
        sentence = _("%(service)s refused: %(code)s %(message)s")
    return DeliveryError(
        (sentence % params).strip(), permanent=service.is_permanent(status, code)
    )


def _silence(error: Exception) -> str:
    """Say why no answer came: which class a time-out has depends on where it struck."""
    if "timed out" in str(error).lower():
        return _("%(url)s did not answer in time.")
    return _("%(url)s cannot be reached.")
