"""The whole decision about one key, as the engine comes to it."""

from __future__ import annotations

from collections.abc import Mapping

from syncapp.core.decide import Decision, Observation, decide
from syncapp.core.resolve import decision_of, resolve
from syncapp.core.rule.policy import Policy
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import Side, WorkItem

NOTHING: Mapping[Side, bytes | None] = dict.fromkeys(Side)


def decided(
    seen: Observation,
    item: WorkItem,
    read_to: Mapping[Side, int],
    policy: Policy,
    hurry: bool = False,
    *,
    documents: Mapping[Side, bytes | None] = NOTHING,
) -> Decision:
    """A conflict's too."""
    decision = decide(seen, item, read_to, policy, hurry)
    if decision is not Decision.CONFLICT:
        return decision
    return decision_of(verdict_of(seen, item, policy, documents), policy)


def verdict_of(
    seen: Observation,
    item: WorkItem,
    policy: Policy,
    documents: Mapping[Side, bytes | None] = NOTHING,
) -> Verdict:
    return resolve(Conflict(seen.contents, item.facts, policy, documents))
