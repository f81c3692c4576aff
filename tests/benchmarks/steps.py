"""What each step of a transfer costs: the engine alone in this process, without listener, broker and workers.

Between two of the engine's named points: time, this process's CPU, and both servers' CPU as the kernel counts it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Ending, Fact, Side, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.listener.streams.readers import LOCAL_FETCH
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.process import memory
from syncapp.store.instance import instance_id
from syncapp.store.prepare import prepare
from syncapp.store.stream import pipeline
from tests.benchmarks.drain import COLLECTION
from tests.benchmarks.workloads import LARGE, SMALL
from tests.benchmarks.world import Document, World

LARGE_BATCH, SINGLE = 1_000, 1
LARGE_DOCUMENTS = 60  # in a batch: SYNC_APPLY_BATCH_BYTES by default
ROUNDS = {LARGE_BATCH: 10, LARGE_DOCUMENTS: 20, SINGLE: 100}
READ = 1 << 63  # the streams have been read up to here: nothing has to wait
OPERATIONS = {SMALL: ("inserts", "updates", "deletes"), LARGE: ("inserts", "updates")}
BATCHES = ((SMALL, LARGE_BATCH), (SMALL, SINGLE), (LARGE, LARGE_DOCUMENTS), (LARGE, SINGLE))
EVENT = "its event, read from the stream"
# The engine's points, as what has been done when they are reached
NAMES = {
    "states read": "states read",
    "intents settled": "open pushes settled",
    "atlas read": "documents read on Atlas",
    "local read": "documents read locally",
    "local written": "decided; marker, documents and states written",
    "local committed": "local commit",
    "atlas read again": "documents read on Atlas again",
    "atlas written": "marker and documents written",
    "atlas committed": "commit on Atlas",
    "push recorded": "noted that it landed",
    "end": "the rest",
}


@dataclass(frozen=True)
class Step:
    """Microseconds a document, averaged over all rounds."""

    source: str
    operation: str
    name: str
    batch: int  # documents
    wall_us: float
    client_us: float
    local_us: float
    atlas_us: float


class Stopwatch:
    """Adds up what passes between named points."""

    def __init__(self, world: World) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
        self._pids = [process.pid for process in (world.local.process, world.atlas.process) if process]
        self.start()

    def start(self) -> None:
        self._servers = [_server_us(pid) for pid in self._pids]
        self._own = _own_us()

    def at(self, point: str) -> None:
        own = _own_us()  # first, and last in `start`: to ask about the servers takes milliseconds
        servers = [_server_us(pid) for pid in self._pids]
        spent = self.spent[point]
        for index, (after, before) in enumerate(
            zip((*own, *servers), (*self._own, *self._servers), strict=True)
        ):
            spent[index] += after - before
        self.start()


def _own_us() -> tuple[float, float]:
    return time.perf_counter() * 1e6, time.process_time() * 1e6


def _server_us(pid: int) -> float:
    """CPU of all threads of a process so far."""
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(stat.read_text().split()[0])
        except OSError:
            continue  # the thread has just ended
    return total / 1e3


def steps(world: World, source: Side) -> list[Step]:
    memory.set_up_allocator()  # as in a worker's process
    found = []
    for document_bytes, size in BATCHES:
        name = world.new_name()
        local, atlas = connect(world.local.uri(name), "bench"), connect(world.atlas.uri(name), "bench")
        try:
            prepare(local, atlas, 24)
            for database in (local, atlas):
                database.create_collection(COLLECTION)
            databases = {Side.LOCAL: local, Side.ATLAS: atlas}
            for operation in OPERATIONS[document_bytes]:
                found += _measure(world, databases, source, operation, size, document_bytes)
        finally:
            local.client.close()
            atlas.client.close()
            world.drop(name)
    return found


def _measure(
    world: World,
    databases: dict[Side, Database[Document]],
    source: Side,
    operation: str,
    size: int,
    document_bytes: int,
) -> list[Step]:
    watch = Stopwatch(world)
    device = instance_id(databases[Side.LOCAL])
    processor = ChangeProcessor(databases[Side.LOCAL], databases[Side.ATLAS], device, at=watch.at)
    stream = ChangeStream.open(databases[source], pipeline(source, Exclusions()), LOCAL_FETCH, None)
    write = WRITES[operation]
    try:
        for number in range(ROUNDS[size]):
            ids = range(number * size, (number + 1) * size)
            write(databases[source], ids, document_bytes)
            watch.start()
            read = 0
            while read < size:
                read += len(stream.fetch(500).events)
            watch.at(EVENT)
            batch = _batch(source, ids, device)
            watch.start()
            outcomes = processor.process(batch, Policy())
            watch.at("end")
            assert all(one.ending is Ending.DONE and one.transfer for one in outcomes), outcomes[0]
            while stream.fetch(10).events:
                pass  # what the transfer itself has brought
    finally:
        stream.close()
    documents = ROUNDS[size] * size
    named = f"{operation} of 64 KB" if document_bytes == LARGE else operation
    return [
        Step(str(source), named, NAMES.get(point, point), size, *(one / documents for one in spent))
        for point, spent in watch.spent.items()
    ]


def _batch(source: Side, ids: range, device: str) -> Batch:
    fact = Fact(1, 1_700_000_000_000, device if source is Side.LOCAL else "atlas")
    keys = [document_key(COLLECTION, bson.encode({"_id": one})) for one in ids]
    items = tuple(WorkItem(key, {source: fact}) for key in keys)
    return Batch("steps", source, COLLECTION, items, dict.fromkeys(BOTH, READ))


def _insert(database: Database[Document], ids: range, document_bytes: int) -> None:
    documents = [bson.encode({"_id": one, "v": 1, "text": "x" * (document_bytes - 60)}) for one in ids]
    database[COLLECTION].insert_many([RawBSONDocument(one) for one in documents])


def _update(database: Database[Document], ids: range, document_bytes: int) -> None:
    database[COLLECTION].update_many({"_id": {"$gte": ids.start, "$lt": ids.stop}}, {"$inc": {"v": 1}})


def _delete(database: Database[Document], ids: range, document_bytes: int) -> None:
    database[COLLECTION].delete_many({"_id": {"$gte": ids.start, "$lt": ids.stop}})


WRITES: dict[str, Callable[[Database[Document], range, int], None]] = {
    "inserts": _insert,
    "updates": _update,
    "deletes": _delete,
}
