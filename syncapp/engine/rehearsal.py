"""What a task would do about one key, by the code that decides for tasks (deciding.py, plan.py), with nothing written.

Nobody knows the times here that the listener knows: a conflict is rehearsed for each order in which both changes may have been
made. An operator's own function is not called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pymongo.database import Database

from syncapp.core.decide import Decision, Observation
from syncapp.core.resolve import counts_twice, keeps_base, strategy_for
from syncapp.core.rule.policy import Policy, policy_for
from syncapp.core.rule.projection import Projection
from syncapp.core.strategies import callable as own_function
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import ATLAS_ORIGIN, Batch, DocumentKey, Ending, Fact, Side, SyncState, WorkItem
from syncapp.engine.atlas_view import AtlasView
from syncapp.engine.bases import Bases
from syncapp.engine.deciding import decide_all
from syncapp.engine.plan import Plan
from syncapp.engine.rulings import make_verdicts, with_bases
from syncapp.engine.work import Work
from syncapp.mongo.documents import DocumentWrite
from syncapp.store.bases import Kept, kept_bases

EVERYTHING_READ = dict.fromkeys(Side, 1 << 63)  # as if both streams had been read past the reads
AT_ANY_TIME = dict.fromkeys(Side, 0)
DEVICE = "device"
FIRST, SECOND = 1, 2  # times
_ORDERS: tuple[Mapping[Side, Fact], ...] = (
    {},  # neither time is known
    {Side.LOCAL: Fact(0, SECOND, DEVICE), Side.ATLAS: Fact(0, FIRST, ATLAS_ORIGIN)},
    {Side.LOCAL: Fact(0, FIRST, DEVICE), Side.ATLAS: Fact(0, SECOND, ATLAS_ORIGIN)},
)


class Scene(NamedTuple):
    """What a task reads of a key. `settled`: the state once the outcome of its open push is known."""

    key: DocumentKey
    versions: Mapping[Side, bytes | None]
    state: SyncState
    settled: SyncState
    foreign: bool  # Atlas's version does not match the collection's filter


class Effect(NamedTuple):
    """`pull`, `push`: what is written here, and on Atlas. `refused`: why the change is rejected instead, by a validation rule or
    by the validator of the collection that it is written to."""

    decision: Decision
    pull: DocumentWrite | None = None
    push: DocumentWrite | None = None
    refused: str = ""
    recorded: bool = False  # with both versions, as a conflict
    dropped: bool = False  # here, since Atlas's version does not match the filter
    leaves: bool = False  # what is pushed does not match the filter


class Rehearsed(NamedTuple):
    """`seen` None: it is nowhere. `effects`: in the orders in which both changes may have been made; none: an operator's function
    decides. `strategy`: of a conflict."""

    seen: Observation | None
    effects: tuple[Effect, ...]
    strategy: Strategy | None = None

    @property
    def decision(self) -> Decision:
        found = {one.decision for one in self.effects}
        return found.pop() if len(found) == 1 else Decision.CONFLICT


class _Rehearsal(Plan):
    """Remembers what was decided."""

    decision = Decision.EQUAL  # of what is nothing
    seen: Observation | None = None

    def add(
        self,
        item: WorkItem,
        seen: Observation,
        decision: Decision,
        versions: dict[Side, bytes | None],
        policy: Policy,
        verdict: Verdict | None = None,
    ) -> None:
        self.decision, self.seen = decision, seen
        super().add(item, seen, decision, versions, policy, verdict)

    def _as_the_contents_say(self, merged: bytes | None, local: bytes, atlas: bytes) -> Decision:
        self.decision = super()._as_the_contents_say(merged, local, atlas)
        return self.decision


def rehearse(
    local: Database[Any], scene: Scene, policy: Policy, former: Callable[[str], Projection | None]
) -> Rehearsed:
    """`former`: as `Sight` has it. Raises PyMongoError, and what a strategy raises over a document."""
    based = keeps_base(policy)
    kept = kept_bases(local, [scene.key]) if based else {}
    found = [_rehearsed(local, scene, facts, policy, former, kept if based else None) for facts in _ORDERS]
    last = found[-1]
    if not all(one.effects for one in found):
        return last._replace(effects=())
    return last._replace(effects=tuple(effect for one in found for effect in one.effects))


def _rehearsed(
    local: Database[Any],
    scene: Scene,
    facts: Mapping[Side, Fact],
    policy: Policy,
    former: Callable[[str], Projection | None],
    kept: Mapping[DocumentKey, Kept] | None,
) -> Rehearsed:
    """In one order."""
    key, rule = scene.key, policy.rule
    bases = None if kept is None else Bases(kept, counts_twice(policy))
    work = Work({key: WorkItem(key, facts)}, 0, projection=policy.projection, filter=rule.filter)
    plan = _plan(work, scene, policy, former, bases)
    question = plan.questions.get(key)
    if question is None:
        return Rehearsed(plan.seen, (_effect(plan, scene),), _strategy(plan, facts, policy))
    strategy = strategy_for(question.conflict, based=question.base is not None)
    if strategy.name != own_function.NAME:
        work.rulings |= make_verdicts(with_bases(local, {key: question}), (), lambda point: None)[0]
        plan = _plan(work, scene, policy, former, bases)
        if not (plan.outcomes or plan.pushes or plan.questions):
            # Both sides made it leave the filter: the next round drops it
            agreed = plan.states[key]
            plan = _plan(work, scene._replace(state=agreed, settled=agreed), policy, former, bases)
    effects = () if plan.questions else (_effect(plan, scene),)
    return Rehearsed(question.seen, effects, strategy)


def _strategy(plan: _Rehearsal, facts: Mapping[Side, Fact], policy: Policy) -> Strategy | None:
    if plan.seen is None:
        return None
    return strategy_for(Conflict(plan.seen.contents, facts, policy_for(plan.seen.state, policy)))


def _plan(
    work: Work, scene: Scene, policy: Policy, former: Callable[[str], Projection | None], bases: Bases | None
) -> _Rehearsal:
    key = scene.key
    batch = Batch("", Side.LOCAL, key.collection, tuple(work.items.values()), EVERYTHING_READ)
    documents = {side: {} if one is None else {key: one} for side, one in scene.versions.items()}
    settled = {} if scene.state.intent is None else {key: scene.settled}
    foreign = frozenset({key} if scene.foreign else ())
    view = AtlasView(documents[Side.ATLAS], 0, {key: scene.state}, settled, foreign)
    plan = _Rehearsal(
        "", EVERYTHING_READ, read_at=AT_ANY_TIME, projection=policy.projection, filtered=bool(policy.rule.filter), bases=bases
    )  # fmt: skip
    decide_all(batch, work, work.items, view, documents[Side.LOCAL], policy, plan, former)
    return plan


def _effect(plan: _Rehearsal, scene: Scene) -> Effect:
    outcome = plan.outcomes.get(scene.key)
    refused = outcome.reason if outcome is not None and outcome.ending is Ending.REJECTED else ""
    pull, push = next(iter(plan.pulls), None), next(iter(plan.pushes), None)
    dropped = pull is not None and push is None and scene.key in plan.foreign
    return Effect(plan.decision, pull, push, refused, bool(plan.conflicts), dropped)
