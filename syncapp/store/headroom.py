"""What was measured of both oplogs, for a day, in the local `_sync_metadata`:
{_id: "oplogs", local: [[at, first, last, used, most, retention], …], atlas: […]}. The listener writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.database import Database

from syncapp.core.headroom import OplogSample
from syncapp.core.values import Side
from syncapp.store.names import METADATA, OPLOGS


def load(local: Database[Any]) -> dict[Side, list[OplogSample]]:
    """Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": OPLOGS}) or {}
    return {side: [OplogSample(*one) for one in kept.get(side.value, ())] for side in Side}


def save(local: Database[Any], samples: Mapping[Side, Sequence[OplogSample]]) -> None:
    """Raises PyMongoError."""
    document = {side.value: [_plain(one) for one in of_side] for side, of_side in samples.items()}
    local[METADATA].replace_one({"_id": OPLOGS}, document, upsert=True)


def _plain(one: OplogSample) -> list[float]:
    return [one.at, one.first, one.last, one.used, one.most, one.retention_s]
