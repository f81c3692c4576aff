"""What was measured of both oplogs, for a day, and what was forecast, for a week, in the local `_sync_metadata`:
{_id: "oplogs", local: [[at, first, last, used, most, retention], …], atlas: […], past: {local: [[at, seconds], …], atlas: […]}}.
The listener writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.core.headroom import OplogSample, Past
from syncapp.core.values import Side
from syncapp.store.names import METADATA, OPLOGS


@dataclass(slots=True)
class Oplogs:
    """Of each side, the oldest first."""

    samples: dict[Side, list[OplogSample]] = field(default_factory=dict)
    past: dict[Side, Past] = field(default_factory=dict)


def load(local: Database[Any]) -> Oplogs:
    """Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": OPLOGS}) or {}
    past = kept.get("past", {})
    return Oplogs(
        {side: [OplogSample(*one) for one in kept.get(side.value, ())] for side in Side},
        {side: tuple((int(at), int(seconds)) for at, seconds in past.get(side.value, ())) for side in Side},
    )


def save(local: Database[Any], oplogs: Oplogs) -> None:
    """Raises PyMongoError."""
    document: dict[str, Any] = {
        side.value: [_plain(one) for one in found] for side, found in oplogs.samples.items()
    }
    document["past"] = {side.value: [list(one) for one in found] for side, found in oplogs.past.items()}
    local[METADATA].replace_one({"_id": OPLOGS}, document, upsert=True)


def _plain(one: OplogSample) -> list[float]:
    return [one.at, one.first, one.last, one.used, one.most, one.retention_s]
