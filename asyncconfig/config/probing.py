"""Send a marked record to a target, to see whether notifications would arrive."""

import logging
import queue
import threading
import time
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.config import saving
from asyncconfig.decisions import record
from asyncconfig.decisions.endings import Condition
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination, Parcel
from asyncconfig.exceptions import DeliveryError
from asyncconfig.receipt import Receipt
from functions.models import Version

logger = logging.getLogger(__name__)

PROBE_SECONDS = 10.0
PAYLOAD = b'{"probe": true}'
RESULT = b"This is a test notification."
ERROR = "Probe: this is a test notification, nothing has failed."

Answer = tuple[Receipt | None, str]


@dataclass(frozen=True)
class Probed:
    """What came of a test: a receipt, or a sentence about why not.

    `target_key` is the target's key, `lacks_right` says that the agency is what stands
    in the way. The time is that of sending alone, in milliseconds.
    """

    receipt: Receipt | None = None
    problem: str = ""
    lacks_right: bool = False
    target_key: str = ""
    duration_ms: float = 0.0


def probe(version: Version, side: Side, kind: str, param: str) -> Probed:
    """Send a test to a target as it would be saved; takes at most PROBE_SECONDS.

    The service is asked about the target first, which may take 3 s more. Nothing is
    stored here; a function that is told really runs.
    """
    try:
        destined = saving.destine(version, side, kind, param)
    except ValidationError as error:
        lacks_right = getattr(error, "code", "") == "agency"
        return Probed(problem=" ".join(error.messages), lacks_right=lacks_right)
    destination, parcel = KINDS[kind], _parcel(version, side, kind, param)
    started = time.monotonic()
    if destination.is_written_here(version):
        receipt, problem = _send(destination, parcel)
    else:
        receipt, problem = _send_within(PROBE_SECONDS, destination, parcel)
    took = (time.monotonic() - started) * 1000
    return Probed(receipt, problem, target_key=destined.target.key, duration_ms=took)


def _parcel(version: Version, side: Side, kind: str, param: str) -> Parcel:
    request_id, now = uuid.uuid4(), clock.now()
    has_failed = side == Side.FAILURE
    facts = record.Facts(
        accepted_at=now,
        request_id=str(request_id),
        function_urn=version.urn,
        condition=Condition.UNHANDLED if has_failed else "",
        attempts=1,
        payload=PAYLOAD,
        status_code=200,
        error=ERROR if has_failed else "",
        result=b"" if has_failed else RESULT,
    )
    built = record.build(facts, zone=ZoneInfo(settings.TIME_ZONE))
    marked: record.SentRecord = {**built, "probe": True}
    body, _emptied = record.fit(marked, kind=kind)
    return Parcel(uuid.uuid4(), body, param, version, request_id, now)


def _send(destination: Destination, parcel: Parcel) -> Answer:
    """Try once; whatever goes wrong is an answer."""
    try:
        if destination.is_written_here(parcel.version):
            with transaction.atomic():
                return destination.send(parcel), ""
        return destination.send(parcel), ""
    except DeliveryError as error:
        return None, str(error)
    except Exception as error:
        logger.exception("A test notification broke.")
        return None, f"{type(error).__name__}: {error}"


def _send_within(seconds: float, destination: Destination, parcel: Parcel) -> Answer:
    """Try in a thread of its own, whose answer is not waited for any longer."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    language = get_language()

    def send() -> None:
        try:
            with override(language):
                answers.put(_send(destination, parcel))
        finally:
            connections.close_all()

    threading.Thread(target=send, name="probe", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return None, _("No answer within %(n)g s.") % {"n": seconds}
