"""Who is measured: the product as an operator runs it, and the peers of `peers/`. All are asked in the same way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import SETTINGS
from syncapp.core.values import Side
from syncapp.embedded.mongod import mongod_uri
from syncapp.embedded.tether import tethered
from tests.benchmarks.meters import Pids
from tests.benchmarks.peers.naive import TOKENS
from tests.benchmarks.world import Document, World
from tests.support import processes
from tests.support.device import QUICK, Addresses, Device
from tests.support.eventually import eventually

# Default settings: what makes tests quick is taken back
DEFAULTS = {**dict.fromkeys(QUICK, ""), "BIDIRECTIONAL_SYNC_ENABLED": "true"}
PRODUCT, LIMIT, CEILING, NAIVE = "product", "limit", "ceiling", "naive"
SMALL = "small"  # the product with SYNC_PROFILE=small
PEERS = {
    LIMIT: ("limit", next(one.default for one in SETTINGS if one.name == "ATLAS_CHANGE_STREAM_BATCH_SIZE")),
    CEILING: ("limit", "1000"),
    NAIVE: ("naive",),
}
LINE_SECONDS = 60
STANDS_SECONDS = 0.5  # a token that does not change for so long is the last
WARM_UP, WARM_UPS = "warm_up", 20


class Product:
    """A device between databases of its own, whose worker waits and whose listener is started and stopped."""

    own_collections: tuple[str, ...] = ()

    def __init__(
        self, world: World, source: Side, atlas_port: int, workers: int = 0, name: str = PRODUCT
    ) -> None:
        """`workers`: processes that apply; 0: the default."""
        self.name = name
        self._world = world
        self._source = source
        self._database = world.new_name()
        addresses = Addresses(
            world.local.uri(self._database), mongod_uri(atlas_port, self._database), world.broker.url
        )
        settings = DEFAULTS | ({"SYNC_APPLY_WORKERS": str(workers)} if workers else {})
        settings |= {"SYNC_PROFILE": "small"} if name == SMALL else {}
        self.device = Device(world.folder / self._database, addresses, world.template, **settings)
        self.device.forks = False  # its start and memory are measured
        try:
            self.device.start()
            self._warm_up()
            self.device.stop("listener")
        except BaseException:
            self.device.end()
            raise

    def _warm_up(self) -> None:
        """Every worker process has worked before, as after an outage in the field."""
        for number in range(WARM_UPS):
            self.source[WARM_UP].insert_one({"_id": number})
            time.sleep(0.03)  # a task each
        eventually(lambda: self.target[WARM_UP].count_documents({}) == WARM_UPS, "the device works", 60)
        self.device.wait_until_idle(60)

    def start(self) -> float:
        """Read what waits. Returns when the source's stream was open, in seconds since 1970."""
        self.device.launch("listener")
        name = "Local" if self._source is Side.LOCAL else "Atlas"
        line = f"{name} Change Stream started successfully"
        deadline = time.monotonic() + LINE_SECONDS
        while line not in self.device.lines("listener"):
            assert time.monotonic() < deadline, f"the listener does not say {line!r}\n{self.device.tails()}"
            time.sleep(0.002)
        return time.time()

    def wait_until_read(self) -> None:
        """What it has written last is the end of its work: it looks at each document when it is handed out."""

    def stop(self) -> None:
        """Stop reading, when all is done."""
        self.device.wait_until_idle(120)
        self.device.stop("listener")

    def pids(self) -> Pids:
        return {
            name: [self.device.pid(name)] for name in ("listener", "worker") if self.device.is_running(name)
        }

    def end(self) -> None:
        self.device.end()
        self._world.drop(self._database)

    @property
    def source(self) -> Database[Any]:
        return self._of(self._source)

    @property
    def target(self) -> Database[Any]:
        return self._of(self._source.other)

    def _of(self, side: Side) -> Database[Any]:
        client = self._world.local_client if side is Side.LOCAL else self._world.atlas_client
        return client[self._database]


class Peer:
    """A one-way program of `peers/`. Its resume token is in the target database."""

    own_collections = (TOKENS,)

    def __init__(self, name: str, world: World, source: Side, atlas_port: int) -> None:
        self.name = name
        self._world = world
        self._database = world.new_name()
        uris = {
            Side.LOCAL: world.local.uri(self._database),
            Side.ATLAS: mongod_uri(atlas_port, self._database),
        }
        clients = {Side.LOCAL: world.local_client, Side.ATLAS: world.atlas_client}
        self.source: Database[Document] = clients[source][self._database]
        self.target: Database[Document] = clients[source.other][self._database]
        module, *arguments = PEERS[name]
        command = [sys.executable, "-m", f"tests.benchmarks.peers.{module}"]
        self._command = tethered([*command, uris[source], uris[source.other], *arguments])
        self._process: subprocess.Popen[bytes] | None = None
        with self.source.watch() as stream:
            self.target[TOKENS].insert_one({"_id": "token", "token": stream.resume_token})

    def start(self) -> float:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, cwd=processes.BASE_DIR, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"reading\n", f"{self.name} does not read"
        return time.time()

    def wait_until_read(self) -> None:
        """The target can be equal long before: the rest writes again what is there, which no oplog shows."""
        before, token = None, self.target[TOKENS].find_one()
        while token != before:
            time.sleep(STANDS_SECONDS)
            before, token = token, self.target[TOKENS].find_one()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pids(self) -> Pids:
        return {self.name: [self._process.pid]} if self._process else {}

    def end(self) -> None:
        self.stop()
        self._world.drop(self._database)


Contender = Product | Peer


@contextmanager
def contender(
    name: str, world: World, source: Side, atlas_port: int = 0, workers: int = 0
) -> Iterator[Contender]:
    """Ready, not reading yet."""
    port = atlas_port or world.atlas.port
    one: Contender = (
        Product(world, source, port, workers, name)
        if name in (PRODUCT, SMALL)
        else Peer(name, world, source, port)
    )
    try:
        yield one
    finally:
        one.end()
