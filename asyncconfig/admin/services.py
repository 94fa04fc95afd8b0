"""Topics, streams, buckets and RocketMQ instances; they are changed on their pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from asyncconfig.models import (
    Bucket,
    InboundRule,
    Message,
    MessageDelivery,
    MessageDeliveryAttempt,
    ObjectExpiry,
    RocketInstance,
    Stream,
    Subscription,
    Topic,
)
from functions.admin import ReadOnlyAdmin


@admin.register(Topic)
class TopicAdmin(ReadOnlyAdmin):
    list_display = ["name", "display_name", "project", "created_at"]
    list_select_related = ["project"]
    search_fields = ["name", "display_name"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["topic", "protocol", "endpoint", "confirmed_at", "created_at"]
    list_filter = ["protocol"]
    list_select_related = ["topic"]
    search_fields = ["topic__name", "endpoint", "subscription_id"]
    # Whoever knows the token can confirm the subscription.
    exclude = ["token"]


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ["message_id", "topic", "subject", "created_at"]
    list_select_related = ["topic"]
    search_fields = ["message_id", "topic__name", "subject"]
    exclude = ["body"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")


@admin.register(MessageDelivery)
class MessageDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["delivery_id", "protocol", "endpoint", "status", "created_at"]
    list_filter = ["status", "protocol"]
    search_fields = ["delivery_id", "message__message_id", "endpoint", "reason"]


@admin.register(MessageDeliveryAttempt)
class MessageDeliveryAttemptAdmin(ReadOnlyAdmin):
    list_display = ["row", "number", "succeeded", "is_late", "started_at"]
    list_filter = ["succeeded", "is_late"]
    list_select_related = ["row"]
    search_fields = ["row__delivery_id", "answer"]


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "partitions", "retention_hours", "created_at"]
    list_select_related = ["project"]
    search_fields = ["name"]


@admin.register(Bucket)
class BucketAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "created_at"]
    list_select_related = ["project"]
    search_fields = ["name"]


@admin.register(ObjectExpiry)
class ObjectExpiryAdmin(ReadOnlyAdmin):
    list_display = ["bucket", "key", "expires_at"]
    list_select_related = ["bucket"]
    search_fields = ["bucket__name", "key"]


@admin.register(RocketInstance)
class RocketInstanceAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "host", "port", "vpc", "created_at"]
    list_select_related = ["project", "vpc"]
    search_fields = ["name", "host", "instance_id"]


@admin.register(InboundRule)
class InboundRuleAdmin(ReadOnlyAdmin):
    list_display = ["instance", "first_port", "last_port", "source"]
    list_select_related = ["instance"]
    search_fields = ["instance__name", "source"]
