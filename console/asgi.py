"""The ASGI application, which the web server loads."""

import resource

from console.wsgi import application as django  # It sets Django up: first of all.

# isort: split
from django.conf import settings

from console.door.front import Front

# A thousand connections, and what Django opens, need more than the usual 1,024.
FILES = 4096


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_allow_files()
application = Front(django, threads=settings.WEB_THREADS)
