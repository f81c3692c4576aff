"""Where nobody knows when either version was made: the side that an operator chose for all such documents, at the first
run or after a restore; or nobody, so that an operator decides about each."""

from __future__ import annotations

from syncapp.core.rule.policy import Policy
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side, UnknownTime
from syncapp.core.wording import named


def resolve(conflict: Conflict) -> Verdict:
    policy = conflict.policy
    choice = policy.unknown_time
    if choice is None or choice is UnknownTime.MANUAL:
        versions = f"{named(conflict, Side.LOCAL)} and {named(conflict, Side.ATLAS)}"
        return Verdict(
            None, answer(policy), because(policy, f"an operator decides between {versions}, as was chosen")
        )
    winner = Side(choice.value)
    chosen = f"{named(conflict, winner)} wins over {named(conflict, winner.other)}, as was chosen"
    return Verdict(winner, answer(policy), because(policy, chosen))


def answer(policy: Policy) -> str:
    """The rule as a record has it."""
    by = f" by {policy.timestamp_field}" if policy.timestamp_field else ""
    return f"{policy.unknown_why}: {policy.unknown_time}{by}"


def because(policy: Policy, what: str) -> str:
    return f"{policy.unknown_why}, neither time is known: {what}"


STRATEGY = Strategy("chosen", "the side that an operator chose for unknown times", resolve, offered=False)
