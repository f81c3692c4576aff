"""The decisions about a batch: made in the local transaction, on what both sides hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncapp.core.decide import Decision, Observation, decide
from syncapp.core.resolve import decision_of, resolve, strategy_for
from syncapp.core.rule.collection_rule import OnLeave
from syncapp.core.rule.policy import Policy, policy_for
from syncapp.core.rule.projection import Projection
from syncapp.core.rule.sight import Sight
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import ABSENT, Batch, DocumentKey, Ending, Outcome, Side, WorkItem
from syncapp.engine.atlas_view import AtlasView
from syncapp.engine.plan import Plan
from syncapp.engine.rulings import Question
from syncapp.engine.work import Work, known_of

Versions = dict[Side, bytes | None]


def decide_all(
    batch: Batch,
    work: Work,
    items: Mapping[DocumentKey, WorkItem],
    view: AtlasView,
    documents: Mapping[DocumentKey, bytes],
    policy: Policy,
    plan: Plan,
    former: Callable[[str], Projection | None],
) -> None:
    """Put into the plan what is to be done about each of these keys. `documents`: the local ones. `former`: as
    `Sight` has it."""
    sight = Sight(policy, former)
    for key, item in items.items():
        state = view.settled.get(key, view.states[key])
        rules = policy_for(state, policy)
        versions = {Side.LOCAL: documents.get(key), Side.ATLAS: view.documents.get(key)}
        foreign = key in view.foreign
        whole = sight.whole(state, versions, foreign)
        # A change that counts twice is one, also if it makes the document leave: it goes up first
        twice = plan.bases is not None and plan.bases.twice(key, whole.state, *whole.contents.values())
        contents, state = whole if twice else sight.filtered(whole, foreign)
        if foreign and policy.rule.on_leave is OnLeave.DROP:
            plan.foreign.add(key)
        seen = Observation(contents, state, plan.read_at, twice)
        verdict = _ruled(work, key, seen) if work.rulings else None
        if verdict is None:
            read_to = known_of(item, batch.read_to) if key in work.partners else batch.read_to
            decision = decide(seen, item, read_to, rules, batch.hurry)
            if plan.filtered and key not in view.settled and _is_nothing(decision, seen):
                plan.outcomes[key] = Outcome(key, Ending.DONE)  # nothing is kept about what is not here
                continue
            if decision is not Decision.CONFLICT:
                plan.add(item, seen, decision, versions, rules)
                continue
            verdict = _resolve(item, seen, versions, rules, plan)
        if verdict is not None:
            plan.add(item, seen, decision_of(verdict, rules), versions, rules, verdict)


def _is_nothing(decision: Decision, seen: Observation) -> bool:
    found = {*seen.contents.values(), seen.state.local, seen.state.atlas}
    return decision is Decision.EQUAL and found == {ABSENT}


def _ruled(work: Work, key: DocumentKey, seen: Observation) -> Verdict | None:
    """The verdict that was made outside, if it still holds."""
    ruling = work.rulings.get(key)
    return ruling.verdict if ruling is not None and ruling.holds(seen) else None


def _resolve(
    item: WorkItem, seen: Observation, versions: Versions, policy: Policy, plan: Plan
) -> Verdict | None:
    """None: it will be judged outside."""
    conflict = Conflict(seen.contents, item.facts, policy, collection=item.key.collection)
    base = plan.bases.of(item.key, seen.state) if plan.bases is not None else None
    if strategy_for(conflict, based=base is not None).needs_documents:
        plan.questions[item.key] = Question(seen, conflict._replace(documents=versions), base)
        return None
    return resolve(conflict)
