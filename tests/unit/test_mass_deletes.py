"""When deletes are more than ordinary."""

from __future__ import annotations

import bson

from syncapp.engine.content import document_key
from syncapp.engine.values import Fact, Side
from syncapp.safety.loop_guard import LoopGuard
from syncapp.safety.mass_deletes import Limit, MassDeletes

LIMIT = Limit(number=100, share=0.5, window_ms=600_000)
MINUTE = 60_000


class Shop:
    """A collection that is deleted from."""

    def __init__(self, documents: int) -> None:
        self.documents = documents
        self.asked = 0
        self.counter = MassDeletes(LIMIT)

    def left(self, collection: str) -> int:
        self.asked += 1
        return self.documents

    def delete(self, number: int, at_ms: int = 0) -> bool:
        self.documents -= number
        return "orders" in self.counter.add(Side.LOCAL, {"orders": (number, at_ms)}, self.left)


def test_more_than_half_of_a_collection_is_too_much() -> None:
    shop = Shop(1_000)
    assert not any(shop.delete(50) for _ in range(10))
    assert shop.delete(60)


def test_a_small_collection_may_be_emptied() -> None:
    shop = Shop(100)
    assert not any(shop.delete(10) for _ in range(10))


def test_deletes_that_are_spread_over_time_are_ordinary() -> None:
    shop = Shop(1_000)
    assert not any(shop.delete(90, day * 1440 * MINUTE) for day in range(11))


def test_a_backlog_counts_by_the_times_of_its_changes() -> None:
    assert not any(Shop(200).delete(20, hour * 60 * MINUTE) for hour in range(10))
    shop = Shop(200)
    assert any(shop.delete(20, minute * MINUTE) for minute in range(10))


def test_collections_and_sides_are_counted_apart() -> None:
    counter = MassDeletes(LIMIT)
    for side in Side:
        for name in ("a", "b"):
            assert not counter.add(side, {name: (90, 0)}, lambda collection: 0)


def test_what_an_operator_meant_is_not_asked_again_in_the_same_window() -> None:
    shop = Shop(1_000)
    assert shop.delete(600)
    shop.counter.allow(Side.LOCAL, "orders", 0)
    assert not shop.delete(300, 5 * MINUTE)
    assert shop.delete(100, 30 * MINUTE) is False  # 100 are still ordinary
    assert shop.delete(1, 30 * MINUTE)


def test_what_could_not_be_judged_does_not_count_twice_when_it_is_read_again() -> None:
    shop = Shop(1_000)
    assert not shop.delete(450)
    shop.counter.forget(Side.LOCAL, ["orders"])
    shop.documents += 450
    assert not shop.delete(450)


def test_the_collection_is_counted_now_and_then_only() -> None:
    shop = Shop(1_000_000)
    for _ in range(1_000):
        shop.delete(100)
    assert shop.asked < 100


KEY = document_key("orders", bson.encode({"_id": 1}))


def test_a_key_that_travels_on_without_a_new_change_is_a_loop_told_once() -> None:
    guard = LoopGuard(limit=3)
    change = Fact(5, 1_000, "another device")
    fired = []
    for position in range(10):  # each time it comes back as the same change, at a new position
        guard.changed(KEY, Fact(5 + position, change.time, change.origin))
        fired.append(guard.moved(KEY))
    assert fired == [False] * 3 + [True] + [False] * 6


def test_a_key_that_changes_often_is_no_loop() -> None:
    guard = LoopGuard(limit=3)
    for time in range(100):
        guard.changed(KEY, Fact(time, time, "device"))
        assert not guard.moved(KEY)
        guard.changed(KEY, None)  # somebody asks for a look
        assert not guard.moved(KEY)


def test_the_guard_forgets_what_is_old() -> None:
    guard = LoopGuard(keys=10)
    for number in range(1_000):
        guard.moved(document_key("orders", bson.encode({"_id": number})))
    assert len(guard._seen) == 10
