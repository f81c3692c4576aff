"""The active listener's safeguards: halts and their answers, time travel, mass
deletes, structural events, loops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.compare.gone import count_documents
from syncapp.conf.settings import SyncSettings
from syncapp.core.changes import Change, Found, Pulse
from syncapp.core.clock import now_ms
from syncapp.core.rule.scope import Carried, Scope
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact, Operation, Side
from syncapp.listener.beats import Beats
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.structural_queue import Pending
from syncapp.mongo.errors import SyncError, TransientError, translate
from syncapp.safety.ages import Move
from syncapp.safety.answers import carry_out
from syncapp.safety.elsewhere import deleted_elsewhere
from syncapp.safety.loop_guard import LoopGuard
from syncapp.safety.mass_deletes import Count, Limit, Loss, MassDeletes
from syncapp.safety.structural import Judge
from syncapp.store.answered import Answered, is_answered, load_answered
from syncapp.store.devices import DeviceReport, count_devices
from syncapp.store.halts import DETAILS, Answer, Halt, Kind, load_halts, raise_halt, samples_of
from syncapp.store.heartbeat import Heartbeat
from syncapp.store.rejected import note_emptied

log = structlog.get_logger(__name__)
_COMES_OR_GOES = frozenset({Operation.INSERT, Operation.DELETE})
HOW_TO_ANSWER = "answer with `manage.py sync_halts` or in the admin"


class Halted(SyncError):
    """All transfers of the device are halted: the listener restarts, and waits."""


class Safeguards:
    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        report: Callable[[], DeviceReport],
        intervals: Intervals,
        scope: Callable[[], Scope] = Scope,
    ) -> None:
        """`scope`: what the current rules let travel."""
        self.halts: tuple[Halt, ...] = ()
        self.loops = 0
        self.loop_at = 0.0  # seconds since 1970; 0: never
        local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
        self.heartbeat = Heartbeat(local, atlas, device, lambda: self._beats.document())
        self._beats = Beats(self.heartbeat, report, partial(count_devices, atlas), intervals)
        self._loading = threading.Lock()
        self._halts_looked_at, self._at_rest = float("-inf"), False
        self._intervals = intervals
        self._scope = scope
        self._databases = databases
        self.device = device
        self._limit = Limit(
            settings.sync_halt_deletes,
            settings.sync_halt_deletes_percent / 100,
            settings.sync_halt_deletes_seconds * 1000,
        )
        self._deletes = MassDeletes(self._limit)
        self._marker_keep_hours = settings.origin_tracking_keep_hours
        self._answered: Answered = {}
        self._guard = LoopGuard()
        self._guarding = threading.Lock()  # streams and reports come by threads of their own

    # Time travel

    def wait_for_answers(
        self, *, say: Callable[[str], None], wait: Callable[[float], bool], meanwhile: Callable[[], None]
    ) -> bool:
        """Before anything is read: has a database gone back in time? Then wait until the halt is answered and
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
            if wait(self._intervals.halts):
                return False
            meanwhile()
            self.read_halts(at_rest=True)
        self._answered = load_answered(self._databases[Side.LOCAL])
        say("")
        return True

    def beat(self) -> None:
        """Look at the heartbeat, and raise it if it is time. Raises Halted, or PyMongoError."""
        kind = self._beats.beat()
        if kind is not None:
            self._halt_device(kind)
            raise Halted(DETAILS[kind])

    def _look(self) -> None:
        self._load_halts()
        if not any(halt.whole_device for halt in self.halts):
            kind = self._beats.beat()
            if kind is not None:
                self._halt_device(kind)

    def _halt_device(self, kind: Kind) -> None:
        if raise_halt(self._databases[Side.LOCAL], kind, DETAILS[kind]):
            log.error("Sync is halted", event_name="halted", kind=str(kind), reason=DETAILS[kind])
        self._load_halts()

    # Halts

    def _load_halts(self) -> None:
        with self._loading:  # otherwise another thread could restore what it read before a halt was raised
            self.halts = load_halts(self._databases[Side.LOCAL])

    def look_at_halts(self, busy: bool) -> None:
        """Like `read_halts`; less often while nothing is halted and idle. `busy`: workers have something
        to do, over which they may find that a database has gone back in time."""
        before, self._at_rest = self._at_rest, not self.halts and not busy
        now = time.monotonic()
        if before and self._at_rest and now - self._halts_looked_at < self._intervals.halts_at_rest:
            return
        self.read_halts()
        self._halts_looked_at = now

    def read_halts(self, at_rest: bool = False) -> None:
        """Carry out operators' answers. Raises Halted if all transfers have to stop;
        `at_rest`: they have stopped."""
        local, atlas = self._databases[Side.LOCAL], self._databases[Side.ATLAS]
        self._load_halts()
        if not at_rest and any(halt.whole_device for halt in self.halts):
            raise Halted("all transfers are halted")
        for halt in self.halts:
            if halt.answer is None or (at_rest and not halt.whole_device):
                continue
            if carry_out(local, atlas, halt, self.device):
                if halt.answer is Answer.NEW_ID:
                    raise Halted("this database is a new device now")
                if halt.side is not None and halt.answer is Answer.GO_ON:
                    self._deletes.allow(halt.side, halt.collection, now_ms())
                # First: what is no longer halted must not be halted again for the same cause
                self._answered = load_answered(local)
                self._load_halts()
                self._note_emptied([halt.collection] if halt.collection else [])

    # From the streams

    def look_at(self, side: Side, changes: Sequence[Found]) -> None:
        """Raises PyMongoError if a halt cannot be stored: then the batch does not count as read."""
        counts: dict[tuple[str, int], Count] = {}
        native = self.device if side is Side.LOCAL else ATLAS_ORIGIN
        name, second, count, mask = "", 0, Count(), 0
        scope, travels = self._scope(), Carried("")
        local = self._databases[Side.LOCAL]
        elsewhere = deleted_elsewhere(local, scope, changes) if side is Side.ATLAS else ()
        for change in changes:
            if isinstance(change, Change):
                fact = change.fact
                if fact is None or fact.operation not in _COMES_OR_GOES:
                    continue
                if change.key.collection != travels.collection:
                    travels = Carried.of(scope, side, change.key.collection)
                if not (travels.deletes if fact.operation is Operation.DELETE else travels.versions):
                    continue
                if elsewhere and change.key in elsewhere:
                    continue
                if self._answered and fact.operation is Operation.DELETE and self._is_answered(side, change):
                    continue
                if change.key.collection != name or fact.position >> 32 != second:
                    name, second = change.key.collection, fact.position >> 32
                    count = counts.setdefault((name, self._part_of(side, fact)), Count())
                    mask = self._deletes.mask(name)
                if fact.operation is Operation.INSERT:
                    move = Move.CAME
                    count.level += 1
                    if count.level > count.most:
                        count.most = count.level
                else:
                    # Another device's deletes are checked on that device
                    move = Move.TAKEN if fact.origin == native else Move.TAKEN_ELSEWHERE
                    count.level -= 1
                    count.deleted += move is Move.TAKEN
                if not (followed := hash(change.key)) & mask:
                    count.moves.append((followed, move))
            elif isinstance(change, Pulse):
                self.heartbeat.arrived(side, change.nonce)
        if counts:
            self._count(side, counts, changes)

    def _is_answered(self, side: Side, change: Change) -> bool:
        position = change.fact.position if change.fact else 0
        return is_answered(self._answered, side, change.key.collection, position)

    def judge(self, pending: Pending) -> None:
        """A drop or a rename whose collections have nothing in flight. Raises PyMongoError: then it stays pending."""
        judge = Judge(self._databases, self._limit, self._answered, self._scope(), self._marker_keep_hours)
        try:
            judge.judge(pending.side, pending.change)
        except PyMongoError as raised:
            error = translate(raised)
            if isinstance(error, TransientError):
                raise
            judge.halt_unjudged(pending.side, pending.change, str(error))
        self._load_halts()
        self._note_emptied(pending.change.collections)

    def _note_emptied(self, collections: Iterable[str]) -> None:
        """Records of their documents may be obsolete, unless a halt waits for an operator."""
        halted = {halt.collection for halt in self.halts}
        names = [name for name in collections if name not in halted]
        if names:
            note_emptied(self._databases[Side.LOCAL], names)

    def _part_of(self, side: Side, fact: Fact) -> int:
        # A change pushed by another device counts on Atlas from its arrival, however old it is
        made_ms = fact.time if side is Side.LOCAL and fact.time is not None else (fact.position >> 32) * 1000
        return made_ms // self._deletes.part_ms

    def _count(self, side: Side, counts: Mapping[tuple[str, int], Count], changes: Sequence[Found]) -> None:
        halted = {name for name, _ in counts if any(halt.stops(side, name) for halt in self.halts)}
        self._deletes.add(side, counts, partial(self._halt_deletes, side, changes), halted)

    def _halt_deletes(self, side: Side, changes: Sequence[Found], name: str, lost: int, new: int) -> bool:
        """False: the loss is below the limits."""
        # With a filter Atlas holds others' documents too
        filtered = side is Side.ATLAS and self._scope().filters(name)
        left = count_documents(self._databases[side.other if filtered else side], name)
        loss = Loss(lost, max(0, left - lost) if filtered else left, new)
        if not self._deletes.exceeds(loss):
            return False
        place = "the local database" if side is Side.LOCAL else "Atlas"
        detail = f"{lost:,} documents of {name} were deleted on {place} within a short time; {loss.left:,} are left"
        if new:
            detail += f", {new:,} of which are new"
        samples = samples_of(self._deleted(side, name, changes))
        preview = {"deletes": lost, "left": loss.left, **samples}
        local = self._databases[Side.LOCAL]
        if raise_halt(local, Kind.MASS_DELETE, detail, side=side, collection=name, preview=preview):
            log.error("Sync is halted for a collection", event_name="halted", collection=name, side=str(side))
        self._load_halts()
        return True

    def _deleted(self, side: Side, name: str, changes: Sequence[Found]) -> Iterator[DocumentKey]:
        """The latest deletes: the other side still holds these documents."""
        native = self.device if side is Side.LOCAL else ATLAS_ORIGIN
        seen: set[DocumentKey] = set()  # a re-inserted one exists
        for change in reversed(changes):
            if isinstance(change, Change) and change.key.collection == name and change.key not in seen:
                seen.add(change.key)
                fact = change.fact
                by_us = fact and fact.operation is Operation.DELETE and fact.origin == native
                if by_us and not self._is_answered(side, change):
                    yield change.key

    # Loops

    def changed(self, changes: Sequence[Found]) -> None:
        """These changes were read."""
        if any(not isinstance(change, Pulse) for change in changes):
            self._beats.stir()
        with self._guarding:
            for change in changes:
                if isinstance(change, Change):
                    self._guard.changed(change.key, change.fact)

    def moved(self, keys: Sequence[DocumentKey]) -> None:
        """These keys were transferred."""
        if keys:
            self._beats.stir()
        with self._guarding:
            looping = [key for key in keys if self._guard.moved(key)]
        for key in looping:
            self.loops += 1
            self.loop_at = time.time()
            log.error(
                "Sync loop detected", event_name="loop", collection=key.collection, id=key.id_bson.hex()
            )
