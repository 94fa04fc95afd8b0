"""The forms of RocketMQ instances, their topics and inbound rules."""

import re
from ipaddress import ip_address
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig.models import RocketInstance
from asyncconfig.models.rocketmq import DEFAULT_PORT
from functions.addresses import AddressRefused, check_private
from functions.forms.base import Form, whole_number
from functions.forms.network import ByUuidField, name_field, range_field
from functions.models import Project, Vpc

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST = re.compile(rf"\A{LABEL}(\.{LABEL})*\Z")
# The broker's own limit (a byte for the length); reserved names are its business.
TOPIC = re.compile(r"\A[%a-zA-Z0-9_-]{1,127}\Z")
TOPIC_RULE = gettext_lazy("1–127 letters, digits, “-”, “_” or “%%”.")
PORT_RULE = gettext_lazy("Enter a whole number from 1 to 65535.")


def _port(label: Any, initial: int) -> forms.IntegerField:
    return whole_number(label, PORT_RULE, low=1, high=65_535, initial=initial)


class InstanceForm(Form):
    """How an instance is reached. A secret is never shown; empty keeps the old one."""

    name = name_field()
    host = forms.CharField(
        label=gettext_lazy("Host"),
        max_length=255,
        help_text=gettext_lazy("Of the RocketMQ 5 proxy: a name or an IPv4 address."),
    )
    port = _port(gettext_lazy("Port (gRPC)"), DEFAULT_PORT)
    uses_tls = forms.BooleanField(
        label=gettext_lazy("TLS"), required=False, initial=True
    )
    vpc = ByUuidField(
        Vpc.objects.none(),
        label=gettext_lazy("VPC"),
        empty_label=gettext_lazy("Choose a VPC"),
        to_field_name="vpc_id",
        error_messages={
            "required": gettext_lazy("Choose a VPC."),
            "invalid_choice": gettext_lazy("Choose a VPC from the list."),
        },
    )
    access_key = forms.CharField(
        label=gettext_lazy("User name"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("Empty where the broker asks for none."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    secret_key = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=1024,
        strip=False,
        help_text=gettext_lazy("Never shown again. Leave it empty to keep it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        project: Project,
        instance: RocketInstance | None = None,
    ) -> None:
        super().__init__(data, initial=_values(instance) if instance else None)
        self._instance = instance
        vpcs = Vpc.objects.filter(project=project).order_by("name")
        self.fields["vpc"].queryset = vpcs  # type: ignore[attr-defined]

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"].lower()
        if not HOST.match(host):
            raise ValidationError(
                _("Write a host name or an IPv4 address, like 10.0.1.20.")
            )
        _check_near(host)
        return host

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        user, secret = cleaned.get("access_key"), cleaned.get("secret_key")
        old = self._instance
        if not user:
            return cleaned | {"secret_key": ""}
        if not secret and old and old.access_key == user:
            return cleaned | {"secret_key": old.secret_key}
        if not secret and "secret_key" not in self.errors:
            self.add_error(
                "secret_key", _("Enter the secret of user %(user)s.") % {"user": user}
            )
        return cleaned


def _values(instance: RocketInstance) -> dict[str, Any]:
    names = ("name", "host", "port", "uses_tls", "access_key")
    return {name: getattr(instance, name) for name in names} | {
        "vpc": instance.vpc.vpc_id
    }


def _check_near(host: str) -> None:
    """Refuse an address of this machine at once; names are resolved when sending."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return
    try:
        check_private(host, address)
    except AddressRefused as error:
        raise ValidationError(str(error)) from error


class BrokerTopicForm(Form):
    topic = forms.CharField(
        label=gettext_lazy("Topic"),
        max_length=127,
        validators=[RegexValidator(TOPIC, TOPIC_RULE)],
        help_text=gettext_lazy("It must exist at the broker."),
    )


class RuleForm(Form):
    """Which ports are open, and to whom."""

    first_port = _port(gettext_lazy("First port"), DEFAULT_PORT)
    last_port = _port(gettext_lazy("Last port"), DEFAULT_PORT)
    source = range_field("10.0.0.0/16")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("first_port"), cleaned.get("last_port")
        if first and last and first > last:
            self.add_error("last_port", _("The last port is before the first one."))
        return cleaned
