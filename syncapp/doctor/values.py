"""What a check is given, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.one_line import one_line
from syncapp.core.values import BOTH, Side
from syncapp.mongo.error_text import NAMES as NAMES

VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # to be known; nothing is wrong
    WARNING = "warning"  # sync works, with a risk
    FAILED = "failed"  # must be mended

    @property
    def mark(self) -> str:
        return {"ok": "✓", "note": "·", "warning": "!", "failed": "✗"}[self.value]

    @property
    def exit_code(self) -> int:
        """0 fine, 1 warnings, 2 something must be mended."""
        return {"warning": 1, "failed": 2}.get(self.value, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `todo` says how to mend it, in one line or in steps of one line each."""

    level: Level
    text: str
    todo: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True)
class Setup:
    """What is looked at: the settings, and the databases that answer."""

    settings: SyncSettings
    databases: Mapping[Side, Database[Any]] = field(default_factory=dict)
    fix: bool = False

    def database_name(self, side: Side) -> str:
        local = side is Side.LOCAL
        return self.settings.local_database if local else self.settings.atlas_database


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise what the servers raise. It is left out if a side that it needs does not answer."""

    name: str
    look: Callable[[Setup], Iterable[Finding]]
    needs: tuple[Side, ...] = ()


def each_side(look: Callable[[Setup, Side], Iterable[Finding]], name: str) -> tuple[Check, ...]:
    """The same check once a side, so that one of them is looked at while the other is away."""

    def of(side: Side) -> Check:
        return Check(name, lambda setup: look(setup, side), (side,))

    return tuple(of(side) for side in BOTH)
