"""A slice of a comparison run: as many ranges as fit into its time. It does not change the run itself:
its result is a value, saved with a compare-and-set; a lost slice is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import (
    Compared,
    compare_keys,
    compare_range,
    compare_unequal,
    shared_collections,
)
from syncapp.compare.ranges import Range, read_range
from syncapp.compare.second_look import as_the_rules_say, due_in_seconds, look_again, suspect
from syncapp.compare.treatments import treat
from syncapp.core.content import document_key, id_of
from syncapp.core.rule.policy import Policy
from syncapp.core.text.extended_json import beyond, sample_id
from syncapp.core.values import DocumentKey
from syncapp.mongo.majority import majority_time
from syncapp.store.dirty import mark_dirty
from syncapp.store.narrowing import MOST_LOSSES
from syncapp.store.results import begun
from syncapp.store.run import MARKING, PAGE, Kind, Narrow, Progress, Run, Treatment
from syncapp.store.runs import SAMPLES

SLICE_SECONDS = 0.5
MOST_SUSPECTS = 4_000  # they are kept in the run's document
MOST_SUSPECT_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed limits of a slice."""

    rate: int = 0  # documents a second at most; 0: no limit
    pending: int = 0  # keys pending in live sync
    most_pending: int = 25_000  # marking is suspended above this: marks must not flood the oplog
    seconds: float = SLICE_SECONDS

    @property
    def documents(self) -> int:
        """The maximum of one slice, so that pauses stay short."""
        return max(1, self.rate) if self.rate else 1 << 60

    def pause(self, documents: int, took_seconds: float) -> float:
        """Seconds before the next slice: pauses are made between slices, where they block nothing."""
        rest = took_seconds if self.pending else 0.0  # live sync has the other half of the time
        return max(rest, documents / self.rate - took_seconds if self.rate else 0.0)


class Slice:
    """Continues a run at its position."""

    def __init__(
        self, local: Database[Any], atlas: Database[Any], run: Run, policy_of: Callable[[str], Policy]
    ) -> None:
        self._local, self._atlas, self._run, self._policy_of = local, atlas, run, policy_of
        names = run.names if run.names is not None else self._names()
        self.progress = Progress(
            run.at,
            run.start,
            names,
            run.expected,
            list(map(dict, run.suspects)),
            enough=0 < run.budget_ms <= run.worked_ms,
            results={one["c"]: dict(one) for one in run.results},
        )
        if run.names is None:
            self.progress.expected = sum(map(self._about, names))

    def work(self, pace: Pace) -> float:
        """Returns the seconds to wait before the next slice. Raises SyncError or PyMongoError."""
        started = time.monotonic()
        if self._run.kind in MARKING and pace.pending > pace.most_pending:
            return 1.0
        if self._run.narrow.page:
            return self._work_narrowly(self._run.narrow, pace)
        self._look_again(busy=pace.pending > 0)
        while not self.progress.walked and self._room():
            left = pace.documents - self.progress.counts["documents"]
            if left <= 0 or time.monotonic() - started >= pace.seconds:
                break
            self._next_range(min(PAGE, left))
        return self._pause(pace, time.monotonic() - started)

    def _work_narrowly(self, narrow: Narrow, pace: Pace) -> float:
        """One small step after the other, each of which is saved: a process ended over a document that comes now."""
        started = time.monotonic()
        hopeless = narrow.losses >= MOST_LOSSES
        # In an order that is the same at each attempt, so that it is always the same document that is alone
        if not self.progress.walked and self._room():
            if narrow.page > 1:
                self._next_range(narrow.page)
            else:
                self._next_alone(hopeless)
        else:
            self._look_narrowly(narrow.page, hopeless, busy=pace.pending > 0)
        return self._pause(pace, time.monotonic() - started)

    def _look_narrowly(self, page: int, hopeless: bool, busy: bool) -> None:
        suspects = self.progress.suspects
        some, later = suspects[:page], suspects[page:]
        if due_in_seconds(some) > 0:
            return
        if hopeless:
            self._leave_out(document_key(some[0]["c"], some[0]["id"]))
            self.progress.suspects = later
            return
        self.progress.suspects = some
        self._look_again(busy)
        self.progress.passed += len(some)
        self.progress.suspects = later + self.progress.suspects

    def _next_alone(self, hopeless: bool) -> None:
        """The document that comes next, without a look at the one after it. `hopeless`: it is left out, and only its
        `_id` is read."""
        progress = self.progress
        name = self._begin()
        found = read_range(self._local, self._atlas, name, progress.start, 1, only_ids=True)
        keys = list(dict.fromkeys(document_key(name, id_of(one)) for one in (*found.local, *found.atlas)))
        if hopeless:
            progress.count(name, "documents", len(keys))
            for key in keys:
                self._leave_out(key)
            progress.passed += not keys  # the last one is gone
        else:
            policy = self._policy_of(name)
            compared = compare_keys(self._local, self._atlas, name, keys, policy)
            (self._resync if self._run.kind is Kind.RESYNC else self._suspect)(name, compared, policy)
            progress.passed += max(1, len(keys))
        self._go_on(found)

    def _leave_out(self, key: DocumentKey) -> None:
        self.progress.left_out += 1
        self.progress.passed += 1
        self._count_difference(key, "different")
        # Live sync sets aside what ends its workers too. But where an operator's answer says what becomes of the
        # document, it must not be looked at without that answer, which only whoever reads it can note
        if self._run.kind in MARKING and self._run.treatment is Treatment.AS_AGREED:
            self._mark(key.collection, [key])

    def _pause(self, pace: Pace, took_seconds: float) -> float:
        pause = pace.pause(self.progress.counts["documents"], took_seconds)
        if self.progress.suspects and (self.progress.walked or not self._room()):
            pause = max(pause, due_in_seconds(self.progress.suspects))
        return pause

    def _room(self) -> bool:
        suspects = self.progress.suspects
        return len(suspects) < MOST_SUSPECTS and sum(len(one["id"]) for one in suspects) < MOST_SUSPECT_BYTES

    def _names(self) -> tuple[str, ...]:
        there = shared_collections(self._local, self._atlas)
        wanted = self._run.collections
        return tuple(name for name in there if not wanted or name in wanted)

    def _about(self, name: str) -> int:
        return max(self._local[name].estimated_document_count(), self._atlas[name].estimated_document_count())

    def _next_range(self, page: int) -> None:
        progress = self.progress
        name = self._begin()
        policy = self._policy_of(name)
        expression = policy.rule.filter
        found = read_range(self._local, self._atlas, name, progress.start, page, expression=expression)
        before = progress.counts["documents"]
        if self._run.kind is Kind.RESYNC:
            self._resync(name, compare_range(self._local, name, found, policy), policy)
        else:
            self._verify(name, found, policy)
        progress.passed += progress.counts["documents"] - before
        self._go_on(found)

    def _begin(self) -> str:
        """The collection that comes next. What was written to it before it is read is in what is compared."""
        progress = self.progress
        name = progress.names[progress.at]
        if progress.start is None and name not in progress.results:
            since = min(majority_time(database) for database in (self._local, self._atlas))
            progress.results[name] = begun(name, since)
        return name

    def _go_on(self, found: Range) -> None:
        progress = self.progress
        progress.start = found.next
        if found.next is None:
            progress.at += 1

    def _resync(self, name: str, compared: list[Compared], policy: Policy) -> None:
        """Equal documents that are not agreed on are sent to the listener too: only workers decide."""
        differing = [one for one in compared if not one.agreed]
        keys = [one.key for one in differing]
        run = self._run
        treat(self._local, self._atlas, run.treatment, run.prefer, name, keys, policy)
        self._mark(name, [one.key for one in compared if not one.settled])
        self.progress.count(name, "documents", len(compared))
        self.progress.count(name, "equal", sum(one.local == one.atlas for one in compared))
        for one in differing:
            if not as_the_rules_say(one, policy):
                self._count_difference(one.key, one.what)

    def _verify(self, name: str, found: Range, policy: Policy) -> None:
        if policy.rule.filter:  # what is equal may have to leave
            self._suspect(name, compare_range(self._local, name, found, policy), policy)
            return
        if found.equal(policy.projection):  # by far the most ranges
            self._count_equal(name, len(found.local))
            return
        unequal = compare_unequal(self._local, name, found, policy)
        documents = len(found.local) + sum(one.what == "onlyAtlas" for one in unequal)
        self._count_equal(name, documents - len(unequal))
        self._suspect(name, unequal, policy)

    def _count_equal(self, name: str, documents: int) -> None:
        self.progress.count(name, "documents", documents)
        self.progress.count(name, "equal", documents)

    def _suspect(self, name: str, compared: list[Compared], policy: Policy) -> None:
        """Differences are checked again later."""
        self.progress.count(name, "documents", len(compared))
        for one in compared:
            if one.local == one.atlas:  # the same content with another representation of the _id
                self.progress.count(name, "equal")
            elif not as_the_rules_say(one, policy):
                self.progress.suspects.append(suspect(one))

    def _look_again(self, busy: bool) -> None:
        if not self.progress.suspects:
            return
        looked = look_again(self._local, self._atlas, self.progress.suspects, self._policy_of, busy)
        self.progress.suspects = looked.left
        for name, number in looked.equal.items():
            self.progress.count(name, "equal", number)
        for one in looked.confirmed:
            self._count_difference(one.key, one.what)
        if self._run.kind is Kind.REPAIR:
            for name in {one.key.collection for one in looked.confirmed}:
                self._mark(name, [one.key for one in looked.confirmed if one.key.collection == name])

    def _count_difference(self, key: DocumentKey, what: str) -> None:
        self.progress.count(key.collection, what)
        if len(self.progress.samples) < SAMPLES and (found := sample(key, what)):
            self.progress.samples.append(found)

    def _mark(self, name: str, keys: list[DocumentKey]) -> None:
        """Documents of one collection."""
        self.progress.count(name, "marked", mark_dirty(self._local, keys, self._run.why))


def sample(key: DocumentKey, what: str) -> dict[str, Any] | None:
    """A difference as people read it, the `_id` as canonical extended JSON and what `beyond` says of it; None: its `_id`
    cannot be kept."""
    text = sample_id(key.id_bson)
    if not text:
        return None
    found = {"collection": key.collection, "id": text, "what": what}
    exact = beyond(text, key.id_bson)
    return {**found, "bson": exact} if exact else found
