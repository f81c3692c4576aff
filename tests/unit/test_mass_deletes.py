"""When deletes are more than ordinary."""

from __future__ import annotations

import math

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncapp.core.content import document_key
from syncapp.core.values import Fact, Side
from syncapp.safety.loop_guard import LoopGuard
from syncapp.safety.mass_deletes import (
    MOST_PARTS,
    MOST_WINDOWS,
    PARTS,
    Count,
    Counts,
    Limit,
    Loss,
    MassDeletes,
)

LIMIT = Limit(number=100, share=0.5, window_ms=600_000)
MINUTE = 60_000


class Shop:
    """A collection in which documents come and go."""

    def __init__(self, documents: int) -> None:
        self.documents = documents
        self.asked = 0
        self.halted = False
        self.counter = MassDeletes(LIMIT)

    def judge(self, collection: str, lost: int, new: int) -> bool:
        self.asked += 1
        self.halted |= self.counter.exceeds(Loss(lost, self.documents, new))
        return self.halted

    def change(self, count: Count, at_ms: int, side: Side = Side.LOCAL) -> bool:
        """True: it is to be halted."""
        self.documents += count.level
        self.halted = False
        self.counter.add(side, {("orders", at_ms // self.counter.part_ms): count}, self.judge)
        return self.halted

    def delete(self, number: int, at_ms: int = 0, side: Side = Side.LOCAL) -> bool:
        return self.change(deletes(number), at_ms, side)

    def insert(self, number: int, at_ms: int = 0, side: Side = Side.LOCAL) -> bool:
        return self.change(inserts(number), at_ms, side)


def deletes(number: int) -> Count:
    return Count(level=-number, deleted=number)


def inserts(number: int) -> Count:
    return Count(level=number, most=number)


def verdicts(counter: MassDeletes, side: Side, counts: Counts, left: int) -> list[str]:
    """The collections that are halted."""
    found: list[str] = []

    def judge(collection: str, lost: int, new: int) -> bool:
        if counter.exceeds(Loss(lost, left, new)):
            found.append(collection)
            return True
        return False

    counter.add(side, counts, judge)
    return found


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
    hours = {("orders", hour * 360): deletes(20) for hour in range(10)}
    assert not verdicts(MassDeletes(LIMIT), Side.LOCAL, hours, left=0), "read by one fetch"


def test_collections_and_sides_are_counted_apart() -> None:
    counter = MassDeletes(LIMIT)
    for side in Side:
        for name in ("a", "b"):
            assert not verdicts(counter, side, {(name, 0): deletes(90)}, left=0)


def test_what_an_operator_meant_is_not_asked_again_in_the_same_window() -> None:
    shop = Shop(1_000)
    assert shop.delete(600)
    shop.counter.allow(Side.LOCAL, "orders", 0)
    assert not shop.delete(300, 5 * MINUTE)
    assert shop.delete(100, 30 * MINUTE) is False  # 100 are still ordinary
    assert shop.delete(1, 30 * MINUTE)


def test_what_could_not_be_judged_does_not_count_twice_when_it_is_read_again() -> None:
    counter = MassDeletes(LIMIT)

    def away(collection: str, lost: int, new: int) -> bool:
        raise ConnectionError

    for _ in range(2):
        with pytest.raises(ConnectionError):
            counter.add(Side.LOCAL, {("orders", 0): deletes(450)}, away)
    assert not verdicts(counter, Side.LOCAL, {("orders", 0): deletes(450)}, left=550)
    assert verdicts(counter, Side.LOCAL, {("orders", 0): deletes(60)}, left=490)


def test_the_collection_is_counted_now_and_then_only() -> None:
    shop = Shop(1_000_000)
    for _ in range(1_000):
        shop.delete(100)
    assert shop.asked < 100


def test_what_is_kept_does_not_grow_with_the_changes() -> None:
    counter = MassDeletes(LIMIT)
    for part in range(10 * PARTS):
        for number in range(300):
            counts = {(f"c{part % 20}.{number}", part): inserts(9)}
            counter.add(Side.LOCAL, counts, lambda *_: False)
            counter.add(Side.ATLAS, {("both", part + 100 * number): inserts(9)}, lambda *_: False)
            counter.add(Side.LOCAL, {("both", part): inserts(9)}, lambda *_: False)
    assert len(counter._windows) <= MOST_WINDOWS
    assert all(len(window.parts) <= MOST_PARTS for window in counter._windows.values())


def test_a_collection_that_was_filled_just_now_may_not_be_emptied_either() -> None:
    shop = Shop(0)
    churn(shop, [(1, Side.LOCAL, Side.ATLAS, 30)] * 20)
    shop.insert(600, 20_000, Side.LOCAL)
    assert shop.delete(550, 20_500, Side.ATLAS)


def test_within_one_fetch_the_order_counts() -> None:
    carts, filled = Count(level=0, most=1, deleted=300), Count(level=0, most=300, deleted=300)
    assert not verdicts(MassDeletes(LIMIT), Side.LOCAL, {("carts", 0): carts}, left=0)
    assert verdicts(MassDeletes(LIMIT), Side.LOCAL, {("filled", 0): filled}, left=0)


def test_a_clock_that_is_set_back_starts_a_new_window() -> None:
    shop = Shop(1_000)
    shop.delete(90, 900 * MINUTE)
    assert not shop.delete(90, 0)
    assert not shop.delete(90, 60 * MINUTE)


# Both kinds of work, by random schedules. Each step: after how many seconds, on which side, how many


SIDES = st.sampled_from(list(Side))
STEPS = st.lists(st.tuples(st.integers(0, 90), SIDES, SIDES, st.integers(1, 60)), max_size=60)


def churn(shop: Shop, steps: list[tuple[int, Side, Side, int]], start_ms: int = 0) -> tuple[bool, int]:
    """As many come as go, on any side. Was it halted, and when did it end?"""
    halted, at_ms = False, start_ms
    for seconds, comes_on, goes_on, number in steps:
        at_ms += seconds * 1000
        halted |= shop.insert(number, at_ms, comes_on)
        halted |= shop.delete(number, at_ms + 900, goes_on)
    return halted, at_ms


@given(STEPS, st.integers(0, 10_000), st.integers(1, 50))
def test_documents_that_come_and_go_are_ordinary_work(
    steps: list[tuple[int, Side, Side, int]], documents: int, often: int
) -> None:
    halted, _ = churn(Shop(documents), steps * often)
    assert not halted


@given(st.integers(2, 2_000), st.lists(st.tuples(st.integers(0, 300), st.floats(0.5, 1), SIDES), max_size=50))
def test_a_collection_that_keeps_its_size_is_never_halted(
    most: int, steps: list[tuple[int, float, Side]]
) -> None:
    """Sessions that live for minutes: soon all that were there have gone, and others are there instead."""
    shop, at_ms = Shop(most), 0
    for seconds, share, side in steps:
        at_ms += seconds * 1000
        assert not shop.delete(most - math.ceil(most * share), at_ms, side)
        shop.insert(most - shop.documents, at_ms)


@given(
    STEPS,
    st.integers(101, 10_000),
    SIDES,
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 0.4)), min_size=1, max_size=20),
)
def test_an_emptying_is_noticed_whatever_comes_and_goes_beside_it(
    before: list[tuple[int, Side, Side, int]],
    documents: int,
    side: Side,
    deletes: list[tuple[int, float]],
) -> None:
    """At once, by a TTL, or slowly within a window; new documents come meanwhile, fewer than go."""
    shop = Shop(documents)
    halted, at_ms = churn(shop, before)
    assert not halted
    window_ms, each = LIMIT.window_ms * 9 // 10, -(-documents // len(deletes))
    pause = max(sum(seconds for seconds, _ in deletes) * 1000, 1)
    for seconds, share in deletes:
        at_ms += seconds * 1000 * min(window_ms, pause) // pause
        halted |= shop.insert(int(each * share), at_ms)
        halted |= shop.delete(min(each, shop.documents), at_ms, side)
    # What came meanwhile is still there: the loss counts if it is more than both limits say
    lost = documents - shop.documents
    assert halted or lost <= max(100, 0.5 * documents)
    halted |= shop.delete(shop.documents, at_ms, side)
    assert halted, "in the end nothing is left"


def test_a_mass_delete_beside_the_work_of_the_other_side_is_noticed() -> None:
    """A queue is filled here and emptied there; then somebody deletes everything here."""
    shop = Shop(500)
    for minute in range(30):
        shop.insert(100, minute * MINUTE, Side.LOCAL)
        assert not shop.delete(100, minute * MINUTE, Side.ATLAS)
    assert shop.delete(500, 30 * MINUTE, Side.LOCAL)


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
