"""Who wins by the times of both versions: what others fall back on where they cannot tell."""

from __future__ import annotations

from syncapp.core.strategies import chosen, last_write_wins, newest
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import UnknownTime


def of_unknown_times(conflict: Conflict) -> Strategy | None:
    """What decides if nobody knows when either version was made. None: the times are known, or nothing was chosen."""
    chosen_for_all = conflict.policy.unknown_time
    if chosen_for_all is None or not conflict.times_unknown:
        return None
    return newest.STRATEGY if chosen_for_all is UnknownTime.NEWEST else chosen.STRATEGY


def resolve(conflict: Conflict) -> Verdict:
    """The later one, or what was chosen where no time is known."""
    return (of_unknown_times(conflict) or last_write_wins.STRATEGY).resolve(conflict)
