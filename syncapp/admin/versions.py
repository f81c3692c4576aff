"""Two versions of a document as a table: the fields that differ, and those that are equal on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitoring.versions import compare

TEMPLATE = "syncapp/versions.html"


def side_by_side(left: str, right: str, heads: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The context of TEMPLATE. `left`, `right`: canonical extended JSON; empty: the document is absent there.
    `heads`: title and, where there is one, tag of each column."""
    pairs = compare(left, right)
    return {
        "differing": [pair for pair in pairs if pair.differs],
        "equal": [pair for pair in pairs if not pair.differs],
        "heads": heads,
        "absent": (not left, not right),
    }
