"""The local version wins, regardless of the times."""

from __future__ import annotations

from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side
from syncapp.core.wording import after, dated

NAME = "local-wins"


def resolve(conflict: Conflict) -> Verdict:
    first, second = dated(conflict, Side.LOCAL), after(conflict, Side.ATLAS)
    return Verdict(Side.LOCAL, NAME, f"local wins, whenever the changes were made: {first} over {second}")


STRATEGY = Strategy(NAME, "always the local side", resolve)
