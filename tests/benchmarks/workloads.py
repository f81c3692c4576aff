"""What applications do in the benchmarks. Every document has a number `v`, so that the count and the sum of a
collection tell cheaply whether both sides hold the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.collection import Collection

Documents = Collection[Any]
SMALL, LARGE = 300, 65_536  # bytes a document
HOT_KEYS = 100
PORTION = 1_000
# The circuit breaker halts a collection that loses more than half of its documents
DELETED_SHARE = 0.45


@dataclass(frozen=True)
class Step:
    """One measured piece of work. `write` returns the number of changes that it made."""

    name: str
    write: Callable[[Documents, int], int]
    measured: bool = True


def insert(documents: Documents, count: int, size: int = SMALL, first: int = 0) -> int:
    text = "x" * (size - 60)  # the other fields and their names
    for start in range(first, first + count, PORTION):
        numbers = range(start, min(first + count, start + PORTION))
        documents.insert_many([{"_id": n, "v": 1, "text": text} for n in numbers], ordered=False)
    return count


def insert_large(documents: Documents, count: int) -> int:
    return insert(documents, large(count), LARGE)


def update_all(documents: Documents, count: int) -> int:
    return documents.update_many({}, {"$inc": {"v": 1}}).modified_count


def delete_some(documents: Documents, count: int) -> int:
    return documents.delete_many({"_id": {"$lt": int(count * DELETED_SHARE)}}).deleted_count


def insert_hot(documents: Documents, count: int) -> int:
    return insert(documents, HOT_KEYS)


def update_hot(documents: Documents, count: int) -> int:
    for _ in range(count // HOT_KEYS):
        documents.update_many({}, {"$inc": {"v": 1}})
    return count // HOT_KEYS * HOT_KEYS


def mix(documents: Documents, count: int) -> int:
    """Half updates, a third of them of hot documents; the rest inserts and deletes."""
    rng = random.Random(7)
    fresh, oldest = count, HOT_KEYS
    operations: list[Any] = []
    for _ in range(count):
        drawn = rng.random()
        if drawn < 0.16:
            operations.append(UpdateOne({"_id": rng.randrange(HOT_KEYS)}, {"$inc": {"v": 1}}))
        elif drawn < 0.5:
            # Of those that are never deleted
            operations.append(UpdateOne({"_id": rng.randrange(count // 2, count)}, {"$inc": {"v": 1}}))
        elif drawn < 0.75:
            operations.append(InsertOne({"_id": fresh, "v": 1, "text": "x" * (SMALL - 60)}))
            fresh += 1
        else:
            operations.append(DeleteOne({"_id": oldest}))
            oldest += 1
    for start in range(0, count, PORTION):
        documents.bulk_write(operations[start : start + PORTION])
    return count


def large(count: int) -> int:
    return max(20, count // 20)


STORIES: dict[str, tuple[Step, ...]] = {
    "basic": (Step("inserts", insert), Step("updates", update_all), Step("deletes", delete_some)),
    "hot": (Step("", insert_hot, measured=False), Step("hot keys", update_hot)),
    "mix": (Step("", insert, measured=False), Step("mix", mix)),
    "large": (Step("inserts of 64 KB", insert_large), Step("updates of 64 KB", update_all)),
}


def fingerprint(documents: Documents) -> tuple[int, int]:
    """How many documents there are, and the sum of their numbers."""
    group = {"$group": {"_id": None, "count": {"$sum": 1}, "sum": {"$sum": "$v"}}}
    found = next(iter(documents.aggregate([group])), None)
    return (0, 0) if found is None else (found["count"], found["sum"])
