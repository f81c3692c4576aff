"""What is known of dirty keys: a key waits once, however often it changes, and is never handed out twice at
a time. Plain data: it knows no threads, no clock and no database. `DirtyKeys` guards it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from syncapp.core.changes import Structural
from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.values import BOTH, DocumentKey, Ending, Fact, Seen, Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.overtaking import Overtaking
from syncapp.listener.queue.ready_keys import ReadyKeys
from syncapp.listener.queue.structural_queue import Pending, StructuralQueue
from syncapp.listener.queue.tasks import TasksOut
from syncapp.listener.queue.waiting_keys import WaitingKeys
from syncapp.listener.queue.watermark import Watermark
from syncapp.listener.queue.whereabouts import Whereabouts, find
from syncapp.listener.queue.work import Brought, Taken, Task, Work

_OVER = (Ending.DONE, Ending.REJECTED, Ending.OWED)


class KeyMap:
    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self.watermarks = {side: Watermark() for side in BOTH}
        self.tasks = TasksOut()
        self.structural = StructuralQueue()
        self.went_through = 0  # batches with at least one finished key
        self.answered = 0  # pings that the workers answered
        self._dirty: dict[DocumentKey, Work] = {}
        self._ready = ReadyKeys()
        self.overtaking = Overtaking(self._ready)
        self._waiting = WaitingKeys()

    # From the streams

    def mark(
        self,
        key: DocumentKey,
        side: Side,
        fact: Fact | None = None,
        *,
        ahead: bool = False,
        seen: Seen | None = None,
    ) -> None:
        """A change of the key was read, in the newest batch of `side`'s watermark; `ahead` of it: it holds nothing back.
        `seen`: by who asked for a look. What a task has seen is newer."""
        work = self._dirty.get(key)
        if work is None:
            work = self._dirty[key] = Work(side)
            if key not in self.tasks.busy:
                self._ready.add(key, work)
        elif work.parked:
            work.parked = False
            self._ready.add(key, work)
        work.seen = work.seen or seen
        brought = work.of(side)
        if brought is None:
            work.put(side, Brought(0 if ahead else self.watermarks[side].hold_newest(), fact))
        else:
            brought.changed(fact)
            if not (brought.held or ahead):
                brought.held = self.watermarks[side].hold_newest()

    def change_structure(self, side: Side, change: Structural) -> None:
        """A drop or a rename was read. Every key of its collections that is pending or in flight is processed again
        after it, and none is dispatched before it has ended."""
        collections = change.collections
        for key in [*self._dirty, *self.tasks.busy]:
            if key.collection in collections:
                self.mark(key, side, change.fact)
        self.structural.add(Pending(side, change, self.watermarks[side].hold_newest()))
        self._ready.blocked = self.structural.collections

    def structural_due(self) -> Pending | None:
        """The next one whose collections have nothing in flight."""
        return self.structural.next(self.tasks.at_rest)

    def end_structural(self, pending: Pending) -> None:
        """Its result is durable."""
        if self.structural.remove(pending):
            self.watermarks[pending.side].release(pending.held)
            self._ready.blocked = self.structural.collections

    def passed(self, side: Side, position: int) -> None:
        """A stream has been read up to and including this position."""
        for key, work in self._waiting.passed(side, position):
            if self._dirty.get(key) is work:
                self._wait_or_ready(key, work)
        self.overtaking.passed(side, position)

    # Dispatch

    def due(self, now: float) -> None:
        """Failed keys whose delay is over are ready again."""
        for key, work in self._waiting.due(now):
            if self._dirty.get(key) is work:
                self._wait_or_ready(key, work)

    def fullest(self) -> int:
        """The number of keys in the largest group that could be one batch."""
        return self._ready.fullest(self.tasks.held(self._ready.gathered))

    def first_ready(self) -> int:
        """Ready keys of collections that go first."""
        return self._ready.first_ready()

    def take(self, task_id: str, limit: int, now: float, first_only: bool = False) -> Taken | None:
        """Up to `limit` ready keys of one collection, for one task. Groups take turns."""
        held = self.tasks.held(self._ready.gathered)
        found = self._ready.take(limit, self._dirty, held, first_only)
        if found is None:
            return None
        side, collection, chosen, gathered = found
        taken = {key: self._dirty.pop(key) for key in chosen}
        self.tasks.add(task_id, Task(collection, taken, now, gathered, len(taken) == 1))
        return Taken(side, collection, [work.item(key) for key, work in taken.items()], gathered)

    # Results

    def keys_of(self, task_id: str) -> list[DocumentKey]:
        """The keys of a task in the order of its batch; none if it was superseded."""
        task = self.tasks.get(task_id)
        return list(task.keys) if task else []

    def finish(
        self,
        task_id: str,
        ends: Iterable[tuple[DocumentKey, Ending, Seen | None]],
        now: float | None = None,
        partners: Mapping[DocumentKey, Seen | None] = MappingProxyType({}),
    ) -> int:
        """A task reports. A late report of a superseded task is ignored. `now`: failed keys are delayed from then on,
        until `due`; without it they are not. `partners`: keys that the task's keys depend on, though
        they were not dispatched.

        Returns the number of pending pulls for which no event of Atlas's stream is held back.
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
                work.seen = seen or work.seen  # also of one that is retried after a delay
                self._try_again(key, work, ending, task, now)
                attempts = max(attempts, work.attempts)
        for key, seen in partners.items():
            self._gather(key, seen, attempts)
        if not task.keys:
            self.tasks.end(task_id)
        self.went_through += through > 0
        return owed

    def give_up(self, task_ids: Iterable[str], taken: Collection[str] = (), now: float | None = None) -> int:
        """Declare tasks lost: their keys are re-queued. Harmless if one still runs. Returns the number of keys.

        `taken`: tasks that a worker had begun. It may have been stopped, or have crashed because of a document. That
        is unknown: these keys count only when others succeeded since, which mere answers of workers do not show. `now`: the
        loss was noticed at once, so that they are delayed from then on; or the next worker would end before others succeed.
        """
        count = 0
        for task_id in list(task_ids):
            task = self.tasks.end(task_id)
            for key, work in task.keys.items() if task else ():
                work.gather = False  # an ordinary batch finds its partners, and is not lost for its size
                until = None
                if task and task_id in taken:
                    work.count_loss(task.alone, self.went_through)
                    until = None if now is None else now + self._pause(Ending.LOST, work.tries)
                self._put_back(key, work, until)
                count += 1
        return count

    def follow(self, urgency: Callable[[str], Urgency] | None) -> None:
        """New rules: which collections go first. None: all are alike."""
        self._ready.follow(urgency)

    def unpark(self) -> None:
        """The rules have changed: what was not allowed may be allowed now."""
        for key, work in self._dirty.items():
            if work.parked:
                work.parked = False
                self._ready.add(key, work)

    def forget(self, side: Side) -> None:
        """Pulls are no longer allowed: drop what a side's stream delivered. Its saved token stays
        before all of it, so that it is read again later."""
        self._waiting.forget(side)
        for key, work in list(self._dirty.items()):
            work.put(side, None)
            work.seen = None
            if work.of(side.other) is None:
                self._drop(key, work)
            elif work.waiting:
                self._wait_or_ready(key, work)
        for _, work in self.tasks.works():
            work.put(side, None)
        self.watermarks[side] = Watermark(self.watermarks[side].newest)
        self.structural.forget(side)
        self._ready.blocked = self.structural.collections
        self.overtaking.forget(side)

    # Figures

    @property
    def size(self) -> int:
        """Unfinished work: a key that changed while in flight counts twice."""
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

    def whereabouts(self, key: DocumentKey, now: float) -> Whereabouts:
        """Where a key is, and what it waits for."""
        return find(key, self._dirty.get(key), self.tasks, self._ready, self._waiting, now)

    def works(self) -> Iterator[tuple[DocumentKey, Work]]:
        """All unfinished work, including keys in flight."""
        return itertools.chain(self._dirty.items(), self.tasks.works())

    # Inside

    def _pause(self, ending: Ending, tries: int) -> float:
        if ending is Ending.BARRED:
            return self._intervals.barred
        return self._intervals.retry(tries) if ending in (Ending.RETRY, Ending.LOST) else 0.0

    def _end(self, key: DocumentKey, work: Work) -> None:
        """It is done: only later changes are left."""
        for side in BOTH:
            brought = work.of(side)
            if brought is not None:
                self.watermarks[side].release(brought.held)
        newer = self._dirty.get(key)
        if newer is not None:
            self._ready.add(key, newer)

    def _try_again(self, key: DocumentKey, work: Work, ending: Ending, task: Task, now: float | None) -> None:
        work.gather = ending is Ending.GATHER
        # What was gathered once without success must not be gathered for ever
        work.attempts += ending is Ending.RETRY or (work.gather and task.gathered)
        if ending is Ending.LOST:
            work.count_loss(task.alone, self.went_through + self.answered)
        pause = self._pause(ending, work.tries)
        self._put_back(key, work, None if now is None or not pause else now + pause)

    def _release_local(self, work: Work) -> None:
        """Of a pending pull only its event on Atlas's stream stays unfinished."""
        if work.local is not None:
            self.watermarks[Side.LOCAL].release(work.local.held)
            work.local = None

    def _gather(self, key: DocumentKey, seen: Seen | None, attempts: int) -> None:
        """Others cannot be written before this one is decided: it is dispatched with them, even without a pending event
        (it was rejected, for instance, and is in conflict)."""
        if key not in self._dirty and key not in self.tasks.busy:
            self._put_back(key, Work(Side.LOCAL, seen=seen, attempts=attempts, gather=True))

    def _park(self, key: DocumentKey, work: Work) -> None:
        """Keep it until the rules change: its events stay unfinished."""
        if key in self._dirty:
            self._put_back(key, work)  # it has changed meanwhile
        else:
            work.parked = True
            self._dirty[key] = work

    def _put_back(self, key: DocumentKey, work: Work, until: float | None = None) -> None:
        """A key that is not done: its events since then are newer. `until`: it failed, and is delayed."""
        newer = self._dirty.get(key)
        if newer is not None:
            for side in BOTH:
                before, after = work.of(side), newer.of(side)
                if before is None:
                    work.put(side, after)
                elif after is not None:
                    self.watermarks[side].release(before.join(after))
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
