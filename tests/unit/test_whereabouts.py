"""Where a key is in the queue, and what it is said to wait for there."""

from __future__ import annotations

from typing import Any

import pytest

from syncapp.core.changes import Structural
from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.values import Ending, Fact, Seen, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.key_map import KeyMap
from syncapp.services.explain_queue import said
from tests.support.key_maps import fetch, key, take

L, A = Side.LOCAL, Side.ATLAS
NOON = 1_772_366_400 << 32  # 2026-03-01 12:00:00 UTC


@pytest.fixture
def dirty() -> KeyMap:
    return KeyMap(USUAL)


def told(dirty: KeyMap, number: int, collection: str = "orders", now: float = 0.0, **stops: Any) -> str:
    return said(dirty.whereabouts(key(number, collection), now).as_document(), stops)


def test_of_what_is_not_there_it_says_how_far_the_streams_were_read(dirty: KeyMap) -> None:
    assert told(dirty, 1) == "The listener has nothing of it in its queue; it has not read the streams yet."
    fetch(dirty, L, position=NOON)
    read = "it has read the local stream up to 2026-03-01 12:00:00 UTC."
    assert told(dirty, 1) == f"The listener has nothing of it in its queue; {read}"


def test_a_key_waits_behind_more_urgent_collections(dirty: KeyMap) -> None:
    levels = {"payments": Urgency.FIRST, "orders": Urgency.NORMAL, "logs": Urgency.LAST}
    dirty.follow(lambda name: levels[name])
    fetch(dirty, L, key(1, "logs"), key(2, "logs"), key(1), key(1, "payments"), key(2, "payments"))
    fetch(dirty, A, key(3, "payments"))
    assert told(dirty, 1, "logs") == (
        "It is ready to go out, with 1 more of its collection. More urgent collections go before it: 3 of urgency “first” and"
        " 1 of urgency “normal”."
    )
    assert told(dirty, 1, "payments") == "It is ready to go out, with 2 more of its collection."
    assert told(dirty, 1, workers={"text": ""}).endswith(" No worker answers.")
    assert told(dirty, 1, broker={"text": "refused"}).endswith(" The broker is away: refused.")
    dirty.follow(None)
    assert "More urgent" not in told(dirty, 1, "logs")


def test_a_key_in_a_task_and_one_that_has_changed_since(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2))
    take(dirty, now=10.0)
    out = "It is in a task now with 1 other of its collection, which was handed out, or has reported, 1.5 s ago."
    assert told(dirty, 1, now=11.5) == out
    fetch(dirty, L, key(1), position=2)
    assert told(dirty, 1, now=11.5) == f"{out} It has changed since then, and goes out once more afterwards."
    dirty.tasks.alive("t", 30.0)
    assert "could not be carried out, and is tried again within 18.5 s" in told(dirty, 2, now=11.5)


@pytest.mark.parametrize(
    ("ending", "failed"),
    [
        (Ending.RETRY, " 2 attempts failed."),
        (Ending.LOST, " A worker process was lost 2 times while it had it."),
    ],
)
def test_a_failed_key_is_tried_again_after_a_delay(dirty: KeyMap, ending: Ending, failed: str) -> None:
    fetch(dirty, L, key(1))
    for now in (100.0, 200.0):
        dirty.due(now)
        take(dirty, now=now)
        dirty.finish("t", [(key(1), ending, None)], now)
    assert told(dirty, 1, now=200.4) == f"It is tried again in 0.6 s.{failed}"
    assert dirty.whereabouts(key(1), 200.4).in_ms == 600
    dirty.due(201.0)
    assert told(dirty, 1) == f"It is ready to go out, alone of its collection.{failed}"


def test_a_key_waits_for_a_stream_to_be_read_further(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=NOON)
    fetch(dirty, A, position=NOON - (2 << 32))
    take(dirty)
    contents = dict.fromkeys(Side, bytes(16))
    seen = Seen(contents, {L: NOON, A: NOON + (3 << 32)}, 0)
    dirty.finish("t", [(key(1), Ending.WAIT, seen)])
    assert told(dirty, 1) == (
        "It waits until the listener has read Atlas's stream past 2026-03-01 12:00:03 UTC; it has read the local stream up to"
        " 2026-03-01 12:00:00 UTC and Atlas's stream up to 2026-03-01 11:59:58 UTC."
    )
    fetch(dirty, A, position=NOON + (3 << 32))
    assert told(dirty, 1) == "It is ready to go out, alone of its collection."


def test_a_pull_that_is_not_allowed_waits_for_the_rules(dirty: KeyMap) -> None:
    fetch(dirty, A, key(1))
    take(dirty)
    dirty.finish("t", [(key(1), Ending.OWED, None)])
    assert told(dirty, 1).startswith("It waits for other rules")
    dirty.unpark()
    assert told(dirty, 1).startswith("It is ready")


def test_nothing_goes_out_before_a_drop_is_judged(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(1, "other"))
    dirty.watermarks[A].take_in("drop", continues=False, may_continue=False)
    drop = Structural("drop", "orders", "", Fact(1, 1, "atlas"))
    dirty.change_structure(A, drop)
    assert told(dirty, 1).startswith("Nothing of its collection goes out before a drop")
    assert told(dirty, 1, "other").startswith("It is ready")


def test_values_of_unique_indexes_that_move_bring_keys_together(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2))
    assert len(take(dirty, "first", limit=1)) == len(take(dirty, "second", limit=1)) == 1
    dirty.finish("first", [(key(1), Ending.GATHER, None)])
    assert told(dirty, 1).startswith("It goes out together with all that waits of its collection")
    dirty.finish("second", [(key(2), Ending.DONE, None)])
    assert "All of them go out together" in told(dirty, 1)
