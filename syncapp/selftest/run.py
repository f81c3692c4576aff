"""A self-test from its beginning to its end: one part after the other, each of which leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.conf.settings import SyncSettings
from syncapp.core.values import Side
from syncapp.mongo.error_text import describe, says_what_fails
from syncapp.mongo.errors import SyncError
from syncapp.process.django_calls import drop_broken_connections
from syncapp.rules.switches import audit
from syncapp.selftest import ready
from syncapp.selftest.bench import Bench
from syncapp.selftest.cleanup import clean_up, remove_strays
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, Missed, Result, as_document, failed
from syncapp.services.databases import database
from syncapp.services.errors import Overtaken, ServiceError, Unreachable
from syncapp.services.selftest import ACTION, PROCESS, already_running
from syncapp.store import selftest as record
from syncapp.store.selftest import State, Wanted

RENEW_S = 3.0
Tell = Callable[[Part, Line], None]  # at once, for each line


@contextmanager
def open_bench(settings: SyncSettings, wanted: Wanted) -> Iterator[Bench]:
    """With the databases that can be reached."""
    found: dict[Side, Database[Any]] = {}
    with ExitStack() as stack:
        for side in Side:
            with suppress(Unreachable):  # the part basic says why
                found[side] = stack.enter_context(database(side, PROCESS))
        yield Bench(settings, found, wanted, ready.why_not(settings, found))


@dataclass
class Run:
    """`reserved`: it was, for this process; otherwise it takes its place itself."""

    bench: Bench
    parts: Sequence[Part]
    tell: Tell
    reserved: bool = False
    results: list[Result] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Result]:
        """The parts' results. Raises Overtaken if another self-test runs; after an interrupt everything is removed, too."""
        self._begin()
        state = State.INTERRUPTED
        try:
            self._clean_up_earlier()
            for part in self.parts:
                self._test(part)
            state = State.DONE
        finally:
            self._end(state)
        return self.results

    def _begin(self) -> None:
        local = self._local
        if local is None:
            return  # nothing can be made, so nothing has to be noted
        try:
            if not self._take(local):
                raise Overtaken(already_running(record.load(local)))
        except PyMongoError as error:
            raise Unreachable(says_what_fails(Side.LOCAL, error)) from error
        threading.Thread(target=self._renew, args=(local,), name="self-test", daemon=True).start()

    def _take(self, local: Database[Any]) -> bool:
        wanted = self.bench.wanted
        if self.reserved:
            return record.adopt(local, wanted.run)
        if not record.reserve(local, wanted, State.RUNNING):
            return False
        with suppress(DatabaseError):  # the parts say it
            audit(None, ACTION, ", ".join(wanted.parts))
        return True

    def _renew(self, local: Database[Any]) -> None:
        while not self._over.wait(RENEW_S):
            with suppress(PyMongoError):
                record.renew(local, self.bench.wanted.run)

    def _clean_up_earlier(self) -> None:
        clean_up(self.bench.databases)  # what it cannot do, it says after the first part
        if len(self.bench.databases) == len(Side):
            with suppress(PyMongoError):  # the parts meet it, too
                remove_strays(self.bench.databases)

    def _test(self, part: Part) -> None:
        result, started = Result(part.name), time.monotonic()
        self.results.append(result)
        try:
            for line in self._lines(part):
                self._add(part, result, line, started)
        finally:
            if left := clean_up(self.bench.databases):
                self._add(part, result, failed(left), started)
            result.seconds = time.monotonic() - started
        self._note("")

    def _lines(self, part: Part) -> Iterator[Line]:
        try:
            why = self.bench.why_not() if part.live else ""
            if why:
                yield failed(f"Not tested: {why}")
            else:
                yield from part.look(self.bench)
        except Missed as missed:
            yield failed(self._with_reason(str(missed)))
        except ServiceError as error:
            yield failed(error.detail)
        except (PyMongoError, SyncError, DatabaseError) as error:
            drop_broken_connections(error)
            yield failed(describe(error))

    def _with_reason(self, text: str) -> str:
        try:
            why = self.bench.why_not()
        except PyMongoError as error:
            why = describe(error)
        return f"{text}: {why}" if why else text

    def _add(self, part: Part, result: Result, line: Line, started: float) -> None:
        result.lines.append(line)
        result.seconds = time.monotonic() - started
        self.tell(part, line)
        self._note(part.name)

    @property
    def _local(self) -> Database[Any] | None:
        return self.bench.databases.get(Side.LOCAL)

    def _document(self, current: str) -> Mapping[str, Any]:
        return {**as_document(self.results), "current": current or None}

    def _note(self, current: str) -> None:
        if self._local is not None:
            with suppress(PyMongoError):  # it is only for those who look on
                record.note_result(self._local, self.bench.wanted.run, self._document(current))

    def _end(self, state: State) -> None:
        self._over.set()
        if self._local is not None:
            with suppress(PyMongoError):
                record.finish(self._local, self.bench.wanted.run, state, self._document(""))
