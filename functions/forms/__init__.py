"""Forms about functions; their sentences are the API's as well."""

from functions.forms.agency import AgencyForm, NewAgencyForm
from functions.forms.base import Form
from functions.forms.event import EventForm
from functions.forms.function import (
    DefinitionForm,
    FunctionForm,
    GeneralForm,
    NewDefinitionForm,
    RunAsForm,
)
from functions.forms.network import NetworkForm, SubnetForm, VpcForm
from functions.forms.publishing import AliasForm, VersionForm

__all__ = [
    "AgencyForm",
    "AliasForm",
    "DefinitionForm",
    "EventForm",
    "Form",
    "FunctionForm",
    "GeneralForm",
    "NetworkForm",
    "NewAgencyForm",
    "NewDefinitionForm",
    "RunAsForm",
    "SubnetForm",
    "VersionForm",
    "VpcForm",
]
