"""Django's settings. Everything that an operator may change comes from `syncapp.conf.settings`."""

import sys
from typing import Any

import environ
from django.templatetags.static import static

from syncapp.conf import logs
from syncapp.conf.broker import ANSWER_SECONDS, CONNECT_SECONDS, HEARTBEAT_SECONDS, Kind, broker_of
from syncapp.conf.settings import BASE_DIR, get_settings, kept_secret
from syncproject.program import CELERY, WITHOUT_PAGES, program

SYNC = get_settings()
SYNC.home.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY = SYNC.django_secret_key or kept_secret(SYNC.home, "secret_key", 64)
DEBUG = SYNC.django_debug
# Always this machine's own names: health checks use them
ALLOWED_HOSTS = [*SYNC.django_allowed_hosts, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = list(SYNC.django_csrf_trusted_origins)
# Behind a proxy that does TLS, the login travels by TLS only
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = any(o.startswith("https://") for o in CSRF_TRUSTED_ORIGINS)
# Redirects to https and HSTS are up to the TLS proxy
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "syncapp",
    "monitoring",
]
# These serve no web pages: without the parts for pages, each process takes 20 MB less
PROGRAM = program(sys.argv)
if PROGRAM not in {"worker", "flower"}:
    INSTALLED_APPS = ["django_celery_beat", *INSTALLED_APPS]
if PROGRAM not in WITHOUT_PAGES | CELERY:
    INSTALLED_APPS = [
        "unfold",  # before the admin, whose templates it replaces
        "unfold.contrib.filters",
        "django.contrib.admin",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "rest_framework",
        "rest_framework.authtoken",
        "django_filters",
        "drf_spectacular",
        "drf_spectacular_sidecar",
        "django_structlog",
        *INSTALLED_APPS,
    ]

MIDDLEWARE = [
    "monitoring.middleware.FromAddress",
    "django.middleware.security.SecurityMiddleware",
    "monitoring.middleware.ContentSecurity",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "monitoring.failures.WhatIsAway",
    "monitoring.failures.WithoutNul",
    "monitoring.failures.OnlyByForm",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "admin:index"  # after opening the login page directly
CSRF_FAILURE_VIEW = "monitoring.failures.stale"
# Without pages nothing has an address
ROOT_URLCONF = "" if PROGRAM in WITHOUT_PAGES | CELERY else "syncproject.urls"
WSGI_APPLICATION = "syncproject.wsgi.application"
ASGI_APPLICATION = "syncproject.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "syncapp" / "templates"],  # before unfold's, of which one is ours
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(SYNC.database_url)
    if SYNC.database_url
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": SYNC.home / "isthmus.sqlite3"}
}
# Tasks and requests are short: a new connection would be a large part of each
DATABASES["default"].setdefault("CONN_MAX_AGE", 600)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A server that is down or frozen is noticed in seconds, where the driver itself would wait for minutes or for ever
    DATABASES["default"]["ENGINE"] = "syncproject.postgresql"
    limits = {"connect_timeout": 4, "tcp_user_timeout": 10_000}
    DATABASES["default"]["OPTIONS"] = {**limits, **DATABASES["default"].get("OPTIONS", {})}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Several processes write. IMMEDIATE takes the write lock at BEGIN, so that no transaction fails half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGGING = logs.configuration(SYNC)
logs.configure_structlog()

# Counts for limits; one process serves all requests
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = "syncproject.formats"

# A form may contain a list of 1,000 names or ids, the API's limit, and other fields
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

STATIC_URL = "static/"
STATIC_ROOT = SYNC.home / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns about a missing folder
# Static files are served straight from the packages: nothing has to be collected after an upgrade
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    # The token first: without a login the response is 401, not 403
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "syncapp.api.common.authentication.TokenOfRole",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["syncapp.api.common.permissions.SyncAccess"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.FormParser"],
    "DEFAULT_SCHEMA_CLASS": "syncapp.api.common.schema.Described",
    "DEFAULT_THROTTLE_CLASSES": ["syncapp.api.common.throttles.Rate"],
    "EXCEPTION_HANDLER": "syncapp.api.common.errors.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Isthmus",
    "DESCRIPTION": "Two-way sync between a local MongoDB and MongoDB Atlas: health, figures, conflicts, switches. "
    "Other methods than those listed are answered 405, with the header Allow.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["syncapp.process.described.apply"],
    "COMPONENT_SPLIT_PATCH": False,  # a body says itself what it requires
    "ENUM_NAME_OVERRIDES": {
        "AlertOutStateEnum": "syncapp.models.alert.Alert.State",
        "SideEnum": "syncapp.models.choices.SideChoices",
        "WinnerEnum": "syncapp.models.conflict.Conflict.Winner",
        "DirectionEnum": "syncapp.models.choices.Direction",
        "RuleDirectionEnum": "syncapp.api.rule_parts.DIRECTIONS",
        "SelftestPartEnum": "syncapp.api.selftest.NAMES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
UNFOLD = {
    "SITE_TITLE": "Isthmus",
    "SITE_HEADER": "Isthmus",
    "SITE_SUBHEADER": "Local MongoDB ⇄ Atlas",
    "SITE_URL": None,
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("monitoring/favicon.svg")}
    ],
    "STYLES": [lambda request: static("monitoring/isthmus.css")],
    "SCRIPTS": [
        lambda request: static("monitoring/refused.js"),
        lambda request: static("monitoring/keyboard.js"),
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,  # Django's own log of the admin: the audit log replaces it
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "monitoring.dashboard.page_context",
    "SIDEBAR": {"navigation": "syncapp.admin.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "oklch(98% .013 190)",
            "100": "oklch(95% .03 190)",
            "200": "oklch(91% .055 190)",
            "300": "oklch(84% .085 190)",
            "400": "oklch(75% .105 190)",
            "500": "oklch(65% .105 190)",
            "600": "oklch(53% .089 192)",
            "700": "oklch(46% .076 193)",
            "800": "oklch(39% .062 194)",
            "900": "oklch(33% .05 195)",
            "950": "oklch(25% .04 196)",
        },
    },
}

_BROKER = broker_of(SYNC.celery_broker_url or "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = _BROKER.url
# Celery takes an environment variable CELERY_BROKER_URL as it is, before the one above; not before these two
CELERY_BROKER_READ_URL = CELERY_BROKER_WRITE_URL = _BROKER.url
CELERY_BROKER_USE_SSL = dict(_BROKER.tls) or None  # by default Celery does not verify a rediss:// server
CELERY_TASK_SERIALIZER = "bson"
CELERY_ACCEPT_CONTENT = ["bson", "json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # otherwise beat creates a task that cleans up results, of which there are none
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_LOST_WAIT = 2  # seconds, until a task whose process has ended is known to be lost
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = SYNC.sync_apply_workers
CELERY_WORKER_SEND_TASK_EVENTS = not SYNC.is_small  # for Flower
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = CONNECT_SECONDS
CELERY_BROKER_HEARTBEAT = HEARTBEAT_SECONDS  # RabbitMQ's
CELERY_TASK_DEFAULT_DELIVERY_MODE = "transient"  # the broker may lose everything: nothing is for its disk
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = dict(_BROKER.options)
if _BROKER.kind is not Kind.RABBITMQ:
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "visibility_timeout": 900,  # longer than the longest task
        "unacked_restore_interval": 30,
        "unacked_restore_throttle": 1,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
    }
if SYNC.is_small and PROGRAM == "worker" and _BROKER.kind is not Kind.RABBITMQ:
    # Timeout of Redis's blocking pop, whose end a stop waits for; the default is 1 s
    CELERY_BROKER_TRANSPORT_OPTIONS["polling_interval"] = 2
CELERY_BEAT_SCHEDULER = "syncapp.tasks.scheduler:Scheduler"
if SYNC.is_small:
    CELERY_BEAT_MAX_LOOP_INTERVAL = 10  # seconds, until a change of a periodic task is seen; 5 by default
CELERY_TIMEZONE = "UTC"
