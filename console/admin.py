"""Operators' view of people, access keys and the installation, without secrets."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from console.models import AccessKey
from console.models.installation import Installation
from console.security.admin_site import hashing_for
from functions.admin import ReadOnlyAdmin

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People; their passwords are hashed a few at a time, like everybody's."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        with hashing_for(request):
            return super().add_view(request, form_url, extra_context)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        with hashing_for(request):
            return super().user_change_password(request, id, form_url)


@admin.register(AccessKey)
class AccessKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["access_key", "user", "is_active", "created_at", "last_used_at"]
    list_filter = ["is_active"]
    list_select_related = ["user"]
    search_fields = ["access_key", "user__username"]
    fields = ["access_key", "user", "description", "is_active"]
    readonly_fields = ["access_key", "user"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (
            obj and obj.is_active
        )


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    list_display = ["pk", "checked_at", "restored_at"]
