"""Atlas's version wins, regardless of the times."""

from __future__ import annotations

from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side
from syncapp.core.wording import after, dated

NAME = "atlas-wins"


def resolve(conflict: Conflict) -> Verdict:
    first, second = dated(conflict, Side.ATLAS), after(conflict, Side.LOCAL)
    return Verdict(Side.ATLAS, NAME, f"Atlas wins, whenever the changes were made: {first} over {second}")


STRATEGY = Strategy(NAME, "always Atlas", resolve)
