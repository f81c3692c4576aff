"""The effect of each answer of the first run, in numbers of documents: pure, from the comparison's report."""

from __future__ import annotations

from dataclasses import dataclass

from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import UnknownTime
from syncapp.store.first_run import Report


@dataclass(frozen=True, slots=True)
class Effect:
    """Numbers of documents. With `newest` the written side is not known beforehand: `either`."""

    to_local: int = 0  # written to, or inserted into, the local database
    to_atlas: int = 0
    either: int = 0  # written on one of the two sides
    left: int = 0  # left unchanged, on one side only
    manual: int = 0  # need manual resolution

    @property
    def sentences(self) -> list[str]:
        """As text; zero counts are left out."""
        parts = {
            "{} written to the local database": self.to_local,
            "{} written to Atlas": self.to_atlas,
            "{} written on the side that holds the older version": self.either,
            "{} left unchanged, on one side only": self.left,
            "{} kept as conflicts that need manual resolution": self.manual,
        }
        return [text.format(documents(number)) for text, number in parts.items() if number]


def documents(number: int) -> str:
    return f"{number:,} document{'' if number == 1 else 's'}"


def effect(report: Report, choice: InitialChoice) -> Effect:
    """The effect of the choice on the comparison's result."""
    found = report.to_decide
    pulled, pushed = choice.only_atlas == "pull", choice.only_local == "push"
    to_local = found.different * (choice.differing == UnknownTime.ATLAS) + found.only_atlas * pulled
    to_atlas = found.different * (choice.differing == UnknownTime.LOCAL) + found.only_local * pushed
    return Effect(
        to_local=to_local,
        to_atlas=to_atlas,
        either=found.different * (choice.differing == UnknownTime.NEWEST),
        left=found.only_atlas * (not pulled) + found.only_local * (not pushed),
        manual=found.different * (choice.differing == UnknownTime.MANUAL),
    )
