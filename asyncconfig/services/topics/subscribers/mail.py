"""Subscribers reached by e-mail, through Django's mail back-end."""

import smtplib
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils import translation
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Subscription
from asyncconfig.receipt import Receipt
from asyncconfig.services.topics.subscribers.base import Endpoint, Letter, Subscriber
from functions.models import Project

REJECTED = 500


class MailSubscriber(Subscriber):
    protocol = Subscription.Protocol.EMAIL.value

    def read(self, endpoint: str, project: Project) -> Endpoint:
        if not settings.EMAIL_HOST:
            raise ValidationError(
                _("No mail server is set. An operator sets one with EMAIL_HOST.")
            )
        try:
            validate_email(endpoint)
        except ValidationError as error:
            raise ValidationError(
                _("Write one e-mail address, for example ops@example.com.")
            ) from error
        return Endpoint(endpoint)

    def key(self, endpoint: str) -> str:
        """Return the mail server: it is what is slow or away, for all addresses."""
        return str(settings.EMAIL_HOST)

    def send(self, endpoint: str, letter: Letter) -> Receipt:
        mail = EmailMessage(
            _subject(letter),
            _text(letter),
            _sender(letter),
            [endpoint],
            headers=_headers(letter),
        )
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise _refusal(code, said) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            reason = error.strerror or str(error) or type(error).__name__
            sentence = _("The mail server cannot be reached: %(reason)s.")
            raise DeliveryError(
                sentence % {"reason": reason}, permanent=False
            ) from error
        return Receipt(f"The mail server took it for {endpoint}.")


def _refusal(code: int, said: bytes | str) -> DeliveryError:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    sentence = _("The mail server refused it: %(code)d %(reason)s")
    params = {"code": code, "reason": words}
    # A wrong password is ours to repair; the mail can go out after that.
    is_ours = code in (530, 534, 535, 538)
    return DeliveryError(sentence % params, permanent=code >= REJECTED and not is_ours)


def _subject(letter: Letter) -> str:
    """Return the subject in one line: a line break would begin another header."""
    usual = "Confirm your subscription · %s" if letter.is_invitation else "%s"
    return " ".join((letter.subject or usual % letter.sender).split())


def _sender(letter: Letter) -> str:
    """Return our address under the topic's name."""
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return formataddr((" ".join(letter.sender.split()), address))


def _headers(letter: Letter) -> dict[str, str]:
    headers = {"X-SMN-MESSAGE-ID": letter.message_id}
    if not letter.is_invitation:
        headers["List-Unsubscribe"] = f"<{letter.link}>"
    return headers


def _text(letter: Letter) -> str:
    """Return the text and what the link does, in each of the console's languages."""
    parts = [] if letter.is_invitation else [letter.text]
    for language, _label in settings.LANGUAGES:
        with translation.override(language):
            parts.append(_invitation(letter) if letter.is_invitation else _footer())
    return "\n\n".join([*dict.fromkeys(parts), letter.link, ""])


def _invitation(letter: Letter) -> str:
    return _(
        "You are invited to subscribe to topic %(urn)s. "
        "Open this link to confirm; without it nothing is sent."
    ) % {"urn": letter.topic_urn}


def _footer() -> str:
    return _("Open this link to unsubscribe.")
