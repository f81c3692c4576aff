"""The state of the first run, in the local `_sync_metadata`, so that it is restored with the data:
{_id: "first-run", state, report, choice, at}. The listener writes it, but for
the choice, which command, admin and API make; workers read it with the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.initial_choice import InitialChoice
from syncapp.store.names import FIRST_RUN, METADATA


class State(StrEnum):
    NOT_COMPARED = "not compared"
    WAITING = "waiting"  # for the operator's choice
    CHOSEN = "chosen"  # the listener carries it out next
    DONE = "done"


@dataclass(slots=True)
class Counts:
    """Documents of one collection, or of all."""

    equal: int = 0
    different: int = 0
    only_local: int = 0
    only_atlas: int = 0

    @property
    def documents(self) -> int:
        return self.equal + self.different + self.only_local + self.only_atlas

    def as_document(self) -> dict[str, int]:
        return {
            "equal": self.equal,
            "different": self.different,
            "onlyLocal": self.only_local,
            "onlyAtlas": self.only_atlas,
        }

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.equal + other.equal,
            self.different + other.different,
            self.only_local + other.only_local,
            self.only_atlas + other.only_atlas,
        )


@dataclass(slots=True)
class Report:
    """The result of a comparison of both sides, by collection."""

    collections: dict[str, Counts] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Report:
        """The inverse of `as_document`."""
        report = cls()
        for row in kept["collections"]:
            numbers = (row[name] for name in ("equal", "different", "onlyLocal", "onlyAtlas"))
            report.collections[row["collection"]] = Counts(*numbers)
            if row["excluded"]:
                report.excluded.add(row["collection"])
        return report

    @property
    def total(self) -> Counts:
        return sum(self.collections.values(), Counts())

    @property
    def to_decide(self) -> Counts:
        """The counts that matter for sync: of an excluded collection Atlas may hold more."""
        total = self.total
        total.only_atlas -= sum(self.collections[name].only_atlas for name in self.excluded)
        return total

    @property
    def differs(self) -> bool:
        found = self.to_decide
        return bool(found.different or found.only_local or found.only_atlas)

    @property
    def one_side_empty(self) -> bool:
        found = self.to_decide
        return not (found.equal or found.different) and not (found.only_local and found.only_atlas)

    def as_document(self) -> dict[str, Any]:
        rows = [
            {"collection": name, **counts.as_document(), "excluded": name in self.excluded}
            for name, counts in self.collections.items()
        ]
        return {"total": self.total.as_document(), "collections": rows}


@dataclass(frozen=True, slots=True)
class FirstRun:
    state: State
    report: Mapping[str, Any] | None = None
    choice: InitialChoice | None = None
    at: dt.datetime | None = None


def load(local: Database[Any]) -> FirstRun:
    """Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": FIRST_RUN})
    if found is None:
        return FirstRun(State.NOT_COMPARED)
    choice = found.get("choice")
    return FirstRun(
        State(found.get("state", State.DONE)),
        found.get("report"),
        InitialChoice.from_document(choice) if choice else None,
        found.get("at"),
    )


def save_waiting(local: Database[Any], report: Report) -> None:
    """Store the report, unless a choice has been made meanwhile. Raises PyMongoError."""
    try:
        local[METADATA].update_one(
            {"_id": FIRST_RUN, "state": State.WAITING.value},
            {"$set": {"report": report.as_document(), "at": dt.datetime.now(dt.UTC)}},
            upsert=True,
        )
    except DuplicateKeyError:
        pass  # it is in another state


def choose(local: Database[Any], choice: InitialChoice) -> bool:
    """Store the choice, once. False: none is expected. Raises PyMongoError."""
    done = local[METADATA].update_one(
        {"_id": FIRST_RUN, "state": State.WAITING.value},
        {"$set": {"state": State.CHOSEN.value, "choice": choice.as_document()}},
    )
    return done.modified_count == 1


def finish(local: Database[Any], report: Report, choice: InitialChoice | None) -> None:
    """The first run is done. The report behind a choice is kept. Raises PyMongoError."""
    values: dict[str, Any] = {"state": State.DONE.value, "at": dt.datetime.now(dt.UTC)}
    if choice is not None:
        values["choice"] = choice.as_document()
    if choice is None or load(local).report is None:
        values["report"] = report.as_document()
    local[METADATA].update_one({"_id": FIRST_RUN}, {"$set": values}, upsert=True)
