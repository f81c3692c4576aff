"""Field-merge on real servers: three devices and Atlas edit fields of the same documents, in any order, with tasks that
stall, die or are repeated, and listeners that start again. Nothing of it is lost, and every sale counts once."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.policy import Policy
from syncapp.store.conflicts import ConflictRecord, read_uncopied
from tests.property.examples import share_of_examples
from tests.property.test_protocol import Schedule
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
DEVICES, KEYS, WRITES, ATLAS = 3, 2, 24, 3
FIRST = 100
FIELDS = ("a", "b", "deep.a", "deep.b")
RULE = CollectionRule(
    strategy="field-merge",
    numbers={"stock": "sum", "deep.stock": "sum", "lines.stock": "sum"},
    arrays={"lines": {"key": "sku"}, "tags": "union"},
)
MERGES = Policy("field-merge", rule=RULE)
COUNTERS = {"stock": "stock", "deep.stock": "deep.stock", "lines.$[one].stock": "lines"}


@dataclass
class Shop:
    """A world in which applications change single fields."""

    world: World
    sold: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    seen: set[str] = field(default_factory=set)  # values that a writer saw and replaced
    last: dict[str, tuple[int, str]] = field(default_factory=dict)  # value → where it was written
    tags: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    written: int = 0

    @classmethod
    def open(cls, databases: Databases, policy: Policy = MERGES, devices: int = DEVICES) -> Shop:
        world = World.build(*databases, devices, policy)
        for key in range(1, KEYS + 1):
            plain = dict.fromkeys("ab", "first")
            lines = [{"sku": sku, "stock": FIRST} for sku in "xy"]
            document = {
                "_id": key,
                **plain,
                "stock": FIRST,
                "deep": {**plain, "stock": FIRST},
                "lines": lines,
                "tags": [],
            }
            world.atlas[world.collection].insert_one(document)
        world.settle()
        return cls(world)

    def edit(self, place: int, key: int, name: str) -> None:
        self.written += 1
        value = f"{place}:{self.written}"
        time.sleep(0.002)
        found = self.at(place).find_one_and_update({"_id": key}, {"$set": {name: value}})
        assert found
        self.seen.add(value_of(found, name))
        self.last[value] = (key, name)

    def sell(self, place: int, key: int, name: str = "stock", by: int = -1) -> None:
        filters = [{"one.sku": "x"}] if "$[one]" in name else None
        self.at(place).update_one({"_id": key}, {"$inc": {name: by}}, array_filters=filters)
        self.sold[key, COUNTERS[name]] += by

    def tag(self, place: int, key: int) -> None:
        self.written += 1
        self.at(place).update_one({"_id": key}, {"$push": {"tags": self.written}})
        self.tags[key].add(self.written)

    def at(self, place: int) -> Any:
        return self.world.database(ATLAS if place == ATLAS else place)[self.world.collection]

    def records(self) -> list[ConflictRecord]:
        return [
            record
            for device in self.world.devices
            for record in read_uncopied(device.local, limit=10_000)
            if record.collection == self.world.collection
        ]

    def check(self) -> None:
        final = self.world.contents(self.world.atlas)
        for device in self.world.devices:
            assert self.world.contents(device.local) == final, f"{device.name} does not equal Atlas"
        documents = {one["_id"]: one for one in map(bson.decode, final)}
        for key, document in documents.items():
            lines = {one["sku"]: one["stock"] for one in document["lines"]}
            stocks = {
                "stock": document["stock"],
                "deep.stock": document["deep"]["stock"],
                "lines": lines["x"],
            }
            wanted = {name: FIRST + self.sold[key, name] for name in stocks}
            assert stocks == wanted, f"sums of {key}"
            assert lines["y"] == FIRST
            assert (len(document["tags"]), set(document["tags"])) == (len(self.tags[key]), self.tags[key])
        self.check_edits(documents)

    def check_edits(self, documents: dict[int, dict[str, Any]]) -> None:
        kept = {value_of(document, name) for document in documents.values() for name in FIELDS} | self.seen
        for record in self.records():
            assert record.merged
            assert record.fields
            assert set(record.fields) <= set(FIELDS), "what adds up is not contested"
            assert record.winner
            loser = record.versions[record.winner.other]
            assert loser
            kept |= {value_of(bson.decode(loser), name) for name in record.fields}
        lost = self.last.keys() - kept
        assert not lost, f"edits {sorted(lost)} were lost silently"


def value_of(document: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        document = document[part]
    return document


class Edits(Schedule):
    def __init__(self, shop: Shop, policy: Policy, seed: int) -> None:
        super().__init__(shop.world, policy, seed)
        self.shop = shop

    def write(self) -> None:
        place, key = self.rng.randrange(DEVICES + 1), self.rng.randint(1, KEYS)
        kind = self.rng.random()
        if kind < 0.5:
            self.shop.sell(place, key, self.rng.choice(list(COUNTERS)), self.rng.choice((-1, -1, -1, 5)))
        elif kind < 0.9:
            self.shop.edit(place, key, self.rng.choice(FIELDS))
        else:
            self.shop.tag(place, key)


@pytest.mark.timeout(3600)
@share_of_examples(0.15)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_edit_survives_and_every_sale_counts_once(
    databases: Databases, exact_times: None, few_kept: None, seed: int
) -> None:
    shop = Shop.open(databases)
    try:
        Edits(shop, MERGES, seed).run(WRITES)
        shop.world.settle()
        shop.check()
    finally:
        shop.world.close()
