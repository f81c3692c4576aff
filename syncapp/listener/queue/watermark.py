"""Which resume token may be saved: never one that passes an event whose key is not done, and never
one inside a transaction, since resuming there would miss the batch marker at its start.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Fetched:
    token: Any  # the token after this batch; None: it lies inside a transaction
    held: int = 0  # keys that hold this batch back


class Watermark:
    """Fetched batches of one stream, numbered in order, and the keys that hold them back."""

    def __init__(self, newest: int = 0) -> None:
        """`newest`: of the watermark before it, so that no number stands for two batches."""
        self.newest = newest  # the number of the latest batch
        self._batches: deque[_Fetched] = deque()
        self._undecided: _Fetched | None = None  # the newest, if it may end inside a transaction
        self._safe: Any = None

    def take_in(self, token: Any, *, continues: bool, may_continue: bool) -> None:
        """A batch was fetched, and `token` is where it ends.

        `continues`: its first event belongs to the transaction that the batch before ended in.
        `may_continue`: its last event belongs to a transaction, of which more may come.
        """
        if self._undecided is not None and continues:
            self._undecided.token = None
        batch = _Fetched(token)
        self._undecided = batch if may_continue else None
        self._batches.append(batch)
        self.newest += 1

    def hold_newest(self) -> int:
        """One more key holds the newest batch back. Returns its number, to release it by."""
        if self._batches:
            self._batches[-1].held += 1
        return self.newest

    def release(self, number: int) -> None:
        batch = self._find(number)
        if batch is not None:
            batch.held -= 1

    def oldest_held(self) -> int | None:
        """The number of the oldest batch that is held back. None: none is."""
        first = self.newest - len(self._batches) + 1
        return next((first + place for place, batch in enumerate(self._batches) if batch.held > 0), None)

    def advance(self) -> Any:
        """The newest token that may be saved; None if there is none yet."""
        while self._batches and not self._batches[0].held and self._batches[0] is not self._undecided:
            batch = self._batches.popleft()
            if batch.token is not None:
                self._safe = batch.token
        return self._safe

    def _find(self, number: int) -> _Fetched | None:
        index = number - (self.newest - len(self._batches)) - 1
        return self._batches[index] if 0 <= index < len(self._batches) else None
