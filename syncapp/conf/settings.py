"""Every setting of the environment, read once into one frozen object and checked while it is read.

A wrong value raises `SettingsError`, whose text is one line: which variable, which value, and what is
allowed. `SETTINGS` is the one list of variables: `.env.example`, the documents and the tests go by it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import environ
from pymongo.uri_parser import parse_uri

from syncapp.conf.broker import broker_url
from syncapp.conf.login_text import database_url
from syncapp.conf.mongodb_uri import mongodb_uri
from syncapp.conf.types import (
    WrongValue,
    anything,
    boolean,
    collection_patterns,
    host_names,
    initial_choice,
    integer,
    one_of,
    origins,
    secret_key,
    url,
)
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.masking import mask_address

BASE_DIR = Path(__file__).resolve().parent.parent
PROFILES = ("standard", "small")
STRATEGIES = ("last-write-wins", "atlas-wins", "local-wins", "manual")


class SettingsError(Exception):
    """A setting has a value that is not allowed. The text is the line that the operator reads."""


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    parse: Callable[[str], Any]
    help: str
    secret: bool = False  # never shown; may also come from the file that NAME_FILE names


SETTINGS = (
    Setting("MONGODB_URI", "", mongodb_uri, "The local MongoDB (a replica set; one node is enough) with the database's name as path. Empty: `make run` starts an embedded demo.", secret=True),
    Setting("MONGODB_ATLAS_URI", "", mongodb_uri, "MongoDB Atlas, with the database's name as path. It may differ from the local one.", secret=True),
    Setting("BIDIRECTIONAL_SYNC_ENABLED", "false", boolean, "true: changes travel both ways. false: one-way sync, local to Atlas. A line that is new, or says something else than at the last start, wins over what was set at run time."),
    Setting("ATLAS_CHANGE_STREAM_BATCH_SIZE", "100", integer(1, 10_000), "Events that one fetch from Atlas's change stream brings. Five times as many while there is a backlog, twenty times if it comes a long way."),
    Setting("BIDIRECTIONAL_EXCLUDED_COLLECTIONS", "sessions,logs,notifications,_sync_metadata", collection_patterns, "Collections (names or glob patterns) that are not pulled from Atlas. They still go up."),
    Setting("CONFLICT_RESOLUTION_STRATEGY", "last-write-wins", one_of(*STRATEGIES), f"Who wins when a document was changed on both sides: {', '.join(STRATEGIES)} (it waits for a person)."),
    Setting("SYNC_INITIAL_CHOICE", "", initial_choice, "For unattended installs: what happens at the first start if both databases hold documents, for instance differing=newest:updatedAt,only-atlas=pull,only-local=push. Empty: the operator is asked (docs/first-run.md)."),
    Setting("ORIGIN_TRACKING_CLEANUP_INTERVAL", "60000", integer(1_000, 86_400_000), "Milliseconds between two clean-ups of tracking data that is older than its keep time."),
    Setting("ORIGIN_TRACKING_KEEP_HOURS", "336", integer(1, 8_760), "Hours that batch markers and copied conflict records are kept in MongoDB. Must be longer than the oplog window."),
    Setting("CHANGE_STREAM_RECONNECT_INTERVAL", "5000", integer(10, 3_600_000), "Milliseconds: the longest first wait before a lost change stream is opened again; later waits double, with jitter."),
    Setting("CHANGE_STREAM_MAX_RECONNECT_ATTEMPTS", "10", integer(1, 100_000), "Attempts after which health turns critical. Trying goes on at the longest interval."),
    Setting("CELERY_BROKER_URL", "", broker_url, "Redis. rediss:// is TLS: the server is verified by the system's authorities, or by those of a file (rediss://host:6379/0?ssl_ca_certs=/path/ca.pem). Empty: `make run` starts an embedded one.", secret=True),
    Setting("DATABASE_URL", "", database_url, "Django's database. Empty: SQLite in SYNC_HOME.", secret=True),
    Setting("DJANGO_SECRET_KEY", "", secret_key, "Django's secret key. Empty: made once and kept in SYNC_HOME.", secret=True),
    Setting("DJANGO_DEBUG", "false", boolean, "Django's debug pages. Never in production."),
    Setting("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", host_names, "Host names that the web process answers to, separated by commas."),
    Setting("DJANGO_CSRF_TRUSTED_ORIGINS", "", origins, "Addresses under which browsers see the web process behind a proxy that does TLS, for instance https://sync.example.com."),
    Setting("DJANGO_SUPERUSER_USERNAME", "admin", anything, "The admin whom `make run` creates."),
    Setting("DJANGO_SUPERUSER_PASSWORD", "", anything, "The admin's password. Empty: made up, printed, and kept in SYNC_HOME.", secret=True),
    Setting("DJANGO_SUPERUSER_EMAIL", "admin@example.com", anything, "The admin's address."),
    Setting("PORT", "5000", integer(1, 65_535), "The port of the web process."),
    Setting("SYNC_WEB_BIND", "127.0.0.1", anything, "The address that the web process listens on. 0.0.0.0: on all."),
    Setting("SYNC_HOME", ".sync", anything, "The folder of everything that is kept on disk: databases, logs, passwords."),
    Setting("SYNC_API_PUBLIC_READ", "false", boolean, "true: the API can be read without a login (for scripts that have none)."),
    Setting("SYNC_LOG_FORMAT", "plain", one_of("plain", "json"), "How log lines are written."),
    Setting("SYNC_LOG_LEVEL", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "The least important log lines that are written."),
    Setting("SYNC_PROFILE", "standard", one_of(*PROFILES), "small: for a device with little memory. One process applies changes (SYNC_APPLY_WORKERS), the listener sends the periodic tasks itself, there is no Flower, and what is looked at every second is looked at every two (docs/operations.md)."),
    Setting("SYNC_APPLY_BATCH_SIZE", "2000", integer(1, 5_000), "Keys that one Celery task carries at most. A push of a task takes five round trips to Atlas, however many they are."),
    Setting("SYNC_APPLY_BATCH_BYTES", "4194304", integer(1_000_000, 64_000_000), "Bytes of documents that one transaction writes at most (one document may be larger)."),
    Setting("SYNC_APPLY_WORKERS", "2", integer(1, 64), "Processes of a worker that apply changes; 1 where SYNC_PROFILE=small and nothing else is said. There may be several workers."),
    Setting("SYNC_APPLY_MAX_ATTEMPTS", "8", integer(1, 1_000), "Attempts after which a document that keeps failing is set aside as a rejected change. A lost connection does not count."),
    Setting("SYNC_MAX_DIRTY_KEYS", "20000", integer(1_000, 10_000_000), "Keys that the listener holds in memory before it stops reading ahead."),
    Setting("SYNC_REPORT_TIMEOUT", "30000", integer(1_000, 3_600_000), "Milliseconds without a sign of life after which a task is taken for lost and its keys are handed out again. Twice as many each time until one ends, 32 times at most."),
    Setting("SYNC_COMPARE_RATE", "0", integer(0, 10_000_000), "Documents a second that a comparison of both sides looks at, at most. 0: as many as live sync leaves room for."),
    Setting("SYNC_HALT_DELETES", "100", integer(1, 1_000_000_000), "A circuit breaker: a collection that loses more documents than this number, and than the share of SYNC_HALT_DELETES_PERCENT, within SYNC_HALT_DELETES_SECONDS, is halted until an operator answers. Documents that come and go cancel out."),
    Setting("SYNC_HALT_DELETES_PERCENT", "50", integer(0, 100), "The share of the most that a collection held within the window, in percent. 100: the breaker never trips."),
    Setting("SYNC_HALT_DELETES_SECONDS", "600", integer(1, 604_800), "The window over which a collection's loss is counted, in seconds of the times at which changes were made."),
    Setting("SYNC_CLOCK_WARNING", "2000", integer(1, 86_400_000), "Milliseconds that the clocks of the two servers may differ, or jump, before it is a warning."),
    Setting("SYNC_SOCKET_TIMEOUT", "20000", integer(1_000, 600_000), "Milliseconds that listener and workers wait for an answer of a database that has stopped answering without closing the connection."),
    Setting("SYNC_LEASE_DURATION", "8000", integer(1_000, 600_000), "Milliseconds that a listener's lease lasts: a stand-by takes over a second later at most."),
    Setting("SYNC_FLOWER_URL", "", url("http", "https"), "Flower's address, with user and password in it (or those of FLOWER_BASIC_AUTH, as user:password). Staff see it, read only, at /flower/. Empty: no link is shown.", secret=True),
)  # fmt: skip


@dataclass(frozen=True)
class SyncSettings:
    """All settings as values. Field names are the variables' names in lower case."""

    mongodb_uri: str
    mongodb_atlas_uri: str
    bidirectional_sync_enabled: bool
    atlas_change_stream_batch_size: int
    bidirectional_excluded_collections: tuple[str, ...]
    conflict_resolution_strategy: str
    sync_initial_choice: InitialChoice | None
    origin_tracking_cleanup_interval: int
    origin_tracking_keep_hours: int
    change_stream_reconnect_interval: int
    change_stream_max_reconnect_attempts: int
    celery_broker_url: str
    database_url: str
    django_secret_key: str
    django_debug: bool
    django_allowed_hosts: tuple[str, ...]
    django_csrf_trusted_origins: tuple[str, ...]
    django_superuser_username: str
    django_superuser_password: str
    django_superuser_email: str
    port: int
    sync_web_bind: str
    sync_home: str
    sync_api_public_read: bool
    sync_log_format: str
    sync_log_level: str
    sync_profile: str
    sync_apply_batch_size: int
    sync_apply_batch_bytes: int
    sync_apply_workers: int
    sync_apply_max_attempts: int
    sync_max_dirty_keys: int
    sync_report_timeout: int
    sync_compare_rate: int
    sync_halt_deletes: int
    sync_halt_deletes_percent: int
    sync_halt_deletes_seconds: int
    sync_clock_warning: int
    sync_socket_timeout: int
    sync_lease_duration: int
    sync_flower_url: str
    # Names of the variables that say something; of the others the values above are defaults
    given: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def home(self) -> Path:
        """SYNC_HOME as an absolute path; a relative one counts from the project's root."""
        return (BASE_DIR / self.sync_home).resolve()

    def make_home(self) -> None:
        """Raise `SettingsError` if SYNC_HOME is no folder that can be written to."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.home, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise SettingsError(f"SYNC_HOME is {self.sync_home!r}; allowed: a folder that can be written to")

    @property
    def is_small(self) -> bool:
        return self.sync_profile == "small"

    @property
    def ease(self) -> int:
        """So many times longer are the pauses between two looks at what hardly ever changes."""
        return 2 if self.is_small else 1

    @property
    def local_database(self) -> str:
        return _database_name(self.mongodb_uri)

    @property
    def atlas_database(self) -> str:
        return _database_name(self.mongodb_atlas_uri)

    def require(self, *names: str) -> None:
        """Raise `SettingsError` for the first of these variables that is empty."""
        for name in names:
            if not getattr(self, name.lower()):
                setting = next(s for s in SETTINGS if s.name == name)
                raise SettingsError(f"{name} is not set. {setting.help}")


def _database_name(uri: str) -> str:
    return parse_uri(re.sub(r"^mongodb\+srv://", "mongodb://", uri), warn=False)["database"] or ""


def load(environment: Mapping[str, str]) -> SyncSettings:
    """Read and check all settings. Raises `SettingsError` at the first wrong value."""
    texts = {s.name: _given(s, environment) for s in SETTINGS}
    values = {s.name.lower(): _parse(s, texts[s.name] or s.default) for s in SETTINGS}
    if values["sync_profile"] == "small" and not texts["SYNC_APPLY_WORKERS"]:
        values["sync_apply_workers"] = 1
    if values["sync_profile"] == "small":
        values["sync_flower_url"] = ""  # there is none
    settings = SyncSettings(**values, given=frozenset(name for name, text in texts.items() if text))
    if settings.mongodb_uri and settings.mongodb_uri == settings.mongodb_atlas_uri:
        raise SettingsError(
            "MONGODB_ATLAS_URI names the same database as MONGODB_URI: two different ones are needed"
        )
    return settings


def _given(setting: Setting, environment: Mapping[str, str]) -> str:
    file = environment.get(f"{setting.name}_FILE", "") if setting.secret else ""
    if not file:
        # An empty value means "not set", as in a line `NAME=` of .env
        return environment.get(setting.name, "").strip()
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{setting.name}_FILE is {file!r}, which cannot be read: {reason}") from None


def _parse(setting: Setting, text: str) -> Any:
    try:
        return setting.parse(text)
    except WrongValue as wrong:
        shown = repr(mask_address(text) if setting.secret else text)
        raise SettingsError(f"{setting.name} is {shown}; allowed: {wrong}") from None


@cache
def get_settings() -> SyncSettings:
    """The settings of this process: `.env` in the project's root, overruled by the environment.

    What neither of them says comes from the `make run` that is running in this SYNC_HOME, if one is.
    """
    from syncapp.conf.running import environment_of_the_running

    if (BASE_DIR / ".env").is_file():
        environ.Env.read_env(str(BASE_DIR / ".env"))
    for name, value in environment_of_the_running(load(os.environ).home).items():
        os.environ.setdefault(name, value)
    return load(os.environ)


def kept_secret(home: Path, name: str, size: int = 32) -> str:
    """A random secret that is made at the first call and kept in `home`, readable by its owner only."""
    path = home / name
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(size))
        try:
            os.link(fresh, path)  # the first of several processes that start at once wins
        except FileExistsError:
            pass
        fresh.unlink()
    return path.read_text().strip()
