"""The result of a batch's decisions: documents to write on either side, conflict records, new
states, and outcomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncapp.core.clock import now_ms
from syncapp.core.decide import SOURCES, Decision, Observation, fact_belongs
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.core.strategy import Verdict
from syncapp.core.values import (
    ABSENT,
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
from syncapp.engine.bases import Bases
from syncapp.engine.rulings import Question
from syncapp.mongo.documents import DocumentWrite
from syncapp.store.conflicts import ConflictRecord, new_record, open_record_id, record_id

RECORDED = frozenset({Decision.LOCAL_WINS, Decision.ATLAS_WINS, Decision.MERGED, Decision.MANUAL})
# Of a merge that is the version of local, of Atlas
_BECOMES = {
    (True, True): Decision.EQUAL,
    (True, False): Decision.LOCAL_WINS,
    (False, True): Decision.ATLAS_WINS,
}
WAITS_FOR = {Decision.WAIT_FOR_LOCAL: (Side.LOCAL,), Decision.WAIT_FOR_BOTH: BOTH}


@dataclass(slots=True)
class Plan:
    """What a local transaction decided. Not valid until that transaction is committed."""

    batch_id: str
    read_to: Mapping[Side, int]  # from the batch
    outcomes: dict[DocumentKey, Outcome] = field(default_factory=dict)
    states: dict[DocumentKey, SyncState] = field(default_factory=dict)
    pulls: list[DocumentWrite] = field(default_factory=list)
    pushes: list[DocumentWrite] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    in_conflict: dict[DocumentKey, str] = field(default_factory=dict)  # and why who won
    merged: dict[DocumentKey, str] = field(default_factory=dict)  # and how
    questions: dict[DocumentKey, Question] = field(default_factory=dict)  # conflicts that are judged outside
    leaving: set[DocumentKey] = field(default_factory=set)  # pushes whose time is not known yet
    read_at: Mapping[Side, int] = field(default_factory=dict)  # positions of the reads behind the decisions
    projection: Projection = WHOLE
    filtered: bool = False  # only documents that match are here
    # Those of Atlas's that do not, and are not brought here
    foreign: set[DocumentKey] = field(default_factory=set)
    bases: Bases | None = None  # for a strategy that merges

    def add(
        self,
        item: WorkItem,
        seen: Observation,
        decision: Decision,
        versions: dict[Side, bytes | None],
        policy: Policy,
        verdict: Verdict | None = None,
    ) -> None:
        """Take one key's decision in. `versions` are the documents that it was made on; `verdict`: of a conflict."""
        key, state = item.key, seen.state
        local, atlas = seen.contents[Side.LOCAL], seen.contents[Side.ATLAS]
        if decision in WAITS_FOR:
            self._wait(item, seen, decision)
            return
        dropped = key in self.foreign and SOURCES.get(decision) is Side.ATLAS
        merged = verdict.document if verdict is not None else None
        if decision is Decision.MERGED:
            decision = self._as_the_contents_say(merged, local, atlas)
        if not dropped and (refused := refused_by_rule(key, decision, versions, policy, merged)):
            self.outcomes[key] = refused  # nothing is written, not even its state
            return
        seen_at = seen.read_at[Side.ATLAS]
        open_conflict = open_record_id(key, local, atlas) if decision is Decision.MANUAL else ""
        if verdict is not None and decision in RECORDED:
            name = open_conflict or record_id(self.batch_id, key)
            self._record(name, item, state, versions, policy, verdict)
        if decision is Decision.MERGED:
            # A rebase: local holds the merged version, agreed on is Atlas's, and what is left is an ordinary push
            # Here too if Atlas's version does not match the filter: what leaves by an edit goes up first
            self.pulls.append(self._write(key, versions[Side.LOCAL], merged))
            self.pushes.append(self._write(key, versions[Side.ATLAS], merged))
            intent = Intent(self.batch_id, self.projection.content(merged), now_ms())
            after = state.next(atlas, atlas, intent, seen_at=seen_at)
        elif decision in (Decision.PULL, Decision.ATLAS_WINS):
            coming = None if key in self.foreign else versions[Side.ATLAS]
            write = self._write(key, versions[Side.LOCAL], coming)
            self.pulls.append(write)
            self.outcomes[key] = transferred(write, Side.LOCAL, item)
            agreed = (ABSENT, ABSENT) if key in self.foreign else (atlas, atlas)
            after = state.next(*agreed, seen_at=seen_at)
        elif decision in (Decision.PUSH, Decision.LOCAL_WINS):
            # A conflict that local wins agrees on Atlas's content, which makes it an ordinary push
            self.pushes.append(self._write(key, versions[Side.ATLAS], versions[Side.LOCAL]))
            agreed = (atlas, atlas) if decision is Decision.LOCAL_WINS else (state.local, state.atlas)
            after = state.next(*agreed, Intent(self.batch_id, local, now_ms()), seen_at=seen_at)
        else:
            ending = Ending.OWED if decision is Decision.OWED else Ending.DONE
            held = decision in (Decision.HALTED, Decision.MANUAL)
            if not (decision is Decision.EQUAL and key in self.foreign and local != ABSENT):
                # Else both sides made it leave: the next round drops it
                self.outcomes[key] = Outcome(key, ending, open_conflict=open_conflict, held=held)
            # The counter is raised even without a change: an older decision must not be written later
            agreed = (local, local) if decision is Decision.EQUAL else (state.local, state.atlas)
            prefer = None if decision is Decision.EQUAL else state.prefer
            after = state.next(*agreed, prefer=prefer, seen_at=seen_at)
        self.states[key] = after
        if self.bases is not None:
            content, bare = self.projection.content, self.projection.bare
            documents = {content(one): bare(one) for one in (*versions.values(), merged)}
            self.bases.follow(key, after, documents)

    def _as_the_contents_say(self, merged: bytes | None, local: bytes, atlas: bytes) -> Decision:
        """What is to be done where both sides shall hold this version: it may be that of one of them, or of both."""
        content = self.projection.content(merged)
        if content in (local, atlas):
            return _BECOMES[content == local, content == atlas]
        return Decision.MERGED

    def _wait(self, item: WorkItem, seen: Observation, decision: Decision) -> None:
        if decision is Decision.WAIT_FOR_LOCAL:
            self.leaving.add(item.key)
        held_up = wait_for(seen, item, WAITS_FOR[decision], self.read_to)
        self.outcomes[item.key] = Outcome(item.key, Ending.WAIT, seen=held_up)

    def _record(
        self,
        name: str,
        item: WorkItem,
        state: SyncState,
        versions: dict[Side, bytes | None],
        policy: Policy,
        verdict: Verdict,
    ) -> None:
        if verdict.document is not None:
            self.merged[item.key] = verdict.because
        if verdict.lossless:
            return  # every change of both sides is there
        self.in_conflict[item.key] = verdict.because
        facts = {side: item.facts.get(side) for side in Side}
        at = dt.datetime.now(dt.UTC)
        record = new_record(
            name, item.key, verdict, at=at, one_way=policy.one_way, versions=versions, facts=facts
        )
        self.conflicts.append(record)
        if verdict.base is None and self.bases is not None:
            self.bases.ask(item.key, state, name)

    def _write(self, key: DocumentKey, there: bytes | None, coming: bytes | None) -> DocumentWrite:
        return DocumentWrite(key, there, self.projection.carried(coming, there))

    def unwritten(self, write: DocumentWrite, target: Side) -> Seen:
        """What is known of a decided document that its target refused."""
        content = self.projection.content
        contents = {target: content(write.before), target.other: content(write.after)}
        # What the local database refuses is rolled back, with the state
        counter = self.states[write.key].counter - (target is Side.LOCAL)
        return Seen(contents, self.read_at, counter)

    def remember(self, write: DocumentWrite, item: WorkItem) -> WorkItem:
        """For a refused push: its decision had no effect, so unlike a concurrent one it does not invalidate what was
        known before."""
        unwritten = self.unwritten(write, Side.ATLAS)
        state = self.states[write.key]._replace(counter=unwritten.counter - 1)
        seen = wait_for(Observation(unwritten.contents, state, self.read_at), item, BOTH, self.read_to)
        return item._replace(seen=seen._replace(counter=unwritten.counter))

    def count_once(self, there: frozenset[str]) -> None:
        """These open conflicts were recorded before: processing one again is not a new conflict."""
        for key in {key for key, one in self.outcomes.items() if one.open_conflict in there}:
            self.in_conflict.pop(key, None)


def refused_by_rule(
    key: DocumentKey,
    decision: Decision,
    versions: Mapping[Side, bytes | None],
    policy: Policy,
    merged: bytes | None = None,
) -> Outcome | None:
    """The end of a key whose version a validation rule does not allow to be transferred. Deletes are always allowed."""
    source = Side.LOCAL if decision is Decision.MERGED else SOURCES.get(decision)
    document = merged if decision is Decision.MERGED else versions[source] if source else None
    reason = policy.check(document) if policy.check and document is not None else None
    if not source or not reason:
        return None
    return Outcome(key, Ending.REJECTED, transfer=source.other, reason=reason, document=document)


def wait_for(seen: Observation, item: WorkItem, sides: tuple[Side, ...], read_to: Mapping[Side, int]) -> Seen:
    """What to wait for: the earlier read if it is still valid, otherwise this one."""
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
