"""Stop a request: at once while it waits, by force while it runs."""

from django.db import transaction
from django.db.models import BigIntegerField, QuerySet
from django.db.models.functions import Coalesce

from asyncconfig import clock
from asyncconfig.decisions import endings
from asyncconfig.exceptions import NotCancellable
from asyncconfig.invocations import settling
from asyncconfig.models import Invocation


def cancel(
    invocation: Invocation, *, by: str, force: bool = False, recursive: bool = False
) -> None:
    """Stop a request in a person's name; raises NotCancellable when all has ended.

    A waiting one never runs. A running one is killed within two seconds with
    `force`; without it the run may end well, but no retry follows. `recursive`
    also stops what its notifications started, running ones by force: that chain
    ends here.
    """
    with transaction.atomic():
        stopped = _stop(invocation, by, force=force)
        for child in _descendants(invocation) if recursive else ():
            stopped = _stop(child, by, force=True) or stopped
        if not stopped:
            raise NotCancellable


def _stop(invocation: Invocation, by: str, *, force: bool) -> bool:
    """Stop one request; False when it has ended already.

    It is read under a lock: a worker that claims or settles it this very moment
    does so before or after, and in neither case is the wish lost.
    """
    current = Invocation.objects.with_version().locked().get(pk=invocation.pk)
    if current.is_finished:
        return False
    wish = Invocation.Cancel.FORCE if force else Invocation.Cancel.STOP
    same = Invocation.objects.filter(pk=current.pk)
    same.update(cancel=wish, cancelled_by=by[:150])
    if current.status != Invocation.Status.RUNNING:
        ending = endings.cancelled(by, ran=current.attempts > 0)
        settling.end(current, ending, now=clock.now())
    # If it runs, its worker heeds the wish.
    return True


def _descendants(invocation: Invocation) -> QuerySet[Invocation]:
    """Return the unfinished requests that came of this one, nearest first.

    They were started by its notifications, or by the messages these published.
    """
    root = invocation.root_id or invocation.request_id
    teller = Coalesce(
        "source_delivery__invocation_id",
        "source_message_delivery__message__source_delivery__invocation_id",
        output_field=BigIntegerField(),
    )
    chain = Invocation.objects.filter(root_id=root).annotate(teller=teller)
    found = {invocation.pk}
    # What started a request is older than it, so one pass in order finds every branch.
    for pk, told_by in chain.order_by("pk").values_list("pk", "teller"):
        if told_by in found:
            found.add(pk)
    found.remove(invocation.pk)
    members = Invocation.objects.filter(pk__in=found).without_bodies()
    return members.exclude(status__in=Invocation.FINAL).order_by("pk")
