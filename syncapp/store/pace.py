"""How fast a run works, in its record: stages of updates, with the server's time. Pauses, and the time for which nobody
worked on the run, do not count.

{workedFrom: date, workedMs, recent: {documents, ms}}
"""

from __future__ import annotations

from typing import Any

FADING = 0.98  # of what counts as recent, with each slice: the last half minute counts most
UNWORKED: dict[str, Any] = {"workedMs": 0, "recent": {"documents": 0, "ms": 0}}

_TOOK = {"$max": [0, {"$subtract": ["$$NOW", {"$ifNull": ["$workedFrom", "$$NOW"]}]}]}


def after_work(documents: Any) -> dict[str, Any]:
    """Fields of a `$set` stage. `documents`: how many were compared, as a number or an expression."""
    return {
        "workedFrom": "$$NOW",
        "workedMs": {"$add": [{"$ifNull": ["$workedMs", 0]}, _TOOK]},
        "recent": {"documents": _faded("documents", documents), "ms": _faded("ms", _TOOK)},
    }


def _faded(name: str, more: Any) -> dict[str, Any]:
    before = {"$ifNull": [f"$recent.{name}", 0]}
    return {"$add": [{"$multiply": [before, FADING]}, more]}
