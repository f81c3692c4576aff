"""The connection to the broker (Redis, alone or found by Sentinels, or RabbitMQ): one place, so that Celery, the workers'
reports, Flower and the doctor use the same server and verify it with the same certificates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from syncapp.conf.broker_tls import OPTIONS as TLS_OPTIONS
from syncapp.conf.broker_tls import for_rabbitmq, tls_options
from syncapp.conf.login_text import check_login
from syncapp.conf.types import WrongValue, url

if TYPE_CHECKING:
    import redis

SCHEMES = ("redis", "rediss", "sentinel", "sentinels", "amqp", "amqps")
FORM = "redis://host:port/N or rediss://host:port/N, where N is the number of a database"
SENTINEL_FORM = (
    "sentinel://host:port;host:port/N?master_name=NAME or sentinels://…, where N is the number of a database"
)
RABBITMQ_FORM = "amqp://user:password@host:port/VHOST or amqps://…"
SENTINEL_OPTIONS = ("master_name", "sentinel_username", "sentinel_password")
SENTINEL_PORT = 26379
_HOST = re.compile(r"(?:\[[^\s\[\]]+\]|[^\s:,#\[\]]+)(?::([0-9]{0,5}))?")
HIGHEST_PORT = 65_535
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
HEARTBEAT_SECONDS = 10  # RabbitMQ's: twice this without a sign of life, and a connection is dead


class Kind(StrEnum):
    """The text names it for operators."""

    REDIS = "Redis"
    SENTINEL = "Redis Sentinel"
    RABBITMQ = "RabbitMQ"


@dataclass(frozen=True)
class Broker:
    """`url`: without options, which the clients interpret differently. `tls`: Celery's broker_use_ssl, empty for a plain
    connection. `options`: of Celery's transport, beside those that every Redis has."""

    url: str
    tls: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.REDIS
    options: Mapping[str, Any] = field(default_factory=dict)

    def client(
        self, answer_seconds: float = ANSWER_SECONDS, connect_seconds: float = CONNECT_SECONDS, **options: Any
    ) -> redis.Redis:
        """Redis's, of the present master if Sentinels know it. Nothing is sent yet. Each use raises redis.RedisError if
        the broker is unreachable."""
        import redis

        limits = {"socket_timeout": answer_seconds, "socket_connect_timeout": connect_seconds}
        if self.kind is Kind.SENTINEL:
            return self._master(limits, options)
        return redis.Redis.from_url(self.url, **limits, **self.tls, **options)

    def _master(self, limits: Mapping[str, Any], options: Mapping[str, Any]) -> redis.Redis:
        first = urlsplit(self.url.split(";")[0])
        login = {"username": first.username, "password": first.password}
        own = {name: unquote(text) for name, text in login.items() if text}
        client: redis.Redis = self._known(limits).master_for(
            self.options["master_name"],
            db=int(first.path[1:]),
            **own,
            **limits,
            **options,
            **_secure(self.tls),
        )
        return client

    def sentinels(self, seconds: float) -> list[redis.Redis]:
        """A client of each. Nothing is sent yet."""
        limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        each: list[redis.Redis] = self._known(limits).sentinels
        return each

    def _known(self, limits: Mapping[str, Any]) -> Any:
        """redis-py's, which has no types."""
        from redis import sentinel

        made: Any = sentinel
        each = [urlsplit(one) for one in self.url.split(";")]
        hosts = [(one.hostname, one.port or SENTINEL_PORT) for one in each]
        return made.Sentinel(hosts, sentinel_kwargs={**self.options["sentinel_kwargs"], **limits})


def refuses_login(text: str) -> bool:
    """Does the text mean a refused login? The wording depends on whether the client sends its name first."""
    return any(sign in text for sign in ("WRONGPASS", "username-password", "invalid password", "uthenticat"))


def broker_of(text: str) -> Broker:
    """The broker that CELERY_BROKER_URL names. Raises WrongValue."""
    url(*SCHEMES)(text)
    check_login(text, "/?#;")  # Celery takes what follows a ; for another address
    address, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    scheme = address.partition("://")[0]
    if scheme.startswith("sentinel"):
        return _sentinel(address, options)
    if scheme.startswith("amqp"):
        return _rabbitmq(address, options)
    _check_form(address, r"\d*", FORM)
    return Broker(address, _tls(address, options, "rediss"))


def broker_url(text: str) -> str:
    """The text itself, if it is valid; empty means: not set. Raises WrongValue."""
    if text:
        broker_of(text)
    return text


def _rabbitmq(address: str, options: Mapping[str, str]) -> Broker:
    _check_form(address, r"/?[^/;]*", RABBITMQ_FORM)
    tls = for_rabbitmq(_tls(address, options, "amqps"), _hosts(address)[0])
    # A task that RabbitMQ does not confirm was not sent: it would be noticed only when its report is overdue
    limits = {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS, "confirm_publish": True}
    return Broker(address, tls, Kind.RABBITMQ, limits)


def _sentinel(address: str, options: Mapping[str, str]) -> Broker:
    """Celery takes one whole URL per Sentinel, and the login and the database of whichever it is at."""
    _check_form(address, r"\d*", SENTINEL_FORM, several=True)
    _check_names(options, (*SENTINEL_OPTIONS, *TLS_OPTIONS))
    tls = _tls(address, {name: options[name] for name in TLS_OPTIONS if name in options}, "sentinels")
    if not options.get("master_name"):
        raise WrongValue(SENTINEL_FORM)
    login, at, rest = address.partition("://")[2].rpartition("@")
    database = rest.partition("/")[2] or "0"
    urls = [f"sentinel://{login}{at}{host}/{database}" for host in _hosts(address)]
    own = {name.removeprefix("sentinel_"): options[name] for name in SENTINEL_OPTIONS[1:] if name in options}
    more = {"master_name": options["master_name"], "sentinel_kwargs": {**own, **_secure(tls)}}
    return Broker(";".join(urls), tls, Kind.SENTINEL, more)


def _secure(tls: Mapping[str, Any]) -> dict[str, Any]:
    """As redis-py has it for Sentinels, and for the master that they name."""
    return {"ssl": True, **tls} if tls else {}


def _check_form(address: str, path: str, form: str, several: bool = False) -> None:
    """`several`: hosts are allowed."""
    hosts = _hosts(address)
    right = re.fullmatch(rf"[a-z]+://[^/?]+(/{path})?", address) and all(map(_is_host, hosts))
    if not right or (len(hosts) > 1 and not several):
        raise WrongValue(form)


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int(found[1] or 0) <= HIGHEST_PORT


def _hosts(address: str) -> list[str]:
    """With their ports."""
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2].split(";")


def _tls(address: str, options: Mapping[str, str], scheme: str) -> dict[str, Any]:
    secure = address.startswith(f"{scheme}://")
    _check_names(options, TLS_OPTIONS)
    for name in options:
        if not secure:
            raise WrongValue(f"{name} with an address that starts with {scheme}://")
    return tls_options(options) if secure else {}


def _check_names(options: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    for name in options:
        if name not in allowed:
            raise WrongValue(f"the options {', '.join(allowed)}; there is none {name!r}")
