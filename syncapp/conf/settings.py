"""All settings of the environment, read once into one frozen object and validated.

A wrong value raises `SettingsError`, whose text is one line: which variable, which value, and what is
allowed. The fields of `SyncSettings` are the one list of variables: `.env.example`, the documents and the tests go by
it, as `SETTINGS`.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pymongo.uri_parser import parse_uri

from syncapp.conf.broker import Kind, broker_of, broker_url
from syncapp.conf.env_lines import values_of, without_effect
from syncapp.conf.login_text import database_url as login_url
from syncapp.conf.mail import email_addresses, email_url, one_address
from syncapp.conf.mongodb_uri import mongodb_uri as database_uri
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
    python_modules,
    secret_key,
    url,
    web_address,
)
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.rule.policy import LAST_WRITE_WINS
from syncapp.core.strategies import offered
from syncapp.core.text.masking import mask_address

BASE_DIR = Path(__file__).resolve().parents[2]
PROFILES = ("standard", "small")
STRATEGIES = tuple(one.name for one in offered())
_WHO_WINS = ", ".join(f"{one.name} ({one.about})" for one in offered())

Value = TypeVar("Value")


class SettingsError(Exception):
    """A setting has an invalid value. The text is the line for the operator."""


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    parse: Callable[[str], Any]
    help: str
    secret: bool = False  # never shown; may also come from the file in NAME_FILE
    advanced: bool = False  # rarely changed


def setting(
    default: str, parse: Callable[[str], Value], help: str, *, secret: bool = False, advanced: bool = False
) -> Value:
    """A field of `SyncSettings`; the others of `Setting` are its metadata."""
    told = {"default": default, "parse": parse, "help": help, "secret": secret, "advanced": advanced}
    made: Value = field(metadata=told)
    return made


@dataclass(frozen=True)
class SyncSettings:
    """All settings as values. A variable's name is that of its field in capitals."""

    # fmt: off
    mongodb_uri: str = setting("", database_uri, "The local MongoDB (a replica set; one node is enough) with the database's name as path. Empty: `make run` starts an embedded demo.", secret=True)
    mongodb_atlas_uri: str = setting("", database_uri, "MongoDB Atlas, with the database's name as path. It may differ from the local one.", secret=True)
    bidirectional_sync_enabled: bool = setting("false", boolean, "true: two-way sync. false: one-way sync, local to Atlas. A value that is new or has changed since the last start overrides what was set at run time.")
    atlas_change_stream_batch_size: int = setting("100", integer(1, 10_000), "Events per fetch from Atlas's change stream. Five times as many while there is a backlog, twenty times on high-latency links.")
    bidirectional_excluded_collections: tuple[str, ...] = setting("sessions,logs,notifications,_sync_metadata", collection_patterns, "Collections (names or glob patterns) that are not pulled from Atlas. They are still pushed.")
    conflict_resolution_strategy: str = setting(LAST_WRITE_WINS, one_of(*STRATEGIES), f"Who wins when a document was changed on both sides: {_WHO_WINS}.")
    sync_initial_choice: InitialChoice | None = setting("", initial_choice, "For unattended installs: the choice at the first start if both databases hold documents, for instance differing=newest:updatedAt,only-atlas=pull,only-local=push. Empty: the operator is asked (docs/first-run.md).")  # noqa: RUF009
    origin_tracking_cleanup_interval: int = setting("60000", integer(1_000, 86_400_000), "Milliseconds between two runs of the task that copies remaining conflict records to Django's database, and removes from MongoDB those that have been kept long enough.")
    origin_tracking_keep_hours: int = setting("336", integer(1, 8_760), "Hours that batch markers and copied conflict records are kept in MongoDB. Must be longer than the oplog window.")
    change_stream_reconnect_interval: int = setting("5000", integer(10, 3_600_000), "Initial reconnect delay of a lost change stream in milliseconds, at most; later delays double, with jitter.")
    change_stream_max_reconnect_attempts: int = setting("10", integer(1, 100_000), "Failed attempts after which health turns critical. Retries continue at the longest interval.")
    celery_broker_url: str = setting("", broker_url, "Redis (redis://), Redis by its Sentinels (sentinel://host1:26379;host2:26379/0?master_name=NAME), or RabbitMQ (amqp://host:5672/VHOST). rediss://, sentinels:// and amqps:// are TLS: the server is verified by the system's CA certificates, or those of a file (rediss://host:6379/0?ssl_ca_certs=/path/ca.pem). Empty: `make run` starts an embedded Redis.", secret=True)
    database_url: str = setting("", login_url, "Django's database, for instance postgres://user:password@host:5432/name. Empty: SQLite in SYNC_HOME.", secret=True)
    django_secret_key: str = setting("", secret_key, "Django's secret key. Empty: generated once and kept in SYNC_HOME.", secret=True)
    django_debug: bool = setting("false", boolean, "Django's debug pages. Never in production.")
    django_allowed_hosts: tuple[str, ...] = setting("localhost,127.0.0.1,[::1]", host_names, "Host names that the web process answers to, separated by commas.")
    django_csrf_trusted_origins: tuple[str, ...] = setting("", origins, "Public origins of the web process behind a TLS proxy, for instance https://sync.example.com.")
    django_superuser_username: str = setting("admin", anything, "The admin user that `make run` creates.")
    django_superuser_password: str = setting("", anything, "The admin's password. Empty: generated, printed, and kept in SYNC_HOME.", secret=True)
    django_superuser_email: str = setting("admin@example.com", anything, "The admin's e-mail address.")
    port: int = setting("5000", integer(1, 65_535), "The port of the web process.")
    sync_web_bind: str = setting("127.0.0.1", anything, "The address that the web process listens on. 0.0.0.0: on all.")
    sync_home: str = setting(".sync", anything, "The folder for all data on disk: databases, logs, passwords.")
    sync_api_public_read: bool = setting("false", boolean, "true: the API can be read without a login (for scripts that have none).")
    sync_log_format: str = setting("plain", one_of("plain", "json"), "Format of log lines: plain or json.")
    sync_log_level: str = setting("INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "The lowest level that is logged.")
    sync_profile: str = setting("standard", one_of(*PROFILES), "small: for a device with little memory. One process applies changes (SYNC_APPLY_WORKERS), the listener sends the periodic tasks itself, Flower does not run, and polling is every two seconds instead of one (docs/operations.md).")
    sync_apply_batch_size: int = setting("2000", integer(1, 5_000), "Keys per Celery task, at most. Pushing a task takes five round trips to Atlas, regardless of their number.")
    sync_apply_workers: int = setting("2", integer(1, 64), "Processes per worker that apply changes; the default is 1 with SYNC_PROFILE=small. There may be several workers.")
    sync_resolver_modules: tuple[str, ...] = setting("", python_modules, "Python modules or packages, separated by commas, whose functions may resolve conflicts (docs/conflicts.md). Empty: none.")
    sync_halt_deletes: int = setting("100", integer(1, 1_000_000_000), "A circuit breaker: a collection that loses more documents than this number, and than the share of SYNC_HALT_DELETES_PERCENT, within SYNC_HALT_DELETES_SECONDS, is halted until an operator answers. Inserts offset deletes.")
    sync_halt_deletes_percent: int = setting("50", integer(0, 100), "The share of the collection's maximum size within the window, in percent. 100: the breaker never trips.")
    sync_halt_deletes_seconds: int = setting("600", integer(1, 604_800), "The window over which a collection's loss is counted, in seconds, by the times of the changes.")
    sync_verify_hour: int = setting("2", integer(0, 23), "The hour, in UTC, at which a part of both sides is compared every night. Differences are shown by health; nothing is repaired.")
    sync_verify_minutes: int = setting("30", integer(0, 1_440), "Minutes that this comparison works, at most; the next night continues where it stopped. 0: there is none.")
    sync_flower_url: str = setting("", url("http", "https"), "Flower's address, with user and password in it (or those of FLOWER_BASIC_AUTH, as user:password). Staff see it, read only, at /flower/. Empty: no link is shown.", secret=True)
    sync_alert_webhook_url: str = setting("", web_address, "Alerts are sent here: a POST of JSON for each (docs/alerts.md).", secret=True)
    sync_alert_webhook_secret: str = setting("", anything, "Signs the body of each such POST: X-Isthmus-Signature is its HMAC (SHA-256). Empty: no signature.", secret=True)
    sync_alert_email_to: tuple[str, ...] = setting("", email_addresses, "Alerts are sent to these addresses, separated by commas. It needs EMAIL_URL.")
    email_url: str = setting("", email_url, "The mail server: smtp://, smtp+tls:// (STARTTLS) or smtp+ssl://user:password@host:port.", secret=True)

    sync_apply_batch_bytes: int = setting("4194304", integer(1_000_000, 64_000_000), "Bytes of documents written by one transaction, at most (one document may be larger).", advanced=True)
    sync_apply_max_attempts: int = setting("8", integer(1, 1_000), "Attempts after which a failing document is set aside as a rejected change. A lost connection does not count.", advanced=True)
    sync_resolver_ms: int = setting("5000", integer(10, 60_000), "Milliseconds that a function of SYNC_RESOLVER_MODULES may take for one conflict. Then the general strategy decides.", advanced=True)
    sync_max_dirty_keys: int = setting("20000", integer(1_000, 10_000_000), "Keys that the listener holds in memory before it stops reading ahead (backpressure). Of collections that go first by a rule up to a quarter more is read past the rest.", advanced=True)
    sync_report_timeout: int = setting("30000", integer(1_000, 3_600_000), "Milliseconds without a report after which a task counts as lost and its keys are re-queued. Doubled each time until a task ends, up to 32-fold.", advanced=True)
    sync_compare_rate: int = setting("0", integer(0, 10_000_000), "Documents per second that a comparison of both sides reads, at most. 0: limited only by live sync.", advanced=True)
    sync_clock_warning: int = setting("2000", integer(1, 86_400_000), "Milliseconds by which the clocks of the two servers may differ, or jump, without a warning.", advanced=True)
    sync_socket_timeout: int = setting("20000", integer(1_000, 600_000), "Milliseconds that listener and workers wait for a reply from a database that hangs without closing the connection.", advanced=True)
    sync_lease_duration: int = setting("8000", integer(1_000, 600_000), "Duration of a listener's lease in milliseconds: a stand-by takes over at most a second after it ends.", advanced=True)
    sync_trusted_proxies: int = setting("0", integer(0, 10), "How many proxies stand before the web process. Each adds the address that it saw to X-Forwarded-For; from there come the addresses in the audit log and those that limits count by. 0: none, and that header is ignored.", advanced=True)
    sync_api_rate: int = setting("12000", integer(0, 10_000_000), "Requests a minute that the API answers to one user, or to one address without a login; more are answered 429. 0: any number.", advanced=True)
    sync_login_attempts: int = setting("10", integer(1, 100_000), "Failed logins within five minutes, of one name from one address, after which further ones are refused until the five minutes are over. An address has five times as many for all names.", advanced=True)
    sync_keep_conflicts_days: int = setting("365", integer(0, 36_500), "Days that conflicts which are settled are kept, with their documents. Those that need manual resolution stay. 0: for ever.", advanced=True)
    sync_keep_rejected_days: int = setting("0", integer(0, 36_500), "Days after which a rejected change is forgotten that was never accepted: the two sides go on differing. 0: it stays until it is accepted or discarded.", advanced=True)
    sync_keep_metrics_days: int = setting("7", integer(1, 3_650), "Days that figures are kept by the minute (the last two days) and by the hour; older ones are rolled up, so that totals stay.", advanced=True)
    sync_keep_alerts_days: int = setting("90", integer(1, 36_500), "Days that alerts which are over are kept.", advanced=True)
    sync_keep_audit_days: int = setting("730", integer(0, 36_500), "Days that the audit log is kept. 0: for ever.", advanced=True)
    sync_alert_email_from: str = setting("", one_address, "The sender of e-mails. Empty: the user of EMAIL_URL if that is an address, else isthmus@ and this machine's name.", advanced=True)
    # fmt: on
    # Names of the variables that are set; for others the values above are defaults
    given: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def home(self) -> Path:
        """SYNC_HOME as an absolute path; a relative one starts at the project's root."""
        return (BASE_DIR / self.sync_home).resolve()

    def make_home(self) -> None:
        """Raises `SettingsError` if SYNC_HOME is not a writable folder."""
        try:
            self.home.mkdir(
                mode=0o700, parents=True, exist_ok=True
            )  # its database and logs are nobody else's
            writable = os.access(self.home, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise SettingsError(f"SYNC_HOME is {self.sync_home!r}; allowed: a writable folder")

    @property
    def is_small(self) -> bool:
        return self.sync_profile == "small"

    @property
    def ease(self) -> int:
        """The factor for polling intervals in this profile."""
        return 2 if self.is_small else 1

    @property
    def broker_kind(self) -> Kind:
        """`make run` starts a Redis if none is named."""
        return broker_of(self.celery_broker_url).kind if self.celery_broker_url else Kind.REDIS

    @property
    def public_address(self) -> str:
        """Where links in messages lead: the first public origin, else this machine."""
        named = [one for one in self.django_csrf_trusted_origins if "*" not in one]
        return named[0] if named else f"http://localhost:{self.port}"

    @property
    def local_database(self) -> str:
        return _database_name(self.mongodb_uri)

    @property
    def atlas_database(self) -> str:
        return _database_name(self.mongodb_atlas_uri)

    def require(self, *names: str) -> None:
        """Raises `SettingsError` for the first empty one of these variables."""
        for name in names:
            if not getattr(self, name.lower()):
                setting = next(s for s in SETTINGS if s.name == name)
                raise SettingsError(f"{name} is not set. {setting.help}")


SETTINGS = tuple(Setting(one.name.upper(), **one.metadata) for one in fields(SyncSettings) if one.metadata)


def _database_name(uri: str) -> str:
    return parse_uri(re.sub(r"^mongodb\+srv://", "mongodb://", uri), warn=False)["database"] or ""


def load(environment: Mapping[str, str]) -> SyncSettings:
    """Read and validate all settings. Raises `SettingsError` at the first wrong value."""
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

    Unset variables come from the `make run` that is running in this SYNC_HOME, if any.
    """
    from syncapp.conf.running import environment_of_the_running

    read_env_file(BASE_DIR / ".env")
    for name, value in environment_of_the_running(load(os.environ).home).items():
        os.environ.setdefault(name, value)
    return load(os.environ)


def read_env_file(path: Path) -> None:
    """One that this account may not read does not count: whoever starts us may have read it into the environment."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError:
        raise SettingsError(f"{path} cannot be read: it is not UTF-8 text") from None
    except OSError:
        return
    for name, value in values_of(text).items():
        os.environ.setdefault(name, value)
    for line in without_effect(text, path.name):
        print(line, file=sys.stderr)  # logging is not set up before the settings are known


def kept_secret(home: Path, name: str, size: int = 32) -> str:
    """A random secret, generated at the first call and stored in `home`, readable by its owner only."""
    path = home / name
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(size))
        try:
            os.link(fresh, path)  # the first of several processes that start at once wins
        except FileExistsError:
            pass
        fresh.unlink()
    return path.read_text().strip()
