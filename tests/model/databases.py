"""Databases as the model needs them: versions, snapshots, a log, and for Atlas what an old primary still shows.

Contents are integers, unique per native write; None is an absent document. A position in a log stands for a cluster
time: it is the number of events before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any, NamedTuple

Content = int | None


class WriteConflict(Exception):
    """Something that this transaction writes was committed by another since its snapshot."""


class Event(NamedTuple):
    """`time` and `origin` of the native change that is behind it. `batch`: of sync's own writes, None for others."""

    key: int
    time: int | None
    origin: str
    batch: Hashable = None


class Store:
    """One database: documents and what sync keeps; the log that its stream reads."""

    def __init__(self) -> None:
        self.data: dict[Hashable, Any] = {}
        self.versions: defaultdict[Hashable, int] = defaultdict(int)
        self.log: list[Event] = []
        self.past: list[tuple[int, dict[Hashable, Any]]] = [(0, {})]  # (position, what was there)

    @property
    def position(self) -> int:
        return len(self.log)

    def get(self, name: Hashable) -> Any:
        return self.data.get(name)

    def native_write(self, name: Hashable, content: Content, event: Event) -> None:
        self._write(name, content)
        self.log.append(event)
        self.remember()

    def _write(self, name: Hashable, value: Any) -> None:
        self.data[name] = value
        self.versions[name] += 1

    def apply(self, writes: dict[Hashable, Any], events: list[Event]) -> None:
        for name, value in writes.items():
            self._write(name, value)
        self.log.extend(events)
        self.remember()

    def remember(self) -> None:
        self.past.append((self.position, dict(self.data)))


class Transaction:
    """Snapshot isolation, first committer wins on written names: what MongoDB gives."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writes: dict[Hashable, Any] = {}
        self._events: list[Event] = []
        self._data, self._versions = dict(store.data), dict(store.versions)
        self.position = store.position

    def read(self, name: Hashable) -> Any:
        return self._data.get(name)

    def write(self, name: Hashable, value: Any, event: Event | None = None) -> None:
        self._writes[name] = value
        if event is not None:
            self._events.append(event)

    def commit(self) -> None:
        if any(self._store.versions[name] != self._versions.get(name, 0) for name in self._writes):
            raise WriteConflict
        self._store.apply(self._writes, self._events)
