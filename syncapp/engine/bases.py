"""What both sides last agreed on, as documents, in the decisions of one batch (store/bases.py). Every decision about a key
moves its base with its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncapp.core.values import ABSENT, FOREIGN, UNKNOWN, DocumentKey, SyncState
from syncapp.store.bases import BaseChange, Kept

NO_DOCUMENT = frozenset({ABSENT, UNKNOWN})


@dataclass(slots=True)
class Bases:
    kept: Mapping[DocumentKey, Kept]  # as the local transaction read them
    counts_twice: bool  # equal changes of both sides count both
    changes: list[BaseChange] = field(default_factory=list)
    asked: dict[DocumentKey, tuple[bytes, str]] = field(
        default_factory=dict
    )  # base in force, and the record for it

    def of(self, key: DocumentKey, state: SyncState) -> bytes | None:
        """The content of the base in force. None: it is not kept, or the sides have agreed to differ."""
        agreed = _agreed(state)
        return agreed if agreed in self.kept.get(key, ()) else None

    def ask(self, key: DocumentKey, state: SyncState, record: str) -> None:
        """A conflict was decided without its base, since one side wins in any case: its record has it all the same."""
        if (content := self.of(key, state)) is not None:
            self.asked[key] = content, record

    def twice(self, key: DocumentKey, state: SyncState, local: bytes, atlas: bytes) -> bool:
        """Did both sides make the same change? What a push of ours explains is agreed on: its outcome is settled first."""
        if not self.counts_twice or local != atlas or local in (ABSENT, state.local, state.atlas):
            return False
        return self.of(key, state) is not None

    def follow(self, key: DocumentKey, after: SyncState, versions: Mapping[bytes, bytes | None]) -> None:
        """A decision was made. `versions`: documents by content."""
        wanted = {after.atlas} if after.local == after.atlas else set()
        if after.intent:
            wanted.add(after.intent.content)
        documents = {content: versions.get(content) for content in wanted - NO_DOCUMENT}
        if after.atlas == FOREIGN:
            documents[after.local] = None  # it stays the base, if it was
        kept = self.kept.get(key, {})
        if kept or documents:
            self.changes.append(BaseChange(key, kept, documents))


def _agreed(state: SyncState) -> bytes | None:
    """What both sides last held alike. None: nothing. Of a copy that stays, since Atlas's does not match the filter any more,
    it is what it was when that left."""
    return state.local if state.atlas in (state.local, FOREIGN) else None
