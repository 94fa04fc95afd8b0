"""Django's administration without doors of its own: passwords go the console's way."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordChangeView, redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from console import access
from console.access import OperatorRight
from console.security.hashing import gate
from functions.forms import Form


def hashing_for(request: HttpRequest) -> AbstractContextManager[None]:
    """Hold the sender's place for hashing, for a form that is sent.

    It is taken before the view opens its transaction, not while others wait for that.
    """
    if request.method != "POST":
        return nullcontext()
    return gate.place(request.user.get_username().lower())


class OwnPasswordForm(Form, AdminPasswordChangeForm):
    """Changes one's own password; guesses at the old one count as at the door."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self._request = request
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        """Return the old password; raises TryLater after too many wrong ones."""
        old: str = self.cleaned_data["old_password"]
        name = self.user.get_username()
        if authenticate(self._request, username=name, password=old) is None:
            message = self.error_messages["password_incorrect"]
            raise ValidationError(message, code="password_incorrect")
        return old


def right_for(request: HttpRequest, match: ResolverMatch) -> OperatorRight | None:
    """Return the right that a page of the administration asks for, if any."""
    name = match.url_name or ""
    if name in ("login", "logout"):
        return None
    if request.method in ("GET", "HEAD", "OPTIONS") or name == "password_change":
        return OperatorRight.LOOK
    # Jobs wake workers and hold no data: what is done to them changes nobody's rows.
    is_queue = name.startswith("django_rq_")
    return OperatorRight.ACT if is_queue else OperatorRight.ADMINISTER


class Administration(AdminSite):
    """The administration of this console.

    Which right a page asks for is checked before it (`right_for`), so that pages which
    Django does not guard, such as RQ's statistics, are guarded too.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        return access.may(request.user, OperatorRight.LOOK)

    @method_decorator(never_cache)
    @login_not_required
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send everybody to the console's own page; nothing sent here is looked at."""
        index = reverse("admin:index", current_app=self.name)
        return redirect_to_login(request.GET.get("next") or index)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's own password."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(OwnPasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context=self.each_context(request) | (extra_context or {}),
        )
        with hashing_for(request):
            return view(request)
