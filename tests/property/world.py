"""Devices and one Atlas on real servers, with the real engine, streams and map of dirty keys; only the
order in which things happen is in the test's hands."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from bson import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.content import split_documents
from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Outcome, Side
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.streams.events import EventReader
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.oplog_times import OplogTimes
from syncapp.rules.rules import Rules
from syncapp.store import batches as origin
from syncapp.store import conflicts as conflict_records
from syncapp.store.instance import instance_id
from syncapp.store.names import CONFLICTS
from syncapp.store.prepare import prepare
from syncapp.store.stream import pipeline
from tests.property.stepped_task import SteppedTask
from tests.support.versions import ODD_NAMES

_prepared: set[str] = set()
ODD_NAME = "$odd.name" if ODD_NAMES else "odd"
FETCH = 2  # events a fetch brings: transactions are cut in the middle
MOST_TASKS = 10_000  # until nothing is left to do


def forget_prepared() -> None:
    """The databases are dropped: the next world prepares its own."""
    _prepared.clear()


@dataclass
class Device:
    name: str
    local: Database[Any]
    atlas: Database[Any]
    instance_id: str = ""
    saved: dict[Side, dict[str, Any]] = field(default_factory=dict)  # resume tokens
    dirty: DirtyKeys = field(default_factory=DirtyKeys)
    streams: dict[Side, ChangeStream] = field(default_factory=dict)
    events: dict[Side, EventReader] = field(default_factory=dict)
    tasks: list[tuple[DirtyKeys, SteppedTask]] = field(default_factory=list)
    pulls: int = 0
    pushes: int = 0
    exclusions: Exclusions = field(default_factory=Exclusions)
    clock_offset: int = 0  # milliseconds: Atlas's clock minus the device's
    read_to: dict[Side, int] = field(default_factory=dict)
    position: dict[Side, dict[str, Any]] = field(default_factory=dict)  # of each stream
    ahead: dict[Side, tuple[ChangeStream, EventReader]] = field(default_factory=dict)  # past a backlog
    changes: list[tuple[Side, Change]] = field(default_factory=list)  # all that its streams brought
    rules: Policy | Rules | None = None  # instead of the world's
    ended: list[tuple[Batch, list[Outcome]]] = field(default_factory=list)
    filtered: bool = False  # its rules have a filter, or had one

    def database(self, side: Side) -> Database[Any]:
        return self.local if side is Side.LOCAL else self.atlas

    def open(self) -> None:
        """A listener starts: it reads on from the saved tokens."""
        self.close()
        self.dirty = DirtyKeys()
        for side in BOTH:
            stages = pipeline(side, self.exclusions)
            stream = ChangeStream.open(self.database(side), stages, FETCH, self.saved.get(side))
            self.saved.setdefault(side, stream.start_token)
            self.streams[side], self.position[side] = stream, self.saved[side]
            self.events[side] = self._events_of(side)

    def _events_of(self, side: Side) -> EventReader:
        return EventReader(
            side,
            self.instance_id,
            lambda time: time + self.clock_offset,
            lambda ids: origin.remembered(self.local, ids),
            OplogTimes(self.database(side)),
            lambda task: self.filtered and self.dirty.superseded(task),
        )

    def close(self) -> None:
        for stream in self.streams.values():
            stream.close()
        for side in list(self.ahead):
            self.fall_back(side)

    def read_ahead(self, side: Side, collection: str) -> None:
        """One fetch of a stream of this collection alone, which goes first, from where the side's own stream was."""
        if side not in self.ahead:
            self.dirty.follow(0, lambda name: Urgency.FIRST)
            name = self.database(side).name
            stages = pipeline(side, self.exclusions, first=(collection,), database=name)
            place = self.events[side].place
            stream = ChangeStream.open(self.database(side), stages, FETCH, self.position[side], narrower=True)
            self.ahead[side] = stream, self._events_of(side)
            self.ahead[side][1].go_back(place)
        stream, reader = self.ahead[side]
        fetched = stream.fetch(1)
        batch = ChangeBatch(reader.read(fetched.events), fetched.token, fetched.read_to)
        self.dirty.take_ahead(side, self.dirty.ahead(side, batch))

    def fall_back(self, side: Side) -> None:
        """That stream ends."""
        if side in self.ahead:
            self.ahead.pop(side)[0].close()

    def read(self, side: Side, wait_ms: int = 1) -> int:
        """One fetch of a stream. Returns how many events it brought."""
        fetched = self.streams[side].fetch(wait_ms)
        reader = self.events[side]
        continues = reader.continues(fetched.events)
        changes = reader.read(fetched.events)
        in_transaction = fetched.token_is_event and reader.transaction is not None
        self.changes += [(side, change) for change in changes if isinstance(change, Change)]
        self.dirty.take_in(
            side, ChangeBatch(changes, fetched.token, fetched.read_to, continues, in_transaction)
        )
        self.read_to[side], self.position[side] = fetched.read_to, fetched.token
        return len(fetched.events)

    def hand_out(self, policy: Policy | Rules, limit: int) -> bool:
        task_id = self.dirty.new_task_id()
        taken = self.dirty.take(task_id, limit, 0.0)
        if taken is None:
            return False
        side, collection, items, gathered, read_to = taken
        batch = Batch(task_id, side, collection, tuple(items), read_to, gathered=gathered)
        processor = ChangeProcessor(self.local, self.atlas, self.instance_id)
        policy = self.rules or policy
        if isinstance(policy, Rules):
            policy = policy.policy(collection)
        self.filtered = self.filtered or bool(policy.rule.filter)
        self.tasks.append((self.dirty, SteppedTask(processor, batch, policy)))
        return True

    def end_task(self, index: int, report: bool) -> None:
        """A task has ended: its report arrives, or is lost."""
        dirty, task = self.tasks.pop(index)
        if task.outcomes is None:
            return
        self.ended.append((task.batch, task.outcomes))
        self.pulls += sum(one.transfer is Side.LOCAL for one in task.outcomes)
        self.pushes += sum(one.transfer is Side.ATLAS for one in task.outcomes)
        if report and dirty is self.dirty:
            dirty.finish([decode_report(encode_report(Report.of(task.batch, task.outcomes, 0.0)))])

    def save_tokens(self) -> None:
        for side in BOTH:
            token = self.dirty.safe().tokens[side]
            if token is not None:
                self.saved[side] = dict(token)

    def work_until_quiet(self, policy: Policy | Rules) -> bool:
        """Let everything run as it does when nothing disturbs. Returns whether anything was done."""
        busy = False
        for side in BOTH:
            # An empty fetch proves nothing: MongoDB 4.4 may bring what is there with the next one only
            written = _position(self.database(side))
            while (count := self.read(side)) or self.read_to[side] < written:
                busy = busy or count > 0
        while self.tasks:
            self.tasks[0][1].finish()
            self.end_task(0, report=True)
            busy = True
        self.dirty.give_up(self.dirty.task_ids())
        for _ in range(MOST_TASKS):
            if not self.hand_out(policy, 10):
                return busy or self.dirty.size > 0
            busy = True
            task = self.tasks[0][1]
            task.finish()
            self.end_task(0, report=True)
        raise AssertionError(f"tasks have no end: {task.batch}, {task.outcomes}, {task.failure!r}")


def _position(database: Database[Any]) -> int:
    """The cluster time of the newest write."""
    now = database.command("ping")["operationTime"]
    return int(now.time) << 32 | int(now.inc)


@dataclass
class World:
    devices: list[Device]
    atlas: Database[Any]
    policy: Policy | Rules
    collection: str = field(default_factory=lambda: f"c{uuid.uuid4().hex[:10]}")
    written: dict[int, bytes] = field(default_factory=dict)  # version -> the document as it was written
    replaced: set[int] = field(default_factory=set)  # versions that a native writer saw and replaced
    parents: dict[int, int] = field(default_factory=dict)  # version -> the one that its writer saw
    writes: int = 0
    extra: dict[str, Any] = field(default_factory=dict)  # of every document

    @classmethod
    def build(cls, local: Database[Any], atlas: Database[Any], count: int, policy: Policy | Rules) -> World:
        devices = []
        for number in range(count):
            name = f"{local.name}_{number}"
            own = local.client.get_database(
                name, local.codec_options, local.read_preference, local.write_concern, local.read_concern
            )
            if name not in _prepared:
                prepare(own, atlas, 24)
                _prepared.add(name)
            device = Device(name, own, atlas, instance_id(own))
            if isinstance(policy, Rules):
                device.exclusions = policy.exclusions
            devices.append(device)
        world = cls(devices, atlas, policy)
        for device in devices:
            device.open()
        return world

    def database(self, place: int) -> Database[Any]:
        return self.atlas if place >= len(self.devices) else self.devices[place].local

    def native_write(self, place: int, key: int, delete: bool) -> None:
        """An application writes. It sees what is there, so what it replaces is not lost silently."""
        collection = self.database(place)[self.collection]
        there = collection.find_one({"_id": key})
        if there is None and delete:
            return
        time.sleep(0.002)  # no two writes within one millisecond: the later one is known
        self.writes += 1
        if there is not None:
            self.replaced.add(there["v"])
            self.parents[self.writes] = there["v"]
        if delete:
            collection.delete_one({"_id": key})
            return
        document = {"_id": key, "v": self.writes, "kinds": [1, 1.0, Int64(1)], ODD_NAME: {"": None}}
        document |= self.extra
        if there is None:
            collection.insert_one(document)
        else:
            collection.replace_one({"_id": key}, {k: v for k, v in document.items() if k != ODD_NAME})
        raw = next(iter(collection.find_raw_batches({"_id": key})))
        self.written[self.writes] = split_documents(raw)[0]

    def settle(self) -> None:
        """Writes have stopped, and the parts can talk: work until nothing is left to do."""
        for _ in range(200):
            busy = [device.work_until_quiet(self.policy) for device in self.devices]
            if not any(busy):
                return
        raise AssertionError("it never comes to rest: a loop")

    def contents(self, database: Database[Any]) -> list[bytes]:
        portions = database[self.collection].find_raw_batches({}).sort("_id", 1)
        return [document for raw in portions for document in split_documents(raw)]

    def conflicts(self) -> list[tuple[int | None, int | None]]:
        """(version of the winner, version of the loser) of every record; None: absent."""
        found = []
        for device in self.devices:
            for record in conflict_records.read_uncopied(device.local, limit=10_000):
                if record.collection != self.collection:
                    continue
                version = {
                    side: None if raw is None else int(RawBSONDocument(raw)["v"])
                    for side, raw in record.versions.items()
                }
                found.append((version[record.winner], version[record.winner.other]))
        return found

    def check(self, times_known: bool = True) -> None:
        """docs/architecture.md, What must always hold. `times_known`: a comparison, for which the streams deliver nothing
        again, decided no conflict."""
        final = self.contents(self.atlas)
        for device in self.devices:
            assert self.contents(device.local) == final, f"{device.name} does not equal Atlas"
        self.check_kept()
        for raw in final:
            assert raw == self.written[int(RawBSONDocument(raw)["v"])], "a document is not as it was written"
        for winner, loser in self.conflicts() if times_known else ():
            if winner is not None and loser is not None:
                assert winner > loser, f"version {winner} won against the newer {loser}"
                assert loser not in self.ancestors(winner), f"{winner} was made from {loser}: no conflict"
        for device in self.devices:
            assert device.pulls <= self.writes, "more transfers than writes: a loop"

    def check_kept(self) -> None:
        databases = (self.atlas, *(device.local for device in self.devices))
        kept = {int(RawBSONDocument(raw)["v"]) for one in databases for raw in self.contents(one)}
        kept |= self.replaced | {loser for _, loser in self.conflicts() if loser is not None}
        lost = self.written.keys() - kept
        assert not lost, f"versions {sorted(lost)} were lost silently"

    def ancestors(self, version: int) -> set[int]:
        found = set()
        while version in self.parents:
            version = self.parents[version]
            found.add(version)
        return found

    def close(self) -> None:
        if os.environ.get("PROTOCOL_STATS"):
            print("STATS", self.writes, len(self.conflicts()), sum(d.pulls for d in self.devices))
        for device in self.devices:
            for _, task in device.tasks:
                task.finish()
            device.close()
            device.local.drop_collection(self.collection)
            device.local[CONFLICTS].delete_many({})
        self.atlas.drop_collection(self.collection)
