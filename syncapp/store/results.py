"""What a comparison run found in each collection: {c: name, since: date, over, and a number for each of COUNTS}, in the
order in which collections were begun.

`since`: what was written before it is in what was compared. `over`: all of it is compared, differences for a second time too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from syncapp.store.run import COUNTS, Run


@dataclass(frozen=True, slots=True)
class Result:
    """Of one collection."""

    collection: str
    since: dt.datetime
    over: bool
    counts: Mapping[str, int]

    @property
    def different(self) -> int:
        return sum(self.counts[name] for name in ("different", "onlyLocal", "onlyAtlas"))

    @property
    def in_sync_as_of(self) -> dt.datetime | None:
        """Every change made before this time has arrived at the other side, unless the difference is intentional. None: not
        known yet, or there are differences."""
        return self.since if self.over and not self.different else None

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        at = self.in_sync_as_of
        counts = {name: self.counts[name] for name in COUNTS if name != "marked"}
        intended = max(0, counts["documents"] - counts["equal"] - self.different)
        return {
            "collection": self.collection,
            "over": self.over,
            **counts,
            "asAgreed": intended,
            "inSyncAsOf": at.isoformat() if at else None,
        }


def begun(collection: str, since: dt.datetime) -> dict[str, Any]:
    """As a run keeps it."""
    return {"c": collection, "since": since, "over": False, **dict.fromkeys(COUNTS, 0)}


def with_ends(
    results: Iterable[Mapping[str, Any]], walked: Iterable[str], suspects: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """`walked`: collections that were compared to their last document."""
    over = set(walked) - {one["c"] for one in suspects}
    return [{**one, "over": one["c"] in over} for one in results]


def results_of(run: Run) -> list[Result]:
    return [Result(one["c"], one["since"], one["over"], one) for one in run.results]
