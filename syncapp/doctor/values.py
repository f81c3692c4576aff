"""The input and output of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.text.one_line import one_line
from syncapp.core.values import BOTH, Side
from syncapp.mongo.error_text import NAMES as NAMES

VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # information; nothing is wrong
    WARNING = "warning"  # sync works, with a risk
    FAILED = "failed"  # must be fixed

    @property
    def mark(self) -> str:
        return {"ok": "✓", "note": "·", "warning": "!", "failed": "✗"}[self.value]

    @property
    def exit_code(self) -> int:
        """0 fine, 1 warnings, 2 something must be fixed."""
        return {"warning": 1, "failed": 2}.get(self.value, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `todo`: how to fix it, in one line or in steps of one line each."""

    level: Level
    text: str
    todo: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True)
class Setup:
    """The objects of the checks: the settings, and the reachable databases."""

    settings: SyncSettings
    databases: Mapping[Side, Database[Any]] = field(default_factory=dict)
    fix: bool = False

    def database_name(self, side: Side) -> str:
        local = side is Side.LOCAL
        return self.settings.local_database if local else self.settings.atlas_database


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise the servers' errors. It is skipped if a side that it needs does not answer."""

    name: str
    look: Callable[[Setup], Iterable[Finding]]
    needs: tuple[Side, ...] = ()
    _: KW_ONLY
    place: int  # in the order of all checks


def each_side(
    name: str, look: Callable[[Setup, Side], Iterable[Finding]], *, place: int
) -> tuple[Check, ...]:
    """The same check per side, so that one side is checked while the other is down."""

    def of(side: Side) -> Check:
        return Check(name, lambda setup: look(setup, side), (side,), place=place)

    return tuple(of(side) for side in BOTH)
