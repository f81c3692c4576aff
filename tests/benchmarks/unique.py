"""Documents that exchange the values of a unique index, or want one that is taken: how long all of them take, and how
long a write to another collection waits meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo import UpdateOne

from syncapp.core.values import Side
from tests.benchmarks.contenders import PRODUCT, Product, contender
from tests.benchmarks.workloads import PORTION, SMALL, Documents
from tests.benchmarks.world import World

MOVED, REFUSED, OTHERS = "moved", "refused", "others"
SETTLE_SECONDS = 2.0
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 900.0
GOOD_SHARE = 10  # one in so many of the documents that come with the refused ones is taken


@dataclass(frozen=True)
class Move:
    """`seconds`: from the last write until all have arrived, or are set aside. `worst_wait`: seconds, of a write to
    another collection."""

    source: str
    kind: str
    documents: int
    seconds: float
    worst_wait: float


def shuffle(count: int) -> list[int]:
    values = list(range(count))
    random.Random(count).shuffle(values)
    return values


def shift(count: int) -> list[int]:
    return list(range(1, count + 1))


def cycle(count: int) -> list[int]:
    return [*range(1, count), 0]


KINDS: dict[str, Callable[[int], list[int]]] = {"shuffle": shuffle, "shift": shift, "cycle": cycle}


def moves(world: World, source: Side, counts: tuple[int, ...]) -> list[Move]:
    found = []
    for count in counts:
        for kind, order in KINDS.items():
            with _device(world, source) as one:
                fill(one.source[MOVED], count)
                for database in (one.source, one.target):
                    database[MOVED].create_index("position", unique=True)
                _wait(lambda one=one, count=count: positions(one.target[MOVED]) == list(range(count)))
                found.append(_move(one, str(source), kind, order(count)))
    return found


def refused(world: World, source: Side, count: int) -> Move:
    """Twice as many documents as the target takes."""
    with _device(world, source) as one:
        fill(one.source[REFUSED], count)
        _wait(lambda: one.target[REFUSED].count_documents({}) == count)
        one.target[REFUSED].create_index("position", unique=True)
        good = count // GOOD_SHARE
        with _waits(one) as waits:
            fill(
                one.source[REFUSED],
                count + good,
                first=count,
                position=lambda n: n % count if n < 2 * count else n,
            )
            began = time.monotonic()
            _wait(lambda: len(one.device.rejected()) == count)
            _wait(lambda: one.target[REFUSED].count_documents({}) == count + good)
            took = time.monotonic() - began
        return Move(str(source), "refused", count, took, max(waits))


def _move(one: Product, source: str, kind: str, order: list[int]) -> Move:
    with _waits(one) as waits:
        assign(one.source[MOVED], order)
        began = time.monotonic()
        _wait(lambda: positions(one.target[MOVED]) == order)
        took = time.monotonic() - began
    assert not one.device.rejected()
    return Move(source, kind, len(order), took, max(waits))


@contextmanager
def _device(world: World, source: Side) -> Iterator[Product]:
    with contender(PRODUCT, world, source) as one:
        assert isinstance(one, Product)
        one.device.launch("listener")
        one.device.wait_until_ready()
        time.sleep(SETTLE_SECONDS)
        yield one


def fill(
    documents: Documents, count: int, first: int = 0, position: Callable[[int], int] = lambda number: number
) -> None:
    text = "x" * (SMALL - 60)
    for start in range(first, first + count, PORTION):
        numbers = range(start, min(first + count, start + PORTION))
        documents.insert_many([{"_id": n, "position": position(n), "text": text} for n in numbers])


def assign(documents: Documents, order: list[int]) -> None:
    """Document n gets `order[n]`. Out of each other's way first, as an application does it."""
    documents.update_many({}, [{"$set": {"position": {"$subtract": [-1, "$position"]}}}])
    for start in range(0, len(order), PORTION):
        part = enumerate(order[start : start + PORTION], start)
        documents.bulk_write([UpdateOne({"_id": n}, {"$set": {"position": value}}) for n, value in part])


def positions(documents: Documents) -> list[int]:
    return [one["position"] for one in documents.find({}, {"position": 1}).sort("_id", 1)]


@contextmanager
def _waits(one: Product) -> Iterator[list[float]]:
    """Of writes to another collection, one after the other, as long as the block lasts."""
    stop = threading.Event()
    waits: list[float] = [0.0]

    def write() -> None:
        number = 0
        while not stop.is_set():
            one.source[OTHERS].insert_one({"_id": number})
            began = time.monotonic()
            while one.target[OTHERS].find_one({"_id": number}) is None:
                waits[-1] = time.monotonic() - began
                time.sleep(0.005)
            waits.append(0.0)
            number += 1

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"not done after {PATIENCE_SECONDS:.0f} s"
        time.sleep(LOOK_SECONDS)
