"""How a batch is cut: to stay below the size of a message, and to find the document that it fails for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from syncapp.engine.errors import HistoryLost, Misconfigured, SyncError, TransientError
from syncapp.engine.values import WorkItem

# `_id`s of a batch: its marker, a query and a task each hold all of them, and a document has 16 MB at most
ID_BYTES = 4_000_000
# Documents that fail alone, after which the rest of a batch is not cut any more: it comes again in smaller ones, and
# others take their turn in between
MOST_GUILTY = 16


def fitting_ids(items: Sequence[WorkItem]) -> int:
    """How many of the first keys to take at once: one at least."""
    size = 0
    for place, item in enumerate(items):
        size += len(item.key.id_bson)
        if size > ID_BYTES:
            return max(1, place)
    return len(items)


def may_be_cut(error: SyncError) -> bool:
    """May it be the fault of one document? Not so what a server says about itself, or about the login; what passes by
    itself is not cut either, since write conflicts are answered by backing off."""
    return not isinstance(error, TransientError | Misconfigured | HistoryLost)


def halves(items: tuple[WorkItem, ...]) -> list[tuple[WorkItem, ...]]:
    """As a stack: the first half is the last one."""
    middle = len(items) // 2
    return [items[middle:], items[:middle]]
