"""The versions of a conflict side by side: what both were made from, where it is kept, and which side has changed what."""

from __future__ import annotations

from typing import Any

from syncapp.admin.versions import BASE, Heads, Row, side_by_side
from syncapp.core import strategies
from syncapp.core.rule.field_paths import is_inside
from syncapp.models import Conflict
from syncapp.services.rules import collection_rules

SIDES = {"local": "Local", "atlas": "Atlas"}
OWN = "own field, not compared"
LOST = (
    "The base of this document was not kept: it was created on both sides, was last transferred before its collection got the "
    "strategy, or has more than 16,000,000 bytes. So it is unknown which side has changed what."
)
NEVER = "The base is kept for collections with the strategy {}. So it is unknown which side has changed what."


def table(conflict: Conflict) -> dict[str, Any]:
    """The context of versions.TEMPLATE. `conflict`: as the person sees it who looks at it."""
    heads = [{"title": title, "tag": _tag(conflict, side)} for side, title in SIDES.items()]
    found = side_by_side(conflict.local_document, conflict.atlas_document, heads, conflict.base_document)
    own = collection_rules.current().for_collection(conflict.collection).own_fields
    return found | {
        "differing": [with_own(row, own) for row in found["differing"]],
        "note": "" if found["based"] else without_base(conflict),
    }


def with_own(row: Row, own: tuple[str, ...]) -> Row:
    """What each side keeps for itself is no change of anybody."""
    if not any(is_inside(row.name, path) for path in own):
        return row
    return row._replace(said=OWN, by="", cells=[cell._replace(changed=False) for cell in row.cells])


def heads_of(conflict: Conflict) -> Heads:
    sides = [{"title": title} for title in SIDES.values()]
    return [BASE, *sides] if conflict.base_document else sides


def without_base(conflict: Conflict) -> str:
    """Why there is none."""
    names = [one.name for one in strategies.ALL.values() if one.keeps_base]
    if conflict.strategy.startswith(tuple(names)):
        return LOST
    return NEVER.format(" or ".join(names))


def _tag(conflict: Conflict, side: str) -> str:
    if not conflict.loser:
        return ""
    return "won" if conflict.winner == side else "lost"
