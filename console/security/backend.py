"""The one door for passwords: every sign-in is counted, locked and queued here."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from console import access
from console.access import OperatorRight
from console.security import limits
from console.security.browsers import browser_of
from console.security.callers import neighbourhood_of
from console.security.exceptions import TooOften
from console.security.hashing import gate
from console.security.limits import Lock

Person = User | AnonymousUser

# Whose rows operators may look at in the administration; people are not among them.
SEEN = ("asyncconfig", "functions", "console", "django_rq")


class PasswordBackend(ModelBackend):
    """Django's back-end, with limits that no page or operation can leave out."""

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the person, or None; costs the same for names that nobody has.

        Raises TryLater, before a hash is computed, when there were too many tries.
        """
        if username is None or password is None or "\x00" in username:
            return None
        browser = browser_of(request, username)
        client = browser or neighbourhood_of(request)
        lock = Lock("login", username.lower(), client)
        pace = limits.Pace("sign-in", client, most=settings.SIGN_INS_PER_MINUTE)
        _check(lock, pace)
        # One place an account, however many browsers it has signed in with.
        with gate.place(username.lower() if browser else ""):
            _check(lock, pace)
            pace.count()
            user = super().authenticate(request, username, password, **kwargs)
            if not isinstance(user, User):
                lock.count_failure()
                return None
            lock.open()
        return user

    def has_perm(self, user_obj: Person, perm: str, obj: Model | None = None) -> bool:
        """Say whether somebody may; operators' rights stand for Django's own."""
        if super().has_perm(user_obj, perm, obj):
            return True
        app, _dot, action = perm.partition(".")
        is_seen = app in SEEN and action.startswith("view_")
        return access.may(user_obj, _right_for(is_seen))

    def has_module_perms(self, user_obj: Person, app_label: str) -> bool:
        if super().has_module_perms(user_obj, app_label):
            return True
        return access.may(user_obj, _right_for(app_label in SEEN))


def _right_for(is_seen: bool) -> OperatorRight:
    return OperatorRight.LOOK if is_seen else OperatorRight.ADMINISTER


def _check(lock: Lock, pace: limits.Pace) -> None:
    lock.check()
    if left := pace.seconds_left:
        raise TooOften(left)
