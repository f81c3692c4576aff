"""A seed's operations: the same list at every run, made without looking at any database."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.fuzz import document_operations as documents
from tests.fuzz import index_operations as indexes
from tests.fuzz import structure_operations as structure
from tests.fuzz.draw import Draw
from tests.fuzz.operation import Operation

KINDS: tuple[tuple[float, Callable[[Draw], Operation]], ...] = (  # how often, and what
    (24, documents.insert),
    (6, documents.import_many),
    (10, documents.replace),
    (12, documents.update),
    (10, documents.delete),
    (4, documents.swap_unique),
    (4, documents.transaction),
    (7, indexes.create_index),
    (2, indexes.drop_indexes),
    (4, indexes.validator),
    (4, structure.create),
    (1, structure.create_refused),
    (3, structure.drop),
    (3, structure.rename),
    (1, structure.to_capped),
    (2, structure.out),
    (2, structure.merge),
    (1, structure.map_reduce),
    (0.3, structure.out_many),
)
STRATEGIES = ("last-write-wins",) * 5 + ("manual", "atlas-wins", "local-wins")
DROPS_DATABASE = 0.08  # of the plans


@dataclass(frozen=True)
class Plan:
    seed: int
    operations: tuple[Operation, ...]
    strategy: str
    excluded: tuple[str, ...]  # patterns

    def with_operations(self, operations: list[Operation]) -> Plan:
        return replace(self, operations=tuple(operations))


SLOW = (structure.out_many,)


def make(seed: int, count: int, collections: int = 12, long: bool = False) -> Plan:
    """`long`: also what takes its time, such as documents near 16 MB."""
    rng = random.Random(seed)
    strategy = rng.choice(STRATEGIES)
    draw = Draw.new(rng, collections, long)
    excluded = tuple(name.decode() for name in draw.collections if name.isalnum() and rng.random() < 0.1)
    weights, kinds = zip(*((often, kind) for often, kind in KINDS if long or kind not in SLOW), strict=True)
    operations = [_paced(rng, rng.choices(kinds, weights)[0](draw)) for _ in range(count)]
    if rng.random() < DROPS_DATABASE:
        # Near the end: what comes after it finds databases that are nearly empty
        operations.insert(int(count * rng.uniform(0.7, 1)), structure.drop_database(draw))
    return Plan(seed, tuple(operations), strategy, excluded)


def _paced(rng: random.Random, operation: Operation) -> Operation:
    """Most follow at once; what is on its way meanwhile is what goes wrong."""
    kind = rng.random()
    pause = 0.0 if kind < 0.6 else rng.uniform(0.005, 0.05) if kind < 0.9 else rng.uniform(0.1, 0.4)
    return replace(operation, pause=round(pause, 3))
