"""Delete what has expired in our own storage.

A thread of the courier's process does it, and not the sweep: the sweep runs on the
dispatcher's thread, which must never wait for a storage that does not answer.
"""

import logging
import threading

from django.db import DatabaseError, connection

from asyncconfig.clients import storage
from asyncconfig.clients.objects import StorageError, Trouble
from asyncconfig.models import ObjectExpiry
from asyncconfig.services.buckets import expiries

logger = logging.getLogger(__name__)

# So few at a time that nobody else notices; 50 in 10 s are 432,000 a day.
AT_ONCE = 50
PAUSE_SECONDS = 10.0


def expire(*, most: int = AT_ONCE) -> int:
    """Delete some expired objects; return how many.

    Ends early when the storage is away: what is left is tried the next time, the
    object that was taken a minute later. A kill at any point loses nothing.
    """
    gone = 0
    for row in expiries.take(most=most):
        try:
            _delete(row)
        except StorageError as error:
            if not error.permanent:
                logger.info("Expired objects stay for now: %s", error)
                break
            logger.warning("%s cannot be deleted: %s", row, error)
            expiries.put_off(row)
        else:
            expiries.done(row)
            gone += 1
    return gone


def _delete(row: ObjectExpiry) -> None:
    try:
        storage.own().delete(row.bucket.name, row.key)
    except StorageError as error:
        if error.trouble is not Trouble.NO_BUCKET:
            raise


class Expirer:
    """Deletes in the background, from entering to leaving."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="expirer", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *trouble: object) -> None:
        self._stop.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while not self._stop.wait(pause):
            pause = PAUSE_SECONDS
            try:
                if expire() == AT_ONCE:
                    pause = 1.0
            except DatabaseError as error:
                logger.warning("The database does not answer: %s", error)
                connection.close()
            except Exception:
                logger.exception("Expired objects could not be deleted; it goes on.")
        connection.close()
