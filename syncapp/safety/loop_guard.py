"""Counts the transfers of a key since its last new change. One change causes at most one transfer to a side,
so a key that is transferred repeatedly without one is in a loop. It must never fire."""

from __future__ import annotations

from collections import OrderedDict

from syncapp.core.values import DocumentKey, Fact

LIMIT = 10  # a conflict, a retry after a crash and a late report cause a few transfers more than one
KEYS = 20_000  # remembered, at most


class LoopGuard:
    def __init__(self, limit: int = LIMIT, keys: int = KEYS) -> None:
        self._limit = limit
        self._keys = keys
        self._seen: OrderedDict[DocumentKey, tuple[tuple[int, str] | None, int]] = OrderedDict()

    def changed(self, key: DocumentKey, fact: Fact | None) -> None:
        """A change was read. The same change again (same time and origin) does not count.
        Without a fact it is a requested check, which may cause a transfer."""
        rank = fact.rank if fact else None
        if key in self._seen and (rank is None or self._seen[key][0] != rank):
            del self._seen[key]
        if rank is not None and key not in self._seen:
            self._put(key, (rank, 0))

    def moved(self, key: DocumentKey) -> bool:
        """A transfer has ended. True, once: the key is in a loop."""
        rank, count = self._seen.get(key, (None, 0))
        self._put(key, (rank, count + 1))
        return count == self._limit

    def _put(self, key: DocumentKey, entry: tuple[tuple[int, str] | None, int]) -> None:
        self._seen[key] = entry
        self._seen.move_to_end(key)
        if len(self._seen) > self._keys:
            self._seen.popitem(last=False)
