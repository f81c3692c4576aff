"""The walk of the first run through both databases, kept in `_sync_runs`: a listener that comes after a
crash goes on where the last one was, from the same start points of the streams."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.compare import differences as compare
from syncapp.compare.ranges import read_range
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import BOTH, Side
from syncapp.rules.rules import Rules
from syncapp.store import runs
from syncapp.store.first_run import Counts, Report
from syncapp.store.run import Kind, State
from syncapp.store.stream import current_token

SAVE_SECONDS = 0.5
RUNNING = {"kind": Kind.FIRST_RUN.value, "state": State.RUNNING.value}
# What is done with a page; returns whether something waits until pulls are allowed
CarryOut = Callable[[str, list[compare.Compared]], bool]


@dataclass(slots=True)
class Walk:
    """`points`: where both streams are read from when the first run is done."""

    id: str
    points: dict[Side, dict[str, Any]]
    names: list[str]
    at: int
    start: bytes | None
    report: Report
    owed: bool = False

    def go_on(
        self, databases: Mapping[Side, Database[Any]], carry_out: CarryOut, progress: Callable[[int], None]
    ) -> None:
        """To the end, or until `progress` raises. Raises SyncError or PyMongoError."""
        local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
        saved_at = time.monotonic()
        while self.at < len(self.names):
            try:
                progress(self.report.total.documents)
            except BaseException:
                self._save(local)
                raise
            name = self.names[self.at]
            found = read_range(local, atlas, name, self.start)
            page = compare.compare_range(local, name, found)
            # Repeated after a crash before it is saved, which does no harm
            self.owed |= carry_out(name, page)
            counts = self.report.collections.setdefault(name, Counts())
            for one in page:
                _count(one, counts)
            self.start = found.next
            if found.next is None:
                self.at += 1
            if time.monotonic() - saved_at > SAVE_SECONDS or self.at == len(self.names):
                self._save(local)
                saved_at = time.monotonic()

    def end(self, local: Database[Any]) -> None:
        """Nothing is to go on with any more. Raises PyMongoError."""
        change = {"$set": {"state": State.DONE.value, "endedAt": dt.datetime.now(dt.UTC)}, "$inc": {"v": 1}}
        local[runs.RUNS].update_one({"_id": self.id}, change)

    def _save(self, local: Database[Any]) -> None:
        total = self.report.total
        values = {
            "at": self.at,
            "start": self.start,
            "owed": self.owed,
            "report": self.report.as_document(),
            "counts": {"documents": total.documents, **total.as_document(), "marked": 0},
            "updatedAt": dt.datetime.now(dt.UTC),
        }
        local[runs.RUNS].update_one(
            {"_id": self.id, **RUNNING}, {"$set": values, "$inc": {"slice": 1, "v": 1}}
        )


def basis(rules: Rules, choice: InitialChoice | None) -> dict[str, Any]:
    """What a walk depends on: one that was made on another basis cannot be gone on with."""
    return {
        "choice": str(choice or ""),
        "enabled": rules.enabled,
        "exclusions": sorted(rules.exclusions.patterns),
    }


def find(local: Database[Any], rules: Rules, choice: InitialChoice | None) -> Walk | None:
    """The walk that was not finished. Raises PyMongoError."""
    found = local[runs.RUNS].find_one({**RUNNING, "basis": basis(rules, choice)})
    if found is None:
        return None
    points = {side: found["points"][side.value] for side in BOTH}
    report = Report.of(found["report"])
    return Walk(found["_id"], points, found["names"], found["at"], found["start"], report, found["owed"])


def begin(databases: Mapping[Side, Database[Any]], rules: Rules, choice: InitialChoice | None) -> Walk:
    """Start points first, comparison after: what changes meanwhile comes by the streams.

    Raises SyncError or PyMongoError.
    """
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    points = {side: current_token(side, databases[side], rules.exclusions) for side in BOTH}
    names = compare.shared_collections(local, atlas)
    report = Report({name: Counts() for name in names}, {n for n in names if rules.exclusions.excludes(n)})
    local[runs.RUNS].update_many(RUNNING, {"$set": {"state": State.CANCELLED.value}, "$inc": {"v": 1}})
    run_id = runs.request(local, kind=Kind.FIRST_RUN, why=str(choice or "what both databases hold"))
    local[runs.RUNS].update_one(
        {"_id": run_id},
        {
            "$set": {
                "state": State.RUNNING.value,
                "basis": basis(rules, choice),
                "points": {side.value: dict(token) for side, token in points.items()},
                "names": names,
                "expected": sum(
                    max(database[name].estimated_document_count() for database in (local, atlas))
                    for name in names
                ),
                "report": report.as_document(),
                "owed": False,
            }
        },
    )
    return Walk(run_id, points, names, 0, None, report)


def _count(one: compare.Compared, counts: Counts) -> None:
    if one.what == "equal":
        counts.equal += 1
    elif one.what == "different":
        counts.different += 1
    elif one.what == "onlyLocal":
        counts.only_local += 1
    else:
        counts.only_atlas += 1
