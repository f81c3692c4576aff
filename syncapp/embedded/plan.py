"""The plan of one `make run`: the embedded servers, their ports, and the environment of every process."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from syncapp.conf.settings import SettingsError, SyncSettings, kept_secret
from syncapp.embedded.mongod import mongod_command, mongod_uri
from syncapp.embedded.ports import free_port, is_free, why_not_free
from syncapp.embedded.redis import redis_command, redis_url

DATABASE = "shop"
FLOWER_USER = "isthmus"
OPLOG_MB = 990


@dataclass(frozen=True)
class EmbeddedServer:
    name: str
    port: int
    command: list[str]
    is_mongod: bool = False


@dataclass(frozen=True)
class Plan:
    servers: tuple[EmbeddedServer, ...]
    environment: dict[str, str]  # added to this process's environment for all others
    is_demo: bool  # both databases are embedded: they may be filled with sample data


def make_plan(settings: SyncSettings, environment: Mapping[str, str]) -> Plan:
    """Raises `SettingsError` for invalid settings, `ServerMissing` for a server that is not installed."""
    if bool(settings.mongodb_uri) != bool(settings.mongodb_atlas_uri):
        missing = "MONGODB_ATLAS_URI" if settings.mongodb_uri else "MONGODB_URI"
        raise SettingsError(
            f"{missing} is not set; set both MONGODB_URI and MONGODB_ATLAS_URI, or neither for the demo"
        )
    _check_address(settings)
    ports = Ports(settings.home / "ports.json", settings.port)
    is_demo = not settings.mongodb_uri
    servers: list[EmbeddedServer] = []
    added: dict[str, str] = {}
    if is_demo:
        for name, variable in (("local", "MONGODB_URI"), ("atlas", "MONGODB_ATLAS_URI")):
            port = ports.of(name)
            command = mongod_command(settings.home / f"mongod-{name}", port, name, OPLOG_MB)
            servers.append(EmbeddedServer(name, port, command, is_mongod=True))
            added[variable] = mongod_uri(port, DATABASE)
        if not environment.get("BIDIRECTIONAL_SYNC_ENABLED", "").strip():
            added["BIDIRECTIONAL_SYNC_ENABLED"] = "true"
    if not settings.celery_broker_url:
        port = ports.of("redis")
        servers.append(EmbeddedServer("redis", port, redis_command(settings.home / "redis", port)))
        added["CELERY_BROKER_URL"] = redis_url(port)
    if not settings.is_small:
        added |= _flower(settings, ports.of("flower"))
    ports.keep()
    return Plan(tuple(servers), added, is_demo)


def _check_address(settings: SyncSettings) -> None:
    """Of the web process. Raises `SettingsError`."""
    port, host = settings.port, settings.sync_web_bind
    error = why_not_free(port, host)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise SettingsError(
            f"PORT is {port}, where another program listens already: stop it, or set another PORT"
        )
    if error.errno == errno.EACCES:
        raise SettingsError(f"PORT is {port}, which this user may not listen on: take one above 1023")
    raise SettingsError(
        f"SYNC_WEB_BIND is {host!r}; allowed: an IPv4 address of this machine, 127.0.0.1 or 0.0.0.0 (all) for instance"
    )


def _flower(settings: SyncSettings, port: int) -> dict[str, str]:
    """Flower reads its options from the environment: arguments would show a password in the process list."""
    password = kept_secret(settings.home, "flower_password")
    return {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{password}",
        "FLOWER_URL_PREFIX": "flower",
        "FLOWER_READ_ONLY": "true",
        "SYNC_FLOWER_URL": settings.sync_flower_url
        or f"http://{FLOWER_USER}:{quote(password)}@127.0.0.1:{port}",
    }


class Ports:
    """Chosen once, stored, and chosen again when a port is taken."""

    def __init__(self, path: Path, web_port: int, choose: Callable[[], int] = free_port) -> None:
        self.path, self.choose = path, choose
        self.kept = self._read()
        self.chosen: dict[str, int] = {"web": web_port}

    def of(self, name: str) -> int:
        port = self.kept.get(name, 0)
        while port in {0, *self.chosen.values()} or not is_free(port):
            port = self.choose()
        self.chosen[name] = port
        return port

    def keep(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.kept | self.chosen, indent=1))
        fresh.replace(self.path)

    def _read(self) -> dict[str, int]:
        try:
            kept = json.loads(self.path.read_text())
            return {name: port for name, port in kept.items() if isinstance(port, int) and 0 < port < 65_536}
        except (OSError, ValueError, AttributeError):
            return {}  # a damaged file only means other ports
