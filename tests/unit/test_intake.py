"""What the streams bring is looked at by the safeguards before any of it may be handed out."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect

from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.values import Fact, Side
from syncapp.listener.intake import Intake
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry.metrics import MetricsBuffer
from tests.support.dirty import bring, key

BATCH = ChangeBatch([Change(key(1), Fact(7, 1_000, "atlas")), Change(key(2), None)], {"_data": "7"}, 7)


class Watching:
    """Safeguards that note how much was dirty when they were asked."""

    def __init__(self, dirty: DirtyKeys, error: Exception | None = None) -> None:
        self.dirty = dirty
        self.error = error
        self.seen: list[tuple[str, int]] = []

    def look_at(self, side: Side, changes: Any) -> None:
        self.seen.append(("look_at", self.dirty.size))
        if self.error:
            raise self.error

    def changed(self, changes: Any) -> None:
        self.seen.append(("changed", self.dirty.size))


def intake(error: Exception | None = None, most: int = 2) -> tuple[Intake, Watching, MetricsBuffer]:
    dirty, metrics = DirtyKeys(), MetricsBuffer()
    guards = Watching(dirty, error)
    return Intake(dirty, cast(Safeguards, guards), metrics, most, pytest.fail), guards, metrics


def test_safeguards_look_first() -> None:
    one, guards, metrics = intake()
    one.receive(Side.ATLAS, BATCH)
    assert guards.seen == [("look_at", 0), ("changed", 0)]
    assert guards.dirty.size == 2
    assert metrics.last_event == {Side.LOCAL: 1_000}


def test_what_could_not_be_looked_at_is_not_dirty_and_not_counted() -> None:
    """It is read again."""
    one, guards, metrics = intake(AutoReconnect("the local database is down"))
    with pytest.raises(AutoReconnect):
        one.receive(Side.ATLAS, BATCH)
    assert guards.seen == [("look_at", 0)]
    assert guards.dirty.size == 0
    assert guards.dirty.safe().tokens[Side.ATLAS] is None
    assert metrics.last_event == {}


def test_there_is_room_up_to_the_most_keys() -> None:
    one, guards, _ = intake(most=2)
    assert one.room()
    bring(guards.dirty, Side.LOCAL, key(1))
    assert one.room()
    bring(guards.dirty, Side.LOCAL, key(2))
    assert not one.room()
    assert not one.somebody_waits(Side.LOCAL)
