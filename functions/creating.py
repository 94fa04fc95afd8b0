"""Create, change and delete functions."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from functions.code import DEFAULT_SOURCE, Package, text_package
from functions.exceptions import FunctionExists, FunctionLimit, NotEditable
from functions.models import (
    Agency,
    CodeBlob,
    Function,
    Project,
    Subnet,
    Version,
    Vpc,
)

MAX_FUNCTIONS = 400


@dataclass(frozen=True)
class FunctionDraft:
    """What a function starts from; without `code` it is the sample's."""

    name: str
    runtime: str
    handler: str = "index.handler"
    package: str = "default"
    agency: Agency | None = None
    vpc: Vpc | None = None
    subnet: Subnet | None = None
    description: str = ""
    timeout: int = 3
    memory_size: int = 128
    initializer_handler: str = ""
    initializer_timeout: int = 3
    network: bool = True
    user_data: dict[str, str] = field(default_factory=dict)
    encrypted_user_data: dict[str, str] = field(default_factory=dict)
    echoed: dict[str, Any] = field(default_factory=dict)
    code: Package | None = None
    is_demo: bool = False


def create(project: Project, new: FunctionDraft) -> Function:
    """Create a function and its latest; raises FunctionExists, FunctionLimit."""
    if Function.objects.in_project(project).count() >= MAX_FUNCTIONS:
        raise FunctionLimit(
            _("A project can have %(limit)d functions. Delete one first.")
            % {"limit": MAX_FUNCTIONS}
        )
    try:
        with transaction.atomic():
            return _create(project, new)
    except IntegrityError as error:
        raise FunctionExists(
            _("Function %(name)s already exists. Choose another name.")
            % {"name": new.name}
        ) from error


def _create(project: Project, new: FunctionDraft) -> Function:
    function = Function.objects.create(
        project=project, package=new.package, name=new.name, is_demo=new.is_demo
    )
    code = new.code or text_package(DEFAULT_SOURCE, handler=new.handler)
    version = Version(
        function=function,
        runtime=new.runtime,
        handler=new.handler,
        agency=new.agency,
        vpc=new.vpc,
        subnet=new.subnet,
        description=new.description,
        timeout=new.timeout,
        memory_size=new.memory_size,
        initializer_handler=new.initializer_handler,
        initializer_timeout=new.initializer_timeout,
        network=new.network,
        echoed=new.echoed,
        code=CodeBlob.keep(code.content),
        code_type=code.code_type,
        code_filename=code.filename,
    )
    version.user_data = new.user_data
    version.encrypted_user_data = new.encrypted_user_data
    version.save()
    return function


def configure(version: Version, **changes: object) -> None:
    """Change fields of latest and start fresh instances; raises NotEditable."""
    if not version.is_latest:
        raise NotEditable(version.name)
    with transaction.atomic():
        for name, value in changes.items():
            setattr(version, name, value)
        version.modified_at = timezone.now()
        version.revision = F("revision") + 1
        fields = [_column(name) for name in changes]
        version.save(update_fields=[*fields, "modified_at", "revision"])
    version.refresh_from_db()


def _column(name: str) -> str:
    return f"{name}_json" if name in ("user_data", "encrypted_user_data") else name


def set_max_instances(function: Function, number: int) -> None:
    """Limit how many run at once; −1 is no limit, 0 disables the function."""
    function.max_instances = number
    function.full_clean(validate_unique=False, validate_constraints=False)
    function.save(update_fields=["max_instances"])


def mark_deleted(function: Function) -> None:
    """Hide a function and free its name; its history stays readable."""
    Function.objects.filter(pk=function.pk, deleted_at=None).update(
        deleted_at=timezone.now()
    )
