"""What the parts of a self-test work with: both databases, scratch collections, and waiting with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.scratch import scratch_name, scratch_pattern
from syncapp.core.values import BOTH, Side
from syncapp.mongo.listing import list_collections
from syncapp.mongo.read_commands import RAW
from syncapp.selftest.values import Missed
from syncapp.store import selftest as record
from syncapp.store.names import SCRATCH
from syncapp.store.selftest import Kind, Made, Wanted

T = TypeVar("T")
PATIENCE_S = 30.0  # for a change to arrive
SHORT_PATIENCE_S = 5.0  # once something has not arrived, nothing is waited for so long again
MOST_DOCUMENTS = 40  # in a scratch collection
ARROWS = {Side.ATLAS: "Atlas → Local", Side.LOCAL: "Local → Atlas"}  # by the side of the write
NAMES = {Side.ATLAS: "Atlas", Side.LOCAL: "Local"}
ID = "1"
UNSYNCED = {Side.LOCAL: Kind.LOCAL_ONLY, Side.ATLAS: Kind.ATLAS_ONLY}


@dataclass
class Bench:
    """`databases`: the reachable ones. `why_not`: why live parts cannot be tested, asked for each; empty: they can."""

    settings: SyncSettings
    databases: Mapping[Side, Database[Any]]
    wanted: Wanted
    why_not: Callable[[], str] = lambda: ""
    patience: float = PATIENCE_S
    number: int = field(default=0, init=False)

    @property
    def local(self) -> Database[Any]:
        return self.databases[Side.LOCAL]

    @property
    def most_documents(self) -> int:
        """So few that deleting them all is no mass delete."""
        return min(MOST_DOCUMENTS, self.settings.sync_halt_deletes)

    def scratch(self, purpose: str) -> str:
        """The name of a collection that is on neither side, and is removed after the part. It may hold `most_documents`.
        Raises PyMongoError."""
        while True:
            self.number += 1
            name = scratch_name(self.wanted.run, purpose, self.number)
            if not any(any(list_collections(self.databases[side], name)) for side in BOTH):
                self.plan(Kind.COLLECTION, name)
                return name

    def pattern(self, kind: Kind, purpose: str) -> str:
        """Of the scratch collections of this purpose, for a rule of this kind, which is removed after the part. Raises
        PyMongoError."""
        pattern = scratch_pattern(self.wanted.run, purpose)
        self.plan(kind, pattern)
        return pattern

    def unsynced(self, side: Side) -> str:
        """The name of a collection of this side that sync leaves alone, and that is removed after the part. Raises
        PyMongoError."""
        self.number += 1
        name = f"{SCRATCH}{self.wanted.run}_{self.number}"
        self.plan(UNSYNCED[side], name)
        return name

    def plan(self, kind: Kind, name: str) -> None:
        """To be called before it is made: it is removed after the part. Raises PyMongoError."""
        record.plan(self.local, Made(kind, name))

    def at(self, side: Side, name: str) -> Collection[Any]:
        return self.databases[side][name]

    def raw(self, side: Side, name: str, document_id: Any = ID) -> bytes | None:
        """A document's bytes; None: absent. Raises PyMongoError."""
        found: RawBSONDocument | None = (
            self.at(side, name).with_options(codec_options=RAW).find_one({"_id": document_id})
        )
        return bytes(found.raw) if found is not None else None

    def equal(self, name: str, document_id: Any = ID) -> bytes | None:
        """The bytes that both sides hold; None: they differ, or hold nothing."""
        local, atlas = (self.raw(side, name, document_id) for side in BOTH)
        return local if local == atlas else None

    def until(self, condition: Callable[[], T | None], what: str, seconds: float | None = None) -> T:
        """The first true value. Raises Missed, which says what has not happened, or what the condition raises."""
        limit = self.patience if seconds is None else seconds
        started = time.monotonic()
        pause = 0.01
        while not (found := condition()):
            if time.monotonic() - started > limit:
                if seconds is None:
                    self.patience = min(self.patience, SHORT_PATIENCE_S)
                raise Missed(f"{what} within {limit:.0f} s")
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
        return found


def milliseconds(since: float) -> int:
    """`since`: of time.monotonic()."""
    return round((time.monotonic() - since) * 1000)
