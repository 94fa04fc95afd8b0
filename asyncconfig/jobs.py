"""What RQ runs: a wake-up, and nothing else."""

from asyncconfig import queue
from asyncconfig.dispatching import current

WAIT_SECONDS = 30


def wake(name: str) -> None:
    """Wake this worker's dispatcher; return when it has a free slot again.

    A full worker thus takes no more wake-ups.
    """
    if current.dispatcher is None:
        queue.answered(name)
    else:
        current.dispatcher.wake(wait_seconds=WAIT_SECONDS)
