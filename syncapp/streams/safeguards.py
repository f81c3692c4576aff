"""What the active listener watches so that sync does no harm: halts and their answers, time travel, mass
deletes, structural events, loops."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.bulk.gone import count_documents
from syncapp.conf import SyncSettings
from syncapp.engine.errors import SyncError, TransientError, translate
from syncapp.engine.values import ATLAS_ORIGIN, DocumentKey, Fact, Operation, Side
from syncapp.rules.exclusions import Exclusions
from syncapp.safety.answered import Answered, is_answered, load_answered
from syncapp.safety.answers import carry_out
from syncapp.safety.halts import DETAILS, Answer, Halt, Kind, load_halts, raise_halt
from syncapp.safety.heartbeat import Heartbeat
from syncapp.safety.loop_guard import LoopGuard
from syncapp.safety.mass_deletes import Limit, MassDeletes
from syncapp.safety.structural import Judge
from syncapp.streams.events import Change, Found, Pulse
from syncapp.streams.structural_queue import Pending

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0  # how often it is looked whether an operator has answered
HOW_TO_ANSWER = "answer with `manage.py sync_halts` or in the admin"


class Halted(SyncError):
    """All transfers of the device wait for an operator: the listener starts over, and waits."""


class Safeguards:
    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        about: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.halts: tuple[Halt, ...] = ()
        self.loops = 0
        self.loop_at = 0.0  # seconds since 1970; 0: never
        self.heartbeat = Heartbeat(databases[Side.LOCAL], databases[Side.ATLAS], device, about)
        self._loading = threading.Lock()
        self._databases = databases
        self.device = device
        self._limit = Limit(
            settings.sync_halt_deletes,
            settings.sync_halt_deletes_percent / 100,
            settings.sync_halt_deletes_seconds * 1000,
        )
        self._deletes = MassDeletes(self._limit)
        self._answered: Answered = {}
        self._guard = LoopGuard()

    # Time travel

    def wait_for_answers(
        self, *, say: Callable[[str], None], wait: Callable[[float], bool], meanwhile: Callable[[], None]
    ) -> bool:
        """Before anything is read: has a database gone back in time? Then wait until it is answered, and
        the answer carried out. False: interrupted. Raises Halted if this is a new device then.

        `meanwhile` drives the comparison run that an answer may need.
        """
        self._look()
        while whole := [halt for halt in self.halts if halt.whole_device]:
            waiting = [halt for halt in whole if halt.answer is None]
            for halt in waiting:
                say(f"{halt.detail}. Transfers are halted: {HOW_TO_ANSWER}")
            if not waiting:
                say(f"{whole[0].detail}. The answer is carried out: {whole[0].answer}")
            if wait(LOOK_SECONDS):
                return False
            meanwhile()
            self.read_halts(at_rest=True)
        self._answered = load_answered(self._databases[Side.LOCAL])
        say("")
        return True

    def beat(self) -> None:
        """Raise the heartbeat. Raises Halted, or PyMongoError."""
        kind = self.heartbeat.beat()
        if kind is not None:
            self._halt_device(kind)
            raise Halted(DETAILS[kind])

    def _look(self) -> None:
        self._load_halts()
        if not any(halt.whole_device for halt in self.halts):
            kind = self.heartbeat.beat()
            if kind is not None:
                self._halt_device(kind)

    def _halt_device(self, kind: Kind) -> None:
        if raise_halt(self._databases[Side.LOCAL], kind, DETAILS[kind]):
            log.error("Sync is halted", event_name="halted", kind=str(kind), reason=DETAILS[kind])
        self._load_halts()

    # Halts

    def _load_halts(self) -> None:
        with self._loading:  # else another thread could put back what it read before a halt was raised
            self.halts = load_halts(self._databases[Side.LOCAL])

    def read_halts(self, at_rest: bool = False) -> None:
        """See what an operator has answered, and carry it out. Raises Halted if all transfers have to stop:
        `at_rest`, they have."""
        local, atlas = self._databases[Side.LOCAL], self._databases[Side.ATLAS]
        self._load_halts()
        if not at_rest and any(halt.whole_device for halt in self.halts):
            raise Halted("all transfers are halted")
        for halt in self.halts:
            if halt.answer is None or (at_rest and not halt.whole_device):
                continue
            if carry_out(local, atlas, halt, self.device):
                if halt.answer is Answer.NEW_ID:
                    raise Halted("this database is a device of its own now")
                if halt.side is not None and halt.answer is Answer.GO_ON:
                    self._deletes.allow(halt.side, halt.collection, round(time.time() * 1000))
                # First of all: what is not halted any more must not be halted for the same again
                self._answered = load_answered(local)
                self._load_halts()

    # What the streams bring

    def look_at(self, side: Side, changes: Iterable[Found]) -> None:
        """Raises PyMongoError if a halt cannot be noted: then nothing of it counts as read."""
        deletes: Counter[str] = Counter()
        newest: dict[str, int] = {}
        native = self.device if side is Side.LOCAL else ATLAS_ORIGIN
        for change in changes:
            if isinstance(change, Pulse):
                self.heartbeat.arrived(side, change.nonce)
            elif isinstance(change, Change):
                fact = change.fact
                # Another device's deletes were looked at where they were made
                if fact is not None and fact.operation is Operation.DELETE and fact.origin == native:
                    if self._answered and self._is_answered(side, change):
                        continue
                    deletes[change.key.collection] += 1
                    newest[change.key.collection] = fact.time or 0
        if deletes:
            self._count(side, {name: (number, newest[name]) for name, number in deletes.items()})

    def _is_answered(self, side: Side, change: Change) -> bool:
        position = change.fact.position if change.fact else 0
        return is_answered(self._answered, side, change.key.collection, position)

    def judge(self, pending: Pending, exclusions: Exclusions) -> None:
        """A drop or a rename whose collections are at rest. Raises PyMongoError: then it is still to be judged."""
        judge = Judge(self._databases, self._limit, self._answered, exclusions)
        try:
            judge.judge(pending.side, pending.change)
        except PyMongoError as raised:
            error = translate(raised)
            if isinstance(error, TransientError):
                raise
            judge.halt_unjudged(pending.side, pending.change, str(error))
        self._load_halts()

    def _count(self, side: Side, deletes: Mapping[str, tuple[int, int]]) -> None:
        there = self._databases[side]
        open_ones = {
            name: found
            for name, found in deletes.items()
            if not any(halt.stops(side, name) for halt in self.halts)
        }

        def left(name: str) -> int:
            return count_documents(there, name)

        try:
            exceeded = self._deletes.add(side, open_ones, left)
            remaining = {name: left(name) for name in exceeded}
        except PyMongoError:
            self._deletes.forget(side, open_ones)  # they are read again, and must not count twice
            raise
        for name, total in exceeded.items():
            place = "the local database" if side is Side.LOCAL else "Atlas"
            detail = (
                f"{total:,} documents of {name} were deleted on {place} within a short time; "
                f"{remaining[name]:,} are left"
            )
            preview = {"deletes": total, "left": remaining[name]}
            local = self._databases[Side.LOCAL]
            if raise_halt(local, Kind.MASS_DELETE, detail, side=side, collection=name, preview=preview):
                log.error(
                    "Sync is halted for a collection", event_name="halted", collection=name, side=str(side)
                )
            self._load_halts()

    # Loops: the caller holds the lock of the map of dirty keys

    def changed(self, key: DocumentKey, fact: Fact | None) -> None:
        """A change of the key was read."""
        self._guard.changed(key, fact)

    def moved(self, keys: Iterable[DocumentKey]) -> None:
        """These keys were transferred."""
        for key in keys:
            if self._guard.moved(key):
                self.loops += 1
                self.loop_at = time.time()
                log.error(
                    "Sync loop detected", event_name="loop", collection=key.collection, id=key.id_bson.hex()
                )
