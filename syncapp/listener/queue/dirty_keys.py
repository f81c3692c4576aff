"""The map of dirty keys. It guards itself: every public method is one step for all threads, and those that change
something wake whoever waits for it. Nobody else locks it.

A fetched batch, a task, a bunch of reports is one step, never one event or one key.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from syncapp.apply.messages import Report
from syncapp.core.changes import JUDGED, Change, ChangeBatch, Found, Structural
from syncapp.core.content import document_key
from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.values import BOTH, DocumentKey, Side, WorkItem
from syncapp.listener.intervals import USUAL, Intervals
from syncapp.listener.queue import work
from syncapp.listener.queue.endings import under_rules
from syncapp.listener.queue.key_map import KeyMap
from syncapp.listener.queue.structural_queue import Pending
from syncapp.listener.queue.whereabouts import Whereabouts


class Load(NamedTuple):
    """Ready keys and keys in flight. `version` changes with everything that may change the result."""

    version: int
    keys: int  # without those that wait for a stream
    first: int  # ready ones of collections that go first
    fullest: int  # keys in the largest group that could go out as one batch
    tasks: int
    at_work: int  # tasks that have spoken of late


class Handed(NamedTuple):
    """Keys for one task, and up to where the streams were read when they were taken: what came later is not in it.
    `gathered`: all that was ready in the collection."""

    side: Side
    collection: str
    items: list[WorkItem]
    gathered: bool
    read_to: dict[Side, int]


class Settled(NamedTuple):
    """The object of a report. No keys: a superseded task, or a ping."""

    keys: list[DocumentKey]
    owed: int  # pulls of which no event of Atlas's stream is held back


class GivenUp(NamedTuple):
    task_ids: list[str]
    keys: int


class Safe(NamedTuple):
    """The newest tokens that may be saved. `idle`: nothing is still to be done."""

    tokens: dict[Side, Mapping[str, Any] | None]
    idle: bool


class QueueFigures(NamedTuple):
    """`oldest`: the time of the oldest unfinished change that a side's stream brought, in milliseconds since 1970."""

    size: int
    in_flight: int
    oldest: dict[Side, int | None]


MOST_GIVEN_UP = 20_000  # tasks that are remembered to have been given up


class DirtyKeys:
    """`now` is of one clock, whichever, in seconds."""

    def __init__(self, intervals: Intervals = USUAL) -> None:
        lock = threading.Lock()
        self._changed = threading.Condition(lock)  # for who hands out, and who waits for the end
        self._structural = threading.Condition(lock)  # a drop or a rename may be due
        self._map = KeyMap(intervals)
        self._version = 0
        self._rules_version = self._newest_rules = 0
        self._session = uuid.uuid4().hex[:8]  # how the ids of its tasks begin
        self._given_up: deque[str] = deque(maxlen=MOST_GIVEN_UP)

    def _wake(self) -> None:
        self._version += 1
        self._changed.notify_all()
        if self._map.structural:
            self._structural.notify_all()

    def wake(self) -> None:
        """Wake waiting threads: something else has changed."""
        with self._changed:
            self._wake()

    # From the streams

    def take_in(self, side: Side, batch: ChangeBatch) -> None:
        """A batch was fetched: its keys are dirty, and hold back its token until they are done."""
        found = self._map
        with self._changed:
            found.watermarks[side].take_in(
                batch.token, continues=batch.continues, may_continue=batch.in_transaction
            )
            for change in batch.changes:
                if isinstance(change, Change):
                    found.mark(change.key, side, change.fact, seen=change.seen)
                elif isinstance(change, Structural) and change.operation in JUDGED:
                    found.change_structure(side, change)
            found.passed(side, batch.read_to)
            if batch.changes or found.size:  # at rest there is nothing to look at
                self._wake()

    def ahead(self, side: Side, batch: ChangeBatch) -> ChangeBatch:
        """Of a batch that was read past a backlog: what may go first, and is not known yet."""
        with self._changed:
            return self._map.overtaking.ahead(side, batch, self._map.read_to[side])

    def take_ahead(self, side: Side, batch: ChangeBatch) -> None:
        """Its keys are dirty, and hold back no token: the stream itself brings all of it once more."""
        with self._changed:
            for change in batch.changes:
                if isinstance(change, Change):
                    self._map.mark(change.key, side, change.fact, ahead=True)
            self._map.overtaking.take_in(side, batch)
            self._wake()

    def unknown(self, side: Side, changes: Sequence[Found]) -> Sequence[Found]:
        """Of what a stream brings: all but what was taken in ahead of it."""
        with self._changed:
            return self._map.overtaking.unknown(side, changes)

    def forget(self, side: Side) -> None:
        """A side is not read any more: drop what its stream brought. Its saved token stays before all of it, so that
        it is read again later."""
        with self._changed:
            self._map.forget(side)
            self._wake()

    # Dispatch

    def look(self, now: float, busy_seconds: float) -> Load:
        """`busy_seconds`: a task with a report since then is running."""
        found = self._map
        with self._changed:
            found.due(now)
            at_work = found.tasks.at_work(now - busy_seconds, now)
            keys = found.size - found.waiting
            first = found.first_ready()
            return Load(self._version, keys, first, found.fullest(), len(found.tasks), at_work)

    def wait(self, version: int, seconds: float) -> None:
        """Until something may have changed since `look` said this version, so long at most."""
        with self._changed:
            if self._version == version:
                self._changed.wait(seconds)

    def new_task_id(self) -> str:
        with self._changed:
            return self._session + uuid.uuid4().hex[8:]

    def superseded(self, task_id: str) -> bool:
        """Was it given up, or handed out by another listener? It may still write. Empty: no task."""
        with self._changed:
            return bool(task_id) and (not task_id.startswith(self._session) or task_id in self._given_up)

    def take(self, task_id: str, limit: int, now: float, first_only: bool = False) -> Handed | None:
        """Up to `limit` ready keys of one collection, for one task. Groups take turns. `first_only`: of those that go
        first."""
        with self._changed:
            taken = self._map.take(task_id, limit, now, first_only)
            return None if taken is None else Handed(*taken, dict(self._map.read_to))

    # Results

    def finish(self, reports: Iterable[Report], now: float | None = None) -> list[Settled]:
        """Tasks report. Failed keys are delayed from `now` on; without it they are not."""
        with self._changed:
            settled = [self._finish(report, now) for report in reports]
            if settled:
                self._wake()
        return settled

    def _finish(self, report: Report, now: float | None) -> Settled:
        found = self._map
        keys = found.keys_of(report.task_id)
        if not keys:  # a superseded task does not count
            found.answered += not (report.error or report.redelivered)
            return Settled(keys, 0)
        if now is not None:
            found.tasks.alive(report.task_id, now + report.silent_ms / 1000)
        endings = under_rules(report, self._rules_version, self._newest_rules)
        ends = (
            (key, ending, report.seen.get(n))
            for n, (key, ending) in enumerate(zip(keys, endings, strict=False))
        )
        partners = {document_key(keys[0].collection, one): seen for one, seen in report.partners}
        return Settled(keys, found.finish(report.task_id, ends, now, partners))

    def task_ids(self) -> list[str]:
        """Tasks in flight."""
        with self._changed:
            return self._map.tasks.ids()

    def overdue(self, before: float) -> list[str]:
        """Tasks without a report since then."""
        with self._changed:
            return self._map.tasks.overdue(before)

    def give_up(
        self,
        task_ids: Iterable[str],
        begun: Collection[str] = (),
        silent_since: float = float("inf"),
        now: float | None = None,
    ) -> GivenUp:
        """Declare tasks lost, unless they have reported since: their keys are re-queued, which is harmless if one
        is alive. `begun`: those that a worker had begun; their keys are delayed from `now` on, if it is given."""
        with self._changed:
            silent = set(self._map.tasks.overdue(silent_since))
            given_up = [task_id for task_id in task_ids if task_id in silent]
            count = self._map.give_up(given_up, begun, now)
            self._given_up += given_up
            if given_up:
                self._wake()
        return GivenUp(given_up, count)

    def wait_for_tasks(self, seconds: float) -> None:
        """Until none is out any more, so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._map.tasks, seconds)

    def follow(self, rules_version: int, urgency: Callable[[str], Urgency] | None = None) -> None:
        """Rules of this version are in force: what was not allowed may be allowed now, and other collections may go first
        (None: all are alike)."""
        with self._changed:
            self._rules_version = rules_version
            self._newest_rules = max(self._newest_rules, rules_version)
            self._map.follow(urgency)
            self._map.unpark()
            self._wake()

    # Drops and renames

    def structural_due(self, seconds: float = 0.0) -> Pending | None:
        """The next one of whose collections nothing is in flight; wait so long for one at most."""
        with self._structural:
            due = self._map.structural_due()
            if due is None and seconds > 0 and self._structural.wait(seconds):
                due = self._map.structural_due()
            return due

    def end_structural(self, pending: Pending) -> None:
        """Its result is durable."""
        with self._changed:
            self._map.end_structural(pending)
            self._wake()

    # How far, how much

    def safe(self) -> Safe:
        """What may be saved: no token that passes an event whose key is not done, none inside a transaction."""
        with self._changed:
            tokens = {side: self._map.watermarks[side].advance() for side in BOTH}
            return Safe(tokens, not self._map.size)

    def oldest_held(self, side: Side) -> int | None:
        """The number of the oldest unfinished batch. None: all are done."""
        with self._changed:
            return self._map.watermarks[side].oldest_held()

    def holder(self, side: Side, number: int) -> DocumentKey | None:
        """A key that holds this batch back."""
        with self._changed:
            return work.holder(self._map.works(), side, number)

    def whereabouts(self, key: DocumentKey, now: float) -> Whereabouts:
        """Where a key is, and what it waits for."""
        with self._changed:
            return self._map.whereabouts(key, now)

    def figures(self) -> QueueFigures:
        with self._changed:
            oldest = {side: work.oldest_time(self._map.works(), side) for side in BOTH}
            return QueueFigures(self._map.size, self._map.in_flight, oldest)

    @property
    def size(self) -> int:
        """Unfinished work: a key that changed while in flight counts twice."""
        with self._changed:
            return self._map.size

    @property
    def waiting(self) -> int:
        """Keys that wait for a stream to be read past a position."""
        with self._changed:
            return self._map.waiting

    def room(self, most: int, ahead: int) -> tuple[bool, bool]:
        """May a stream bring more, and may more be read ahead of it? `most`: keys that are dirty and do not wait for a
        stream; `ahead`: of those that go first, and may come on top."""
        with self._changed:
            keys, first = self._map.size - self._map.waiting, self._map.first_ready()
            return keys < most + min(first, ahead), first < ahead and keys < most + 2 * ahead
