"""Patterns of collections, of exclusions and validation rules alike: may one be written so, and which collections does it
match at this moment, on both sides. That is said to whoever adds one, for a typing error matches nothing and stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncapp.core.rule import patterns
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.values import BOTH, Side
from syncapp.mongo.listing import list_collections
from syncapp.services.databases import database
from syncapp.services.errors import Unreachable, wrong_value

PROCESS = "matches of a pattern"
MOST_NAMES = 20  # a database may hold thousands of collections
_CALLED = {Side.LOCAL: "Local", Side.ATLAS: "Atlas"}


@dataclass(frozen=True)
class Matches:
    """`found`: sorted names; for an unreachable side the error."""

    pattern: str
    found: dict[Side, list[str] | Unreachable]

    @property
    def none_now(self) -> bool:
        return not any(self.found.values())

    def as_document(self) -> dict[str, object]:
        """By side: count and the first names; null: the side is unreachable."""
        return {
            side.value: None
            if isinstance(names, Unreachable)
            else {"count": len(names), "collections": names[:MOST_NAMES]}
            for side, names in self.found.items()
        }

    def __str__(self) -> str:
        if self.none_now:
            return f"{self.pattern} matches no collection now, on either side"
        parts = [f"{_CALLED[side]}: {_said(names)}" for side, names in self.found.items()]
        return f"{self.pattern} matches now: {'; '.join(parts)}"


def check(pattern: str) -> None:
    """Raises WrongInput for one that can match no collection, or means something else than it seems to."""
    try:
        patterns.check_pattern(pattern)
    except patterns.WrongPattern as why:
        raise wrong_value("pattern", pattern, str(why)) from None


def matches(pattern: str) -> Matches:
    """Takes up to five seconds for a side that does not answer."""
    (found,) = matches_of([pattern])
    return found


def matches_of(several: Iterable[str]) -> list[Matches]:
    """The same for several, with one query per side."""
    names = {side: _names(side) for side in BOTH}
    return [
        Matches(one, {side: _matching(names[side], Exclusions.of([one])) for side in BOTH}) for one in several
    ]


def _names(side: Side) -> list[str] | Unreachable:
    try:
        with database(side, PROCESS) as found:
            infos = [info for info in list_collections(found) if info["type"] == "collection"]
    except Unreachable as error:
        return error
    return sorted(info["name"] for info in infos if not is_reserved(info["name"]))


def _matching(names: list[str] | Unreachable, wanted: Exclusions) -> list[str] | Unreachable:
    return names if isinstance(names, Unreachable) else [name for name in names if wanted.excludes(name)]


def _said(names: list[str] | Unreachable) -> str:
    if isinstance(names, Unreachable):
        return f"unknown ({names})"
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more if names else "none"
