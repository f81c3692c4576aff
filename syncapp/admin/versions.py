"""Versions of a document as a table: the fields that differ, and those that are equal on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from monitoring.versions import By, FieldPair, Part, compare
from syncapp.core.rule.field_paths import MASK

TEMPLATE = "syncapp/versions.html"
Heads = Sequence[dict[str, str]]
BASE = {"title": "Base"}  # what both versions were made from
_CHANGED = {By.LOCAL: "changed here", By.ATLAS: "changed on Atlas", By.BOTH: "changed on both"}
_DELETED = {By.LOCAL: "deleted here", By.ATLAS: "deleted on Atlas", By.BOTH: "deleted on both"}


class Cell(NamedTuple):
    """`text` None: absent. `changed`: it is another one than in the base."""

    title: str  # of its column
    text: str | None
    parts: Sequence[Part]
    changed: bool = False


class Row(NamedTuple):
    name: str
    cells: Sequence[Cell]
    differs: bool
    said: str = ""  # who has changed it
    by: str = ""


def side_by_side(left: str, right: str, heads: Heads, base: str = "") -> dict[str, Any]:
    """The context of TEMPLATE. `left`, `right`: canonical extended JSON; empty: the document is absent there.
    `heads`: title and, where there is one, tag of each column. `base`: what both were made from; empty: it is not known."""
    rows = [row_of(pair, heads) for pair in compare(left, right, base)]
    equal = [row for row in rows if not row.differs]
    return {
        "differing": [row for row in rows if row.differs],
        "equal": equal,
        "masked": any(map(is_masked, equal)),
        "heads": [BASE, *heads] if base else heads,
        "based": bool(base),
        "whole": _whole(left, right, heads, base),
    }


def is_masked(row: Row) -> bool:
    """Is a value of it hidden from the person who looks? Nobody can tell then whether it differs."""
    return any(MASK in (cell.text or "") for cell in row.cells)


def row_of(pair: FieldPair, heads: Heads) -> Row:
    left, right = (head["title"] for head in heads)
    cells = [
        Cell(left, pair.local, pair.local_parts, pair.by in (By.LOCAL, By.BOTH)),
        Cell(right, pair.atlas, pair.atlas_parts, pair.by in (By.ATLAS, By.BOTH)),
    ]
    if pair.based:
        cells.insert(0, Cell(BASE["title"], pair.base, pair.base_parts))
    said = "same change on both" if pair.alike else _CHANGED.get(pair.by, "")
    return Row(pair.name, cells, pair.differs, said, pair.by.value)


def _whole(left: str, right: str, heads: Heads, base: str) -> Row | None:
    """Of documents that are absent somewhere."""
    if left and right:
        return None
    by = By.NEITHER
    if base:
        by = By.BOTH if not (left or right) else By.LOCAL if not left else By.ATLAS
    here, there = ("present" if one else None for one in (left, right))
    pair = FieldPair("the document", here, there, based=bool(base), base="present", by=by)
    return row_of(pair, heads)._replace(said=_DELETED.get(by, ""))
