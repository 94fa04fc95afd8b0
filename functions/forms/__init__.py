"""Forms about functions; their sentences are the API's as well."""

from functions.forms.event import EventForm
from functions.forms.function import (
    DefinitionForm,
    FunctionForm,
    GeneralForm,
    NewDefinitionForm,
)
from functions.forms.publishing import AliasForm, VersionForm

__all__ = [
    "AliasForm",
    "DefinitionForm",
    "EventForm",
    "FunctionForm",
    "GeneralForm",
    "NewDefinitionForm",
    "VersionForm",
]
