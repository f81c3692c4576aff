"""What is known of dirty keys: a key waits once, however often it changes, and is never handed out twice at
a time. Plain data: it knows no threads, no clock and no database. `DirtyKeys` guards it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from syncapp.core.changes import Structural
from syncapp.core.values import BOTH, DocumentKey, Ending, Fact, Seen, Side, WorkItem
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.ready_keys import ReadyKeys
from syncapp.listener.queue.structural_queue import Pending, StructuralQueue
from syncapp.listener.queue.tasks import TasksOut
from syncapp.listener.queue.waiting_keys import WaitingKeys
from syncapp.listener.queue.watermark import Watermark
from syncapp.listener.queue.work import Brought, Task, Work

_OVER = (Ending.DONE, Ending.REJECTED, Ending.OWED)


class Taken(NamedTuple):
    """Keys for one task. `gathered`: all that was ready in the collection."""

    side: Side
    collection: str
    items: list[WorkItem]
    gathered: bool


class KeyMap:
    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self.watermarks = {side: Watermark() for side in BOTH}
        self.tasks = TasksOut()
        self.structural = StructuralQueue()
        self.went_through = 0  # batches of which something is done
        self.answered = 0  # questions to the workers whether they are there
        self._dirty: dict[DocumentKey, Work] = {}
        self._ready = ReadyKeys()
        self._waiting = WaitingKeys()

    # What the streams bring

    def mark(self, key: DocumentKey, side: Side, fact: Fact | None = None) -> None:
        """A change of the key was read, in the batch that `side`'s watermark took in last."""
        work = self._dirty.get(key)
        if work is None:
            work = self._dirty[key] = Work(side)
            if key not in self.tasks.busy:
                self._ready.add(key, work)
        elif work.parked:
            work.parked = False
            self._ready.add(key, work)
        brought = work.of(side)
        if brought is None:
            work.put(side, Brought(self.watermarks[side].hold_newest(), fact))
        elif fact is not None:
            brought.fact = fact

    def change_structure(self, side: Side, change: Structural) -> None:
        """A drop or a rename was read. Every key of its collections that is waiting or in flight is looked at again
        after it, and none is handed out before it has ended."""
        collections = change.collections
        for key in [*self._dirty, *self.tasks.busy]:
            if key.collection in collections:
                self.mark(key, side, change.fact)
        self.structural.add(Pending(side, change, self.watermarks[side].hold_newest()))
        self._ready.blocked = self.structural.collections

    def structural_due(self) -> Pending | None:
        """The next one of whose collections nothing is in flight."""
        return self.structural.next(self.tasks.at_rest)

    def end_structural(self, pending: Pending) -> None:
        """What it asked for is durable."""
        if self.structural.remove(pending):
            self.watermarks[pending.side].release(pending.held)
            self._ready.blocked = self.structural.collections

    def passed(self, side: Side, position: int) -> None:
        """A stream has been read up to and including this position."""
        for key, work in self._waiting.passed(side, position):
            if self._dirty.get(key) is work:
                self._wait_or_ready(key, work)

    # What goes out

    def due(self, now: float) -> None:
        """What failed and has waited long enough may go out again."""
        for key, work in self._waiting.due(now):
            if self._dirty.get(key) is work:
                self._wait_or_ready(key, work)

    def fullest(self) -> int:
        """The number of keys in the largest group that could go out as one batch."""
        return self._ready.fullest(self.tasks.held(self._ready.gathered))

    def take(self, task_id: str, limit: int, now: float) -> Taken | None:
        """Up to `limit` ready keys of one collection, for one task. Groups take turns."""
        found = self._ready.take(limit, self._dirty, self.tasks.held(self._ready.gathered))
        if found is None:
            return None
        side, collection, chosen, gathered = found
        taken = {key: self._dirty.pop(key) for key in chosen}
        self.tasks.add(task_id, Task(collection, taken, now, gathered, len(taken) == 1))
        return Taken(side, collection, [work.item(key) for key, work in taken.items()], gathered)

    # What comes back

    def keys_of(self, task_id: str) -> list[DocumentKey]:
        """The keys of a task in the order of its batch; none if it was given up."""
        task = self.tasks.get(task_id)
        return list(task.keys) if task else []

    def finish(
        self,
        task_id: str,
        ends: Iterable[tuple[DocumentKey, Ending, Seen | None]],
        now: float | None = None,
        partners: Mapping[DocumentKey, Seen | None] = MappingProxyType({}),
    ) -> int:
        """A task reports. A late report, of a task that was given up, is ignored. `now`: what failed waits for a while
        from then on, until `due`; without it nothing does. `partners`: what keys of the task were waiting for, though
        it was not handed out.

        Returns how many pulls are owed of which no event of Atlas's stream is held back.
        """
        task = self.tasks.get(task_id)
        owed = attempts = through = 0
        if task is None:
            return owed
        for key, ending, seen in ends:
            work = self.tasks.let_go(task, key)
            if work is None:
                continue
            if ending is Ending.OWED and work.atlas is not None:
                self._release_local(work)
                self._park(key, work)
            elif ending is Ending.LATER:
                self._park(key, work)
            elif ending in _OVER:
                owed += ending is Ending.OWED
                through += ending is Ending.DONE
                self._end(key, work)
            else:
                work.seen = seen or work.seen  # also of one that is to be tried again after a wait
                self._try_again(key, work, ending, task, now)
                attempts = max(attempts, work.attempts)
        for key, seen in partners.items():
            self._gather(key, seen, attempts)
        if not task.keys:
            self.tasks.end(task_id)
        self.went_through += through > 0
        return owed

    def give_up(self, task_ids: Iterable[str], taken: Collection[str] = ()) -> int:
        """Take tasks for lost: their keys are handed out again. Harmless if one is alive. Returns keys.

        `taken`: tasks that a worker had begun. It may have been stopped, or have ended because of a document. Nobody
        has said so: these keys count only when others went through since, which workers who only answer do not show.
        """
        count = 0
        for task_id in list(task_ids):
            task = self.tasks.end(task_id)
            for key, work in task.keys.items() if task else ():
                work.gather = False  # an ordinary batch finds out by itself, and is not lost for its size
                if task and task_id in taken:
                    work.count_loss(task.alone, self.went_through)
                self._put_back(key, work)
                count += 1
        return count

    def unpark(self) -> None:
        """The rules have changed: what was not allowed may be allowed now."""
        for key, work in self._dirty.items():
            if work.parked:
                work.parked = False
                self._ready.add(key, work)

    def forget(self, side: Side) -> None:
        """Pulls are not allowed any more: drop what a side's stream brought. Its saved token stays
        before all of it, so that it is read again later."""
        for key, work in list(self._dirty.items()):
            work.put(side, None)
            work.seen = None
            if work.of(side.other) is None:
                self._drop(key, work)
        for _, work in self.tasks.works():
            work.put(side, None)
        self.watermarks[side] = Watermark(self.watermarks[side].newest)
        self.structural.forget(side)
        self._ready.blocked = self.structural.collections

    # Figures

    @property
    def size(self) -> int:
        """Looks at keys that are still to end: one that changed while it is worked on counts twice."""
        return len(self._dirty) + len(self.tasks.busy)

    @property
    def in_flight(self) -> int:
        return len(self.tasks.busy)

    @property
    def waiting(self) -> int:
        return self._waiting.count

    @property
    def read_to(self) -> Mapping[Side, int]:
        """Everything up to here was read."""
        return self._waiting.read_to

    def works(self) -> Iterator[tuple[DocumentKey, Work]]:
        """Every look that is still to end, those that are worked on too."""
        return itertools.chain(self._dirty.items(), self.tasks.works())

    # Inside

    def _pause(self, ending: Ending, tries: int) -> float:
        if ending is Ending.BARRED:
            return self._intervals.barred
        return self._intervals.retry(tries) if ending in (Ending.RETRY, Ending.LOST) else 0.0

    def _end(self, key: DocumentKey, work: Work) -> None:
        """It is done: only what came for it meanwhile is left."""
        for side in BOTH:
            brought = work.of(side)
            if brought is not None:
                self.watermarks[side].release(brought.held)
        newer = self._dirty.get(key)
        if newer is not None:
            self._ready.add(key, newer)

    def _try_again(self, key: DocumentKey, work: Work, ending: Ending, task: Task, now: float | None) -> None:
        work.gather = ending is Ending.GATHER
        # What was gathered once in vain must not be for ever
        work.attempts += ending is Ending.RETRY or (work.gather and task.gathered)
        if ending is Ending.LOST:
            work.count_loss(task.alone, self.went_through + self.answered)
        pause = self._pause(ending, work.tries)
        self._put_back(key, work, None if now is None or not pause else now + pause)

    def _release_local(self, work: Work) -> None:
        """Of a pull that is not allowed only its event of Atlas's stream stays unfinished."""
        if work.local is not None:
            self.watermarks[Side.LOCAL].release(work.local.held)
            work.local = None

    def _gather(self, key: DocumentKey, seen: Seen | None, attempts: int) -> None:
        """Others cannot be written before this one is decided about: it goes out with them, though no event may ask for
        it (it was rejected, say, and is in conflict)."""
        if key not in self._dirty and key not in self.tasks.busy:
            self._put_back(key, Work(Side.LOCAL, seen=seen, attempts=attempts, gather=True))

    def _park(self, key: DocumentKey, work: Work) -> None:
        """Keep it until the rules change: its events stay unfinished."""
        if key in self._dirty:
            self._put_back(key, work)  # it changed meanwhile
        else:
            work.parked = True
            self._dirty[key] = work

    def _put_back(self, key: DocumentKey, work: Work, until: float | None = None) -> None:
        """A key that is not done: what came for it meanwhile is newer. `until`: it failed, and waits."""
        newer = self._dirty.get(key)
        if newer is not None:
            for side in BOTH:
                before, after = work.of(side), newer.of(side)
                if before is None:
                    work.put(side, after)
                elif after is not None:
                    self.watermarks[side].release(after.held)  # the older one holds more
                    before.fact = after.fact or before.fact
        self._dirty[key] = work
        if until is None:
            self._wait_or_ready(key, work)
        else:
            self._waiting.keep_until(until, key, work)

    def _wait_or_ready(self, key: DocumentKey, work: Work) -> None:
        if not self._waiting.waits(key, work):
            self._ready.add(key, work)

    def _drop(self, key: DocumentKey, work: Work) -> None:
        del self._dirty[key]
        self._waiting.drop(work)
        self._ready.drop(key, work)
