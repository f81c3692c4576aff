"""One period of being the active listener of a device: from taking the lease to losing it or stopping. Here is only in
which order things begin and end; `parts.py` makes them.

Two threads read the streams into one map of dirty keys; the main thread dispatches keys as Celery
tasks; others process reports, renew the lease, save the tokens, and update Django's database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from syncapp.listener.parts import Parts
from syncapp.listener.session_end import try_to
from syncapp.listener.threads import Periodic
from syncapp.mongo.errors import HistoryLost
from syncapp.rules.rules import Rules
from syncapp.store.lease import LeaseLost


class Session:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._end = parts.end

    def run(self, stopping: threading.Event, begun: Callable[[], None] = lambda: None) -> None:
        """Be the active listener. `begun` is called when it reads the streams, or waits for an operator. Raises
        LeaseLost, HistoryLost or Halted when this session has to end."""
        parts = self._parts
        keeper = self._periodic("lease", parts.lease_seconds, parts.tokens.keep)
        keeper.start()  # first: what follows can take longer than the lease
        books, others = self._books(), self._others()
        try:
            parts.clock.load()
            _start(books)
            rules = self._begin(lambda seconds: stopping.wait(seconds) or self._end.is_over, begun)
            if rules is not None:
                begun()
                _start(others)
                while not stopping.is_set() and not self._end.is_over:
                    parts.dispatcher.hand_out(parts.following.rules or rules, parts.readers.all())
            if self._end.error is not None:
                raise self._end.error
        finally:
            self._stop([keeper, *books, *others])

    def _begin(self, wait: Callable[[float], bool], begun: Callable[[], None]) -> Rules | None:
        """Read the streams under the current rules. None: interrupted."""
        parts = self._parts

        def say(text: str) -> None:
            parts.books.waiting_for = text
            if text:
                begun()

        if not parts.safeguards.wait_for_answers(say=say, wait=wait, meanwhile=parts.runs.drive):
            return None
        rules = parts.beginning.begin(say=say, wait=wait)
        if rules is None:
            return None
        try_to(parts.clock.measure)
        try_to(parts.refused.look)
        parts.following.begin(rules)
        parts.dispatcher.follow(rules)
        return rules

    # Threads

    def _books(self) -> list[Periodic]:
        """In separate threads, since Django's database may be down or freeze."""
        parts, every = self._parts, self._parts.intervals
        return [
            self._periodic("book-keeping", every.books, parts.books.keep),
            self._periodic("mirrors", every.mirror, self._mirror),
            self._periodic("catching up", every.catch_up, parts.catch_up),
            self._periodic("what waits", every.waiting, parts.report.look, at_once=True),
            self._periodic("report", every.devices, parts.report.tell_while_waiting),
        ]

    def _others(self) -> list[Periodic]:
        parts, every = self._parts, self._parts.intervals
        return [
            self._periodic("overdue tasks", every.overdue, parts.dispatcher.give_up_overdue),
            self._periodic("workers", every.workers, self._ask_workers),
            self._periodic("reports", 0.0, self._take_reports),
            self._periodic("rules", every.rules, parts.following.reload),
            self._periodic("clock", every.clock, parts.clock.measure),
            self._periodic("comparison runs", every.runs, parts.runs.drive),
            self._periodic("refusals", 0.0, parts.refused.look_later),
            self._periodic("halts", every.halts, self._look_at_halts),
            self._periodic("structural changes", 0.0, parts.structural.judge_next),
            self._periodic("heartbeat", every.heartbeat, parts.safeguards.beat),
            # Each says itself when it is time
            self._periodic("oplogs", every.catch_up, parts.headroom.look_later, at_once=True),
            self._periodic("devices", every.catch_up, parts.fleet.copy_later, at_once=True),
        ]

    def _periodic(
        self, name: str, seconds: float, act: Callable[[], None], at_once: bool = False
    ) -> Periodic:
        return Periodic(name, seconds, act, self._end.is_fatal, at_once)

    def _mirror(self) -> None:
        self._parts.tokens.mirror()
        self._parts.runs.mirror()

    def _ask_workers(self) -> None:
        self._parts.dispatcher.ask_workers(self._parts.readers.sides)

    def _take_reports(self) -> None:
        if self._parts.dispatcher.take_reports(round(1000 * self._parts.intervals.reports)):
            self._parts.following.note_backfill()

    # The end

    def _stop(self, threads: Iterable[Periodic]) -> None:
        """Stop reading and dispatching; running tasks may report for a moment; save what can be saved."""
        parts = self._parts
        parts.readers.stop_all()
        lost = isinstance(self._end.error, LeaseLost)
        if not lost:
            parts.dirty.wait_for_tasks(parts.intervals.drain)
        for thread in threads:
            thread.stop()
        self._end.come()
        parts.refused.stop()
        parts.readers.join_all(parts.intervals.join)
        if not lost:
            if not isinstance(self._end.error, HistoryLost):  # its token was deleted and must stay deleted
                try_to(partial(parts.tokens.keep, at_last=True))
            parts.lease.give_back()
        _start_each([parts.dispatcher.close])  # nobody waits for the broker
        until = time.monotonic() + parts.intervals.last
        for last in _start_each(self._last_acts()):
            last.join(max(0.0, until - time.monotonic()))

    def _look_at_halts(self) -> None:
        parts = self._parts
        parts.safeguards.look_at_halts(busy=parts.dirty.size > 0)

    def _last_acts(self) -> list[Callable[[], object]]:
        """Of several databases, each of which may be away, or hang."""
        parts = self._parts
        acts: list[Callable[[], object]] = [partial(parts.books.keep, at_last=True), self._mirror]
        if not isinstance(self._end.error, LeaseLost):
            acts.append(parts.report.stopped)
        return acts


def _start_each(acts: Iterable[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=try_to, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    return threads


def _start(threads: Iterable[Periodic]) -> None:
    for thread in threads:
        thread.start()
