"""The history of clock offsets, in the local `_sync_metadata`:
{_id: "clock-offsets", history: [[local time in ms, offset in ms, error in ms], …]}. The listener writes it."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.core.clock import ClockOffsets, Measurement
from syncapp.store.names import CLOCK_OFFSETS, METADATA


def load(local: Database[Any]) -> ClockOffsets:
    """Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": CLOCK_OFFSETS}) or {}
    return ClockOffsets([Measurement(int(t), float(o), float(e)) for t, o, e in kept.get("history", ())])


def save(local: Database[Any], offsets: ClockOffsets) -> None:
    history = [[one.local_time, one.offset, one.error] for one in offsets.measurements]
    local[METADATA].replace_one({"_id": CLOCK_OFFSETS}, {"history": history}, upsert=True)
