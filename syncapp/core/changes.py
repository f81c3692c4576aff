"""What a change event means to sync."""

from __future__ import annotations

from typing import NamedTuple

from syncapp.core.exclusions import is_reserved
from syncapp.core.values import DocumentKey, Fact

UNREADABLE = "unreadable"
# After these documents are gone, or there, without an event of their own
JUDGED = frozenset({"drop", "rename", "dropDatabase", UNREADABLE})


class Change(NamedTuple):
    """A key to look at. No fact: somebody only asks for a look."""

    key: DocumentKey
    fact: Fact | None


class Structural(NamedTuple):
    """A drop, a rename, an invalidation: it names no document. `fact`: what it is to the documents that were there.

    Also what cannot be read (UNREADABLE): its collection, or all if that is empty, has to be compared."""

    operation: str
    collection: str
    renamed_to: str = ""
    fact: Fact | None = None

    @property
    def collections(self) -> frozenset[str]:
        """Whose documents it concerns."""
        named = {self.collection, self.renamed_to} if self.operation != "dropDatabase" else ()
        return frozenset(name for name in named if name and not is_reserved(name))


class Pulse(NamedTuple):
    """A heartbeat of this device, as it came by the stream."""

    nonce: str


Found = Change | Structural | Pulse
