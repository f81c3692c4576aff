"""The progress of a batch between its rounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncapp.core.rule.collection_rule import NOTHING
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.core.values import DocumentKey, Ending, Fact, Outcome, Side, WorkItem
from syncapp.engine.rulings import Ruling
from syncapp.mongo.errors import CollectionRefused


@dataclass(slots=True)
class Work:
    """The progress of a batch."""

    items: dict[DocumentKey, WorkItem]  # without an outcome when the round began
    max_bytes: int  # of documents, or the batch is split
    gathered: bool = False  # from the batch
    projection: Projection = WHOLE
    # A match expression, from the policy; empty: there is none
    filter: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    keeps_bases: bool = False  # the collection's strategy merges
    outcomes: dict[DocumentKey, Outcome] = field(default_factory=dict)
    # What a push brought out of the filter, and has to be dropped
    pushed: dict[DocumentKey, Outcome] = field(default_factory=dict)
    in_conflict: dict[DocumentKey, str] = field(default_factory=dict)  # and why who won
    merged: dict[DocumentKey, str] = field(default_factory=dict)  # and how
    rulings: dict[DocumentKey, Ruling] = field(default_factory=dict)  # of conflicts that were judged outside
    exchanged: set[DocumentKey] = field(default_factory=set)  # documents that exchange unique values
    partners: set[DocumentKey] = field(default_factory=set)  # that were not part of the batch
    wanted: set[DocumentKey] = field(default_factory=set)  # partners that have to be queued
    leaving: set[DocumentKey] = field(default_factory=set)  # to be pushed, when their time is known
    postponed: set[DocumentKey] = field(default_factory=set)  # to the next round
    looked: set[DocumentKey] = field(default_factory=set)  # postponed: no holder of their value was found
    untangled: set[Side] = field(default_factory=set)  # where the holders were queried in this round
    refusals: int = 0  # of single documents in this round

    def next_round(self) -> None:
        """Process again what has no outcome, including the postponed."""
        self.items = {key: item for key, item in self.items.items() if key not in self.outcomes}
        self.postponed.clear()
        self.untangled.clear()
        self.refusals = 0

    def left(self) -> dict[DocumentKey, WorkItem]:
        done = self.outcomes.keys() | self.postponed
        return {key: item for key, item in self.items.items() if key not in done}

    def reject(
        self, error: CollectionRefused, target: Side, documents: Mapping[DocumentKey, bytes | None]
    ) -> None:
        """The target refuses the collection: reject all writes to it."""
        for key in self.left():
            if (document := documents.get(key)) is not None:
                self.outcomes[key] = Outcome(
                    key,
                    Ending.REJECTED,
                    transfer=target,
                    reason=error.reason,
                    code=error.code,
                    document=document,
                )

    def end(self, left_over: Ending) -> list[Outcome]:
        """The outcomes of all keys. `left_over`: of those that have none."""
        for key in self.items:
            self.outcomes.setdefault(key, Outcome(key, left_over))
        for key, pushed in self.pushed.items():
            if self.outcomes[key].ending is Ending.DONE:
                self.outcomes[key] = pushed
        for key, because in self.in_conflict.items():
            self.outcomes[key] = self.outcomes[key]._replace(conflict=True, because=because)
        for key, because in self.merged.items():
            self.outcomes[key] = self.outcomes[key]._replace(merged=True, because=because)
        for key in self.wanted:
            if self.outcomes[key].ending is Ending.WAIT:
                self.outcomes[key] = self.outcomes[key]._replace(ending=Ending.GATHER)
        return list(self.outcomes.values())

    def take_in(self, partner: WorkItem) -> None:
        """Include this one from the next round on: it was not read in this one."""
        self.partners.add(partner.key)
        self.items.setdefault(partner.key, partner)
        self.postponed.add(partner.key)

    def look_once_more(self, key: DocumentKey, together: Collection[DocumentKey]) -> bool:
        """No holder of its value was found: the holder may have been left out of this round, or have just
        changed. False: that was tried."""
        if key in self.looked:
            return False
        self.looked.add(key)
        self.postponed.add(key)
        if key in self.exchanged:
            self.postponed |= self.exchanged.intersection(together)
        return True


def known_of(partner: WorkItem, read_to: Mapping[Side, int]) -> dict[Side, int]:
    """How far the streams had been read, as far as that is valid for a partner: it may have changed since the fact
    that it was given, and only the listener's facts decide its conflict."""
    return {Side.LOCAL: read_to[Side.LOCAL] if Side.LOCAL in partner.facts else 0, Side.ATLAS: 0}


def fact_of_push(work: Work, key: DocumentKey, device: str) -> Fact | None:
    """What other devices are told about a pushed version. One that was made from both sides' is as late as the later."""
    facts = work.items[key].facts
    local, atlas = facts.get(Side.LOCAL), facts.get(Side.ATLAS)
    if not work.keeps_bases or atlas is None or (local is not None and local.rank >= atlas.rank):
        return local
    return (local or atlas)._replace(time=atlas.time, exact=atlas.exact, origin=device)
