"""A Python function of the operator decides (core/resolver.py). If it fails, the general strategy does."""

from __future__ import annotations

from dataclasses import replace

from syncapp.core import by_time, resolver
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.core.wording import after, dated

NAME = "callable"
FAILED = f"{NAME} failed"  # how the rule in a record begins
REASON = 300  # characters


def resolve(conflict: Conflict) -> Verdict:
    answer = resolver.call(conflict)
    path = one_line(conflict.policy.rule.resolver)
    first, second = dated(conflict, Side.LOCAL), after(conflict, Side.ATLAS)
    if answer is None:
        return Verdict(None, NAME, f"{path} left it to an operator to decide between {first} and {second}")
    if isinstance(answer, Side):
        first, second = dated(conflict, answer), after(conflict, answer.other)
        return Verdict(answer, NAME, f"{path} chose: {first} over {second}")
    document = resolver.encode(answer, conflict)
    winner = by_time.resolve(conflict).winner or Side.LOCAL
    return Verdict(winner, NAME, f"{path} made one version of {first} and {second}", document=document)


def fall_back(conflict: Conflict, error: Exception) -> tuple[Conflict, str]:
    """The conflict under the strategy that decides instead, and why."""
    why = one_line(f"{type(error).__name__}: {error}")[:REASON]
    policy = replace(conflict.policy, strategy=conflict.policy.fallback)
    return conflict._replace(policy=policy), f"{one_line(conflict.policy.rule.resolver)} failed ({why})"


STRATEGY = Strategy(
    NAME,
    "a Python function of yours, named by the collection's rule",
    resolve,
    needs_documents=True,
    keeps_base=True,
)
