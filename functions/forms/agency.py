"""The forms of agencies: what they allow, and what they reach with which key."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from functions import endpoints, names
from functions.addresses import AddressRefused
from functions.agencies import WantedAgency
from functions.forms.base import Form
from functions.models import Agency, Project
from functions.models.agency import (
    INVOKE_ASYNC,
    PLACED_SERVICES,
    PUBLISH,
    PUT_OBJECT,
    PUT_RECORDS,
    SEND_MESSAGE,
    Reach,
)

SERVICES: dict[str, str | Promise] = {
    INVOKE_ASYNC: gettext_lazy("FunctionGraph"),
    PUT_OBJECT: gettext_lazy("OBS"),
    PUT_RECORDS: gettext_lazy("DIS"),
    PUBLISH: gettext_lazy("SMN"),
    SEND_MESSAGE: gettext_lazy("RocketMQ"),
}


@dataclass(frozen=True)
class ActionChoice:
    """An action as a tick box; `service` is "" for one we do not know."""

    action: str
    service: str | Promise
    is_ticked: bool


class AgencyForm(Form):
    """What an agency allows and reaches. The stored secret is never shown."""

    actions = forms.MultipleChoiceField(
        label=gettext_lazy("Allowed actions"), required=False
    )
    access_key = forms.CharField(
        label=gettext_lazy("Access key ID"), required=False, max_length=128
    )
    secret_key = forms.CharField(
        label=gettext_lazy("Secret access key"),
        required=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    project_id = forms.RegexField(
        r"\A[\w-]*\Z",
        label=gettext_lazy("Project ID"),
        required=False,
        max_length=64,
        error_messages={"invalid": gettext_lazy("Use letters, digits, “-” or “_”.")},
    )
    region = forms.RegexField(
        r"\A[\w-]*\Z",
        label=gettext_lazy("Region"),
        required=False,
        max_length=64,
        error_messages={"invalid": gettext_lazy("Use letters, digits, “-” or “_”.")},
    )

    def __init__(self, data: Any = None, *, agency: Agency | None = None) -> None:
        super().__init__(data, initial=_initial(agency))
        self._agency = agency
        for kind in PLACED_SERVICES:
            self.fields[f"endpoint_{kind}"] = forms.CharField(
                label=kind,
                required=False,
                max_length=255,
                validators=[validate_endpoint],
                widget=forms.URLInput(attrs={"placeholder": "https://"}),
            )
        extra = [a for a in agency.actions if a not in SERVICES] if agency else []
        self._known = [*SERVICES, *extra]
        self.fields["actions"].choices = [(a, a) for a in self._known]  # type: ignore[attr-defined]
        if self.has_secret:
            self.fields["secret_key"].help_text = _(
                "A secret is set. Leave this empty to keep it."
            )

    @property
    def has_secret(self) -> bool:
        return bool(self._agency and self._agency.reach.secret_key)

    def choices(self) -> list[ActionChoice]:
        """Return the actions to tick: ours with their services, and any others."""
        ticked = self["actions"].value() or []
        return [ActionChoice(a, SERVICES.get(a, ""), a in ticked) for a in self._known]

    def keys(self) -> list[BoundField]:
        return [self[n] for n in ("access_key", "secret_key", "project_id", "region")]

    def endpoints(self) -> list[BoundField]:
        return [self[f"endpoint_{kind}"] for kind in PLACED_SERVICES]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stored = self._agency.reach.access_key if self._agency else ""
        key, secret = cleaned.get("access_key"), cleaned.get("secret_key")
        if key and not secret and (key != stored or not self.has_secret):
            self.add_error("secret_key", _("Enter the secret of this access key."))
        if secret and not key:
            self.add_error("access_key", _("Enter the access key of this secret."))
        for kind in PLACED_SERVICES:
            name = f"endpoint_{kind}"
            if cleaned.get(name) and not key and "access_key" not in self.errors:
                self.add_error(
                    "access_key", _("An external service needs an access key.")
                )
        return cleaned

    def wanted(self) -> WantedAgency:
        """Return the valid form as what to store."""
        cleaned = self.cleaned_data
        sent = {kind: cleaned[f"endpoint_{kind}"] for kind in PLACED_SERVICES}
        reach = Reach(
            access_key=cleaned["access_key"],
            secret_key=cleaned["secret_key"],
            project_id=cleaned["project_id"],
            region=cleaned["region"],
            endpoints={kind: url.rstrip("/") for kind, url in sent.items() if url},
        )
        return WantedAgency(actions=cleaned["actions"], reach=reach)


class NewAgencyForm(AgencyForm):
    """An agency that is made; its name stays from then on."""

    name = forms.CharField(
        label=pgettext_lazy("agency", "Name"),
        max_length=64,
        validators=[names.agency_name],
        help_text=gettext_lazy(
            "1–64 letters, digits, “-”, “_” or “.”. It can't be changed later."
        ),
    )

    def __init__(self, data: Any = None, *, project: Project) -> None:
        super().__init__(data)
        self._project = project

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Agency.objects.filter(project=self._project, name=name).exists():
            raise ValidationError(
                _("Agency %(name)s already exists. Choose another name."),
                params={"name": name},
            )
        return name


def validate_endpoint(url: str) -> None:
    try:
        endpoints.examine(url)
    except AddressRefused as error:
        raise ValidationError(str(error)) from error


def _initial(agency: Agency | None) -> dict[str, Any]:
    if agency is None:
        return {"actions": [INVOKE_ASYNC]}
    reach = agency.reach
    return {
        "actions": agency.actions,
        "access_key": reach.access_key,
        "project_id": reach.project_id,
        "region": reach.region,
        **{f"endpoint_{kind}": url for kind, url in reach.endpoints.items()},
    }
