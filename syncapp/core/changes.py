"""What a change stream brings, as bytes and as what it means to sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought. `token` is where it ends; everything up to `read_to` has been read.

    `token_is_event`: the token is the last event's own, so that more of its transaction may follow.
    """

    events: list[bytes]  # BSON of each
    token: dict[str, Any]
    read_to: int
    server_time: int  # the server's cluster time when it answered
    at: float  # when that was, in seconds of time.monotonic
    token_is_event: bool
    full: bool = False  # as many events as were asked for: more are there


class ChangeBatch(NamedTuple):
    """What one fetch means. `token` is where it ends; everything up to `read_to` has been read.

    `continues`: its first event goes on with the transaction that the batch before ended in. `in_transaction`: more
    events of the last one's transaction may follow.
    """

    changes: list[Found]
    token: Mapping[str, Any]
    read_to: int
    continues: bool = False
    in_transaction: bool = False
