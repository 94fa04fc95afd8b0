"""What SMN's operations take and answer."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from asyncconfig.models import Subscription, Topic

UNCONFIRMED, CONFIRMED = 0, 1


class Answered(Schema):
    request_id: str


class NewTopic(Schema):
    name: str = Field(examples=["results"])
    display_name: str = ""
    enterprise_project_id: str = Field("", description="Not kept.")


class TopicMade(Answered):
    topic_urn: str


class TopicChange(Schema):
    display_name: str | None = None


class Attributes(Schema):
    access_policy: str | None = None
    introduction: str | None = None


class TopicAttributes(Answered):
    attributes: Attributes


class TopicShown(Schema):
    topic_urn: str
    name: str
    display_name: str
    push_policy: int
    topic_id: str
    enterprise_project_id: str
    create_time: str
    update_time: str


class TopicDetails(TopicShown, Answered):
    pass


class TopicList(Answered):
    topic_count: int
    topics: list[TopicShown]


class NewSubscription(Schema):
    protocol: str = Field(examples=["http"])
    endpoint: str = Field(examples=["http://example.com/told"])
    remark: str | None = None


class SubscriptionMade(Answered):
    subscription_urn: str


class SubscriptionShown(Schema):
    topic_urn: str
    protocol: str
    subscription_urn: str
    owner: str
    endpoint: str
    remark: str
    status: int = Field(description="0 is not confirmed, 1 is confirmed.")


class SubscriptionList(Answered):
    subscription_count: int
    subscriptions: list[SubscriptionShown]


class MessageAttribute(Schema):
    name: str
    type: str = Field("STRING", description="STRING, STRING_ARRAY or PROTOCOL.")
    value: str | list[str]


class NewMessage(Schema):
    subject: str | None = None
    message: str | None = None
    message_structure: str | None = Field(
        None, description="JSON of texts by protocol, with a default."
    )
    message_template_name: str | None = Field(None, description="Not offered.")
    time_to_live: str | int | None = Field(None, examples=["3600"])
    message_attributes: list[MessageAttribute] | None = Field(None, max_length=10)


class MessageMade(Answered):
    message_id: str


def answered(request: HttpRequest, **fields: Any) -> dict[str, Any]:
    """Return an answer with the request's ID, which all of SMN's carry."""
    return {"request_id": getattr(request, "request_id", ""), **fields}


def shown_topic(topic: Topic) -> dict[str, Any]:
    return {
        "topic_urn": topic.urn,
        "name": topic.name,
        "display_name": topic.display_name,
        "push_policy": 0,
        "topic_id": f"{topic.pk:032x}",
        "enterprise_project_id": "0",
        "create_time": _time(topic.created_at),
        "update_time": _time(topic.updated_at),
    }


def shown_subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "topic_urn": subscription.topic.urn,
        "protocol": subscription.protocol,
        "subscription_urn": subscription.urn,
        "owner": subscription.topic.project.project_id,
        "endpoint": subscription.endpoint,
        "remark": subscription.remark,
        "status": CONFIRMED if subscription.is_confirmed else UNCONFIRMED,
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
