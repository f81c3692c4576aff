"""A real Redis-protocol server (Valkey or Redis) in a folder."""

from __future__ import annotations

import time
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import BusyLoadingError, ConnectionError

from syncapp.embedded.binaries import find_redis
from syncapp.embedded.libraries import runnable_here
from syncapp.embedded.server import Server

READY_TIMEOUT = 20.0  # seconds


class Redis(Server):
    """Bound to 127.0.0.1 only, no persistence: a lost queue is harmless for sync."""

    name = "redis"

    def command(self) -> list[str]:
        return redis_command(self.folder, self.port)

    @property
    def url(self) -> str:
        return redis_url(self.port)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not redis_is_ready(self.url):
            self.check_alive(deadline)
            time.sleep(0.02)


def redis_url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def redis_command(folder: Path, port: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *runnable_here(find_redis(), folder),
        *("--port", str(port)),
        *("--bind", "127.0.0.1"),
        *("--dir", str(folder)),
        *("--save", ""),
        *("--appendonly", "no"),
        # A full broker must refuse a task with an error instead of evicting an older one silently
        *("--maxmemory-policy", "noeviction"),
        # Its own book-keeping ten times a second is most of what it costs at rest; only timeouts are up to a second later
        *("--hz", "1"),
        *("--loglevel", "warning"),
        *("--daemonize", "no"),
    ]


def redis_is_ready(url: str) -> bool:
    with Client.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except (ConnectionError, BusyLoadingError, TimeoutError):
            return False
