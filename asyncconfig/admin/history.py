"""Operators' view of history: everything can be found, nothing can be bent."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from asyncconfig.models import (
    AsyncConfig,
    Attempt,
    Delivery,
    DeliveryAttempt,
    IdempotencyKey,
    Invocation,
    Worker,
)
from functions.admin import ReadOnlyAdmin


class HistoryAdmin(ReadOnlyAdmin):
    """Rows the engine writes. Whole tables are never counted."""

    show_full_result_count = False
    list_per_page = 50


@admin.register(AsyncConfig)
class AsyncConfigAdmin(HistoryAdmin):
    list_display = [
        "__str__",
        "is_current",
        "removed",
        "max_retries",
        "max_age_seconds",
        "on_success_target",
        "on_failure_target",
        "created_at",
    ]
    list_filter = ["is_current", "removed"]
    list_select_related = ["version__function"]
    search_fields = ["version__function__name"]


@admin.register(Invocation)
class InvocationAdmin(HistoryAdmin):
    list_display = [
        "request_id",
        "function",
        "version",
        "mode",
        "status",
        "condition",
        "attempts",
        "losses",
        "accepted_at",
    ]
    list_filter = ["status", "mode", "condition"]
    list_select_related = ["function", "version__function"]
    search_fields = ["request_id", "function__name", "error"]
    exclude = ["payload", "result"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("payload", "result")


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    list_display = [
        "invocation",
        "number",
        "kind",
        "is_late",
        "worker_name",
        "started_at",
        "duration_ms",
    ]
    list_filter = ["kind", "is_late"]
    list_select_related = ["invocation"]
    search_fields = ["invocation__request_id", "error", "instance"]
    exclude = ["log", "result"]
    readonly_fields = ["log_text"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("log", "result")


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    list_display = [
        "delivery_id",
        "invocation",
        "side",
        "kind",
        "target",
        "status",
        "attempts",
        "created_at",
    ]
    list_filter = ["status", "kind", "side"]
    list_select_related = ["invocation"]
    search_fields = ["delivery_id", "invocation__request_id", "target", "reason"]
    exclude = ["record"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("record")


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(HistoryAdmin):
    list_display = [
        "row",
        "number",
        "succeeded",
        "asked_by",
        "is_late",
        "started_at",
        "duration_ms",
    ]
    list_filter = ["succeeded", "is_late"]
    list_select_related = ["row"]
    search_fields = ["row__delivery_id", "answer"]


@admin.register(Worker)
class WorkerAdmin(HistoryAdmin):
    list_display = [
        "name",
        "queue",
        "slots",
        "isolation_level",
        "landlock",
        "has_cgroups",
        "started_at",
        "lease_until",
        "stopped_at",
    ]
    list_filter = ["queue", "isolation_level"]
    search_fields = ["name"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(HistoryAdmin):
    list_display = ["key", "function", "invocation", "created_at"]
    list_select_related = ["function", "invocation"]
    search_fields = ["key", "function__name"]
