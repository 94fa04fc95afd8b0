"""Every setting of the project; docs/reference/settings.md explains them."""

import os
from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from console import env
from console.installation.supervision import valkey
from console.postgresql import address

# Whatever a process of ours makes is for its owner only.
os.umask(0o077)

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.owned_folder("DATA_DIR", default=BASE_DIR / "var")
KEYS_DIR = Path(env.text("KEYS_DIR", default=str(DATA_DIR / "keys"))).resolve()

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", file=KEYS_DIR / "secret.key")
ENCRYPTION_KEY = env.secret("ENCRYPTION_KEY", file=KEYS_DIR / "encryption.key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default="localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
BEHIND_TLS_PROXY = env.flag("BEHIND_TLS_PROXY", default=False)

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
INSTALLED_APPS = [
    # Before ours, which replace its page of users.
    "django.contrib.auth",
    "console",
    "asyncconfig",
    "functions",
    "console.apps.AdministrationConfig",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "django_rq",
    "csp",
    "template_partials",
]
MIDDLEWARE = [
    "console.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.middleware.no_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "console.middleware.api_manners",
    "console.middleware.late_bodies",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # What follows may read a form; strangers do not come this far.
    "console.middleware.SignInForPages",
    "console.middleware.OperatorsOnly",
    "console.middleware.CheckedForms",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.time_zone",
    "csp.middleware.CSPMiddleware",
    "console.middleware.admin_styles",
    "console.middleware.TryLaterPage",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FORM_RENDERER = "console.ui.rendering.Renderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.ui.context.shell",
            ],
        },
    }
]

# What is stored, and where.
SQLITE = {
    "ENGINE": "console.sqlite",
    "NAME": DATA_DIR / "console.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "PRAGMA mmap_size=134217728; PRAGMA cache_size=-16000;"
        ),
    },
}
DATABASE_URL = env.text("DATABASE_URL")
DATABASE_STATEMENT_SECONDS = env.number("DATABASE_STATEMENT_SECONDS", default=30)
DATABASES = {
    "default": address.parse(DATABASE_URL, statement_seconds=DATABASE_STATEMENT_SECONDS)
    if DATABASE_URL
    else SQLITE
}
DATABASES["default"].update({"CONN_MAX_AGE": None, "ATOMIC_REQUESTS": False})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL") or valkey.url(
    DATA_DIR, password=env.kept("REDIS_URL", file=KEYS_DIR / "valkey.key")
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "console_cache",
        # When it is full, counters of failures that still count would be thrown away.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
RQ_QUEUE = {"URL": REDIS_URL, "SERIALIZER": "rq.serializers.JSONSerializer"}
RQ_QUEUES = dict.fromkeys(("invoke", "deliver", "notify"), RQ_QUEUE)
RQ = {
    "QUEUE_CLASS": "asyncconfig.queue.WakeUps",
    "JOB_CLASS": "asyncconfig.queue.WakeUp",
}

# The object storage of this installation; `up` starts one and says where it is.
OBS_ENDPOINT = env.text("OBS_ENDPOINT")
OBS_ACCESS_KEY = env.secret("OBS_ACCESS_KEY", file=KEYS_DIR / "obs-access.key")
OBS_SECRET_KEY = env.secret("OBS_SECRET_KEY", file=KEYS_DIR / "obs-secret.key")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Who may come in.
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTHENTICATION_BACKENDS = ["console.security.backend.PasswordBackend"]
PASSWORD_HASHERS = ["console.security.hashing.GatedHasher"]
SIGN_INS_PER_MINUTE = env.whole("SIGN_INS_PER_MINUTE", default=30, low=1)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CSRF_FAILURE_VIEW = "console.pages.stale.out_of_date"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS_PROXY
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = BEHIND_TLS_PROXY
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS_PROXY else 0
# Subdomains, and the browsers' preload list, are the domain owner's to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 72 * 1024 * 1024

# Languages and times.
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "console" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", default="Asia/Shanghai")

# What the cloud calls region and limits (docs/reference/settings.md).
REGION = env.text("REGION", default="cn-east-3")
ROCKETMQ_REGIONS = env.words("ROCKETMQ_REGIONS", default="cn-east-3")
OUTGOING_ALLOWED = env.words("OUTGOING_ALLOWED")
DEMO_OFFERED = env.flag("DEMO_OFFERED", default=True)
ASYNC_RETRY_BASE_SECONDS = env.number("ASYNC_RETRY_BASE_SECONDS", default=10)
ASYNC_RETRY_CAP_SECONDS = env.number("ASYNC_RETRY_CAP_SECONDS", default=600)
ASYNC_LOOPS = env.text("ASYNC_LOOPS", default="accept")
ASYNC_MAX_HOPS = env.whole("ASYNC_MAX_HOPS", default=16, low=1)
ASYNC_BODY_LIMIT = env.whole("ASYNC_BODY_LIMIT", default=262_144)
ASYNC_RESULT_LIMIT = 262_144
SYNC_BODY_LIMIT = env.whole("SYNC_BODY_LIMIT", default=6_291_456)
SYNC_WAIT_SECONDS = env.number("SYNC_WAIT_SECONDS", default=90)
MAX_WAITING = env.whole("MAX_WAITING", default=1_000_000, low=1)
MIN_FREE_DISK_PERCENT = env.number("MIN_FREE_DISK_PERCENT", default=5, high=100)
MAX_LOSSES = env.whole("MAX_LOSSES", default=5, low=1)
DELIVERY_RETRY_BASE_SECONDS = env.number("DELIVERY_RETRY_BASE_SECONDS", default=5)
DELIVERY_RETRY_CAP_SECONDS = env.number("DELIVERY_RETRY_CAP_SECONDS", default=3600)
DELIVERY_RETRY_FOR_SECONDS = env.number("DELIVERY_RETRY_FOR_SECONDS", default=86_400)
DELIVERY_SLOTS = env.whole("DELIVERY_SLOTS", default=16, low=1, high=256)
DELIVERY_SLOTS_PER_TARGET = env.whole("DELIVERY_SLOTS_PER_TARGET", default=4, low=1)
AGENCY_HTTP_HOSTS = env.words("AGENCY_HTTP_HOSTS")
OUTGOING_CONNECT_SECONDS = env.number("OUTGOING_CONNECT_SECONDS", default=3, low=0.01)
OUTGOING_TOTAL_SECONDS = env.number("OUTGOING_TOTAL_SECONDS", default=10, low=0.01)
PUBLIC_URL = env.text("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
RETENTION_DAYS = env.number("RETENTION_DAYS", default=30, low=1)
WEB_THREADS = env.whole("WEB_THREADS", default=8, low=4)
BODY_SECONDS = env.number("BODY_SECONDS", default=10, low=0.1)
UPLOAD_SECONDS = env.number("UPLOAD_SECONDS", default=60, low=0.1)
WORKER_SLOTS = env.whole("WORKER_SLOTS", default=8, low=1, high=256)
WORKER_LEASE_SECONDS = env.number("WORKER_LEASE_SECONDS", default=10, low=0.5)
WORKER_RENEW_SECONDS = env.number("WORKER_RENEW_SECONDS", default=3, low=0.1)
WORKER_GRACE_SECONDS = env.number("WORKER_GRACE_SECONDS", default=6)
INSTANCE_IDLE_SECONDS = env.number("INSTANCE_IDLE_SECONDS", default=60)
INSTANCE_MEMORY_MB = env.whole("INSTANCE_MEMORY_MB", default=2048, low=128)
ISOLATION_LEVEL = env.whole("ISOLATION_LEVEL", default=3, low=0, high=3)
INSTANCE_USERS = env.user_numbers("INSTANCE_USERS", default="60578-61183")
ALLOW_UNISOLATED = env.flag("ALLOW_UNISOLATED", default=False)
RUNTIME_DIR = DATA_DIR / "runtime"
# Who shows it may read the figures of /readyz.
MONITOR_TOKEN = env.text("MONITOR_TOKEN")
# What `up` knows its own web server by, among others that share the port.
START_NUMBER = env.text("START_NUMBER")

# How mail leaves; without a host no e-mail subscription is offered.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.whole("EMAIL_PORT", default=25, low=1, high=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL", default=False)
EMAIL_TIMEOUT = env.number("EMAIL_TIMEOUT", default=10, low=0.01)
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", default="fgconsole@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", default="INFO")},
    # At lower levels they write what servers answer, whoever those are.
    "loggers": {name: {"level": "ERROR"} for name in ("botocore", "boto3", "urllib3")},
}
