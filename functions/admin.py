"""Operators' view of functions. What versions run is changed on the pages only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from functions.models import (
    Agency,
    Alias,
    CodeBlob,
    Function,
    LogStream,
    Project,
    Subnet,
    Version,
    Vpc,
)
from functions.models import TestEvent as Event


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are looked at: no adding, changing or deleting."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "project_id", "created_at"]
    search_fields = ["name", "project_id"]
    filter_horizontal = ["members"]
    readonly_fields = ["project_id"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Agency)
class AgencyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "project", "actions"]
    list_select_related = ["project"]
    search_fields = ["name", "project__name"]


@admin.register(Function)
class FunctionAdmin(ReadOnlyAdmin):
    list_display = ["name", "package", "project", "max_instances", "deleted_at"]
    list_filter = ["project"]
    list_select_related = ["project"]
    search_fields = ["name", "package", "func_id"]


@admin.register(Version)
class VersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "runtime", "handler", "timeout", "memory_size"]
    list_filter = ["runtime"]
    list_select_related = ["function"]
    search_fields = ["function__name", "name"]
    exclude = ["user_data_json", "encrypted_user_data_json"]


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdmin):
    list_display = ["name", "function", "version"]
    list_select_related = ["function", "version__function"]
    search_fields = ["name", "function__name"]


@admin.register(CodeBlob)
class CodeBlobAdmin(ReadOnlyAdmin):
    list_display = ["digest", "size", "created_at"]
    search_fields = ["digest"]
    exclude = ["content"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["name", "function", "modified_at"]
    list_select_related = ["function"]
    search_fields = ["name", "function__name"]
    exclude = ["content"]
    readonly_fields = ["text"]


@admin.register(LogStream)
class LogStreamAdmin(ReadOnlyAdmin):
    list_display = ["project", "kind", "created_at"]
    list_select_related = ["project"]
    search_fields = ["project__name"]


@admin.register(Vpc)
class VpcAdmin(ReadOnlyAdmin):
    list_display = ["name", "vpc_id", "cidr", "project"]
    list_select_related = ["project"]
    search_fields = ["name", "vpc_id"]


@admin.register(Subnet)
class SubnetAdmin(ReadOnlyAdmin):
    list_display = ["name", "subnet_id", "cidr", "vpc"]
    list_select_related = ["vpc"]
    search_fields = ["name", "subnet_id"]
