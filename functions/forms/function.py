"""The forms of functions: a new one, and what latest is run with."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from functions import json_limits, names, samples
from functions.forms.base import Form, whole_number
from functions.forms.network import find_network
from functions.models import Agency, Function, Project, Version
from functions.models.version import MEMORY_SIZES
from functions.runtime import available_runtimes

INITIALIZER_SECONDS = 3
MAX_VARIABLES = 20
MAX_VARIABLES_CHARACTERS = 4096


class FunctionForm(Form):
    """What a new function starts from."""

    name = forms.CharField(
        label=gettext_lazy("Function name"),
        validators=[names.function_name],
        max_length=60,
        help_text=gettext_lazy(
            "1–60 letters, digits, “-” or “_”; starts with a letter."
        ),
    )
    runtime = forms.ChoiceField(label=gettext_lazy("Runtime"))
    handler = forms.CharField(
        label=gettext_lazy("Handler"),
        validators=[names.handler_name],
        initial="index.handler",
        max_length=128,
        help_text=gettext_lazy("file.function"),
    )
    agency = forms.ModelChoiceField(
        Agency.objects.none(),
        label=gettext_lazy("Agency"),
        required=False,
        empty_label=gettext_lazy("No agency"),
        help_text=gettext_lazy(
            "The agency whose permissions the function uses to reach other services."
        ),
    )
    starter = forms.ChoiceField(
        label=gettext_lazy("Starter template"), choices=samples.choices
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project = project
        runtimes = available_runtimes()
        self.fields["runtime"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in runtimes
        ]
        _offer_agencies(self, project)
        offered = self.fields["agency"].queryset  # type: ignore[attr-defined]
        self.fields["agency"].initial = offered.first()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        _check_free(self._project, "default", name)
        return name


def _check_free(project: Project, package: str, name: str) -> None:
    functions = Function.objects.in_project(project)
    if functions.filter(package=package, name=name).exists():
        raise ValidationError(
            _("Function %(name)s already exists. Choose another name."),
            code="taken",
            params={"name": name},
        )


def _agency_field() -> "forms.ModelChoiceField[Agency]":
    return forms.ModelChoiceField(
        Agency.objects.none(),
        label=gettext_lazy("Agency"),
        required=False,
        empty_label=gettext_lazy("No agency"),
        to_field_name="name",
        help_text=gettext_lazy(
            "The agency whose permissions the function uses to reach other services."
        ),
        error_messages={
            "invalid_choice": gettext_lazy("There is no agency %(value)s.")
        },
    )


def _offer_agencies(form: Form, project: Project) -> None:
    agencies = Agency.objects.filter(project=project).order_by("pk")
    form.fields["agency"].queryset = agencies  # type: ignore[attr-defined]


class RunAsForm(Form):
    """As whom latest reaches other services: an agency, by its name."""

    agency = _agency_field()

    def __init__(self, data: Any = None, *, version: Version) -> None:
        super().__init__(data, initial=_values(version))
        _offer_agencies(self, version.function.project)


class GeneralForm(Form):
    """What latest is run with; times are seconds, memory is MB."""

    handler = forms.CharField(
        label=gettext_lazy("Handler"),
        validators=[names.handler_name],
        max_length=128,
        help_text=gettext_lazy("file.function"),
    )
    timeout = whole_number(
        gettext_lazy("Execution timeout (s)"),
        gettext_lazy("Enter a whole number from 3 to 259200."),
        low=3,
        high=259_200,
    )
    memory_size = forms.TypedChoiceField(
        label=gettext_lazy("Memory (MB)"),
        coerce=int,
        choices=[(size, size) for size in MEMORY_SIZES],
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=512
    )
    user_data = forms.CharField(
        label=gettext_lazy("Environment variables"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "A JSON object of strings, at most 20 and 4,096 characters in all."
        ),
    )
    initializer_handler = forms.CharField(
        label=gettext_lazy("Initializer"),
        validators=[names.handler_name],
        required=False,
        max_length=128,
        help_text=gettext_lazy("file.function, run once when an instance starts."),
    )
    initializer_timeout = whole_number(
        gettext_lazy("Initializer timeout (s)"),
        gettext_lazy("Enter a whole number from 1 to 300."),
        low=1,
        high=300,
    )

    def __init__(self, data: Any = None, *, version: Version | None = None) -> None:
        super().__init__(data, initial=_values(version) if version else None)

    def clean_user_data(self) -> dict[str, str]:
        return _variables(self.cleaned_data["user_data"])

    def clean(self) -> dict[str, Any]:
        """Take any time for an initializer that there is none of, as clients send 0."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("initializer_handler") == "":
            self.errors.pop("initializer_timeout", None)
            cleaned.setdefault("initializer_timeout", INITIALIZER_SECONDS)
        return cleaned


class DefinitionForm(GeneralForm):
    """What an API client may change of latest."""

    runtime = forms.CharField(label=gettext_lazy("Runtime"))
    encrypted_user_data = forms.CharField(required=False)
    agency = _agency_field()
    vpc = forms.CharField(required=False)
    subnet = forms.CharField(required=False)
    network = forms.BooleanField(required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        project: Project,
        version: Version | None = None,
    ) -> None:
        super().__init__(data, version=version)
        self._project = project
        self._secrets = version.encrypted_user_data if version else {}
        _offer_agencies(self, project)

    def clean(self) -> dict[str, Any]:
        """Find the VPC and subnet that were named by their IDs."""
        cleaned = super().clean()
        named = {name: cleaned.get(name, "") for name in ("vpc", "subnet")}
        try:
            subnet = find_network(self._project, **named)
        except ValidationError as error:
            self.add_error(error.code, error)
            return cleaned
        return cleaned | {"vpc": subnet.vpc if subnet else None, "subnet": subnet}

    def clean_runtime(self) -> str:
        runtime: str = self.cleaned_data["runtime"]
        if runtime not in (known := available_runtimes()):
            raise ValidationError(
                _("Runtime %(name)s is not available here. Choose one of: %(known)s."),
                params={"name": runtime, "known": ", ".join(known)},
            )
        return runtime

    def clean_encrypted_user_data(self) -> dict[str, str]:
        """Read the secrets; an empty one of a stored name stays what it is."""
        sent = _variables(self.cleaned_data["encrypted_user_data"])
        kept = {
            name: value or self._secrets.get(name, "") for name, value in sent.items()
        }
        return _variables(json.dumps(kept, ensure_ascii=False, separators=(",", ":")))


class NewDefinitionForm(DefinitionForm):
    """What an API client creates a function from."""

    name = forms.CharField(validators=[names.function_name], max_length=60)
    package = forms.CharField(validators=[names.function_name], max_length=60)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "name" in cleaned and "package" in cleaned:
            _check_free(self._project, cleaned["package"], cleaned["name"])
        return cleaned


def _values(version: Version) -> dict[str, Any]:
    """Return what the form shows for a stored version."""
    return {
        "handler": version.handler,
        "timeout": version.timeout,
        "memory_size": version.memory_size,
        "agency": version.agency.name if version.agency else "",
        "description": version.description,
        "user_data": json.dumps(version.user_data, ensure_ascii=False, indent=2),
        "initializer_handler": version.initializer_handler,
        "initializer_timeout": version.initializer_timeout,
    }


def _variables(text: str) -> dict[str, str]:
    """Read environment variables from a JSON object of strings."""
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("This is not a JSON object.")) from error
    if not isinstance(data, dict) or not all(
        isinstance(value, str) for value in data.values()
    ):
        raise ValidationError(
            _("Write a JSON object of strings, like {“key”: “value”}.")
        )
    is_large = len(text) > MAX_VARIABLES_CHARACTERS
    if len(data) > MAX_VARIABLES or is_large:
        raise ValidationError(
            _("At most 20 variables and 4,096 characters are allowed."),
            code="size" if is_large else "count",
        )
    if not json_limits.can_be_kept(data):
        raise ValidationError(
            _("Variables cannot hold NUL characters or halves of surrogate pairs.")
        )
    for key in data:
        if not names.environment_key.match(key):
            raise ValidationError(
                _("%(key)s is not a name: use letters, digits and “_”."),
                params={"key": key},
            )
    return dict(data)
