"""The project's settings with what tests need different."""

import os
import tempfile
from pathlib import Path

_DATA = Path(os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="fgtest-")))
os.environ.setdefault("REDIS_URL", f"unix://{_DATA}/no-redis.sock")

# Playwright keeps an event loop in the thread that also runs tests with a database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from console.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
ASYNC_RETRY_BASE_SECONDS = 10.0
MIN_FREE_DISK_PERCENT = 0.0
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
LANGUAGE_CODE = "en"
# A test keeps its transaction open for as long as it takes.
if DATABASES["default"]["ENGINE"] == "console.postgresql":  # noqa: F405
    DATABASES["default"]["OPTIONS"]["options"] += (  # noqa: F405
        " -c idle_in_transaction_session_timeout=0"
    )
