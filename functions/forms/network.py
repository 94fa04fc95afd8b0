"""The forms of VPCs and subnets, and of a function's place in them."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from functions.forms.base import Form
from functions.models import Project, Subnet, Version, Vpc

NAME = re.compile(r"\A[\w.-]{1,64}\Z")
NAME_RULE = gettext_lazy("1–64 letters, digits, “-”, “_” or “.”.")


def name_field() -> forms.CharField:
    return forms.CharField(
        label=pgettext_lazy("resource", "Name"),
        validators=[RegexValidator(NAME, NAME_RULE)],
        max_length=64,
        help_text=NAME_RULE,
    )


def range_field(example: str) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Address range (CIDR)"),
        max_length=43,
        widget=forms.TextInput(attrs={"placeholder": example, "class": "mono"}),
    )


class ByUuidField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice by a UUID; a text that is none is an invalid choice as well."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except ValidationError as error:
            raise ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice"
            ) from error


class VpcForm(Form):
    name = name_field()
    cidr = range_field("10.0.0.0/16")


class SubnetForm(Form):
    name = name_field()
    cidr = range_field("10.0.1.0/24")


class NetworkForm(Form):
    """Whether a function has a network, and its VPC access; the subnet says the VPC.

    Both are asked for, as the cloud does, and must fit together.
    """

    network = forms.BooleanField(
        label=gettext_lazy("Public network access"), required=False
    )
    access = forms.BooleanField(label=gettext_lazy("VPC access"), required=False)
    vpc = ByUuidField(
        Vpc.objects.none(),
        label=gettext_lazy("VPC"),
        required=False,
        empty_label=gettext_lazy("Choose a VPC"),
        to_field_name="vpc_id",
        error_messages={"invalid_choice": gettext_lazy("Choose a VPC from the list.")},
    )
    subnet = ByUuidField(
        Subnet.objects.none(),
        label=gettext_lazy("Subnet"),
        required=False,
        empty_label=gettext_lazy("Choose a subnet"),
        to_field_name="subnet_id",
        error_messages={
            "invalid_choice": gettext_lazy("Choose a subnet from the list.")
        },
    )

    def __init__(self, data: Any = None, *, version: Version) -> None:
        super().__init__(data, initial=_values(version))
        project = version.function.project
        vpcs = Vpc.objects.filter(project=project).order_by("name")
        subnets = Subnet.objects.filter(vpc__project=project).select_related("vpc")
        self.fields["vpc"].queryset = vpcs  # type: ignore[attr-defined]
        self.fields["subnet"].queryset = subnets.order_by(  # type: ignore[attr-defined]
            "vpc__name", "name"
        )
        self.fields["vpc"].label_from_instance = _vpc_label  # type: ignore[attr-defined]
        self.fields["subnet"].label_from_instance = (  # type: ignore[attr-defined]
            _subnet_label
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("access"):
            return cleaned | {"vpc": None, "subnet": None}
        vpc, subnet = cleaned.get("vpc"), cleaned.get("subnet")
        if vpc is None and "vpc" not in self.errors:
            self.add_error("vpc", _("Choose a VPC."))
        if subnet is None and "subnet" not in self.errors:
            self.add_error("subnet", _("Choose a subnet."))
        if vpc and subnet and subnet.vpc_id != vpc.pk:
            self.add_error(
                "subnet",
                _("Subnet %(subnet)s is not in VPC %(vpc)s. Choose one of its own.")
                % {"subnet": subnet.name, "vpc": vpc.name},
            )
        return cleaned


def _values(version: Version) -> dict[str, Any]:
    return {
        "network": version.network,
        "access": version.vpc is not None,
        "vpc": version.vpc.vpc_id if version.vpc else None,
        "subnet": version.subnet.subnet_id if version.subnet else None,
    }


def _vpc_label(vpc: Vpc) -> str:
    return f"{vpc.name} ({vpc.cidr})"


def _subnet_label(subnet: Subnet) -> str:
    return f"{subnet.vpc.name} / {subnet.name} ({subnet.cidr})"


def find_network(project: Project, *, vpc: str, subnet: str) -> Subnet | None:
    """Find the subnet that an API client names by two IDs; None for none at all.

    Raises ValidationError with the code "vpc" or "subnet", whichever is unknown.
    """
    if not vpc and not subnet:
        return None
    vpcs = Vpc.objects.filter(project=project, vpc_id__in=_uuids(vpc))
    found = vpcs.first()
    if found is None:
        raise ValidationError(
            _("VPC %(vpc)s does not exist. Create it first, or leave func_vpc empty."),
            code="vpc",
            params={"vpc": vpc or "“”"},
        )
    subnets = found.subnets.filter(subnet_id__in=_uuids(subnet))
    inside = subnets.select_related("vpc").first()
    if inside is None:
        raise ValidationError(
            _("VPC %(vpc)s has no subnet %(subnet)s. Choose one of its own."),
            code="subnet",
            params={"vpc": found.name, "subnet": subnet or "“”"},
        )
    return inside


def _uuids(text: str) -> list[str]:
    """Return the ID for a look-up, or none when it cannot be one."""
    plain = text.replace("-", "").lower()
    return [plain] if re.fullmatch(r"[0-9a-f]{32}", plain) else []
