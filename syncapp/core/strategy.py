"""What decides a conflict: the shape of the files in `strategies/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from syncapp.core.rule.policy import Policy
from syncapp.core.values import ABSENT, Fact, Side


class Conflict(NamedTuple):
    """A document that was changed on both sides."""

    contents: Mapping[Side, bytes]  # hashes
    facts: Mapping[Side, Fact]  # of the contents; a side without one changed at an unknown time
    policy: Policy
    documents: Mapping[Side, bytes | None] = MappingProxyType({})  # only for a strategy that needs them
    base: bytes | None = None  # what both were made from; None: not kept (for a strategy that needs it)
    collection: str = ""

    def is_deleted(self, side: Side) -> bool:
        return self.contents[side] == ABSENT

    def time(self, side: Side) -> int | None:
        """Milliseconds by Atlas's clock."""
        fact = self.facts.get(side)
        return fact.time if fact else None

    @property
    def times_unknown(self) -> bool:
        """Are both times unknown? As at the first run and after lost history."""
        return all(fact.time is None for fact in self.facts.values())


class Verdict(NamedTuple):
    """Whose version counts, and why."""

    winner: Side | None  # None: an operator decides, and nothing is written until then
    rule: str  # in a few words, as lists show it
    because: str  # in one sentence: the rule, and both versions with their times and origins
    document: bytes | None = None  # a merge of both versions: what both sides become
    base: bytes | None = None  # what both were made from, where it was known
    fields: tuple[
        str, ...
    ] = ()  # of a merge: those that were changed on both sides, and have the winner's value
    lossless: bool = False  # every change of both sides is in the document: no record is made


@dataclass(frozen=True, slots=True)
class Strategy:
    """One that needs documents, or calls code that is not sync's own, is never asked while a transaction is open.

    `resolve` raises what it wants: the document is tried again, and set aside in the end, alone.
    """

    name: str  # as settings, API and admin have it
    about: str  # who wins, in a few words
    resolve: Callable[[Conflict], Verdict]
    needs_documents: bool = False
    keeps_base: bool = False  # what both versions were made from is kept for it (`_sync_bases`)
    offered: bool = True  # False: it cannot be chosen by name
