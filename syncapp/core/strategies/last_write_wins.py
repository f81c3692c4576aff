"""The later change wins; at equal times the greater origin, so that every device decides the same way."""

from __future__ import annotations

from syncapp.core.rule.policy import LAST_WRITE_WINS
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Fact, Side
from syncapp.core.wording import after, dated, named

WITHIN_A_SECOND = "within one second"  # in a record: it is unknown which version was the later


def resolve(conflict: Conflict) -> Verdict:
    winner = later(conflict.facts.get(Side.LOCAL), conflict.facts.get(Side.ATLAS))
    rule = f"{LAST_WRITE_WINS} ({WITHIN_A_SECOND})" if within_a_second(conflict) else LAST_WRITE_WINS
    return Verdict(winner, rule, f"last write wins: {_why(conflict, winner)}")


def later(local: Fact | None, atlas: Fact | None) -> Side:
    """A side without a fact changed at an unknown time, which is older."""
    if local is None:
        return Side.ATLAS
    if atlas is None:
        return Side.LOCAL
    return Side.LOCAL if local.rank > atlas.rank else Side.ATLAS


def within_a_second(conflict: Conflict) -> bool:
    """Are the known times too close to tell which is the later?"""
    times = [fact.time for fact in conflict.facts.values() if fact.time is not None]
    exact = all(fact.exact for fact in conflict.facts.values())
    return not exact and len(times) == len(Side) and max(times) - min(times) < 1000


def _why(conflict: Conflict, winner: Side) -> str:
    first, second = dated(conflict, winner), after(conflict, winner.other)
    times = {side: conflict.time(side) for side in Side}
    if conflict.times_unknown:
        return f"neither time is known, and {_without_times(conflict, winner)}"
    if times[winner.other] is None:
        return f"{first} is newer than {second}, since an unknown time counts as older"
    if within_a_second(conflict):
        return (
            f"{first} was taken as newer than {second}; times that are known to the second only do not tell which of "
            "the two was"
        )
    if times[winner] == times[winner.other]:
        return f"{first} and {second} have the same time, and then {_by_origin(conflict, winner)}"
    return f"{first} is newer than {second}"


def _without_times(conflict: Conflict, winner: Side) -> str:
    if len(conflict.facts) == len(Side):
        return _by_origin(conflict, winner)
    seen = ", whose change alone was seen," if winner in conflict.facts else ""
    return f"{named(conflict, winner)}{seen} is taken"


def _by_origin(conflict: Conflict, winner: Side) -> str:
    if conflict.facts[winner].origin == conflict.facts[winner.other].origin:
        return f"{named(conflict, winner)} is taken"
    return f"the greater origin wins, the same way on every device: {named(conflict, winner)}"


STRATEGY = Strategy(LAST_WRITE_WINS, "the later change", resolve)
