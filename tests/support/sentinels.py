"""A master with a replica, and Sentinels that watch both: real ones, of the same program as the other tests' Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from syncapp.embedded.redis import Redis
from tests.support.eventually import eventually
from tests.support.servers import started

MASTER = "isthmus"
DOWN_MS = 1_000  # without an answer for so long, a master counts as down
CONFIGURATION = """\
port {port}
bind 127.0.0.1
sentinel monitor {name} 127.0.0.1 {master} 2
sentinel down-after-milliseconds {name} {down}
sentinel failover-timeout {name} 5000
"""


class Replicated(Redis):
    """Without a `master` it is one. It begins to replicate at once, not after five seconds."""

    def __init__(self, folder: Path, master: Redis | None = None) -> None:
        super().__init__(folder)
        self._master = master

    def command(self) -> list[str]:
        command = [*super().command(), "--hz", "10", "--repl-diskless-sync-delay", "0"]
        return [*command, "--replicaof", "127.0.0.1", str(self._master.port)] if self._master else command


class SentinelProcess(Redis):
    name = "sentinel"

    def __init__(self, folder: Path, master: Redis) -> None:
        super().__init__(folder)
        self.folder.mkdir(parents=True)
        text = CONFIGURATION.format(port=self.port, name=MASTER, master=master.port, down=DOWN_MS)
        self._file = self.folder / "sentinel.conf"  # it writes down there what it finds out
        self._file.write_text(text)

    def command(self) -> list[str]:
        program = super().command()
        return [*program[: program.index("--port")], str(self._file), "--sentinel"]


class Sentinels:
    def __init__(self, folder: Path) -> None:
        self.master = Replicated(folder / "master")
        self.replica = Replicated(folder / "replica", self.master)
        self.watchers = [SentinelProcess(folder / f"sentinel{number}", self.master) for number in range(3)]

    @contextmanager
    def running(self) -> Iterator[Sentinels]:
        with ExitStack() as stack:
            for server in (self.master, self.replica):
                stack.enter_context(started(server, mortal=True))
            # Afterwards a Sentinel would find it ten seconds later
            eventually(self._is_replicated, "the master has its replica", 30)
            for watcher in self.watchers:
                stack.enter_context(started(watcher, mortal=True))
            eventually(self._is_complete, "each Sentinel knows the replica and the others", 30)
            yield self

    def url(self, database: int = 0, name: str = MASTER) -> str:
        hosts = ";".join(f"127.0.0.1:{one.port}" for one in self.watchers)
        return f"sentinel://{hosts}/{database}?master_name={name}"

    def fail_over(self) -> None:
        """Kill the master, and wait until the replica has its place."""
        self.master.kill()
        eventually(lambda: self._state(self.watchers[0])["port"] == self.replica.port, "it takes over", 30)

    def _is_replicated(self) -> bool:
        with redis.Redis(port=self.master.port) as client:
            info: Any = client.info("replication")
            return bool(info["connected_slaves"])

    def _is_complete(self) -> bool:
        states = [self._state(one) for one in self.watchers]
        return all(one["num-slaves"] == 1 and one["num-other-sentinels"] == 2 for one in states)

    def _state(self, watcher: SentinelProcess) -> dict[str, Any]:
        with redis.Redis(port=watcher.port, decode_responses=True) as client:
            state: dict[str, Any] = client.sentinel_master(MASTER)
            return state
