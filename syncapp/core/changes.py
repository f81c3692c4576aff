"""What a change stream brings, as bytes and as what it means to sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.values import DocumentKey, Fact, Seen

UNREADABLE = "unreadable"
# After these, documents appear or vanish without events of their own
JUDGED = frozenset({"drop", "rename", "dropDatabase", UNREADABLE})


class Change(NamedTuple):
    """A key to process. No fact: only a check was requested, by somebody who had `seen` this of it."""

    key: DocumentKey
    fact: Fact | None
    seen: Seen | None = None


class Structural(NamedTuple):
    """A drop, a rename, an invalidation: it names no document. `fact`: the fact for its former documents.

    Also an unreadable event (UNREADABLE): its collection, or all if that is empty, has to be compared."""

    operation: str
    collection: str
    renamed_to: str = ""
    fact: Fact | None = None

    @property
    def collections(self) -> frozenset[str]:
        """The collections concerned."""
        named = {self.collection, self.renamed_to} if self.operation != "dropDatabase" else ()
        return frozenset(name for name in named if name and not is_reserved(name))


class Pulse(NamedTuple):
    """A heartbeat of this device, as read from the stream."""

    nonce: str


Found = Change | Structural | Pulse


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of one fetch. `token` is its end; everything up to `read_to` has been read.

    `token_is_event`: the token is the last event's own, so that more of its transaction may follow.
    """

    events: list[bytes]  # BSON of each
    token: dict[str, Any]
    read_to: int
    server_time: int  # the server's cluster time when it answered
    at: float  # when that was, in seconds of time.monotonic
    token_is_event: bool
    full: bool = False  # as many events as requested: there are more


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
