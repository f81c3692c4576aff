"""What the decisions about a batch come to: documents to write on either side, conflict records, new
states, and outcomes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncapp.core.content import content_hash
from syncapp.core.decide import SOURCES, Decision, Observation, Policy, fact_belongs, rule_of
from syncapp.core.values import (
    BOTH,
    DocumentKey,
    Ending,
    Fact,
    Intent,
    Operation,
    Outcome,
    Seen,
    Side,
    SyncState,
    WorkItem,
)
from syncapp.mongo.documents import DocumentWrite
from syncapp.store.conflicts import ConflictRecord, new_record, open_record_id, record_id

WINNERS = {Decision.LOCAL_WINS: Side.LOCAL, Decision.ATLAS_WINS: Side.ATLAS, Decision.MANUAL: None}


@dataclass(slots=True)
class Plan:
    """What a local transaction decided. Nothing of it counts until that transaction is committed."""

    batch_id: str
    read_to: Mapping[Side, int]  # as the batch says
    outcomes: dict[DocumentKey, Outcome] = field(default_factory=dict)
    states: dict[DocumentKey, SyncState] = field(default_factory=dict)
    pulls: list[DocumentWrite] = field(default_factory=list)
    pushes: list[DocumentWrite] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    in_conflict: set[DocumentKey] = field(default_factory=set)
    leaving: set[DocumentKey] = field(default_factory=set)  # pushes whose time is not known yet
    read_at: Mapping[Side, int] = field(default_factory=dict)  # positions of the reads behind the decisions

    def add(
        self,
        item: WorkItem,
        seen: Observation,
        decision: Decision,
        versions: dict[Side, bytes | None],
        policy: Policy,
    ) -> None:
        """Take one key's decision in. `versions` are the documents that it was made on."""
        key, state = item.key, seen.state
        local, atlas = seen.contents[Side.LOCAL], seen.contents[Side.ATLAS]
        if decision in (Decision.WAIT_FOR_LOCAL, Decision.WAIT_FOR_BOTH):
            sides = (Side.LOCAL,) if decision is Decision.WAIT_FOR_LOCAL else BOTH
            if decision is Decision.WAIT_FOR_LOCAL:
                self.leaving.add(key)
            self.outcomes[key] = Outcome(key, Ending.WAIT, seen=wait_for(seen, item, sides, self.read_to))
            return
        if refused := refused_by_rule(key, decision, versions, policy):
            self.outcomes[key] = refused  # nothing of it is written, its state neither
            return
        seen_at = seen.read_at[Side.ATLAS]
        open_conflict = open_record_id(key, local, atlas) if decision is Decision.MANUAL else ""
        if decision in WINNERS:
            facts = {side: item.facts.get(side) for side in Side}
            self.in_conflict.add(key)
            self.conflicts.append(
                new_record(
                    open_conflict or record_id(self.batch_id, key),
                    key,
                    at=dt.datetime.now(dt.UTC),
                    strategy=rule_of(item, policy),
                    winner=WINNERS[decision],
                    one_way=policy.one_way,
                    versions=versions,
                    facts=facts,
                )
            )
        if decision in (Decision.PULL, Decision.ATLAS_WINS):
            write = DocumentWrite(key, versions[Side.LOCAL], versions[Side.ATLAS])
            self.pulls.append(write)
            self.outcomes[key] = transferred(write, Side.LOCAL, item)
            after = state.next(atlas, atlas, seen_at=seen_at)
        elif decision in (Decision.PUSH, Decision.LOCAL_WINS):
            # A conflict that local wins agrees on Atlas's content, which makes it an ordinary push
            self.pushes.append(DocumentWrite(key, versions[Side.ATLAS], versions[Side.LOCAL]))
            agreed = (atlas, atlas) if decision is Decision.LOCAL_WINS else (state.local, state.atlas)
            after = state.next(*agreed, Intent(self.batch_id, local, now_ms()), seen_at=seen_at)
        else:
            # What an excluded collection is owed is found by comparing it when it is let in again
            owed = decision is Decision.OWED and not policy.excluded
            ending = Ending.OWED if owed else Ending.DONE
            held = decision in (Decision.HALTED, Decision.MANUAL)
            self.outcomes[key] = Outcome(key, ending, open_conflict=open_conflict, held=held)
            # Even if nothing changes the counter is raised: an older decision must not be written later
            agreed = (local, local) if decision is Decision.EQUAL else (state.local, state.atlas)
            prefer = None if decision is Decision.EQUAL else state.prefer
            after = state.next(*agreed, prefer=prefer, seen_at=seen_at)
        self.states[key] = after

    def unwritten(self, write: DocumentWrite, target: Side) -> Seen:
        """What is known of a document that was decided about, and that its target refused."""
        contents = {target: content_hash(write.before), target.other: content_hash(write.after)}
        # What the local database refuses is rolled back, with the state
        counter = self.states[write.key].counter - (target is Side.LOCAL)
        return Seen(contents, self.read_at, counter)

    def remember(self, write: DocumentWrite, item: WorkItem) -> WorkItem:
        """Of a push that was refused: nothing came of the decision, so that it does not spoil what was known before, as
        somebody else's would."""
        unwritten = self.unwritten(write, Side.ATLAS)
        state = self.states[write.key]._replace(counter=unwritten.counter - 1)
        seen = wait_for(Observation(unwritten.contents, state, self.read_at), item, BOTH, self.read_to)
        return item._replace(seen=seen._replace(counter=unwritten.counter))

    def count_once(self, there: frozenset[str]) -> None:
        """These open conflicts were recorded before: looking at one again is no further conflict."""
        self.in_conflict -= {key for key, one in self.outcomes.items() if one.open_conflict in there}


def refused_by_rule(
    key: DocumentKey, decision: Decision, versions: Mapping[Side, bytes | None], policy: Policy
) -> Outcome | None:
    """The end of a key whose version must not be carried over by a validation rule. A delete always may."""
    source = SOURCES.get(decision)
    document = versions[source] if source else None
    reason = policy.check(document) if policy.check and document is not None else None
    if not source or not reason:
        return None
    return Outcome(key, Ending.REJECTED, transfer=source.other, reason=reason, document=document)


def wait_for(seen: Observation, item: WorkItem, sides: tuple[Side, ...], read_to: Mapping[Side, int]) -> Seen:
    """What to wait for: the earlier read where it still tells something, else this one."""
    before = item.seen
    read_at = dict(seen.read_at)
    for side in Side:
        if before is None or before.counter != seen.state.counter:
            continue
        fact = item.facts.get(side)
        newer = fact is not None and fact.position > before.read_at[side]
        to_come = before.contents[side] == seen.contents[side] and read_to[side] < before.read_at[side]
        if (to_come and not newer) or fact_belongs(side, seen, item, read_to):
            read_at[side] = before.read_at[side]
    return Seen(seen.contents, read_at, seen.state.counter, sides)


def transferred(write: DocumentWrite, target: Side, item: WorkItem) -> Outcome:
    operation = write.operation
    source: Fact | None = item.facts.get(target.other)
    if operation is Operation.UPDATE and source is not None and source.operation is Operation.REPLACE:
        operation = Operation.REPLACE
    return Outcome(write.key, Ending.DONE, transfer=target, operation=operation)


def now_ms() -> int:
    return int(time.time() * 1000)
