"""The notifications that invocations owe, on their way to their targets."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from asyncconfig import clock, queue
from asyncconfig.config import rights
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Parcel
from asyncconfig.exceptions import DeliveryError
from asyncconfig.lanes.outbox import OutboxLane
from asyncconfig.models import Delivery, DeliveryAttempt
from asyncconfig.models.outbox import OutboundQuerySet
from asyncconfig.receipt import Receipt


class DeliverLane(OutboxLane[Delivery]):
    """The lane of the outbox that `finishing` fills."""

    name = queue.DELIVER
    model = Delivery
    attempts = DeliveryAttempt

    def related(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return rows.select_related(
            "invocation__function",
            "invocation__version__function__project",
            "invocation__version__agency",
            "invocation__version__vpc",
            "invocation__version__subnet",
        ).defer(
            "invocation__payload",
            "invocation__result",
            # A secret that cannot be deciphered must not keep the others from going.
            "invocation__version__user_data_json",
            "invocation__version__encrypted_user_data_json",
            "invocation__version__agency__reach_json",
        )

    def is_written_here(self, row: Delivery) -> bool:
        destination = KINDS.get(row.kind)
        return bool(destination and destination.is_written_here(row.invocation.version))

    def send(self, row: Delivery) -> Receipt:
        """Send the record; what the agency and the target need is looked at again."""
        destination = KINDS.get(row.kind)
        if destination is None:
            sentence = f"This installation knows no target service {row.kind}."
            raise DeliveryError(sentence, permanent=True)
        version = row.invocation.version
        missing = rights.missing(version, destination, row.target)
        if missing:
            raise DeliveryError(missing, permanent=True)
        try:
            destination.read(row.param, version)
        except ValidationError as error:
            raise DeliveryError(" ".join(error.messages), permanent=True) from error
        return destination.send(_parcel(row))


def _parcel(delivery: Delivery) -> Parcel:
    told = delivery.invocation
    return Parcel(
        parcel_id=delivery.delivery_id,
        record=bytes(delivery.record),
        param=delivery.param,
        version=told.version,
        request_id=told.request_id,
        accepted_at=told.accepted_at,
        delivery=delivery,
    )


def may_resend(delivery: Delivery) -> bool:
    """Say whether it can be sent again: not while it is under way.

    What has arrived can be repeated where its kind allows it.
    """
    if delivery.status == Delivery.Status.DELIVERED:
        kind = KINDS.get(delivery.kind)
        return bool(kind and kind.can_repeat)
    return delivery.status in (Delivery.Status.FAILED, Delivery.Status.WAIT)


def resend(delivery: Delivery, *, by: str) -> bool:
    """Send one again, or a waiting one at once; False when that is not possible.

    The record and its id stay, so a target can tell it is the same. A pending
    automatic try is replaced by this one.
    """
    this = Delivery.objects.filter(pk=delivery.pk)
    return bool(resend_all(to_resend(this, arrived_too=True), by=by))


def to_resend(
    deliveries: OutboundQuerySet,
    *,
    since: datetime | None = None,
    arrived_too: bool = False,
) -> OutboundQuerySet:
    """Return the dead letters and waiting ones that can be sent again.

    `since` leaves out those that are older. `arrived_too` adds what the targets
    have already, where their kind can be repeated.
    """
    repeated = [kind for kind, one in KINDS.items() if arrived_too and one.can_repeat]
    arrived = Q(status=Delivery.Status.DELIVERED)
    chosen = deliveries.filter(~arrived | Q(kind__in=repeated))
    if since is not None:
        chosen = chosen.filter(created_at__gte=since)
    return chosen.at_rest()


def resend_all(chosen: OutboundQuerySet, *, by: str) -> int:
    """Send again what `to_resend` returns, for a user; say how many it were."""
    with transaction.atomic():
        queue.ring(queue.DELIVER)
        return chosen.send_again(by=by, now=clock.now())
