"""Sign in and out; language, theme and project."""

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth import login as begin_session
from django.contrib.auth import logout as end_session
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from console import access
from console.security import browsers
from console.security.exceptions import TryLater
from console.ui.context import THEMES
from console.ui.htmx import next_page
from functions.models import Project

YEAR = 365 * 24 * 3600


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Sign in; what is too much or too often is said with the time to try again."""
    target = next_page(request)
    if request.user.is_authenticated:
        return redirect(target)
    if request.method == "GET":
        return login_page(request, target)
    username = request.POST.get("username", "")
    password = request.POST.get("password", "")
    try:
        user = authenticate(request, username=username, password=password)
    except TryLater as later:
        page = login_page(request, target, problem=str(later), status=later.status)
        page["Retry-After"] = str(later.seconds)
        return page
    if not isinstance(user, User):
        problem = _("Account or password is wrong.")
        return login_page(request, target, problem=problem, status=422)
    begin_session(request, user)
    response = redirect(target)
    browsers.remember(response, user)
    return response


def login_page(
    request: HttpRequest, target: str, *, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "next": target,
        "problem": problem,
        "username": request.POST.get("username", ""),
    }
    return render(request, "account/login.html", context, status=status)


@login_not_required
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    end_session(request)
    return redirect("login")


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    response = HttpResponseRedirect(next_page(request))
    language = request.POST.get("language", "")
    if check_for_language(language) and language in dict(settings.LANGUAGES):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
    return response


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    response = HttpResponseRedirect(next_page(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        _remember(response, "theme", theme)
    return response


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=YEAR,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


@require_POST
def set_project(request: HttpRequest) -> HttpResponse:
    chosen = get_object_or_404(
        Project.objects.of(request.user), project_id=request.POST.get("project", "")
    )
    request.session[access.PROJECT_KEY] = chosen.project_id
    return redirect("home")
