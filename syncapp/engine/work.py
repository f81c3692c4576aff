"""Where the work on a batch stands, from one look at its keys to the next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from syncapp.core.values import DocumentKey, Ending, Outcome, Side, WorkItem
from syncapp.mongo.errors import CollectionRefused


@dataclass(slots=True)
class Work:
    """Where the work on a batch stands."""

    items: dict[DocumentKey, WorkItem]  # without an outcome when the round began
    max_bytes: int  # of documents, or the batch is cut
    gathered: bool = False  # as the batch says
    outcomes: dict[DocumentKey, Outcome] = field(default_factory=dict)
    in_conflict: set[DocumentKey] = field(default_factory=set)
    exchanged: set[DocumentKey] = field(default_factory=set)  # documents that exchange unique values
    partners: set[DocumentKey] = field(default_factory=set)  # that nobody had asked for
    wanted: set[DocumentKey] = field(default_factory=set)  # partners that have to be asked for
    leaving: set[DocumentKey] = field(default_factory=set)  # to be pushed, when their time is known
    postponed: set[DocumentKey] = field(default_factory=set)  # to the next round
    looked: set[DocumentKey] = field(default_factory=set)  # postponed since nobody held their value
    untangled: set[Side] = field(default_factory=set)  # where it was asked in this round who holds what
    refusals: int = 0  # of single documents in this round

    def next_round(self) -> None:
        """Look again at what has no outcome, the postponed too."""
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
        """The target will not have the collection: reject all that should be written there."""
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

    def take_in(self, partner: WorkItem) -> None:
        """Look at this one too, from the next round on: nothing of it was read in this one."""
        self.partners.add(partner.key)
        self.items.setdefault(partner.key, partner)
        self.postponed.add(partner.key)

    def look_once_more(self, key: DocumentKey, together: Collection[DocumentKey]) -> bool:
        """Nobody seems to hold what it wants: the holder may have been left out of this round, or have changed just
        now. False: that was tried."""
        if key in self.looked:
            return False
        self.looked.add(key)
        self.postponed.add(key)
        if key in self.exchanged:
            self.postponed |= self.exchanged.intersection(together)
        return True


def known_of(partner: WorkItem, read_to: Mapping[Side, int]) -> dict[Side, int]:
    """How far the streams had been read, as far as that tells anything of a partner: it may have changed since the fact
    that it was given, and who wins its conflict only the facts tell that the listener has of it."""
    return {Side.LOCAL: read_to[Side.LOCAL] if Side.LOCAL in partner.facts else 0, Side.ATLAS: 0}
