"""The SMN of the cloud, through its own SDK."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError
from asyncconfig.models.config import SMN
from asyncconfig.receipt import Receipt
from functions.models.agency import Reach

# Seconds to connect and to wait for an answer.
SENDING = (3.0, 10.0)
ASKING = (1.0, 2.0)
DELIVERY_ID = "delivery_id"
NOT_FOUND = (404, "SMN.0006")


def publish(
    reach: Reach, urn: str, *, subject: str, text: str, parcel_id: UUID
) -> Receipt:
    """Publish once; raises DeliveryError with a sentence of what is wrong."""
    client, sdk = _client(reach, urn, SENDING)
    attribute = sdk.MessageAttribute(DELIVERY_ID, "STRING", parcel_id.hex)
    body = sdk.PublishMessageRequestBody(
        subject=subject, message=text, message_attributes=[attribute]
    )
    request = sdk.PublishMessageRequest(topic_urn=urn, body=body)
    message_id = _call(client.publish_message, request, reach, urn).message_id
    if not message_id:
        sentence = _("What answers at %(endpoint)s is not SMN.")
        told = {"endpoint": reach.endpoint(SMN)}
        raise DeliveryError(sentence % told, permanent=False)
    return Receipt(f"Published as message {message_id}.", str(message_id))


def verify(reach: Reach, urn: str) -> str:
    """Ask for the topic; "" when it is there, a warning when that stays unknown.

    Raises ValidationError when it does not exist.
    """
    try:
        client, sdk = _client(reach, urn, ASKING)
        request = sdk.ListTopicDetailsRequest(topic_urn=urn)
        _call(client.list_topic_details, request, reach, urn)
    except _NoSuchTopic as error:
        raise ValidationError(str(error), code="gone") from error
    except DeliveryError as error:
        return str(error)
    return ""


class _NoSuchTopic(DeliveryError):
    def __init__(self, urn: str) -> None:
        sentence = _("There is no topic %(urn)s at the SMN of the agency.")
        super().__init__(sentence % {"urn": urn}, permanent=True)


def _client(reach: Reach, urn: str, timeout: tuple[float, float]) -> tuple[Any, Any]:
    """Return a client that tries once, verifies certificates and does not hang."""
    try:
        import huaweicloudsdksmn.v2 as sdk  # noqa: PLC0415 - an extra, and slow
        from huaweicloudsdkcore.auth.credentials import (  # noqa: PLC0415
            BasicCredentials,
        )
        from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: PLC0415
    except ImportError as error:
        sentence = _("The SDK of SMN is not installed. Install the extra “cloud”.")
        raise DeliveryError(sentence, permanent=True) from error
    if not (reach.access_key and reach.secret_key):
        sentence = _("The agency has no access key for SMN. Set one.")
        raise DeliveryError(sentence, permanent=True)
    project = reach.project_id or urn.split(":")[3]
    credentials = BasicCredentials(reach.access_key, reach.secret_key, project)
    config = HttpConfig(timeout=timeout, retry_times=0, allow_redirects=False)
    builder = sdk.SmnClient.new_builder().with_http_config(config)
    client = builder.with_credentials(credentials).with_endpoint(reach.endpoint(SMN))
    return client.build(), sdk


def _call(operation: Any, request: Any, reach: Reach, urn: str) -> Any:
    from huaweicloudsdkcore.exceptions import exceptions as sdk  # noqa: PLC0415

    endpoint = reach.endpoint(SMN)
    try:
        return operation(request)
    except sdk.ServiceResponseException as error:
        raise _refusal(error, urn) from error
    except sdk.SslHandShakeException as error:
        sentence = _("The certificate of SMN at %(endpoint)s is not trusted.")
        cause: Exception = error
    except (sdk.SdkException, OSError) as error:
        # Which class a time-out has depends on where it struck; the words are there.
        if "timed out" in str(error):
            sentence = _("SMN at %(endpoint)s did not answer in time.")
        else:
            sentence = _("SMN at %(endpoint)s cannot be reached.")
        cause = error
    raise DeliveryError(sentence % {"endpoint": endpoint}, permanent=False) from cause


def _refusal(error: Any, urn: str) -> DeliveryError:
    """Translate what SMN refused; everything the sender got wrong is permanent."""
    if error.status_code == NOT_FOUND[0] or error.error_code == NOT_FOUND[1]:
        return _NoSuchTopic(urn)
    told = {"code": error.error_code or error.status_code, "said": error.error_msg}
    match error.status_code:
        case 401:
            sentence = _("SMN refuses the agency's key: %(code)s %(said)s")
        case 403:
            sentence = _("The agency's key may not publish: %(code)s %(said)s")
        case _:
            sentence = _("SMN refuses the message: %(code)s %(said)s")
    is_permanent = error.status_code < 500 and error.status_code not in (408, 429)
    return DeliveryError(sentence % told, permanent=is_permanent)
