"""Judges what was dropped or renamed, once what is in flight of it has ended."""

from __future__ import annotations

from collections.abc import Callable

from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.queue.structural_queue import Pending


class StructuralChanges:
    def __init__(
        self,
        dirty: DirtyKeys,
        judge: Callable[[Pending], None],
        intervals: Intervals,
        wait: Callable[[float], bool],
    ) -> None:
        """`wait(seconds)` is True if the session is over."""
        self._dirty = dirty
        self._judge = judge
        self._intervals = intervals
        self._wait = wait

    def judge_next(self) -> None:
        """Wait for one, with a timeout. Raises like `judge`: then it stays pending."""
        pending = self._dirty.structural_due(self._intervals.structural)
        if pending is None:
            return
        try:
            self._judge(pending)
        except Exception:
            self._wait(self._intervals.structural)  # its transfers are blocked until then
            raise
        self._dirty.end_structural(pending)
