"""Where only one side's versions are transferred they win, regardless of strategy and times."""

from __future__ import annotations

from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.strategies.chosen import answer
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side
from syncapp.core.wording import after, dated

_WHY = {
    (Side.ATLAS, Travel.WAITING): "sync is disabled, and nothing is pulled",
    (Side.ATLAS, Travel.NEVER): "the collection is excluded, and nothing is pulled",
    (Side.LOCAL, Travel.NEVER): "by the collection's rule nothing is pushed",
}
_BY_RULE = "by the collection's rule nothing is pulled"


def resolve(conflict: Conflict) -> Verdict:
    policy = conflict.policy
    stays = Side.ATLAS if policy.stays(Side.ATLAS) else Side.LOCAL
    winner = stays.other
    # Who was asked before is named, if the answer was this one
    answered = conflict.times_unknown and policy.unknown_time == winner.value
    rule = answer(policy) if answered else policy.strategy
    first, second = dated(conflict, winner), after(conflict, stays)
    return Verdict(winner, rule, f"one-way ({_why(policy, stays)}): {first} over {second}")


def _why(policy: Policy, stays: Side) -> str:
    by_rule = stays is Side.ATLAS and not policy.rule.direction.carries(stays)
    return _BY_RULE if by_rule else _WHY[stays, policy.travel[stays]]


STRATEGY = Strategy("one-way", "the side whose versions travel", resolve, offered=False)
