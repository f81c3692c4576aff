"""What a comparison does where a worker's process ended (killed for want of memory, or a crash), so that it is not sent
there for ever: it goes on with fewer documents at a time, until the one over which processes end is alone; that one is
left out after a few, and said.

Nobody may have been ended by a document: a machine that was switched off costs a slower piece of the way, nothing else.
"""

from __future__ import annotations

from typing import Any

from syncapp.store.run import PAGE, Narrow

STEP = 10  # so many times fewer documents after each loss
MOST_LOSSES = 3  # of a process with the same document alone: a single one may have any cause
LONGEST_PATIENCE = 5  # doublings
PROCESS_ENDED = "A worker's process ended while it compared ({}): the comparison goes on more carefully"

_PAGE = {"$ifNull": ["$narrow.page", 0]}
_BEFORE = {"$cond": [{"$gt": [_PAGE, 0]}, _PAGE, PAGE]}
# A stage of an update. The guilty one is among the documents of the page that was lost, or the next one, which is read
# to know where the page ends
AFTER_A_LOSS: dict[str, Any] = {
    "narrow": {
        "page": {"$max": [1, {"$toInt": {"$divide": [_BEFORE, STEP]}}]},
        "rest": {"$add": [_BEFORE, 1]},
        "losses": {"$cond": [{"$eq": [_PAGE, 1]}, {"$add": [{"$ifNull": ["$narrow.losses", 0]}, 1]}, 0]},
    }
}


def patience(lost_ms: int, narrow: Narrow) -> int:
    """Milliseconds after which a slice counts as lost. Each loss makes it longer: a slow server is not a lost process."""
    return lost_ms << min(narrow.losses, LONGEST_PATIENCE)


def after(narrow: Narrow, passed: int) -> dict[str, int]:
    """As a run keeps it, when a slice is past so many documents. None: it only waited."""
    rest = narrow.rest - passed
    return {"page": narrow.page, "rest": rest, "losses": 0 if passed else narrow.losses} if rest > 0 else {}


def left_out_text(count: int) -> str:
    """A run's text about documents that it left out; empty: none."""
    if not count:
        return ""
    what = "1 document was" if count == 1 else f"{count:,} documents were"
    which = "it" if count == 1 else "them"
    return (
        f"{what} not compared: a worker process ended each time it read {which} alone (out of memory, or a crash; "
        "see the workers' log)"
    )
