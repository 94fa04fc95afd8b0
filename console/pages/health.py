"""Whether the console can serve: for supervisors and load balancers."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from asyncconfig import queue
from console.door.limits import takes


@login_not_required
@takes(0)
@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database answers; Redis may be away, and is reported."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    state = {
        "database": database,
        "redis": queue.is_up(),
        "start": settings.START_NUMBER,
    }
    return JsonResponse(state, status=200 if database else 503)
