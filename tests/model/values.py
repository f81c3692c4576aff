"""What the protocol computes with: facts, states, tasks, and what a task read."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.model.databases import Content

LOCAL, ATLAS = SIDES = ("local", "atlas")


class Fact(NamedTuple):
    """The last change of a key on one side: the position after it, and when and where it was made."""

    position: int
    time: int
    origin: str


class Seen(NamedTuple):
    """What an earlier task read of a key: contents, positions of the reads, decisions by then; and the sides whose
    streams must be past the reads."""

    contents: dict[str, Content]
    read_at: dict[str, int]
    counter: int
    waits_for: tuple[str, ...]


@dataclass(frozen=True)
class Intent:
    batch: tuple[str, int]
    content: Content


@dataclass(frozen=True)
class State:
    """What a device remembers about one key: `_sync_state`."""

    local: Content = None  # the contents of both sides that were last agreed on
    atlas: Content = None
    intent: Intent | None = None  # a push whose outcome is not recorded
    counter: int = 0  # raised by every decision about the key: orders decisions
    seen_at: int = 0  # the position on Atlas at which `atlas` was read there, or written

    def next(self, local: Content, atlas: Content, seen_at: int, intent: Intent | None = None) -> State:
        return State(local, atlas, intent, self.counter + 1, seen_at)

    def landed(self, position: int) -> State:
        assert self.intent is not None
        content = self.intent.content
        return replace(self, local=content, atlas=content, intent=None, seen_at=position)


@dataclass
class Task:
    """One key that is handed to a worker, with what the listener knew."""

    key: int
    facts: dict[str, Fact]
    seen: Seen | None
    read_to: dict[str, int]
    id: int = 0


class Crash(Exception):
    """The worker dies here; nobody is told."""


Steps = Generator[None, None, Seen | None]


class Read(NamedTuple):
    """What a task read of a key, and at which positions."""

    contents: dict[str, Content]
    at: dict[str, int]
    twice: bool = False  # both sides have made the same change, and both count
