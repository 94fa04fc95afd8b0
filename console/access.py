"""Who may see and do what. Pages and API fetch rows only through here.

Another project's things do not exist (404); one's own without the right are
refused (403) with the right to ask for.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from asyncconfig.models import (
    Bucket,
    Delivery,
    Invocation,
    Message,
    MessageDelivery,
    RocketInstance,
    Stream,
    Subscription,
    Topic,
)
from functions import qualifiers
from functions.exceptions import QualifierUnknown
from functions.models import (
    Agency,
    Function,
    Project,
    TestEvent,
    Version,
    Vpc,
)

ADMINISTRATOR = "FunctionGraph Administrator"
INVOKER = "FunctionGraph Invoker"
READER = "FunctionGraph ReadOnlyAccess"
PROJECT_KEY = "project_id"
MAX_PROJECTS = 100

Person = AbstractBaseUser | AnonymousUser
P = ParamSpec("P")


class Right(StrEnum):
    """What a person may do; each includes the ones before it."""

    READ = "read"
    INVOKE = "invoke"
    CONFIGURE = "configure"


class OperatorRight(StrEnum):
    """What staff may do across all projects; each includes the ones before it.

    The values are the permissions of `console.models.Operating`.
    """

    LOOK = "look"
    ACT = "act"
    ADMINISTER = "administer"


AnyRight = Right | OperatorRight
GROUPS_WITH = {
    Right.READ: (ADMINISTRATOR, INVOKER, READER),
    Right.INVOKE: (ADMINISTRATOR, INVOKER),
    Right.CONFIGURE: (ADMINISTRATOR,),
}
ASK_FOR: dict[AnyRight, str] = {
    Right.READ: READER,
    Right.INVOKE: INVOKER,
    Right.CONFIGURE: ADMINISTRATOR,
} | {right: f"Operator: {right}" for right in OperatorRight}


class Denied(PermissionDenied):
    """The right is missing; the sentence names what to ask for."""

    def __init__(self, right: AnyRight) -> None:
        self.group = ASK_FOR[right]
        super().__init__(
            _("Insufficient permissions. Ask an administrator for %(group)s.")
            % {"group": self.group}
        )


def rights_of(user: Person) -> frozenset[AnyRight]:
    """Return what the person may do, asked of the database once per user object."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    known: frozenset[AnyRight] | None = getattr(user, "_rights", None)
    if known is None:
        known = _project_rights(user) | _operator_rights(user)
        user._rights = known  # type: ignore[attr-defined]
    return known


def _project_rights(user: User) -> frozenset[AnyRight]:
    if user.is_superuser:
        return frozenset(Right)
    groups = set(user.groups.values_list("name", flat=True))
    return frozenset(
        right for right, allowed in GROUPS_WITH.items() if groups & set(allowed)
    )


def _operator_rights(user: User) -> frozenset[AnyRight]:
    """Return what the person may do as an operator; superusers hold all permissions."""
    held = user.get_all_permissions() if user.is_staff else set()
    rights = list(OperatorRight)
    reach = [n for n, right in enumerate(rights, 1) if f"console.{right}" in held]
    return frozenset(rights[: max(reach, default=0)])


def staff_without_rights() -> list[str]:
    """Return the names of staff who hold no operator's right, and so see nothing."""
    rights = Permission.objects.filter(
        content_type__app_label="console", codename__in=list(OperatorRight)
    )
    holders = Q(user_permissions__in=rights) | Q(groups__permissions__in=rights)
    staff = User.objects.filter(is_staff=True, is_active=True, is_superuser=False)
    without = staff.exclude(pk__in=User.objects.filter(holders).values("pk"))
    return list(without.order_by("username").values_list("username", flat=True))


def person(request: HttpRequest) -> User:
    """Return who asks; strangers, whom the middleware sends to sign in, are refused."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def may(user: Person, right: AnyRight) -> bool:
    return right in rights_of(user)


def require(user: Person, right: AnyRight) -> None:
    """Raise Denied when the person lacks the right."""
    if not may(user, right):
        raise Denied(right)


def needs(
    right: AnyRight,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, P], HttpResponse],
]:
    """Close a view to people without the right."""

    def closed(
        view: Callable[Concatenate[HttpRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def checked(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            require(request.user, right)
            return view(request, *args, **kwargs)

        return checked

    return closed


def get_projects(request: HttpRequest) -> list[Project]:
    """Return a person's first 100 projects, asked once per request."""
    known: list[Project] | None = getattr(request, "_projects", None)
    if known is None:
        known = list(Project.objects.of(request.user).order_by("pk")[:MAX_PROJECTS])
        request._projects = known  # type: ignore[attr-defined]
    return known


def get_project(request: HttpRequest) -> Project:
    """Return the project a person works in: the chosen one, or the first."""
    projects = get_projects(request)
    if not projects:
        raise PermissionDenied(
            _("You belong to no project. Ask an administrator to add you to one.")
        )
    chosen = request.session.get(PROJECT_KEY, projects[0].project_id)
    for project in projects:
        if project.project_id == chosen:
            return project
    beyond = Project.objects.of(request.user).filter(project_id=chosen)
    return beyond.first() or projects[0]


def get_function(project: Project, package: str, name: str) -> Function:
    functions = Function.objects.in_project(project).select_related("project")
    found = functions.filter(package=package, name=name).first()
    if found is None:
        raise Http404(_("Function %(name)s does not exist.") % {"name": name})
    return found


def get_version(function: Function, qualifier: str) -> Version:
    """Return the version a page shows; an alias shows the one it points at."""
    try:
        return qualifiers.find(function, qualifier)
    except QualifierUnknown as error:
        raise Http404(str(error)) from error


def get_agency(project: Project, pk: int) -> Agency:
    return get_object_or_404(Agency, project=project, pk=pk)


def get_event(function: Function, name: str) -> TestEvent:
    return get_object_or_404(TestEvent, function=function, name=name)


def get_invocation(project: Project, request_id: UUID) -> Invocation:
    invocations = Invocation.objects.in_project(project).select_related(
        "function__project",
        "version__agency",
        "config",
        "worker",
        "delivery",
        "source_delivery__invocation__function",
        "source_message_delivery__message__topic",
        "source_message_delivery__message__source_delivery__invocation__function",
    )
    found = invocations.filter(request_id=request_id).first()
    if found is None:
        raise Http404(_("Not found, or removed after the retention period."))
    return found


def get_delivery(project: Project, delivery_id: UUID) -> Delivery:
    deliveries = Delivery.objects.filter(function__project=project)
    related = deliveries.select_related("invocation__function__project")
    found: Delivery = get_object_or_404(related, delivery_id=delivery_id)
    return found


def get_stream(project: Project, name: str) -> Stream:
    streams = Stream.objects.filter(project=project).select_related("project")
    found = streams.filter(name=name).first()
    if found is None:
        raise Http404(_("Stream %(name)s does not exist.") % {"name": name})
    return found


def get_bucket(project: Project, name: str) -> Bucket:
    buckets = Bucket.objects.filter(project=project).select_related("project")
    found = buckets.filter(name=name).first()
    if found is None:
        raise Http404(_("Bucket %(bucket)s does not exist.") % {"bucket": name})
    return found


def get_vpc(project: Project, vpc_id: UUID) -> Vpc:
    return get_object_or_404(Vpc, project=project, vpc_id=vpc_id)


def get_rocket_instance(project: Project, instance_id: UUID) -> RocketInstance:
    instances = RocketInstance.objects.select_related("vpc")
    found: RocketInstance = get_object_or_404(
        instances, project=project, instance_id=instance_id
    )
    return found


def get_topic(project: Project, name: str) -> Topic:
    topics = Topic.objects.select_related("project").filter(project=project)
    found = topics.filter(name=name).first()
    if found is None:
        raise Http404(_("Topic %(name)s does not exist.") % {"name": name})
    return found


def get_subscription(topic: Topic, subscription_id: UUID) -> Subscription:
    related = Subscription.objects.select_related("topic__project", "function")
    return get_object_or_404(related, topic=topic, subscription_id=subscription_id)


def get_message(topic: Topic, message_id: UUID) -> Message:
    related = Message.objects.select_related("source_delivery__invocation__function")
    return get_object_or_404(related, topic=topic, message_id=message_id)


def get_message_delivery(project: Project, delivery_id: UUID) -> MessageDelivery:
    found: MessageDelivery = get_object_or_404(
        MessageDelivery.objects.select_related("message__topic", "subscription__topic"),
        Q(message__topic__project=project) | Q(subscription__topic__project=project),
        delivery_id=delivery_id,
    )
    return found
