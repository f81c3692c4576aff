"""The map of dirty keys: a key waits once, however often it changes, and is never handed out twice at
a time. It knows no threads, no clock and no database; the listener holds a lock around it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from syncapp.core.changes import Structural
from syncapp.core.values import BOTH, DocumentKey, Ending, Fact, Seen, Side, WorkItem
from syncapp.listener.ready_keys import Brought, Losses, ReadyKeys, Work
from syncapp.listener.structural_queue import Pending, StructuralQueue
from syncapp.listener.watermark import Watermark

_OVER = (Ending.DONE, Ending.REJECTED, Ending.OWED)
FIRST_SECONDS = 0.5  # that a document waits after its first failed attempt; then twice as long each time
LONGEST_SECONDS = 30.0
BARRED_SECONDS = 10.0  # until somebody may have mended the login or the privileges


def retry_seconds(attempts: int) -> float:
    """How long a document waits that has failed so often."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts - 1, 16))


def _pause(ending: Ending, tries: int) -> float:
    if ending is Ending.BARRED:
        return BARRED_SECONDS
    return retry_seconds(tries) if ending in (Ending.RETRY, Ending.LOST) else 0.0


@dataclass(slots=True)
class Task:
    """Keys in a Celery task."""

    collection: str
    keys: dict[DocumentKey, Work]
    alive_at: float
    gathered: bool = False  # all that was ready in the collection
    alone: bool = False  # it began with one key


class DirtyKeys:
    def __init__(self) -> None:
        self.read_to: dict[Side, int] = dict.fromkeys(BOTH, 0)  # everything up to here was read
        self.watermarks = {side: Watermark() for side in BOTH}
        self.tasks: dict[str, Task] = {}
        self.structural = StructuralQueue()
        self.went_through = 0  # batches of which something is done
        self.answered = 0  # questions to the workers whether they are there
        self._dirty: dict[DocumentKey, Work] = {}
        self._busy: set[DocumentKey] = set()
        self._ready = ReadyKeys()
        self._waits: dict[Side, list[tuple[int, int, DocumentKey, Work]]] = {side: [] for side in BOTH}
        self._later: list[tuple[float, int, DocumentKey, Work]] = []  # failed: not to be handed out before
        self._waiting = 0
        self._order = itertools.count()

    # What the streams bring

    def mark(self, key: DocumentKey, side: Side, fact: Fact | None = None) -> None:
        """A change of the key was read, in the batch that `side`'s watermark took in last."""
        work = self._dirty.get(key)
        if work is None:
            work = self._dirty[key] = Work(side)
            if key not in self._busy:
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
        for key in [*self._dirty, *self._busy]:
            if key.collection in collections:
                self.mark(key, side, change.fact)
        self.structural.add(Pending(side, change, self.watermarks[side].hold_newest()))
        self._ready.blocked = self.structural.collections

    def structural_due(self) -> Pending | None:
        """The next one of whose collections nothing is in flight."""
        return self.structural.next(self._at_rest)

    def end_structural(self, pending: Pending) -> None:
        """What it asked for is durable."""
        if self.structural.remove(pending):
            self.watermarks[pending.side].release(pending.held)
            self._ready.blocked = self.structural.collections

    def _at_rest(self, collections: Collection[str]) -> bool:
        return not any(key.collection in collections for key in self._busy)

    def passed(self, side: Side, position: int) -> None:
        """A stream has been read up to and including this position."""
        if position <= self.read_to[side]:
            return
        self.read_to[side] = position
        heap = self._waits[side]
        while heap and heap[0][0] <= position:
            _, _, key, work = heapq.heappop(heap)
            if work.waiting and self._dirty.get(key) is work:
                self._wait_or_ready(key, work)

    # What goes out

    def due(self, now: float) -> None:
        """What failed and has waited long enough may go out again."""
        while self._later and self._later[0][0] <= now:
            _, _, key, work = heapq.heappop(self._later)
            if self._dirty.get(key) is work:
                self._wait_or_ready(key, work)

    def ready_keys(self) -> int:
        return len(self._ready)

    def fullest(self) -> int:
        """The number of keys in the largest group that could go out as one batch."""
        return self._ready.fullest(self._held())

    def _held(self) -> set[str]:
        """Collections of which nothing goes out until what is out is back."""
        return {
            task.collection
            for task in self.tasks.values()
            if task.gathered or task.collection in self._ready.gathered
        }

    def take(self, task_id: str, limit: int, now: float) -> tuple[Side, str, list[WorkItem]] | None:
        """Up to `limit` ready keys of one collection, for one task. Groups take turns."""
        found = self._ready.take(limit, self._dirty, self._held())
        if found is None:
            return None
        side, collection, chosen, gathered = found
        taken = {key: self._dirty.pop(key) for key in chosen}
        self._busy.update(chosen)
        self.tasks[task_id] = Task(collection, taken, now, gathered, len(taken) == 1)
        items = [
            WorkItem(key, work.facts, work.seen, work.attempts, work.lost.alone if work.lost else 0)
            for key, work in taken.items()
        ]
        return side, collection, items

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
            work = task.keys.pop(key, None)
            if work is None:
                continue
            self._busy.discard(key)
            if ending is Ending.OWED and work.atlas is not None:
                self._release_local(work)
                self._park(key, work)
            elif ending is Ending.LATER:
                self._park(key, work)
            elif ending in _OVER:
                owed += ending is Ending.OWED
                through += ending is Ending.DONE
                self._release(work)
                newer = self._dirty.get(key)
                if newer is not None:
                    self._ready.add(key, newer)
            else:
                work.seen = seen or work.seen  # also of one that is to be tried again after a wait
                work.gather = ending is Ending.GATHER
                # What was gathered once in vain must not be for ever
                work.attempts += ending is Ending.RETRY or (work.gather and task.gathered)
                if ending is Ending.LOST:
                    self._count_loss(work, task, self.went_through + self.answered)
                attempts = max(attempts, work.attempts)
                pause = _pause(ending, work.tries)
                until = None if now is None or not pause else now + pause
                self._put_back(key, work, until)
        for key, seen in partners.items():
            self._gather(key, seen, attempts)
        if not task.keys:
            del self.tasks[task_id]
        self.went_through += through > 0
        return owed

    def alive(self, task_id: str, now: float) -> None:
        """A task gives a sign of life (`now` may lie ahead: it will not speak until then)."""
        if task_id in self.tasks:
            self.tasks[task_id].alive_at = now

    def give_up(self, task_ids: Iterable[str], taken: Collection[str] = ()) -> int:
        """Take tasks for lost: their keys are handed out again. Harmless if one is alive. Returns keys.

        `taken`: tasks that a worker had begun. It may have been stopped, or have ended because of a document. Nobody
        has said so: these keys count only when others went through since, which workers who only answer do not show.
        """
        count = 0
        for task_id in list(task_ids):
            task = self.tasks.pop(task_id, None)
            for key, work in task.keys.items() if task else ():
                self._busy.discard(key)
                work.gather = False  # an ordinary batch finds out by itself, and is not lost for its size
                if task and task_id in taken:
                    self._count_loss(work, task, self.went_through)
                self._put_back(key, work)
                count += 1
        return count

    @staticmethod
    def _count_loss(work: Work, task: Task, mark: int) -> None:
        work.lost = work.lost or Losses()
        work.lost.count(task.alone, mark)

    def at_work(self, since: float, now: float) -> int:
        """Tasks that were handed out or gave a sign of life since then, and do not wait to retry."""
        return sum(since <= task.alive_at <= now for task in self.tasks.values())

    def overdue(self, before: float) -> list[str]:
        return [task_id for task_id, task in self.tasks.items() if task.alive_at < before]

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
        for task in self.tasks.values():
            for work in task.keys.values():
                work.put(side, None)
        self.watermarks[side] = Watermark()
        self.structural.forget(side)
        self._ready.blocked = self.structural.collections

    # Figures

    @property
    def size(self) -> int:
        """Looks at keys that are still to end: one that changed while it is worked on counts twice."""
        return len(self._dirty) + len(self._busy)

    @property
    def in_flight(self) -> int:
        return len(self._busy)

    @property
    def waiting(self) -> int:
        return self._waiting

    def oldest_time(self, side: Side) -> int | None:
        """The time of the oldest unfinished change that a side's stream brought."""
        works = itertools.chain(self._dirty.values(), *(task.keys.values() for task in self.tasks.values()))
        found = (brought.fact for work in works if (brought := work.of(side)) is not None)
        return min((fact.time for fact in found if fact is not None and fact.time is not None), default=None)

    def holder(self, side: Side, number: int) -> DocumentKey | None:
        """A key that holds back a batch of a side's watermark."""
        works = itertools.chain(self._dirty.items(), *(task.keys.items() for task in self.tasks.values()))
        for key, work in works:
            brought = work.of(side)
            if brought is not None and brought.held == number:
                return key
        return None

    # Inside

    def _release(self, work: Work) -> None:
        for side in BOTH:
            brought = work.of(side)
            if brought is not None:
                self.watermarks[side].release(brought.held)

    def _release_local(self, work: Work) -> None:
        """Of a pull that is not allowed only its event of Atlas's stream stays unfinished."""
        if work.local is not None:
            self.watermarks[Side.LOCAL].release(work.local.held)
            work.local = None

    def _gather(self, key: DocumentKey, seen: Seen | None, attempts: int) -> None:
        """Others cannot be written before this one is decided about: it goes out with them, though no event may ask for
        it (it was rejected, say, and is in conflict)."""
        if key not in self._dirty and key not in self._busy:
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
            heapq.heappush(self._later, (until, next(self._order), key, work))

    def _wait_or_ready(self, key: DocumentKey, work: Work) -> None:
        waits = [(side, work.seen.read_at[side]) for side in work.seen.waits_for] if work.seen else []
        for side, position in waits:
            if position > self.read_to[side]:
                self._waiting += not work.waiting
                work.waiting = True
                entry = (position, next(self._order), key, work)
                heapq.heappush(self._waits[side], entry)
                return
        self._waiting -= work.waiting
        work.waiting = False
        self._ready.add(key, work)

    def _drop(self, key: DocumentKey, work: Work) -> None:
        del self._dirty[key]
        self._waiting -= work.waiting
        work.waiting = False
        self._ready.drop(key, work)
