"""Observe, decide, write a batch: every transfer of a document passes here.

1. Read states, resolve open intents, then read Atlas (atlas_view.py). No local transaction is open meanwhile.
2. Local transaction: read documents; decide (deciding.py); write marker, pulls, conflict records, states, and the
   intents of pushes. If one of the keys was decided concurrently since 1, start over.
3. Atlas transaction: read again; leave out what moved; write marker and documents. A new document need not be
   read again: its unique `_id` refuses it.
4. Local: agree on what 3 wrote, where the state still holds this intent (landings.py).
5. Conflicts whose strategy needs documents are judged now that nothing is open (rulings.py), and decided in the next
   round.

After a crash between any two steps the next attempt recovers (docs/architecture.md, Writing a batch).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.resolve import counts_twice, keeps_base
from syncapp.core.rule.policy import Policy
from syncapp.core.values import (
    Batch,
    DocumentKey,
    Ending,
    Outcome,
    Side,
    WorkItem,
)
from syncapp.engine.atlas_view import AtlasReader, AtlasView
from syncapp.engine.bases import Bases
from syncapp.engine.cutting import fitting_ids, in_parts
from syncapp.engine.deciding import decide_all
from syncapp.engine.plan import Plan, transferred
from syncapp.engine.pushing import Landed, write_to_atlas
from syncapp.engine.refused import take_out
from syncapp.engine.rulings import make_verdicts, recorded_with_bases, with_bases
from syncapp.engine.work import Work
from syncapp.mongo.documents import DocumentWrite, ensure_collection, read_documents, write_documents
from syncapp.mongo.errors import (
    BatchTooLarge,
    CollectionRefused,
    ConnectionDown,
    DocumentRefused,
    TransientError,
)
from syncapp.mongo.sides import of_side
from syncapp.mongo.transaction import read_position, transaction, translated
from syncapp.store.bases import kept_bases, write_bases
from syncapp.store.batches import insert_marker, new_batch_id
from syncapp.store.conflicts import write_records
from syncapp.store.landings import record_landed
from syncapp.store.projections import keep_projection, load_projection
from syncapp.store.states import write_states

UNLIMITED = 1 << 62
ROUNDS = 12  # attempts per key in one task before it is re-queued
EXCHANGE_BYTES = 64 * 1024 * 1024  # of documents that exchange unique values, in one transaction
FIRST_READ = 100  # documents of the first read of a collection whose sizes are unknown
BACKOFF_SECONDS = (0.005, 0.4)  # first and longest wait after a write conflict


class ChangeProcessor:
    """Brings keys to agreement between a local database and Atlas."""

    def __init__(
        self,
        local: Database[Any],
        atlas: Database[Any],
        device: str,
        *,
        max_bytes: int = 16 * 1024 * 1024,
        marker_keep_hours: int = 336,
        at: Callable[[str], None] = lambda point: None,
        sleep: Callable[[float], None] = time.sleep,
        interrupts: tuple[type[Exception], ...] = (),
    ) -> None:
        """`device`: the instance id. `at` is called at named points, for tests of races and crashes. `interrupts`:
        exceptions that end the work from outside, such as a time limit."""
        self.databases = {Side.LOCAL: local, Side.ATLAS: atlas}
        self.device = device
        self.max_bytes = max_bytes
        self._former = partial(load_projection, local)
        self._atlas_reader = AtlasReader(self.databases, device, marker_keep_hours * 3_600_000, self._former)
        self.at = at
        self.sleep = sleep
        self.interrupts = interrupts
        self._known: set[tuple[Side, str]] = set()
        # Documents of a collection that make three quarters of max_bytes, by the last read
        self._fitting: dict[str, int] = {}

    def process(self, batch: Batch, policy: Policy) -> list[Outcome]:
        """Process a batch until every key has an outcome. On an unknown failure the batch is bisected until the failing
        document is isolated: RETRY, with the reason. Raises SyncError for failures that stop all of it."""
        gathered = batch.gathered  # as one, if it can be

        def apply(items: tuple[WorkItem, ...]) -> list[Outcome]:
            nonlocal gathered
            try:
                return self._process(replace(batch, items=items, gathered=gathered), policy)
            except Exception as error:
                gathered = False
                if isinstance(error, BatchTooLarge):
                    # At most half, since an unread document may be larger
                    fitting = min(error.fitting * 3 // 4, len(items) // 2)
                    self._fitting[batch.collection] = max(1, fitting)
                raise

        def portion(items: tuple[WorkItem, ...]) -> int:
            return len(items) if gathered else self._portion(batch.collection, items)

        return in_parts(batch.items, portion, apply, self.interrupts)

    def _portion(self, collection: str, items: Sequence[WorkItem]) -> int:
        """How many of these documents to take at once."""
        count = fitting_ids(items)
        fitting = self._fitting.get(collection, count)
        return count if count <= fitting * 4 // 3 else fitting

    def _process(self, batch: Batch, policy: Policy) -> list[Outcome]:
        # One document, with those that it exchanges unique values with, cannot be split further
        max_bytes = self.max_bytes if len(batch.items) > 1 else UNLIMITED
        if batch.gathered:
            max_bytes = max(max_bytes, EXCHANGE_BYTES)
        items = {item.key: item for item in batch.items}
        work = Work(
            items, max_bytes, batch.gathered, policy.projection, policy.rule.filter, keeps_base(policy)
        )
        if policy.projection.id:
            with translated(), of_side(self.databases[Side.LOCAL]):
                keep_projection(self.databases[Side.LOCAL], policy.projection)
        left_over = Ending.AGAIN  # also for a document that keeps changing
        for attempt in range(ROUNDS):
            if not work.items:
                break
            try:
                self._round(batch, work, policy)
            except TransientError as error:
                if isinstance(error, ConnectionDown) or attempt == ROUNDS - 1:
                    if not work.outcomes:
                        raise
                    # Finished keys are reported; the rest will get the error again
                    left_over = Ending.AGAIN if isinstance(error, ConnectionDown) else Ending.RETRY
                    break
                first, longest = BACKOFF_SECONDS
                self.sleep(min(longest, first * 2**attempt) * random.uniform(0.5, 1.5))
            work.next_round()
        return work.end(left_over)

    def _round(self, batch: Batch, work: Work, policy: Policy) -> None:
        """Process every key once. Keys without an outcome have to be processed again."""
        with translated():
            view = self._atlas_reader.observe(batch, work, self._read, self.at)
        self.at("atlas read")
        while True:
            plan = Plan(new_batch_id(), batch.read_to, projection=work.projection, filtered=bool(work.filter))
            try:
                with translated():
                    self._decide_locally(batch, work, view, policy, plan)
                break
            except DocumentRefused as error:
                self._refused(work, plan, error, Side.LOCAL, plan.pulls)
            except CollectionRefused as error:
                work.reject(error, Side.LOCAL, view.documents)
        work.outcomes |= plan.outcomes
        work.in_conflict |= plan.in_conflict
        work.merged |= plan.merged
        work.leaving |= plan.leaving
        self.at("local committed")
        if plan.pushes:
            self._push(plan, work)
            if work.postponed:
                refused = [write for write in plan.pushes if write.key in work.postponed]
                work.items |= {write.key: plan.remember(write, work.items[write.key]) for write in refused}
        if plan.questions:
            with translated(), of_side(self.databases[Side.LOCAL]):
                questions = with_bases(self.databases[Side.LOCAL], plan.questions)
            rulings, failed = make_verdicts(questions, self.interrupts, self.at)
            work.rulings |= rulings
            work.outcomes |= failed

    def _refused(
        self, work: Work, plan: Plan, error: DocumentRefused, target: Side, writes: list[DocumentWrite]
    ) -> None:
        """The target refuses this one document: reject it, or process it again with others."""
        self.at("refused")
        with translated():
            take_out(self.databases, work, plan, error, target, writes, lambda: self.at("probing"))

    def _read(
        self, collection: Collection[Any], work: Work, keys: Iterable[DocumentKey], session: ClientSession
    ) -> dict[DocumentKey, bytes]:
        first = None if collection.name in self._fitting else FIRST_READ
        return read_documents(collection, keys, session, work.max_bytes, first)

    # Step 2

    def _decide_locally(self, batch: Batch, work: Work, view: AtlasView, policy: Policy, plan: Plan) -> None:
        local = self.databases[Side.LOCAL]
        items = work.left()
        self._ensure_exists(Side.LOCAL, batch.collection, any(key in view.documents for key in items))
        with transaction(local) as session:
            documents = self._read(local[batch.collection], work, items, session)
            if items:
                size = max(sum(map(len, found.values())) for found in (documents, view.documents))
                self._fitting[batch.collection] = max(1, self.max_bytes * 3 // 4 * len(items) // max(size, 1))
            plan.read_at = {Side.LOCAL: read_position(session), Side.ATLAS: view.position}
            if work.keeps_bases:
                plan.bases = Bases(kept_bases(local, items, session), counts_twice(policy))
            self.at("local read")
            decide_all(batch, work, items, view, documents, policy, plan, self._former)
            if plan.states:
                self._write_plan(local, batch, work, view, plan, session)
                self.at("local written")

    def _write_plan(
        self,
        local: Database[Any],
        batch: Batch,
        work: Work,
        view: AtlasView,
        plan: Plan,
        session: ClientSession,
    ) -> None:
        if plan.pulls or plan.pushes:
            insert_marker(local, plan.batch_id, self.device, session, task=batch.task_id)
        write_documents(local[batch.collection], plan.pulls, session, work.exchanged)
        if plan.bases is not None:
            plan.conflicts = recorded_with_bases(
                local, plan.bases.asked, plan.conflicts, plan.projection, session
            )
        plan.count_once(write_records(local, plan.conflicts, session))
        write_states(local, [(key, view.states[key], after) for key, after in plan.states.items()], session)
        if plan.bases is not None:
            write_bases(local, plan.bases.changes, session)

    # Steps 3 and 4

    def _push(self, plan: Plan, work: Work) -> None:
        """Push what the plan intends. Keys whose document on Atlas changed get no outcome."""
        read_all = False
        while True:
            left = work.left()
            writes = [write for write in plan.pushes if write.key in left]
            try:
                with translated():
                    landed = self._write_to_atlas(plan.batch_id, writes, work, read_all)
                break
            except DocumentRefused as error:
                if error.is_there and not read_all:
                    read_all = True  # more of them may exist
                    continue
                self._refused(work, plan, error, Side.ATLAS, writes)
            except CollectionRefused as error:
                work.reject(error, Side.ATLAS, {write.key: write.after for write in writes})
            except DuplicateKeyError:
                return  # our intents were resolved by another task
        for write in landed.writes:
            # What left the filter by its push is looked at again, and dropped here
            outcomes = work.pushed if write.key in landed.leaving else work.outcomes
            outcomes[write.key] = transferred(write, Side.ATLAS, work.items[write.key])
        self.at("atlas committed")
        if landed.writes:
            with translated(), of_side(self.databases[Side.LOCAL]):
                keys = [write.key for write in landed.writes]
                whole = len(keys) == len(plan.pushes)
                record_landed(self.databases[Side.LOCAL], plan.batch_id, keys, landed.position, whole)
            self.at("push recorded")

    def _write_to_atlas(
        self, batch_id: str, writes: list[DocumentWrite], work: Work, read_all: bool
    ) -> Landed:
        if not writes:
            return Landed()
        needed = any(write.after is not None for write in writes)
        self._ensure_exists(Side.ATLAS, writes[0].key.collection, needed)
        return write_to_atlas(
            self.databases[Side.ATLAS], self.device, batch_id, writes, work, read_all, self.at
        )

    def _ensure_exists(self, side: Side, collection: str, needed: bool) -> None:
        if needed and (side, collection) not in self._known:
            with of_side(self.databases[side]):
                ensure_collection(self.databases[side], collection)
            self._known.add((side, collection))
