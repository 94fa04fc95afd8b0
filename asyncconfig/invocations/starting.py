"""Functions that notifications and messages start: finding them, and what may fail."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError, FunctionDisabled, NotAccepted
from asyncconfig.models import Invocation
from asyncconfig.receipt import Receipt
from functions import names
from functions.exceptions import QualifierUnknown
from functions.models import Function, Project
from functions.qualifiers import Resolved, resolve


def find(project: Project, package: str, name: str) -> Function:
    """Return a function of the project; raises ValidationError when it is gone."""
    functions = Function.objects.in_project(project).select_related("project")
    found = functions.filter(package=package, name=name).first()
    if found is None:
        sentence = _("Function %(name)s no longer exists.") % {"name": name}
        raise ValidationError(sentence, code="gone")
    return found


def find_version(project: Project, urn: names.Urn) -> Resolved:
    """Return what a URN names; raises ValidationError, for its qualifier as well."""
    function = find(project, urn.package, urn.function)
    try:
        return resolve(function, urn.qualifier)
    except QualifierUnknown as error:
        raise ValidationError(str(error)) from error


@contextmanager
def delivering() -> Iterator[None]:
    """Turn what keeps a function from being started into DeliveryError."""
    try:
        yield
    except ValidationError as error:
        raise DeliveryError(" ".join(error.messages), permanent=True) from error
    except FunctionDisabled as error:
        raise DeliveryError(str(error), permanent=True) from error
    except NotAccepted as error:
        raise DeliveryError(str(error), permanent=False) from error


def receipt(accepted: Invocation) -> Receipt:
    request_id = str(accepted.request_id)
    return Receipt(_("Accepted as request %(id)s.") % {"id": request_id}, request_id)
