"""Neither wins: the conflict needs manual resolution. So does one with a strategy unknown to this version."""

from __future__ import annotations

from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.core.wording import after, dated

NAME = "manual"


def resolve(conflict: Conflict) -> Verdict:
    asked = conflict.policy.strategy
    why = NAME if asked == NAME else f"this version knows no strategy {one_line(asked)}"
    first, second = dated(conflict, Side.LOCAL), after(conflict, Side.ATLAS)
    return Verdict(None, NAME, f"{why}: an operator decides between {first} and {second}")


STRATEGY = Strategy(NAME, "nobody: the conflict needs manual resolution", resolve)
