"""What a plan's operations are drawn from: few collections and few `_id`s, so that they meet."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from syncapp.core.values import Side
from tests.fuzz import names, values
from tests.fuzz.bson_bytes import Element, Field, array, date, of, raw, small_document, text, whole

IDS = 10  # of each collection


@dataclass
class Draw:
    rng: random.Random
    collections: list[bytes]
    heavy: bool = False  # also documents near 16 MB
    ids: dict[bytes, list[Element]] = field(default_factory=dict)

    @classmethod
    def new(cls, rng: random.Random, collections: int, heavy: bool) -> Draw:
        return cls(rng, names.pool(rng, collections), heavy)

    def side(self) -> Side:
        return self.rng.choice(list(Side))

    def collection(self) -> bytes:
        return self.rng.choice(self.collections)

    def two(self) -> tuple[bytes, bytes]:
        one, other = self.rng.sample(self.collections, 2)
        return one, other

    def identity(self, collection: bytes) -> Element:
        """Mostly one that was used before."""
        known = self.ids.setdefault(collection, [])
        if len(known) < IDS or self.rng.random() < 0.1:
            known.append(values.identity(self.rng))
        return self.rng.choice(known)

    def fields(self) -> list[Field]:
        """Of a document: some that indexes and validators are about, and odd ones."""
        rng = self.rng
        found: list[Field] = []
        if rng.random() < 0.7:
            found.append(
                (b"u", rng.choice([values.small_text(rng), of(rng.randrange(8)), values.scalar(rng)]))
            )
        if rng.random() < 0.5:
            found.append((b"n", rng.choice([of(rng.randrange(-2, 9)), values.scalar(rng)])))
        if rng.random() < 0.4:
            found.append((b"at", date(rng.choice(values.DATES))))
        if rng.random() < 0.4:
            tags = [of(rng.randrange(5)) for _ in range(rng.randrange(3))]
            found.append((b"tags", array(tags) if rng.random() < 0.8 else values.scalar(rng)))
        if rng.random() < 0.2:
            found.append((b"more", array([of(1), of(2)])))
        if self.heavy and rng.random() < 0.004:
            found.append((b"large", text(b"z" * rng.choice([1_000_000, 8_000_000, 16_700_000]))))
        return found + values.fields(rng)

    def document(self, collection: bytes) -> bytes:
        return whole((b"_id", self.identity(collection)), *self.fields())

    def good(self, number: int) -> bytes:
        """An ordinary one."""
        return small_document(b"good %d" % number, self.rng.randrange(2**31 - 1))

    def filter(self, collection: bytes) -> Element:
        """By `_id`, which is meant as a value whatever it holds."""
        return raw(whole((b"_id", raw(whole((b"$eq", self.identity(collection)))))))
