"""Settings; the only reader of the environment. Every name is explained in .env.example and docs/production.md."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from actions.secrets.keys import make_key, parse_keys
from gateway import __version__, environment, names
from gateway.unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = __version__
env = names.CheckedEnv(Path(os.environ.get("ENV_FILE", BASE_DIR / ".env")))

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR

# --- Database and broker -------------------------------------------------------------------------------------------
environment.check_url("DATABASE_URL", env.str("DATABASE_URL", default=""))
DATABASES = {
    "default": environment.database(env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'gateway.sqlite3'}"))
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Migrations of a later version that stay applied while this version runs, as sendouts.0012_name.
LATER_MIGRATIONS = frozenset(env.list("LATER_MIGRATIONS", default=[]))
USES_SQLITE = DATABASES["default"]["ENGINE"] == "work.sqlite"
if USES_SQLITE:
    DATA_DIR.mkdir(parents=True, exist_ok=True)

BROKER = environment.broker(env.str("CELERY_BROKER_URL", default=""))
EMBEDDED = not BROKER
if USES_SQLITE and not EMBEDDED:
    raise ImproperlyConfigured(
        "CELERY_BROKER_URL is set, but the database is SQLite, which several processes cannot share well. "
        "Set DATABASE_URL=postgres://… too, or leave CELERY_BROKER_URL empty for the embedded mode."
    )
CELERY_BROKER_URL = BROKER or "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"polling_interval": 0.02}
    if EMBEDDED
    # A hanging Redis must block a nudge only briefly; the sweep finds the row anyway.
    else {
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
        "retry_policy": {"max_retries": 0},
        "visibility_timeout": 3600,
    }
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A Redis that turned replica refuses commands: connect again instead of ending the worker.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 8 if EMBEDDED else 1
# Never: Celery would close the pool of connections after each task. gateway.celery returns a task's connection to it.
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_TASK_DEFAULT_QUEUE = "small"
# A name instead of the function: the lanes need the models, which need these settings.
CELERY_TASK_ROUTES = ["work.lanes.route"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "retire": {"task": "sendouts.retire", "schedule": 3600.0},
    # After an outage the worker must not run all missed checks at once.
    "watch": {"task": "sendouts.watch", "schedule": 30.0, "options": {"expires": 30}},
    "tidy": {"task": "gateway.tidy", "schedule": 3600.0},
}

# --- The application -----------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not (USES_SQLITE or DEBUG):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    SECRET_KEY = environment.kept_key(DATA_DIR, "secret_key", environment.secret_key)
# Former signing keys: sessions and forms that they signed stay valid during a change of keys.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# The first key encrypts stored secrets, all keys decrypt them.
ENCRYPTION_KEYS = parse_keys(env.list("ENCRYPTION_KEYS", default=[]))
if not ENCRYPTION_KEYS and USES_SQLITE:
    ENCRYPTION_KEYS = (environment.kept_key(DATA_DIR, "encryption_key", make_key),)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
BASE_URL = env.str("BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "desk.apps.ScreensConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "rest_framework",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "gateway.apps.GatewayConfig",
    "work",
    "actions.apps.ActionsConfig",
    "sendouts.apps.SendoutsConfig",
    "notices.apps.NoticesConfig",
    "api",
    "desk.apps.DeskConfig",
]
MIDDLEWARE = [
    "gateway.web.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "gateway.web.unavailable.Middleware",
    # Axes must be last: it turns a refused login into a page.
    "axes.middleware.AxesMiddleware",
]
# Seconds until a page must begin, before the answer is 503.
PAGE_SECONDS = env.float("PAGE_SECONDS", default=10.0)
ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "desk.context.desk",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Five wrong passwords for an account from one address lock that pair out for 15 minutes. Attempts during the lockout
# neither count nor extend it. Other users behind the same proxy, and the same user at another address, are not
# affected.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "gateway.web.logins.client_address"
AXES_LOCKOUT_CALLABLE = "gateway.web.logins.locked_out"
# The users' list shows the last logins. Failures are kept while they count, without the entered data.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "user_agent", "csrfmiddlewaretoken", "next"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- Language and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Paris")
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = "gateway.formats"

# --- Files of the screens ------------------------------------------------------------------------------------------
STATIC_URL = "static/"
# Without collectstatic, files are served from the packages: embedded mode, tests.
_COLLECTED = BASE_DIR / "staticfiles"
STATIC_ROOT = _COLLECTED if (_COLLECTED / "admin").exists() or "collectstatic" in sys.argv else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = False

# --- Behind TLS ----------------------------------------------------------------------------------------------------
BEHIND_TLS = env.bool("BEHIND_TLS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
if BEHIND_TLS:
    # Browsers accept these names only with Secure and for this host: a neighbour under the same domain cannot set one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# Addresses and networks of trusted proxies, for X-Forwarded-For and X-Forwarded-Proto.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
# Other hosts under the same domain are not ours to configure.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL.startswith("https://") else []
X_FRAME_OPTIONS = "DENY"

# --- The door ------------------------------------------------------------------------------------------------------
WEBHOOK_BASIC_AUTH = environment.basic_pairs(env.list("WEBHOOK_BASIC_AUTH", default=[]))
WEBHOOK_HEADER_NAME = env.str("WEBHOOK_HEADER_NAME", default="")
WEBHOOK_HEADER_TOKENS = tuple(env.list("WEBHOOK_HEADER_TOKENS", default=[]))
if bool(WEBHOOK_HEADER_NAME) != bool(WEBHOOK_HEADER_TOKENS):
    raise ImproperlyConfigured("WEBHOOK_HEADER_NAME and WEBHOOK_HEADER_TOKENS belong together: set both or neither.")
WEBHOOK_MAX_BYTES = env.int("WEBHOOK_MAX_BYTES", default=5_000_000)
# Longer than any balancer in front keeps an idle connection. The sender must be the first to close it; otherwise a hook
# that is sent while we close it is lost. The longest fixed time that we know of is 600 s.
KEEP_ALIVE_SECONDS = env.int("KEEP_ALIVE_SECONDS", default=620)
# Whether DATA_DIR is on a durable disk; existing files are loaded in any case.
JOURNAL = env.bool("JOURNAL", default=environment.is_on_disk(DATA_DIR))
JOURNAL_DIR = DATA_DIR / "journal"
# The most that the kept contact files of open batches may occupy, in GB; 0 keeps none.
SPOOL_GB = env.float("SPOOL_GB", default=10.0)
SPOOL_DIR = DATA_DIR / "spool"
# s3://bucket/prefix, where they are kept instead if the gateway runs on several hosts.
SPOOL_URL = environment.bucket_url("SPOOL_URL", env.str("SPOOL_URL", default=""))
SQS_QUEUE_URL = env.str("SQS_QUEUE_URL", default="")
SQS_THREADS = env.int("SQS_THREADS", default=4)
SQS_BUCKETS = tuple(env.list("SQS_BUCKETS", default=[]))
AWS_ENDPOINT_URL = env.str("AWS_ENDPOINT_URL", default="")
AWS_ENDPOINT_URL_S3 = env.str("AWS_ENDPOINT_URL_S3", default="") or AWS_ENDPOINT_URL

# --- The platform --------------------------------------------------------------------------------------------------
SYMPLIFY_ALLOWED_HOSTS = env.list("SYMPLIFY_ALLOWED_HOSTS", default=[".symplifymail.com"])
SYMPLIFY_ALLOW_HTTP = env.bool("SYMPLIFY_ALLOW_HTTP", default=False)
SYMPLIFY_CONCURRENCY = env.int("SYMPLIFY_CONCURRENCY", default=256)
SYMPLIFY_CONFIRM_CODES = tuple(env.list("SYMPLIFY_CONFIRM_CODES", cast=int, default=list(range(200, 300))))
# Patterns for the body of such an answer: it confirms only if it holds the one, and never if it holds the other.
SYMPLIFY_CONFIRM_BODY = environment.body_pattern("SYMPLIFY_CONFIRM_BODY", env.str("SYMPLIFY_CONFIRM_BODY", default=""))
SYMPLIFY_REFUSE_BODY = environment.body_pattern("SYMPLIFY_REFUSE_BODY", env.str("SYMPLIFY_REFUSE_BODY", default=""))
SYMPLIFY_METHOD = env.str("SYMPLIFY_METHOD", default="POST")
SYMPLIFY_HEADERS = env.dict("SYMPLIFY_HEADERS", default={})
SYMPLIFY_TIMEOUT = env.float("SYMPLIFY_TIMEOUT", default=20.0)
# Bytes a second: a contact file that arrives slower over half a minute is abandoned, and requested again.
SYMPLIFY_SLOWEST_DOWNLOAD = env.float("SYMPLIFY_SLOWEST_DOWNLOAD", default=1_000.0)
# A refused batch is rejected contact by contact and then finished; either half can be switched off.
REFUSAL_REJECTS = env.bool("REFUSAL_REJECTS", default=True)
REFUSAL_FINISHES = env.bool("REFUSAL_FINISHES", default=True)

# --- Services that staff configure ---------------------------------------------------------------------------------
OUTBOUND_ALLOWED_HOSTS = env.list("OUTBOUND_ALLOWED_HOSTS", default=[])
OUTBOUND_ALLOW_HTTP = env.bool("OUTBOUND_ALLOW_HTTP", default=False)
CREDENTIALS = {
    name.removeprefix("CREDENTIAL_").lower(): environment.credential_headers(name, value)
    for name, value in env.ENVIRON.items()
    if name.startswith("CREDENTIAL_") and value
}

# --- Stages --------------------------------------------------------------------------------------------------------
# Rows screened and stored together. A SQLite transaction holds the only writer, so it is shorter there.
CHUNK_ROWS = env.int("CHUNK_ROWS", default=2_000 if USES_SQLITE else 5_000)
# A claim lasts longer than two of the longest HTTP time-outs.
CLAIM_SECONDS = env.float("CLAIM_SECONDS", default=2 * SYMPLIFY_TIMEOUT + 5)
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=1.0)
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4)
RETENTION_DAYS = env.int("RETENTION_DAYS", default=90)
URI_RETENTION_HOURS = env.int("URI_RETENTION_HOURS", default=24)

# --- Alarms --------------------------------------------------------------------------------------------------------
# Recipients of alarms, besides /health/ready, the log and the admin. The hook's host must be in OUTBOUND_ALLOWED_HOSTS.
ALARM_MAIL_TO = env.list("ALARM_MAIL_TO", default=[])
ALARM_MAIL_FROM = env.str("ALARM_MAIL_FROM", default=f"send-gate@{urlsplit(BASE_URL).hostname}")
ALARM_HOOK_URL = env.str("ALARM_HOOK_URL", default="")
ALARM_LANGUAGE = env.str("ALARM_LANGUAGE", default="fr")
if ALARM_LANGUAGE not in dict(LANGUAGES):
    raise ImproperlyConfigured("ALARM_LANGUAGE: write fr or en.")
# Lower case, since it contains a password and must not be a setting.
email_url = env.str("EMAIL_URL", default="")
if ALARM_MAIL_TO and not email_url:
    raise ImproperlyConfigured("ALARM_MAIL_TO is set. Set EMAIL_URL too, such as smtp+tls://user:password@host:587.")
vars().update(env.email_url_config(email_url or "dummymail://"))
EMAIL_TIMEOUT = 10
# Whether mail can be sent: without a server no mail is written, and the users' settings say so.
MAIL_WORKS = bool(email_url)
# The platform's own breaker has unpublished thresholds. Alarm before it opens: above a share that brief trouble does
# not reach, and with enough hooks for a meaningful share.
DOOR_WATCH_HOOKS = env.int("DOOR_WATCH_HOOKS", default=20)
DOOR_WATCH_SHARE = env.float("DOOR_WATCH_SHARE", default=0.1)
# Bearer token for /metrics; if empty, access is refused to everybody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- API -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.tokens.FingerprintAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Send Gate gateway",
    "DESCRIPTION": "Read what is held, and accept or reject it.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

SIMPLE_HISTORY_REVERT_DISABLED = True

# --- Logs ----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("LOG_JSON", default=not (DEBUG or sys.stderr.isatty()))
LOGGING_CONFIG = "gateway.logs.setup.configure"
LOGGING = {
    "level": LOG_LEVEL,
    "json": LOG_JSON,
    "debug": DEBUG,
    "secrets": environment.secret_texts(
        SECRET_KEY,
        SECRET_KEY_FALLBACKS,
        ENCRYPTION_KEYS,
        WEBHOOK_BASIC_AUTH,
        WEBHOOK_HEADER_TOKENS,
        CREDENTIALS,
        SYMPLIFY_HEADERS,
        DATABASES["default"].get("PASSWORD"),
    ),
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "gateway.web.error_reports.QuietReporter"

# Must come last, after every name was read.
env.refuse_unknown()
