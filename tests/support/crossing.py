"""Two transactions at once on PostgreSQL: one is held open until the other waits."""

import threading
import time
from contextlib import contextmanager

from django.db import connection, transaction

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@contextmanager
def beside(act):
    """Run the block while `act` has been done but not committed.

    It is committed once somebody waits for a lock, or when the block is over.
    """
    done, is_over, raised = threading.Event(), threading.Event(), []

    def hold():
        try:
            with transaction.atomic():
                act()
                done.set()
                while not (is_over.is_set() or is_anyone_waiting()):
                    time.sleep(0.002)
        except Exception as error:
            raised.append(error)
        finally:
            done.set()
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert done.wait(10)
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert raised == []


def both(first, second):
    """Do both, the second while the first is not committed; return what they return."""
    answers = []
    with beside(lambda: answers.append(first())):
        answers.append(second())
    return answers


def is_anyone_waiting():
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone()[0]
