"""Who wins a conflict. Pure: strategies that need documents are asked by whoever has them, outside of transactions."""

from __future__ import annotations

from syncapp.core import by_time, strategies
from syncapp.core.decide import Decision
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.strategies import callable, field_merge, manual, one_way
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side

_WINS = {Side.LOCAL: Decision.LOCAL_WINS, Side.ATLAS: Decision.ATLAS_WINS, None: Decision.MANUAL}


def strategy_for(conflict: Conflict, *, based: bool = False) -> Strategy:
    """Who may not lose by the rules of the collection, then what was answered about unknown times, then what was set.

    `based`: what both versions were made from is known.
    """
    policy = conflict.policy
    if policy.one_way:
        return one_way.STRATEGY
    # One of a later version, for instance: nothing is lost while it needs manual resolution
    named = strategies.ALL.get(policy.strategy, manual.STRATEGY)
    if based and named.keeps_base:
        return named  # it asks for times only where both sides changed the same
    return by_time.of_unknown_times(conflict) or named


def keeps_base(policy: Policy) -> bool:
    """Is what both sides last agreed on kept as a document for this strategy?"""
    return policy.strategy in strategies.ALL and strategies.ALL[policy.strategy].keeps_base


def counts_twice(policy: Policy) -> bool:
    """Do equal changes of both sides count both?"""
    return (
        policy.strategy == field_merge.NAME and "sum" in policy.rule.numbers.values() and not policy.one_way
    )


def resolve(conflict: Conflict) -> Verdict:
    return strategy_for(conflict, based=conflict.base is not None).resolve(conflict)


def instead(conflict: Conflict, error: Exception) -> Verdict | None:
    """The verdict where an operator's function has failed. None: it was none, or the other strategy fails too."""
    if conflict.policy.one_way or conflict.policy.strategy != callable.NAME:
        return None
    other, why = callable.fall_back(conflict, error)
    verdict = resolve(other)
    return verdict._replace(
        rule=f"{callable.FAILED}: {verdict.rule}", because=f"{why}; {verdict.because}", lossless=False
    )


def decision_of(verdict: Verdict, policy: Policy) -> Decision:
    """What happens on each side."""
    if verdict.document is not None:
        return Decision.HALTED if Travel.HALTED in policy.travel.values() else Decision.MERGED
    if verdict.winner is not None and policy.travel[verdict.winner] is Travel.HALTED:
        return Decision.HALTED
    return _WINS[verdict.winner]
