"""The WSGI application; granian and any other WSGI server load it from here."""

import os

from django.core.wsgi import get_wsgi_application

from console import env
from console.installation.supervision import tether

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# The web server's own processes must not outlive it when it is killed.
if env.flag("DIE_WITH_PARENT", default=False):
    tether.die_with(os.getppid())

application = get_wsgi_application()
