"""The look-ups of IAM that clients make first: a token, and a project's ID."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Router, Schema, Status
from pydantic import Field

from console.api.errors import ApiError
from console.api.service import caller_of, unsigned
from console.api.shapes.function_shapes import DOMAIN
from console.models import AccessKey
from console.security import access_keys, tokens
from console.security.callers import address_of, neighbourhood_of
from console.security.limits import Lock
from functions.models import Project

router = Router(tags=["iam"])
WRONG = "APIGW.0301"


class Named(Schema):
    id: str | None = None
    name: str | None = None


class PasswordUser(Schema):
    name: str
    password: str
    domain: Named | None = Field(None, description="Not looked at.")


class Password(Schema):
    user: PasswordUser


class Key(Schema):
    key: str


class AccessAndSecret(Schema):
    access: Key
    secret: Key


class Identity(Schema):
    methods: list[str] = Field(examples=[["password"]])
    password: Password | None = Field(
        None, examples=[{"user": {"name": "", "password": ""}}]
    )
    hw_ak_sk: AccessAndSecret | None = None


class Scope(Schema):
    project: Named | None = None
    domain: Named | None = None


class Auth(Schema):
    identity: Identity
    scope: Scope | None = None


class TokenRequest(Schema):
    auth: Auth


class TokenAnswer(Schema):
    token: dict[str, Any]


class ProjectAnswer(Schema):
    id: str
    name: str
    domain_id: str
    enabled: bool


class ProjectList(Schema):
    projects: list[ProjectAnswer]


@router.post(
    "/auth/tokens",
    auth=None,
    operation_id="KeystoneCreateUserTokenByPassword",
    summary=gettext_noop("Get a token, valid for 24 hours, in X-Subject-Token"),
    response={201: TokenAnswer},
)
@unsigned
def create_token(
    request: HttpRequest, response: HttpResponse, body: TokenRequest
) -> Status[Any]:
    """Identity is a password, or an access key with its secret."""
    identity, access_key = body.auth.identity, ""
    if "password" in identity.methods and identity.password:
        sent = identity.password.user
        user = _by_password(request, sent.name, sent.password)
    elif "hw_ak_sk" in identity.methods and identity.hw_ak_sk:
        pair = identity.hw_ak_sk
        access_key = pair.access.key
        user = _by_key(request, access_key, pair.secret.key)
    else:
        raise ApiError(
            400, "FSS.0400", _("Identify with the method password or hw_ak_sk.")
        )
    scope = body.auth.scope
    project = _scope(user, scope.project if scope else None)
    response["X-Subject-Token"] = tokens.issue(user, access_key=access_key)
    now = datetime.now(UTC)
    return Status(
        201,
        {
            "token": {
                "methods": identity.methods,
                "issued_at": _time(now),
                "expires_at": _time(now + tokens.LIFETIME),
                "user": {
                    "id": str(user.pk),
                    "name": user.get_username(),
                    "domain": {"id": DOMAIN, "name": DOMAIN},
                },
                "project": _shown(project) if project else None,
                "roles": [
                    {"name": name}
                    for name in user.groups.order_by("name").values_list(
                        "name", flat=True
                    )
                ],
            }
        },
    )


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _by_password(request: HttpRequest, name: str, password: str) -> User:
    user = authenticate(request, username=name, password=password)
    if not isinstance(user, User):
        raise ApiError(401, WRONG, _("Account or password is wrong."))
    return user


def _by_key(request: HttpRequest, access_key: str, secret: str) -> User:
    lock = Lock("key", access_key, neighbourhood_of(request))
    lock.check()
    key = AccessKey.objects.filter(access_key=access_key, is_active=True).first()
    known = key.secret if key else ""
    is_right = constant_time_compare(known, secret)
    if key is None or not is_right or not key.user.is_active:
        lock.count_failure()
        raise ApiError(401, WRONG, _("The access key or its secret is wrong."))
    lock.open()
    access_keys.note_use(key, address_of(request))
    return key.user


def _scope(user: User, asked: Named | None) -> Project | None:
    projects = Project.objects.of(user).order_by("pk")
    if asked is None:
        return projects.first()
    found = None
    if asked.id:
        found = projects.filter(project_id=asked.id).first()
    elif asked.name:
        found = _by_name(user, asked.name)
    if found is None:
        raise ApiError(404, "FSS.0404", _("You have no such project."))
    return found


def _by_name(user: User, name: str) -> Project | None:
    """Find a project by name; the region's name means the person's first one."""
    projects = Project.objects.of(user).order_by("pk")
    found = projects.filter(name=name).first()
    return found or (projects.first() if name == settings.REGION else None)


def _shown(project: Project) -> dict[str, Any]:
    return {
        "id": project.project_id,
        "name": project.name,
        "domain_id": DOMAIN,
        "enabled": True,
    }


@router.get(
    "/projects",
    operation_id="KeystoneListProjects",
    summary=gettext_noop("List your projects"),
    response={200: ProjectList},
)
def list_projects(request: HttpRequest, name: str = "") -> dict[str, Any]:
    """With the region as name it answers exactly one, which SDKs then use."""
    user = caller_of(request).user
    if name:
        one = _by_name(user, name)
        # Terraform looks the region up by the name that comes back.
        return {"projects": [_shown(one) | {"name": name}] if one else []}
    projects = Project.objects.of(user).order_by("pk")
    return {"projects": [_shown(project) for project in projects]}
