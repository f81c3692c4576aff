"""Where the work on a batch stands, from one look at its keys to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncapp.engine.errors import CollectionRefused
from syncapp.engine.values import DocumentKey, Ending, Outcome, Side, WorkItem


@dataclass(slots=True)
class Work:
    """Where the work on a batch stands."""

    items: dict[DocumentKey, WorkItem]  # without an outcome when the round began
    max_bytes: int  # of documents, or the batch is cut
    outcomes: dict[DocumentKey, Outcome] = field(default_factory=dict)
    in_conflict: set[DocumentKey] = field(default_factory=set)
    exchanged: set[DocumentKey] = field(default_factory=set)  # documents that exchange unique values
    postponed: set[DocumentKey] = field(default_factory=set)  # to the next round
    looked: set[DocumentKey] = field(default_factory=set)  # postponed since nobody held their value

    def next_round(self) -> None:
        """Look again at what has no outcome, the postponed too."""
        self.items = {key: item for key, item in self.items.items() if key not in self.outcomes}
        self.postponed.clear()

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

    def exchange(self, key: DocumentKey, partner: WorkItem) -> bool:
        """Look at a refused document again, together with the holder of its unique value, which changes
        too. False: they were looked at together, and the holder kept the value."""
        ended = self.outcomes.get(partner.key)
        if ended is not None and ended.ending is not Ending.WAIT:
            return False
        if ended is not None:
            self.outcomes[key] = Outcome(key, Ending.RETRY)
            return True
        if {key, partner.key} <= self.exchanged:
            self.postponed.add(key)  # the holder was left out of this round
        self.exchanged |= {key, partner.key}
        if partner.key not in self.items:
            self.items[partner.key] = partner
            self.postponed |= {key, partner.key}  # nothing of it was read in this round
        return True
