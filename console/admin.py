"""Operators' view of access keys; secrets are not shown."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from console.models import AccessKey


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
