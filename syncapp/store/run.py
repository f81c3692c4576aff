"""What a comparison run is, as values: its kind, its treatment of differences, its state and progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from syncapp.core.values import UnknownTime

DIFFERENCES = {"different": "different", "onlyLocal": "only here", "onlyAtlas": "only on Atlas"}
PAGE = 1_000  # documents of one side that one step compares
COUNTS = ("documents", "equal", "different", "onlyLocal", "onlyAtlas", "marked")
TELLING_MS = 3_000  # of work, before a rate is known


class Kind(StrEnum):
    RESYNC = "resync"  # differences from the agreed contents are sent to the listener
    VERIFY = "verify"  # differences are counted
    REPAIR = "repair"  # … and sent to the listener
    FIRST_RUN = "first run"


MARKING = (Kind.RESYNC, Kind.REPAIR)  # they send documents to the listener


class Treatment(StrEnum):
    """What a resync does to the agreed pair of a differing key, before the listener processes it."""

    AS_AGREED = "as agreed"  # nothing: it tells deletes made while sync was down from inserts
    UNKNOWN = "unknown"  # a difference is a conflict with unknown times, which is decided and recorded
    BRING_BACK_TO_LOCAL = "bring back to local"  # what is missing here and present on Atlas is pulled
    BRING_BACK_TO_ATLAS = "bring back to atlas"  # the mirror image


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"  # by an operator, until it is resumed
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


OPEN = (State.WAITING.value, State.RUNNING.value, State.PAUSED.value)
TO_DO = (State.WAITING.value, State.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Narrow:
    """How a run continues where a worker process ended: `page` documents at a time for the next `rest` of them;
    `losses`: of processes, each with the same document alone. A page of 0: as usual."""

    page: int = 0
    rest: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What a run begins with that compares both sides for a limited time. `names`: all collections, in the order in which
    they are compared. `start`: BSON of {_id: …} in the first one; None: at its beginning. `results`: what was found in
    the first one before `start`. `expected`: about how many documents there are in all."""

    names: tuple[str, ...]
    start: bytes | None
    results: tuple[Mapping[str, Any], ...]
    expected: int
    budget_ms: int

    def as_document(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "start": self.start,
            "results": [dict(one) for one in self.results],
            "expected": self.expected,
            "budgetMs": self.budget_ms,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was read. `slice`: how many slices are done."""

    id: str
    kind: Kind
    why: str
    collections: tuple[str, ...]  # empty: all
    treatment: Treatment
    prefer: UnknownTime | None  # who wins the conflicts that Treatment.UNKNOWN makes; None: the rules say
    owes: bool  # convergence depends on it: operators cannot cancel it
    state: State
    slice: int
    names: tuple[str, ...] | None  # what is compared, in this order; None: not begun
    at: int  # index in names
    start: bytes | None  # BSON of {_id: …}: where the next range starts
    suspects: tuple[Mapping[str, Any], ...]  # differences to be checked again (verify)
    expected: int
    counts: Mapping[str, int]
    samples: tuple[Mapping[str, Any], ...]
    error: str
    failures: int
    narrow: Narrow
    left_out: int  # documents not compared, since worker processes ended at them
    results: tuple[Mapping[str, Any], ...]  # of the collections that were begun; see store/results.py
    recent: Mapping[str, float]  # {documents, ms}: the latest work counts most
    worked_ms: float  # without pauses, and without the time for which no worker had it
    paused_at: dt.datetime | None
    budget_ms: int  # of work: then the run ends where it is, and the next night continues there; 0: no limit
    version: int
    requested_at: dt.datetime
    started_at: dt.datetime | None
    updated_at: dt.datetime
    ended_at: dt.datetime | None

    @property
    def open(self) -> bool:
        return self.state.value in OPEN

    @property
    def collection(self) -> str:
        """The one that is compared now."""
        return self.names[self.at] if self.names and self.at < len(self.names) else ""

    @property
    def different(self) -> int:
        return sum(self.counts[name] for name in ("different", "onlyLocal", "onlyAtlas"))

    @property
    def as_agreed(self) -> int:
        """Intentional differences: agreed, or due to the rules."""
        return max(0, self.counts["documents"] - self.counts["equal"] - self.different)

    @property
    def rate(self) -> float | None:
        """Documents a second: lately, or of the whole run when it has ended. None: it cannot be told."""
        if self.state is State.RUNNING:
            documents, ms = self.recent["documents"], self.recent["ms"]
        else:
            documents, ms = self.counts["documents"], 0 if self.open else self.worked_ms
        return documents * 1000 / ms if ms >= (TELLING_MS if self.open else 1) else None

    @property
    def seconds_left(self) -> float | None:
        """By the estimated number of documents. None: it cannot be told."""
        left = self.expected - self.counts["documents"]
        if self.state is not State.RUNNING or not self.rate or left <= 0:
            return None
        seconds = left / self.rate
        return min(seconds, max(0.0, self.budget_ms - self.worked_ms) / 1000) if self.budget_ms else seconds


@dataclass(slots=True)
class Progress:
    """The progress and results of a slice."""

    at: int
    start: bytes | None
    names: tuple[str, ...]
    expected: int = 0
    suspects: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    samples: list[dict[str, Any]] = field(default_factory=list)
    passed: int = 0  # documents that it is past, compared or left out
    left_out: int = 0
    enough: bool = False  # the rest is left to another run
    results: dict[str, dict[str, Any]] = field(default_factory=dict)  # collection → as the run keeps it

    @property
    def over(self) -> bool:
        return self.walked and not self.suspects

    @property
    def walked(self) -> bool:
        """Nothing is left but second checks."""
        return self.enough or self.at >= len(self.names)

    def count(self, collection: str, what: str, number: int = 1) -> None:
        """`what`: one of COUNTS."""
        self.counts[what] += number
        result = self.results.get(collection)
        if result is not None:  # None: the run was begun by an earlier version
            result[what] += number


def decode_run(found: Mapping[str, Any]) -> Run:
    return Run(
        id=found["_id"],
        kind=Kind(found["kind"]),
        why=found["why"],
        collections=tuple(found["collections"]),
        treatment=Treatment(found["treatment"]),
        prefer=UnknownTime(found["prefer"]) if found.get("prefer") else None,
        owes=found["owes"],
        state=State(found["state"]),
        slice=found["slice"],
        names=None if found["names"] is None else tuple(found["names"]),
        at=found["at"],
        start=found["start"],
        suspects=tuple(found.get("suspects", ())),
        expected=found["expected"],
        counts=found["counts"],
        samples=tuple(found["samples"]),
        error=found["error"],
        failures=found["failures"],
        narrow=Narrow(**found.get("narrow", {})),
        left_out=found.get("leftOut", 0),
        results=tuple(found.get("results", ())),
        recent=found.get("recent") or {"documents": 0, "ms": 0},
        worked_ms=found.get("workedMs", 0),
        paused_at=found.get("pausedAt"),
        budget_ms=found.get("budgetMs", 0),
        version=found["v"],
        requested_at=found["requestedAt"],
        started_at=found.get("startedAt"),
        updated_at=found["updatedAt"],
        ended_at=found.get("endedAt"),
    )
