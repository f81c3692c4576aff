"""What tests of explained documents share: two sides of one document, and all that is stored about it."""

from __future__ import annotations

from typing import Any

import bson
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import Batch, Fact, Outcome, Side, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from tests.support.raw import RAW

DEVICE = "device-1"
FAR = dict.fromkeys(Side, 1 << 63)
KEY = document_key("orders", bson.encode({"_id": "A-1"}))


class Crash(Exception):
    """The worker ends here."""


def everything(both: dict[str, Database[Any]]) -> dict[str, list[bytes]]:
    """All that either database holds, byte for byte."""
    return {
        f"{side} {name}": [one.raw for one in database[name].with_options(RAW).find().sort("_id", 1)]
        for side, database in both.items()
        for name in sorted(database.list_collection_names())
    }


def process(
    both: dict[str, Database[Any]], policy: Policy, times: dict[Side, int], crash_at: str = ""
) -> Outcome | None:
    """None: the worker has ended."""

    def at(point: str) -> None:
        if point == crash_at:
            raise Crash

    facts = {side: Fact(1, time, DEVICE if side is Side.LOCAL else "atlas") for side, time in times.items()}
    batch = Batch("task", Side.LOCAL, "orders", (WorkItem(KEY, facts),), FAR)
    processor = ChangeProcessor(both["local"], both["atlas"], DEVICE, at=at, interrupts=(Crash,))
    try:
        (outcome,) = processor.process(batch, policy)
    except Crash:
        return None
    return outcome
