"""What states were made under: the own fields behind each projection that they name, in the local `_sync_metadata`:
{_id: "projection:<id>", fields: [paths]}. An id follows from its fields, so that it means the same everywhere."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.core.rule.own_fields import projection_of
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.store.names import METADATA, projection_name

_known: dict[str, Projection] = {WHOLE.id: WHOLE}


def keep_projection(local: Database[Any], projection: Projection) -> None:
    """Before a state names it. Raises PyMongoError."""
    if projection.id:
        fields = {"$set": {"fields": list(projection.paths)}}
        local[METADATA].update_one({"_id": projection_name(projection.id)}, fields, upsert=True)


def load_projection(local: Database[Any], name: str) -> Projection | None:
    """By its id; None: it is not known here. Raises PyMongoError."""
    if name not in _known:
        found = local[METADATA].find_one({"_id": projection_name(name)})
        if found is None:
            return None
        _known[name] = projection_of(tuple(found["fields"]))
    return _known[name]
