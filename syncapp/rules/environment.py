"""The environment's values of what can also be changed at run time: what has changed since the last
start, and the source of each current value.

Stored in the row of switches as {variable: value, …, "given": [variables that were set]}. A row of an older
release has no "given": new variables are then unknown, so that an upgrade changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from syncapp.conf.settings import SyncSettings, load

if TYPE_CHECKING:
    from syncapp.models import SyncSwitches

GIVEN = "given"
NAMES = ("BIDIRECTIONAL_SYNC_ENABLED", "CONFLICT_RESOLUTION_STRATEGY", "BIDIRECTIONAL_EXCLUDED_COLLECTIONS")


class Source(StrEnum):
    ENVIRONMENT = "environment"
    RUN_TIME = "run time"
    DEFAULT = "default"


@dataclass(frozen=True)
class Environment:
    """`values`: of all names, or of none before the first start. `given`: those set in the environment;
    None: unknown."""

    values: Mapping[str, Any]
    given: frozenset[str] | None

    @classmethod
    def of(cls, settings: SyncSettings) -> Environment:
        values = {name: getattr(settings, name.lower()) for name in NAMES}
        values = {name: sorted(one) if isinstance(one, tuple) else one for name, one in values.items()}
        return cls(values, settings.given & frozenset(NAMES))

    @classmethod
    def kept(cls, document: Mapping[str, Any]) -> Environment:
        """As stored by the last start."""
        given = document.get(GIVEN) if document else ()
        values = {name: value for name, value in document.items() if name != GIVEN}
        return cls(values, None if given is None else frozenset(given))

    def as_document(self) -> dict[str, Any]:
        return {**self.values, GIVEN: sorted(self.given or ())}

    def changed_since(self, last: Environment) -> list[str]:
        """The names whose values differ from the last start. A newly set variable counts as changed, even
        if it has the default value; a removed one has the default."""
        return [name for name in self.values if self._is_new(name, last)]

    def _is_new(self, name: str, last: Environment) -> bool:
        value_differs = last.values.get(name) != self.values[name]
        line_is_new = last.given is not None and name in (self.given or ()) and name not in last.given
        return value_differs or line_is_new

    def shown(self, name: str) -> str:
        """For the audit log."""
        if name not in self.values:
            return "no start before"
        absent = self.given is not None and name not in self.given
        return f"not set (default {_text(self.values[name])})" if absent else _text(self.values[name])


@dataclass(frozen=True)
class InForce:
    """A value and its source. `next`: the environment's value, if the next start will take it."""

    name: str
    value: Any
    source: Source
    next: str = ""

    @property
    def text(self) -> str:
        return _text(self.value)

    def as_document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "source": str(self.source),
            "atNextStart": self.next or None,
        }


def values_in_force(switches: SyncSwitches, now: SyncSettings | None = None) -> list[InForce]:
    """Empty before the first start. `now`: the environment of this process, to show what the next start
    would change."""
    from syncapp.models import ExcludedCollection

    if not switches.environment:
        return []
    patterns = sorted(ExcludedCollection.objects.values_list("pattern", flat=True))
    values = dict(zip(NAMES, (switches.enabled, switches.strategy, patterns), strict=True))
    last = Environment.kept(switches.environment)
    present = Environment.of(now) if now else None
    # A variable that is not set for this process may be set for the listener
    new = set(present.changed_since(last)) & set(present.given or ()) if present else set()
    return [
        InForce(
            name,
            value,
            _source(name, value, last),
            _text(present.values[name]) if present and name in new else "",
        )
        for name, value in values.items()
    ]


def _source(name: str, value: Any, last: Environment) -> Source:
    if value != last.values.get(name):
        return Source.RUN_TIME
    # Unknown (a record of an older version): assume the default if the value is equal
    default = last.given is None and value == Environment.of(load({})).values[name]
    absent = last.given is not None and name not in last.given
    return Source.DEFAULT if default or absent else Source.ENVIRONMENT


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
