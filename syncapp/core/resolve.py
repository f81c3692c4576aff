"""Who wins a conflict. Pure: strategies that need documents are asked by whoever has them, outside of transactions."""

from __future__ import annotations

from syncapp.core import strategies
from syncapp.core.decide import Decision
from syncapp.core.policy import Policy, Travel
from syncapp.core.strategies import chosen, manual, newest, one_way
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side, UnknownTime

_WINS = {Side.LOCAL: Decision.LOCAL_WINS, Side.ATLAS: Decision.ATLAS_WINS, None: Decision.MANUAL}


def strategy_for(conflict: Conflict) -> Strategy:
    """Who may not lose by the rules of the collection, then what was answered about unknown times, then what was set."""
    policy = conflict.policy
    if policy.one_way:
        return one_way.STRATEGY
    if policy.unknown_time is not None and conflict.times_unknown:
        return newest.STRATEGY if policy.unknown_time is UnknownTime.NEWEST else chosen.STRATEGY
    # One of a later version, for instance: nothing is lost while it needs manual resolution
    return strategies.ALL.get(policy.strategy, manual.STRATEGY)


def resolve(conflict: Conflict) -> Verdict:
    return strategy_for(conflict).resolve(conflict)


def decision_of(verdict: Verdict, policy: Policy) -> Decision:
    """What happens on each side."""
    if verdict.winner is not None and policy.travel[verdict.winner] is Travel.HALTED:
        return Decision.HALTED
    return _WINS[verdict.winner]
