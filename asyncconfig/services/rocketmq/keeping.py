"""RocketMQ instances: create, change and delete them, their topics and rules."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.models import AsyncConfig, InboundRule, RocketInstance
from asyncconfig.models.config import ROCKETMQ
from functions.exceptions import (
    MAX_NAMED_USERS,
    LimitReached,
    NameTaken,
    StillUsed,
    in_words,
)
from functions.locks import hold
from functions.models import Project, Vpc
from functions.networks import read_range

MAX_INSTANCES = 50
MAX_TOPICS = 100
MAX_RULES = 50


def create(project: Project, *, name: str, **fields: Any) -> RocketInstance:
    """Create an instance; raises LimitReached (50 a project), NameTaken and Gone."""
    if RocketInstance.objects.filter(project=project).count() >= MAX_INSTANCES:
        raise LimitReached(
            _("A project can have %(limit)d RocketMQ instances. Delete one first.")
            % {"limit": MAX_INSTANCES}
        )
    instance = RocketInstance(
        project=project, name=name, created_at=clock.now(), **fields
    )
    return _save(instance)


def change(instance: RocketInstance, **fields: Any) -> None:
    """Change how an instance is reached; what is on its way is sent the new way.

    Raises NameTaken and Gone.
    """
    with transaction.atomic():
        hold(RocketInstance.objects, instance)
        for name, value in fields.items():
            setattr(instance, name, value)
        _save(instance, update_fields=list(fields))


def _save(instance: RocketInstance, **options: Any) -> RocketInstance:
    try:
        with transaction.atomic():
            hold(Vpc.objects, instance.vpc)
            instance.save(**options)
    except IntegrityError as error:
        raise NameTaken(
            _("%(name)s already exists. Choose another name.") % {"name": instance.name}
        ) from error
    return instance


def delete(instance: RocketInstance) -> None:
    """Delete an instance that no configuration tells; raises StillUsed with names."""
    with transaction.atomic():
        _check_unused(instance)
        instance.delete()


def add_topic(instance: RocketInstance, topic: str) -> None:
    """List a topic that exists at the broker.

    Raises NameTaken, LimitReached (100) and Gone.
    """
    with transaction.atomic():
        held = hold(RocketInstance.objects, instance)
        if topic in held.topics:
            raise NameTaken(_("Topic %(name)s is already listed.") % {"name": topic})
        if len(held.topics) >= MAX_TOPICS:
            raise LimitReached(
                _("An instance can have %(limit)d topics. Remove one first.")
                % {"limit": MAX_TOPICS}
            )
        held.topics = sorted([*held.topics, topic])
        held.save(update_fields=["topics"])


def remove_topic(instance: RocketInstance, topic: str) -> None:
    """Take a topic off the list; raises StillUsed while functions tell it, and Gone."""
    with transaction.atomic():
        held = hold(RocketInstance.objects, instance)
        _check_unused(held, topic)
        held.topics = [one for one in held.topics if one != topic]
        held.save(update_fields=["topics"])


def add_rule(
    instance: RocketInstance, *, first_port: int, last_port: int, source: str
) -> None:
    """Let traffic in; raises RangeRefused for a source that is no range, and Gone."""
    network = read_range(source)
    with transaction.atomic():
        held = hold(RocketInstance.objects, instance)
        if held.inbound_rules.count() >= MAX_RULES:
            raise LimitReached(
                _("An instance can have %(limit)d inbound rules. Remove one first.")
                % {"limit": MAX_RULES}
            )
        InboundRule.objects.create(
            instance=held,
            first_port=first_port,
            last_port=last_port,
            source=str(network),
        )


def _check_unused(instance: RocketInstance, topic: str = "") -> None:
    users = users_of(instance, topic)
    if users:
        raise StillUsed(
            _(
                "%(users)s send their failures to %(name)s. Change their configuration "
                "first."
            )
            % {"name": topic or instance.name, "users": in_words(users)}
        )


def users_of(instance: RocketInstance, topic: str = "") -> list[str]:
    """Return the versions whose configuration tells the instance, or one topic."""
    found = configs_telling(instance.project).filter(
        on_failure_target_key__startswith=f"{instance.instance_id}/"
    )
    if topic:
        found = found.filter(on_failure_target_key=f"{instance.instance_id}/{topic}")
    related = found.select_related("version__function").order_by("version")
    return [str(config.version) for config in related[: MAX_NAMED_USERS + 1]]


def configs_telling(project: Project) -> Any:
    """Return the configurations in force that tell any RocketMQ instance."""
    return AsyncConfig.objects.current().filter(
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
        on_failure_kind=ROCKETMQ,
    )
